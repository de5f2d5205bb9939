//! The wire: slow and oversized requests, browsers, and the end of a server.

use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::harness::{House, PASSWORD};
use crate::request::exchange;

/// Reads until the server closes; the test's own limit is far above any of the server's.
async fn closed(stream: &mut TcpStream) -> Vec<u8> {
    let mut answer = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(20), stream.read_to_end(&mut answer)).await;
    let _ = read.expect("the server closes the connection");
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
    let bytes = request.file("audiofile", "a.mp3", &[b'x'; 100_000]).bytes();
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
    let bytes = request.file("audiofile", "a.mp3", &[b'x'; 100_000]).bytes();
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
