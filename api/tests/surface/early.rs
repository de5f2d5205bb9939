//! Answers that come before the request has: every kind of client gets to read them.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::harness::House;
use crate::reply::Reply;

/// More than the buffers of a connection hold, in bytes.
const BODY: usize = 8_000_000;

/// A house where nobody is given up, unless a test says so.
async fn patient(longest: u64, patience: u64) -> House {
    House::with(|config| {
        config.http.linger_secs = longest;
        config.http.linger_patience_secs = patience;
    })
    .await
}

/// The head of an upload by nobody, which is refused at once.
fn head(lines: &str) -> Vec<u8> {
    format!("POST /upload-audiofile HTTP/1.1\r\nHost: x\r\n{lines}\r\n\r\n").into_bytes()
}

fn long_head() -> Vec<u8> {
    head(&format!("Content-Length: {BODY}"))
}

async fn connect(house: &House) -> TcpStream {
    TcpStream::connect(house.address).await.expect("the server listens")
}

/// Waits, but not for ever: far longer than any of the server's times in the test.
async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(60), what).await.expect("it happens")
}

/// Reads one answer and leaves the connection as it is.
async fn answer(stream: &mut TcpStream) -> Reply {
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"\r\n\r\n") {
        bytes.push(soon(stream.read_u8()).await.expect("an answer"));
    }
    let mut reply = Reply::parse(&bytes);
    reply.body.resize(reply.header("content-length").parse().expect("a length"), 0);
    soon(stream.read_exact(&mut reply.body)).await.expect("a whole answer");
    reply
}

/// Insists that the connection ends without a reset, and with nothing more on it.
async fn ends(stream: &mut TcpStream) {
    let mut more = Vec::new();
    soon(stream.read_to_end(&mut more)).await.expect("an end, no reset");
    assert_eq!(more, b"");
}

#[tokio::test]
async fn a_client_that_sends_all_before_it_reads_is_answered() {
    let house = patient(3_600, 3_600).await;
    let mut stream = connect(&house).await;
    stream.write_all(&long_head()).await.unwrap();
    soon(stream.write_all(&vec![b'x'; BODY])).await.expect("all of it is taken");
    let reply = answer(&mut stream).await;
    assert_eq!((reply.status, reply.header("connection")), (401, "close"));
    ends(&mut stream).await;
}

#[tokio::test]
async fn a_connection_stays_open_while_its_client_sends() {
    let house = patient(3_600, 3_600).await;
    let mut stream = connect(&house).await;
    stream.write_all(&long_head()).await.unwrap();
    stream.write_all(&vec![b'x'; BODY / 2]).await.unwrap();
    assert_eq!(answer(&mut stream).await.status, 401);
    let early = tokio::time::timeout(Duration::from_millis(100), stream.read_u8()).await;
    assert!(early.is_err(), "it ended while its client was sending: {early:?}");
    soon(stream.write_all(&vec![b'x'; BODY / 2])).await.unwrap();
    ends(&mut stream).await;
}

#[tokio::test]
async fn an_upload_without_a_stated_length_is_taken_to_its_end() {
    let house = patient(3_600, 3_600).await;
    let mut stream = connect(&house).await;
    stream.write_all(&head("Transfer-Encoding: chunked")).await.unwrap();
    let piece = [b"186a0\r\n".as_slice(), &vec![b'x'; 100_000], b"\r\n"].concat();
    for _ in 0..BODY / 100_000 {
        soon(stream.write_all(&piece)).await.expect("all of it is taken");
    }
    stream.write_all(b"0\r\n\r\n").await.unwrap();
    let reply = answer(&mut stream).await;
    assert_eq!((reply.status, reply.header("connection")), (401, "close"));
    ends(&mut stream).await;
}

#[tokio::test]
async fn a_client_that_sends_no_more_is_not_waited_for() {
    let house = patient(3_600, 1).await;
    let mut stream = connect(&house).await;
    stream.write_all(&long_head()).await.unwrap();
    assert_eq!(answer(&mut stream).await.status, 401);
    ends(&mut stream).await;
}

#[tokio::test]
async fn a_client_that_never_stops_sending_is_cut() {
    let house = patient(1, 3_600).await;
    let mut stream = connect(&house).await;
    stream.write_all(&head(&format!("Content-Length: {}", u64::MAX / 2))).await.unwrap();
    assert_eq!(answer(&mut stream).await.status, 401);
    let endless = async { while stream.write_all(&[b'x'; 10_000]).await.is_ok() {} };
    soon(endless).await;
}

#[tokio::test]
async fn a_head_that_is_refused_is_answered_though_a_body_follows() {
    let house = patient(3_600, 3_600).await;
    let mut stream = connect(&house).await;
    stream.write_all(&head(&format!("X : y\r\nContent-Length: {BODY}"))).await.unwrap();
    soon(stream.write_all(&vec![b'x'; BODY])).await.expect("all of it is taken");
    assert_eq!(answer(&mut stream).await.status, 400);
    ends(&mut stream).await;
}

#[tokio::test]
async fn a_little_that_is_left_does_not_cost_the_connection() {
    let house = patient(3_600, 3_600).await;
    let mut stream = connect(&house).await;
    for _ in 0..3 {
        // At once, and after the answer.
        stream.write_all(&[head("Content-Length: 5"), b"words".to_vec()].concat()).await.unwrap();
        assert_eq!(answer(&mut stream).await.header("connection"), "");
        stream.write_all(&head("Content-Length: 5")).await.unwrap();
        assert_eq!(answer(&mut stream).await.header("connection"), "");
        stream.write_all(b"words").await.unwrap();
    }
    stream.write_all(b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.unwrap();
    assert_eq!(answer(&mut stream).await.status, 200);
    ends(&mut stream).await;
}

#[tokio::test]
async fn a_client_that_asks_before_it_sends_is_spared_the_sending() {
    let house = patient(3_600, 3_600).await;
    let mut stream = connect(&house).await;
    let lines = format!("Expect: 100-continue\r\nContent-Length: {BODY}");
    stream.write_all(&head(&lines)).await.unwrap();
    let reply = answer(&mut stream).await;
    assert_eq!((reply.status, reply.header("connection")), (401, "close"));
    ends(&mut stream).await;
}

/// A frame of HTTP/2 (RFC 9113 §4.1).
fn frame(kind: u8, flags: u8, stream: u8, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("a short frame").to_be_bytes();
    [&length[1..], &[kind, flags, 0, 0, 0, stream], payload].concat()
}

#[tokio::test]
async fn an_http_2_stream_is_not_reset_while_its_client_sends() {
    const DATA: u8 = 0;
    const HEADERS: u8 = 1;
    const RST_STREAM: u8 = 3;
    const PING: u8 = 6;
    const END_STREAM: u8 = 1;
    const ACK: u8 = 1;
    let house = patient(3_600, 3_600).await;
    let mut stream = connect(&house).await;
    // POST / over http, authority "test" (RFC 7541 appendix A): a method that `/` does not have.
    let head = [0x83, 0x84, 0x86, 0x41, 4, b't', b'e', b's', b't'];
    let opening = [
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(),
        frame(4, 0, 0, &[]),
        frame(HEADERS, 4, 1, &head),
        frame(DATA, 0, 1, &[b'x'; 10_000]),
    ];
    stream.write_all(&opening.concat()).await.unwrap();
    let mut kinds = Vec::new();
    loop {
        let mut header = [0; 9];
        soon(stream.read_exact(&mut header)).await.expect("the connection goes on");
        let [a, b, c, kind, flags, ..] = header;
        let mut payload = vec![0; u32::from_be_bytes([0, a, b, c]) as usize];
        soon(stream.read_exact(&mut payload)).await.expect("a whole frame");
        kinds.push(kind);
        if kind == DATA && flags & END_STREAM != 0 {
            // The answer is there, and the rest of the request comes.
            let rest = [frame(DATA, END_STREAM, 1, &[b'x'; 10_000]), frame(PING, 0, 0, &[7; 8])];
            stream.write_all(&rest.concat()).await.unwrap();
        }
        if kind == PING && flags & ACK != 0 {
            break;
        }
    }
    assert!(kinds.contains(&HEADERS) && kinds.contains(&DATA), "{kinds:?}");
    assert!(!kinds.contains(&RST_STREAM), "{kinds:?}");
}
