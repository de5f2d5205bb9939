//! S7: input that is too large is cut off early: the answer says so, the connection ends, and the
//! daemon neither keeps it nor minds.
//!
//! Past a limit the daemon looks at a piece of 64 KiB at most, and what the kernels of both ends have room
//! for is sent too. More is only read away, unseen, while the answer is on its way: for a time and not up
//! to a size, `http.linger_secs` for the body and once more for the connection behind it.

use std::time::{Duration, Instant};

use scribed_tests::{Client, Daemon, Setup, is_long, say};

use crate::raw::{Raw, answers, ask, bearer, exchange_pieces, only, request};

/// Bytes that are sent to a daemon at most; it hangs up long before.
const ENDLESS: usize = 256 * 1024 * 1024;
/// How much more memory a daemon may have held at its worst than before, in KiB: a little for each of
/// these requests, and never what they sent.
const GROWTH_KIB: u64 = 24 * 1024;

/// Largest recording, in bytes.
const UPLOAD: u32 = 200_000;
/// Largest JSON body, in bytes: the default.
const JSON: u32 = 1 << 20;
/// Bytes past a limit that the kernels of both ends may hold: more than Linux lets their buffers grow to.
const KERNELS: usize = 64 * 1024 * 1024;
/// How long a connection may last beside the time for the rest of a body, in the long form.
const SLACK: Duration = Duration::from_secs(3);

/// Starts a daemon that reads on for so many seconds.
fn impatient(linger_secs: u32) -> Daemon {
    let setup = Setup::default().option("http.max_upload_bytes", UPLOAD);
    let setup = setup.option("http.linger_secs", linger_secs);
    setup.option("http.linger_patience_secs", linger_secs).start()
}

/// Sends a head and then a piece again and again, until the daemon hangs up. Returns also how many bytes
/// it could send.
#[track_caller]
fn endless_counted(base: &str, head: &str, piece: &[u8]) -> (Raw, usize) {
    let again = std::iter::repeat_n(piece, ENDLESS / piece.len());
    let (bytes, sent) = exchange_pieces(base, std::iter::once(head.as_bytes()).chain(again));
    (only(answers(&bytes)), sent)
}

/// Sends a head and then a piece again and again, until the daemon hangs up.
#[track_caller]
fn endless(base: &str, head: &str, piece: &[u8]) -> Raw {
    endless_counted(base, head, piece).0
}

/// Makes the head of an upload without end.
fn upload_head(client: &Client) -> String {
    format!(
        "POST /upload-audiofile HTTP/1.1\r\nHost: x\r\n{}\r\nTransfer-Encoding: chunked\r\n\
         Content-Type: multipart/form-data; boundary=b\r\n\r\n",
        bearer(client.token())
    )
}

/// Begins the part of an upload that holds the recording.
const FILE: &[u8] =
    b"--b\r\nContent-Disposition: form-data; name=\"audiofile\"; filename=\"a\"\r\n\r\n";

/// Makes a chunk of a body.
fn chunk(text: &[u8]) -> Vec<u8> {
    [format!("{:x}\r\n", text.len()).as_bytes(), text, b"\r\n"].concat()
}

/// Makes the head of a request whose body has no end.
fn head(target: &str, lines: &str) -> String {
    format!(
        "POST {target} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n{lines}\r\n\r\n"
    )
}

/// Insists on one of these answers; that the connection ended with it is seen by whoever read it.
#[track_caller]
fn is_refused(answer: &Raw, statuses: &[u16]) {
    let shown: String = answer.head.chars().take(200).collect();
    assert!(
        statuses.contains(&answer.status),
        "{} is none of {statuses:?}: {shown}",
        answer.status
    );
}

/// Makes a head that is too large, in one way or another.
fn large_heads() -> Vec<(Vec<u8>, u16)> {
    let lines =
        |count: usize| (0..count).map(|number| format!("X-{number}: y")).collect::<Vec<_>>();
    let long = |size: usize| vec![format!("X: {}", "y".repeat(size))];
    let target = |size: usize| format!("/{}", "y".repeat(size));
    let get = |target: &str, lines: &[String]| request("GET", target, lines, b"");
    vec![
        (get("/livez", &lines(1_001)), 431),
        (get("/livez", &lines(101)), 431),
        (get("/livez", &long(100_000)), 431),
        (get("/livez", &[format!("{}: y", "X".repeat(100_000))]), 431),
        (get("/auth/info", &[bearer(&"y".repeat(100_000))]), 431),
        (get(&target(65_536), &[]), 414),
        (get(&format!("/livez?{}", "y".repeat(65_536)), &[]), 414),
        (request(&"Y".repeat(100_000), "/livez", &[], b""), 431),
    ]
}

#[test]
fn a_head_that_is_too_large_is_refused() {
    let daemon = Daemon::shared();
    for (bytes, status) in large_heads() {
        // hyper says 431 of whatever is too long, as long as the target is below 64 KiB.
        is_refused(&ask(daemon.base(), &bytes), &[status, 431]);
    }
    let head = "GET /livez HTTP/1.1\r\nHost: x\r\n";
    is_refused(&endless(daemon.base(), head, b"X: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\r\n"), &[431]);
    is_refused(&endless(daemon.base(), head, &[b'y'; 4_096]), &[431]);
    is_refused(&endless(daemon.base(), "GET /", &[b'y'; 4_096]), &[414, 431]);
    let _served = daemon.client().get("/auth/info").status(200);
}

#[test]
fn a_body_without_end_is_cut_off() {
    let daemon = impatient(1);
    let (client, base) = (daemon.client(), daemon.base());
    let before = daemon.peak_memory_kib();
    let chunk = [b"10000\r\n".as_slice(), &vec![b' '; 0x10000], b"\r\n"].concat();
    let json = endless(base, &head("/auth/login", "Transfer-Encoding: chunked"), &chunk);
    is_refused(&json, &[413]);
    let stated = head("/auth/login", "Content-Length: 268435456");
    is_refused(&endless(base, &stated, &vec![b' '; 0x10000]), &[413]);
    for target in ["/auth/refresh", "/auth/register", "/worker/transcription_status"] {
        is_refused(&endless(base, &head(target, "Transfer-Encoding: chunked"), &chunk), &[413]);
    }
    // To a route that reads no body, or that there is not.
    for target in ["/transcript/cancel?transcript_id=1", "/nowhere"] {
        let answer = endless(base, &head(target, "Transfer-Encoding: chunked"), &chunk);
        is_refused(&answer, &[401, 404]);
    }
    uploads_without_end_are_cut_off(&client, base);
    let growth = daemon.peak_memory_kib() - before;
    say(&format!("the daemon's peak grew by {growth} KiB"));
    assert!(growth < GROWTH_KIB, "{growth} KiB");
    assert!(daemon.stored().is_empty(), "nothing is kept");
    let _served = client.get("/auth/info").status(200);
}

/// Sends forms of which one part or another never ends.
#[track_caller]
fn uploads_without_end_are_cut_off(client: &Client, base: &str) {
    let head = upload_head(client);
    let field = b"--b\r\nContent-Disposition: form-data; name=\"x\"\r\n\r\n\r\n";
    let begun = |text: &[u8]| format!("{head}{}", String::from_utf8_lossy(&chunk(text)));
    let cases: [(&str, String, Vec<u8>, &[u16]); 6] = [
        ("a file", begun(FILE), chunk(&vec![0; 0x8000]), &[413]),
        ("a field", begun(field), chunk(&vec![b'y'; 0x8000]), &[413]),
        ("parts", head.clone(), chunk(&field.repeat(100)), &[400]),
        ("what comes before", head.clone(), chunk(&vec![b'y'; 0x8000]), &[400]),
        ("headers of a part", begun(b"--b\r\n"), chunk(&b"X: y\r\n".repeat(1_000)), &[400]),
        ("a header of a part", begun(b"--b\r\nX: "), chunk(&vec![b'y'; 0x8000]), &[400]),
    ];
    for (what, head, piece, statuses) in cases {
        let answer = endless(base, &head, &piece);
        assert!(statuses.contains(&answer.status), "{what}: {answer:?}");
    }
}

#[test]
fn past_a_limit_bytes_are_only_read_away_while_the_daemon_lingers() {
    for linger_secs in [0, 1] {
        let daemon = impatient(linger_secs);
        let (client, base) = (daemon.client(), daemon.base());
        let blank = vec![b' '; 0x10000];
        let json = |lines: &str| head("/auth/login", lines);
        let upload = format!("{}{}", upload_head(&client), String::from_utf8_lossy(&chunk(FILE)));
        let cases = [
            ("a body in chunks", json("Transfer-Encoding: chunked"), chunk(&blank), JSON),
            ("a body with a length", json("Content-Length: 268435456"), blank.clone(), JSON),
            ("a recording", upload, chunk(&blank), UPLOAD),
        ];
        for (what, head, piece, limit) in cases {
            let begin = Instant::now();
            let (answer, sent) = endless_counted(base, &head, &piece);
            let (took, past) = (begin.elapsed(), sent.saturating_sub(limit as usize));
            say(&format!(
                "{what}, lingering for {linger_secs} s: {past} bytes past the limit, {took:.1?}"
            ));
            if linger_secs == 0 {
                // Whoever does not linger may lose the answer to a reset.
                assert!([0, 413].contains(&answer.status), "{what}: {answer:?}");
                assert!(past < KERNELS, "{what}: {past} bytes past the limit");
            } else {
                assert_eq!(answer.status, 413, "{what}: {answer:?}");
            }
            let most = 2 * Duration::from_secs(linger_secs.into()) + SLACK;
            assert!(!is_long() || took <= most, "{what}: {took:?}");
        }
        let _served = client.get("/auth/info").status(200);
    }
}

#[test]
fn what_stands_around_chunks_has_an_end_too() {
    let daemon = impatient(1);
    let before = daemon.peak_memory_kib();
    let chunked = head("/auth/login", "Transfer-Encoding: chunked");
    let (name, trailer) = (format!("{chunked}2;"), format!("{chunked}2\r\n{{}}\r\n0\r\n"));
    let cases: [(&str, String, &[u8]); 5] = [
        ("an extension", name, &[b'y'; 4_096]),
        (
            "extensions",
            chunked.clone(),
            &b"1;yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\r\n \r\n".repeat(100),
        ),
        ("trailers", trailer.clone(), b"X: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\r\n"),
        ("a trailer", format!("{trailer}X: "), &[b'y'; 4_096]),
        ("a size", chunked.clone(), &[b'0'; 4_096]),
    ];
    for (what, head, piece) in cases {
        let answer = endless(daemon.base(), &head, piece);
        assert!([0, 400, 408, 413, 422].contains(&answer.status), "{what}: {answer:?}");
    }
    let growth = daemon.peak_memory_kib() - before;
    assert!(growth < GROWTH_KIB, "{growth} KiB");
    let _served = daemon.client().get("/auth/info").status(200);
}

#[test]
fn json_that_is_too_deep_or_too_wide_is_no_json() {
    let daemon = Daemon::shared();
    let client = daemon.client();
    let deep = |open: &str, close: &str, depth: usize| open.repeat(depth) + &close.repeat(depth);
    let within = |value: &str| format!("{{\"username\":{value},\"password\":\"Secret_123\"}}");
    let numbers = format!("[{}1]", "1,".repeat(400_000));
    let members = format!("{{{}\"x\":1}}", "\"x\":1,".repeat(100_000));
    let bodies = [
        deep("[", "]", 10_000),
        deep("[", "]", 500_000),
        deep("{\"a\":", "", 10_000),
        within(&deep("[", "]", 10_000)),
        within(&deep("{\"a\":[", "]}", 10_000)),
        within(&format!("\"{}\"", "y".repeat(1_000_000))),
        within(&numbers),
        within(&"9".repeat(1_000_000)),
        members,
    ];
    for body in bodies {
        for path in ["/auth/login", "/auth/refresh", "/auth/register"] {
            let request = client.request(reqwest::Method::POST, path);
            let request = request.header("Content-Type", "application/json").body(body.clone());
            let answer = scribed_tests::client::send(request);
            // That the body is no JSON, or that a member is not what it should be.
            let answer = answer.status(422);
            assert!(answer.body.len() < 2_000, "{} bytes say so", answer.body.len());
        }
    }
    let _served = client.get("/auth/info").status(200);
}
