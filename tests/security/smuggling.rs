//! S8: no request is two requests to somebody else. Whatever two servers could read differently is
//! refused and ends its connection, and one request never has two answers.

use scribed_tests::{Daemon, Setup, say};

use crate::raw::{answers, ask, exchange};

/// What a smuggler hides behind a request; its answer would be a 200.
const HIDDEN: &str = "GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";

/// Sends a request and a hidden one on one connection, and returns the statuses that came.
#[track_caller]
fn statuses(base: &str, request: &str) -> Vec<u16> {
    let bytes = exchange(base, format!("{request}{HIDDEN}").as_bytes());
    answers(&bytes).iter().map(|answer| answer.status).collect()
}

/// Insists that a request is refused and that nothing is read after it.
#[track_caller]
fn is_refused(base: &str, request: &str) {
    let statuses = statuses(base, request);
    assert_eq!(statuses, [400], "{request:?}");
}

/// Makes a request with these lines in its head.
fn with(lines: &str, body: &str) -> String {
    format!("POST /auth/login HTTP/1.1\r\nHost: x\r\n{lines}\r\n\r\n{body}")
}

#[test]
fn a_request_whose_end_is_in_doubt_is_refused() {
    let daemon = Daemon::shared();
    let mut count = 0;
    let lengths = [
        "Content-Length: 4\r\nContent-Length: 5",
        "Content-Length: 0\r\nContent-Length: 44",
        "Content-Length: 4, 5",
        "Content-Length: 4,",
        "Content-Length: +4",
        "Content-Length: -4",
        "Content-Length: 0x4",
        "Content-Length: 4 4",
        "Content-Length: 4_0",
        "Content-Length: 4;",
        "Content-Length: 4.0",
        "Content-Length: 4\u{b}",
        "Content-Length: ٤",
        "Content-Length:",
        "Content-Length: x",
        "Content-Length: 18446744073709551616",
        "Content-Length: 99999999999999999999999999999999999999999",
        "Content-Length : 4",
        "Content-Length\t: 4",
        "Content-Length\u{b}: 4",
        " Content-Length: 4",
        "Content-Length: \r\n 4",
    ];
    let codings = [
        "Transfer-Encoding: identity",
        "Transfer-Encoding: gzip",
        "Transfer-Encoding: xchunked",
        "Transfer-Encoding: chunked, identity",
        "Transfer-Encoding: chunked; q=1",
        "Transfer-Encoding: \"chunked\"",
        "Transfer-Encoding: chunked\0",
        "Transfer-Encoding:",
        "Transfer-Encoding : chunked",
        "Transfer-Encoding\t: chunked",
        " Transfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
        "Transfer-Encoding:\r\n chunked",
        "Transfer-Encoding: chun\r\n ked",
        "Transfer-Encoding\r\n: chunked",
    ];
    let both = [
        "Content-Length: 5\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 5",
        "Content-Length: 0\r\nTransfer-Encoding: chunked",
        "content-length: 5\r\nTRANSFER-ENCODING: CHUNKED",
        "Content-Length: 5\nTransfer-Encoding: chunked",
        "Content-Length: 5\r\nX: y\r\nTransfer-Encoding:\tchunked",
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        "Content-Length: 5\r\nTransfer-Encoding: gzip, chunked",
        "Content-Length: 5\r\nTransfer-Encoding: ,chunked",
    ];
    for lines in lengths.iter().chain(&codings).chain(&both) {
        is_refused(daemon.base(), &with(lines, "0\r\n\r\n"));
        count += 1;
    }
    say(&format!("{count} requests of doubtful length, all refused"));
}

#[test]
fn a_head_that_is_read_in_two_ways_is_refused() {
    let daemon = Daemon::shared();
    let requests = [
        with("X: a\r\n b", ""),
        with("X: a\r\n\tContent-Length: 4", ""),
        with("X: a\rContent-Length: 44", ""),
        with("X: a\r\rContent-Length: 44", ""),
        with("X: a\0b", ""),
        with("X\0: a", ""),
        with("X Y: a", ""),
        with("X(Y): a", ""),
        with(": a", ""),
        with("no colon", ""),
        with("X: a\u{7f}", ""),
        with("X: \u{1b}[2J", ""),
        "POST /livez\u{b}HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(),
        "GET /livez HTTP/1.1 \r\nHost: x\r\n\r\n".to_owned(),
        "GET /livez HTTP/1.1 x\r\nHost: x\r\n\r\n".to_owned(),
        "GET /a b HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(),
        "GET /livez HTTP/1.10\r\nHost: x\r\n\r\n".to_owned(),
        "GET /livez HTTP/9.9\r\nHost: x\r\n\r\n".to_owned(),
        "GET /livez http/1.1\r\nHost: x\r\n\r\n".to_owned(),
        "GET /livez HTTP/1.1\rHost: x\r\r".to_owned(),
        "GET /livez HTTP/1.1\r\n Host: x\r\n\r\n".to_owned(),
        "GET(x) /livez HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(),
        "GET /liv\0ez HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(),
        "GET /liv\u{1b}ez HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(),
        "GET /livez\r\n".to_owned(),
    ];
    for request in &requests {
        is_refused(daemon.base(), request);
    }
    say(&format!("{} doubtful heads, all refused", requests.len()));
}

#[test]
fn a_body_in_chunks_has_one_answer_and_nothing_is_read_after_it() {
    // A chunk that claims to be long is not waited for.
    let daemon = Setup::default().option("http.body_patience_secs", 1).start();
    let bodies = [
        // In order: RFC 9112 §7.1 allows extensions and trailers.
        "2\r\n{}\r\n0\r\n\r\n",
        "2;a\r\n{}\r\n0\r\n\r\n",
        "2;a=b;c=\"d\"\r\n{}\r\n0;e\r\n\r\n",
        "2 ; a = b\r\n{}\r\n0\r\n\r\n",
        "002\r\n{}\r\n000\r\n\r\n",
        "2\r\n{}\r\n0\r\nX: y\r\n\r\n",
        "2\r\n{}\r\n0\r\nContent-Length: 44\r\n\r\n",
        "2\r\n{}\r\n0\r\nTransfer-Encoding: chunked\r\n\r\n",
        // Where others end chunk, line or extension elsewhere.
        "2;\n{}\r\n0\r\n\r\n",
        "2;a\n{}\r\n0\r\n\r\n",
        "2;a\rb\r\n{}\r\n0\r\n\r\n",
        "2;a=\"\r\n{}\r\n0\r\n\r\n",
        "2\n{}\n0\n\n",
        "2\r{}\r0\r\r",
        "2\r\n{}0\r\n\r\n",
        "2\r\n{}xx0\r\n\r\n",
        "2\r\n{}\n0\r\n\r\n",
        "0x2\r\n{}\r\n0\r\n\r\n",
        "+2\r\n{}\r\n0\r\n\r\n",
        "-2\r\n{}\r\n0\r\n\r\n",
        " 2\r\n{}\r\n0\r\n\r\n",
        "2 2\r\n{}\r\n0\r\n\r\n",
        "\r\n{}\r\n0\r\n\r\n",
        ";a\r\n{}\r\n0\r\n\r\n",
        "10000000000000002\r\n{}\r\n0\r\n\r\n",
        "fffffffffffffffe\r\n{}\r\n0\r\n\r\n",
        "2\r\n{}\r\n0\r\n\n",
        "2\r\n{}\r\n0\r\nX : y\r\n\r\n",
        "2\r\n{}\r\n0\r\nno colon\r\n\r\n",
    ];
    let coded = [
        "Transfer-Encoding: chunked",
        "transfer-encoding:\tChunked ",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
    ];
    let mut count = 0;
    for body in bodies {
        for lines in coded {
            let statuses = statuses(daemon.base(), &with(lines, body));
            let alone = statuses.len() <= 1
                && statuses.iter().all(|status| [400, 408, 413, 422].contains(status));
            assert!(alone, "{lines:?} with {body:?}: {statuses:?}");
            count += 1;
        }
    }
    say(&format!("{count} bodies in chunks, none with two answers"));
}

#[test]
fn requests_in_a_row_have_their_own_answers_in_order() {
    let daemon = Daemon::shared();
    let first = "POST /first HTTP/1.1\r\nHost: x\r\nContent-Length: 44\r\n\r\nGET /livez HTTP/1.1\r\nHost: x\r\nX: 2345678\r\n\r\n";
    let bodiless = "GET /auth/info HTTP/1.1\r\nHost: x\r\n\r\n";
    let bare = "GET /livez HTTP/1.1\nHost: x\n\n";
    let last = "HEAD /last HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    let bytes = exchange(daemon.base(), [first, bodiless, bare, last].concat().as_bytes());
    let text = String::from_utf8_lossy(&bytes);
    let statuses: Vec<&str> = text.split("HTTP/1.1 ").skip(1).map(|answer| &answer[..3]).collect();
    assert_eq!(statuses, ["404", "401", "200", "404"], "{text}");
}

#[test]
fn what_is_repeated_in_a_header_cannot_end_it() {
    let daemon = Daemon::shared();
    let hidden = "%0d%0aSet-Cookie:%20a=b%0d%0a%0d%0a%3cscript%3e";
    for target in [
        format!("/{hidden}"),
        format!("/livez?{hidden}"),
        format!("//{hidden}"),
        format!("/livez/{hidden}"),
    ] {
        let request = format!("GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        let answer = ask(daemon.base(), request.as_bytes());
        assert!([200, 404].contains(&answer.status), "{answer:?}");
        assert!(answer.headers().all(|(name, _)| name != "set-cookie"), "{answer:?}");
        assert!(!answer.body.contains("script"), "{answer:?}");
    }
    // Names that a preflight asks for are repeated in its answer.
    for asked in ["x\r\n Set-Cookie: a", "x\rSet-Cookie: a", "x\0", "x\n\tSet-Cookie: a"] {
        let lines = format!(
            "Origin: https://page.example\r\nAccess-Control-Request-Method: GET\r\nAccess-Control-Request-Headers: {asked}"
        );
        let request = with(&lines, "").replacen("POST", "OPTIONS", 1);
        is_refused(daemon.base(), &request);
    }
}

#[test]
fn a_target_without_a_path_is_nobodys() {
    let daemon = Daemon::shared();
    for target in ["other:80", "127.0.0.1:22", "[::1]:443", "x"] {
        let request = format!("CONNECT {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        assert_eq!(statuses(daemon.base(), &request), [404], "{target}");
    }
    assert!(!daemon.log().contains("panicked"), "nothing panics over a target");
}
