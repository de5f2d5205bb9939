//! The wire: slow and oversized requests, browsers, and the end of a server.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::harness::{ADMIN_TOKEN, House, KEY, PASSWORD, WORKER_TOKEN};
use crate::request::exchange;

/// Reads until the server closes; the test's own limit is far above any of the server's.
async fn closed(stream: &mut TcpStream) -> Vec<u8> {
    let mut answer = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(20), stream.read_to_end(&mut answer)).await;
    // Being reset is being closed too.
    drop(read.expect("the server closes the connection"));
    answer
}

#[tokio::test]
async fn a_client_that_says_nothing_is_not_waited_for() {
    let house = House::with(|config| config.http.header_timeout_secs = 1).await;
    let mut silent = TcpStream::connect(house.address).await.unwrap();
    let mut half = TcpStream::connect(house.address).await.unwrap();
    let mut preface = TcpStream::connect(house.address).await.unwrap();
    half.write_all(b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ").await.unwrap();
    preface.write_all(b"PRI * HTTP/2.0\r\n").await.unwrap();
    assert_eq!(closed(&mut silent).await, b"");
    assert_eq!(closed(&mut preface).await, b"");
    let answer = closed(&mut half).await;
    assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 408"), "{answer:?}");
}

#[tokio::test]
async fn an_idle_connection_is_closed_after_its_last_answer() {
    let house = House::with(|config| config.http.header_timeout_secs = 1).await;
    let mut stream = TcpStream::connect(house.address).await.unwrap();
    stream.write_all(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    assert!(closed(&mut stream).await.starts_with(b"HTTP/1.1 200"));
}

#[tokio::test]
async fn a_head_over_the_limit_is_refused() {
    let house = House::open().await;
    let long = house.get("/livez").header("X-Long", &"x".repeat(100_000)).bytes();
    assert_eq!(exchange(house.address, &long).await.status, 431);
    let mut many = house.get("/livez");
    for number in 0..1_001 {
        many = many.header(&format!("X-{number}"), "x");
    }
    assert_eq!(exchange(house.address, &many.bytes()).await.status, 431);
    let path = format!("/{}", "x".repeat(65_536));
    let status = exchange(house.address, &house.get(&path).bytes()).await.status;
    assert!(matches!(status, 414 | 431), "{status}");
}

#[tokio::test]
async fn a_json_body_over_the_limit_is_refused() {
    let house = House::with(|config| config.http.max_json_bytes = 1_000).await;
    let body = json!({ "username": "somebody", "password": "x".repeat(5_000) });
    let reply = house.post("/auth/login").json(&body).send().await;
    reply.refuses(413, "The request body is over 1000 bytes.");
    let body = json!({ "username": "somebody", "password": PASSWORD });
    assert_eq!(house.post("/auth/login").json(&body).send().await.status, 401);
}

#[tokio::test]
async fn a_browser_is_told_which_pages_may_call() {
    let house = House::open().await;
    let origin = "https://page.example";
    let reply = house.get("/livez").header("Origin", origin).send().await;
    assert_eq!(reply.header("access-control-allow-origin"), "*");
    let preflight = |house: &House| {
        let request =
            crate::request::Request::new(house.address, http::Method::OPTIONS, "/auth/info");
        request
            .header("Origin", origin)
            .header("Access-Control-Request-Method", "GET")
            .header("Access-Control-Request-Headers", "authorization")
            .bytes()
    };
    let asked = exchange(house.address, &preflight(&house)).await;
    assert_eq!(
        (asked.status, asked.header("access-control-allow-headers")),
        (200, "authorization")
    );

    let house =
        House::with(|config| config.cors.origins = vec!["https://ours.example".into()]).await;
    let reply = house.get("/livez").header("Origin", origin).send().await;
    assert_eq!((reply.status, reply.header("access-control-allow-origin")), (200, ""));
    assert_eq!(exchange(house.address, &preflight(&house)).await.status, 400);
    let house = House::with(|config| config.cors.origins.clear()).await;
    assert_eq!(exchange(house.address, &preflight(&house)).await.status, 405);
}

#[tokio::test]
async fn errors_carry_cors_headers_too() {
    let house = House::open().await;
    let reply = house.get("/auth/info").header("Origin", "https://page.example").send().await;
    assert_eq!((reply.status, reply.header("access-control-allow-origin")), (401, "*"));
}

#[tokio::test]
async fn a_stop_lets_a_request_in_work_end_and_takes_no_more() {
    let house = House::open().await;
    let token = house.user("somebody").await;
    let request = house.post("/upload-audiofile").bearer(&token);
    let bytes = request.file("audiofile", "a.mp3", &vec![b'x'; 100_000]).bytes();
    let mut busy = TcpStream::connect(house.address).await.unwrap();
    let mut idle = TcpStream::connect(house.address).await.unwrap();
    busy.write_all(&bytes[..50_000]).await.unwrap();
    house.until_files(1).await;
    house.stop.cancel();
    assert_eq!(closed(&mut idle).await, b"");
    busy.write_all(&bytes[50_000..]).await.unwrap();
    assert!(closed(&mut busy).await.starts_with(b"HTTP/1.1 200"));
    house.serving.await.unwrap();
    assert!(TcpStream::connect(house.address).await.is_err());
}

#[tokio::test]
async fn a_stop_cuts_what_does_not_end() {
    let house = House::with(|config| config.http.drain_timeout_secs = 0).await;
    let token = house.user("somebody").await;
    let request = house.post("/upload-audiofile").bearer(&token);
    let bytes = request.file("audiofile", "a.mp3", &vec![b'x'; 100_000]).bytes();
    let mut busy = TcpStream::connect(house.address).await.unwrap();
    busy.write_all(&bytes[..50_000]).await.unwrap();
    house.until_files(1).await;
    house.stop.cancel();
    closed(&mut busy).await;
    house.until_files(0).await;
    house.serving.await.unwrap();
}

#[tokio::test]
async fn more_clients_than_places_wait_their_turn() {
    let house = House::with(|config| config.http.max_connections = 1).await;
    let holder = TcpStream::connect(house.address).await.unwrap();
    let mut waiting = TcpStream::connect(house.address).await.unwrap();
    let request = house.get("/livez").bytes();
    waiting.write_all(&request).await.unwrap();
    let mut byte = [0];
    let early = tokio::time::timeout(Duration::from_millis(100), waiting.read(&mut byte)).await;
    assert!(early.is_err(), "there is only one place");
    drop(holder);
    assert!(closed(&mut waiting).await.starts_with(b"HTTP/1.1 200"));
}

/// Sends bytes as they are and returns the status of the answer, or 0 without one.
async fn status_of(house: &House, bytes: &[u8]) -> u16 {
    let mut stream = TcpStream::connect(house.address).await.expect("the server listens");
    stream.write_all(bytes).await.expect("the server reads");
    let answer = closed(&mut stream).await;
    let status = answer.get(9..12).and_then(|digits| std::str::from_utf8(digits).ok());
    status.map_or(0, |digits| digits.parse().expect("a status"))
}

#[tokio::test]
async fn a_request_that_two_servers_would_read_differently_is_refused() {
    let house = House::open().await;
    for head in [
        "Content-Length: 2\r\nContent-Length: 3\r\n",
        "Content-Length: 2, 3\r\n",
        "Content-Length: +2\r\n",
        "Content-Length: -2\r\n",
        "Transfer-Encoding: gzip\r\n",
        "Transfer-Encoding: chunked, identity\r\n",
        "X: a\r\n b\r\n",
        "X : a\r\n",
        "X\0: a\r\n",
    ] {
        let bytes = format!("POST /auth/login HTTP/1.1\r\nHost: x\r\n{head}\r\n{{}}");
        assert_eq!(status_of(&house, bytes.as_bytes()).await, 400, "{head:?}");
    }
}

/// A request that states its length twice.
fn ambiguous(lines: [&str; 2], end: &str) -> Vec<u8> {
    let head = ["POST /auth/login HTTP/1.1", "Host: x", lines[0], lines[1], "", ""].join(end);
    // One server reads an empty body and then a request of somebody else's, the other one body.
    format!("{head}0\r\n\r\nGET /livez HTTP/1.1\r\nHost: x\r\n\r\n").into_bytes()
}

#[tokio::test]
async fn a_length_beside_a_coding_is_refused_and_ends_the_connection() {
    let house = House::open().await;
    let (length, coding) = ("Content-Length: 5", "Transfer-Encoding: chunked");
    for (lines, end) in [
        ([length, coding], "\r\n"),
        ([coding, length], "\r\n"),
        ([length, coding], "\n"),
        (["CONTENT-LENGTH:0", "tRANSFER-eNCODING:\tChunked"], "\r\n"),
    ] {
        let mut stream = TcpStream::connect(house.address).await.unwrap();
        // A request before it is answered, and changes nothing.
        let good = "POST /nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}";
        stream.write_all(good.as_bytes()).await.unwrap();
        let mut first = [0; 12];
        stream.read_exact(&mut first).await.unwrap();
        assert_eq!(&first, b"HTTP/1.1 404");
        stream.write_all(&ambiguous(lines, end)).await.unwrap();
        let answers = String::from_utf8(closed(&mut stream).await).unwrap();
        let (_, last) = answers.split_once("HTTP/1.1 ").expect("another answer");
        assert!(last.starts_with("400 ") && last.contains("connection: close"), "{answers}");
        assert!(last.contains("either Content-Length or Transfer-Encoding"), "{answers}");
        assert!(!last.contains("HTTP/1.1"), "what follows is no request: {answers}");
    }
}

#[tokio::test]
async fn lines_may_end_without_a_carriage_return_but_not_with_one_alone() {
    let house = House::open().await;
    // RFC 9112 §2.2 allows the first; the second would be two lines to some.
    let request =
        |end: &str| ["GET /livez HTTP/1.1", "Host: x", "Connection: close", "", ""].join(end);
    assert_eq!(status_of(&house, request("\n").as_bytes()).await, 200);
    assert_eq!(status_of(&house, request("\r").as_bytes()).await, 400);
    let bare = "GET /livez HTTP/1.1\r\nHost: x\r\nX: a\rContent-Length: 2\r\n\r\n";
    assert_eq!(status_of(&house, bare.as_bytes()).await, 400);
}

#[tokio::test]
async fn the_same_length_said_twice_is_one_length() {
    let house = House::open().await;
    let head = "POST /nowhere HTTP/1.1\r\nHost: x\r\nConnection: close\r\n";
    let twice = format!("{head}Content-Length: 2\r\nContent-Length: 2\r\n\r\n{{}}");
    assert_eq!(status_of(&house, twice.as_bytes()).await, 404);
}

#[tokio::test]
async fn a_client_that_reads_no_answer_is_given_up_and_its_place_is_free() {
    let house = House::with(|config| {
        config.http.write_timeout_secs = 1;
        config.http.max_connections = 1;
        // Nothing else ends it.
        config.http.header_timeout_secs = 3_600;
        config.http.linger_secs = 3_600;
        config.http.linger_patience_secs = 3_600;
    })
    .await;
    let mut stalled = TcpStream::connect(house.address).await.unwrap();
    // Requests for long answers, until the buffers of both sides are full and the server ends it.
    let requests = "GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n".repeat(100);
    let asking = async { while stalled.write_all(requests.as_bytes()).await.is_ok() {} };
    tokio::time::timeout(Duration::from_secs(60), asking).await.expect("the server ends it");
    let reply = house.get("/livez").send().await;
    assert_eq!(reply.status, 200);
}

#[tokio::test]
async fn a_chunked_body_that_breaks_its_coding_is_no_body() {
    let house = House::open().await;
    for body in ["zz\r\n{}\r\n0\r\n\r\n", "5\r\n{}\r\n0\r\n\r\n", "ffffffffffffffffff\r\n{}"] {
        let head = "POST /auth/login HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
        let status = status_of(&house, format!("{head}{body}").as_bytes()).await;
        assert!(matches!(status, 0 | 400), "{body:?} is answered {status}");
    }
}

#[tokio::test]
async fn a_json_body_that_creeps_is_cut_off() {
    let house = House::with(|config| config.http.body_patience_secs = 1).await;
    let head = "POST /auth/login HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{";
    assert_eq!(status_of(&house, head.as_bytes()).await, 408);
}

#[tokio::test]
async fn http_2_is_spoken_to_who_begins_with_it() {
    let house = House::open().await;
    let mut stream = TcpStream::connect(house.address).await.unwrap();
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.unwrap();
    // An empty SETTINGS frame, then HEADERS of stream 1 that end it: GET / over http, authority
    // "test" (RFC 9113 §4.1, RFC 7541 appendix A).
    stream.write_all(&[0, 0, 0, 4, 0, 0, 0, 0, 0]).await.unwrap();
    let head = [0x82, 0x84, 0x86, 0x41, 4, b't', b'e', b's', b't'];
    stream.write_all(&[0, 0, 9, 1, 5, 0, 0, 0, 1]).await.unwrap();
    stream.write_all(&head).await.unwrap();
    let (mut answer, mut piece) = (Vec::new(), [0; 1024]);
    let body = br#"{"api":true,"database":true}"#;
    while !answer.windows(body.len()).any(|window| window == body) {
        let read = stream.read(&mut piece).await.unwrap();
        assert!(read > 0, "closed after {answer:?}");
        answer.extend_from_slice(&piece[..read]);
    }
}

#[tokio::test]
async fn secrets_stay_out_of_the_log() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE);
    let subscriber = subscriber.with_ansi(false).with_writer(log.clone()).finish();
    // Every task of this test runs on this thread.
    let guard = tracing::subscriber::set_default(subscriber);
    let house = House::open().await;
    house.account("somebody").await;
    // Tests beside this one have no log; what they decided about log lines just now is forgotten.
    house.get("/livez").send().await;
    tracing::callsite::rebuild_interest_cache();
    let tokens = house.login("somebody").await.json();
    let access = tokens["access_token"].as_str().unwrap();
    let refresh = tokens["refresh_token"].as_str().unwrap();
    house.get("/auth/info").bearer(access).send().await;
    for _ in 0..2 {
        house.post("/auth/refresh").json(&json!({ "refresh_token": refresh })).send().await;
    }
    let path = format!("/auth/patch?user_id=1&secret_admin_token={ADMIN_TOKEN}");
    house.patch(&path).json(&json!({ "password": "Another-1!" })).send().await;
    let path = format!("/worker/transcription_status?secret_worker_token={WORKER_TOKEN}");
    house.post(&path).json(&json!({ "transcription_id": 1 })).send().await;
    drop(guard);
    let text = log.text();
    assert!(text.contains("/auth/patch") && text.contains("status=404"), "{text}");
    for secret in [PASSWORD, "Another-1!", access, refresh, ADMIN_TOKEN, WORKER_TOKEN, KEY] {
        assert!(!text.contains(secret), "{secret} is in the log");
    }
}

/// A log in memory.
#[derive(Debug, Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().expect("nobody panics in here")).into_owned()
    }
}

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("nobody panics in here").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl tracing_subscriber::fmt::MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}
