//! Every way to fail, with its word.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use scribed_outbound::{Config, Error, ErrorKind, Outbound, Sink, SinkError};

use crate::bench::{Book, Memory, Reply, Server, config, refused, refused_with};

/// Fails with a status.
async fn status(status: &str, kind: ErrorKind) {
    let server = Server::always(Reply::new(status, &[], b"words of the server")).await;
    let error = refused(&server, kind).await;
    let said = error.to_string();
    assert!(said.contains(&status[..3]), "{said}");
    assert!(said.contains("/a.wav"), "{said}");
    assert!(!said.contains("geheim"), "{said}");
}

#[tokio::test]
async fn not_found() {
    status("404 Not Found", ErrorKind::NotFound).await;
    status("410 Gone", ErrorKind::NotFound).await;
}

#[tokio::test]
async fn refused_by_the_server() {
    for answer in ["400 Bad Request", "401 Unauthorized", "403 Forbidden", "451 Unavailable"] {
        status(answer, ErrorKind::Refused).await;
    }
}

#[tokio::test]
async fn server_in_trouble() {
    for answer in [
        "500 Internal Server Error",
        "503 Service Unavailable",
        "429 Too Many Requests",
        "408 Time",
    ] {
        status(answer, ErrorKind::ServerTrouble).await;
    }
}

#[tokio::test]
async fn an_answer_that_makes_no_sense() {
    status("204 No Content", ErrorKind::BadAnswer).await;
    status("206 Partial Content", ErrorKind::BadAnswer).await;
    status("304 Not Modified", ErrorKind::BadAnswer).await;
    let server = Server::always(Reply::raw("SSH-2.0-OpenSSH_9.6\r\n")).await;
    refused(&server, ErrorKind::BadAnswer).await;
    let zipped = Reply::new("200 OK", &[("Content-Encoding", "gzip")], b"zip");
    let server = Server::always(zipped).await;
    let error = refused(&server, ErrorKind::BadAnswer).await;
    assert!(error.to_string().contains("compresses"), "{error}");
}

#[tokio::test]
async fn unsupported_url() {
    for url in ["ftp://127.0.0.1/a.wav", "file:///etc/passwd", "a.wav", "http://me@127.0.0.1/"] {
        refused_with(&Config::default(), url, ErrorKind::UnsupportedUrl).await;
    }
}

#[tokio::test]
async fn forbidden_address() {
    let server = Server::always(Reply::ok(b"sound")).await;
    let closed = Config { allowed_networks: Vec::new(), ..config(&[&server]) };
    let error = refused_with(&closed, &server.url("/a?geheim"), ErrorKind::Forbidden).await;
    let said = error.to_string();
    assert!(said.contains("of the machine itself"), "{said}");
    assert!(said.contains("outbound.allowed_networks") && !said.contains("geheim"), "{said}");
    let other_port = Config { ports: vec![80, 443], ..config(&[&server]) };
    let error = refused_with(&other_port, &server.url("/"), ErrorKind::Forbidden).await;
    assert!(error.to_string().contains("outbound.ports"), "{error}");
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn too_large() {
    let config = |server: &Server| Config { max_bytes: 1_000, ..config(&[server]) };
    let told = Server::always(Reply::ok(&[0; 1_001])).await;
    let error = refused_with(&config(&told), &told.url("/"), ErrorKind::TooLarge).await;
    assert!(error.to_string().contains("1000 bytes"), "{error}");
    // Without a word about its length it is noticed when it comes.
    let endless = Reply::raw("HTTP/1.1 200 OK\r\n\r\n").then_zeros(1 << 40);
    let endless = Server::always(endless).await;
    refused_with(&config(&endless), &endless.url("/"), ErrorKind::TooLarge).await;
    let exact = Server::always(Reply::ok(&[0; 1_000])).await;
    assert!(crate::bench::fetch_with(&config(&exact), &exact.url("/")).await.is_ok());
}

#[tokio::test]
async fn unreachable() {
    let server = Server::always(Reply::ok(b"")).await;
    let (settings, url) = (config(&[&server]), server.url("/"));
    drop(server);
    // The port is closed once its task has ended.
    loop {
        match crate::bench::fetch_with(&settings, &url).await {
            Err(error) if error.kind == ErrorKind::Unreachable => break,
            _ => tokio::task::yield_now().await,
        }
    }
    let nobody = Outbound::with_resolver(&settings, Book::new(&[])).unwrap();
    let error = nobody.fetch("http://nowhere:80/", &mut Memory::default()).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Forbidden, "the port comes first: {error}");
    let settings = Config::default();
    let nobody = Outbound::with_resolver(&settings, Book::new(&[])).unwrap();
    let error = nobody.fetch("http://nowhere/", &mut Memory::default()).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unreachable, "{error}");
    assert!(error.to_string().contains("nobody knows it"), "{error}");
    let empty = Outbound::with_resolver(&settings, Book::new(&[&[]])).unwrap();
    let error = empty.fetch("http://nowhere/", &mut Memory::default()).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unreachable, "{error}");
}

#[tokio::test]
async fn broken_off() {
    let short = Reply::ok(b"sound").cut(Reply::ok(b"sound").len() - 1);
    let error = refused(&Server::always(short).await, ErrorKind::BrokenOff).await;
    assert!(error.kind.is_worth_another_try());
    let chunked = Reply::new("200 OK", &[("Transfer-Encoding", "chunked")], b"5\r\nsound\r\n");
    refused(&Server::always(chunked).await, ErrorKind::BrokenOff).await;
    let silent = Server::always(Reply::default()).await;
    refused(&silent, ErrorKind::BrokenOff).await;
    assert_eq!(silent.connections(), 1, "nothing has begun that could go on");
}

/// Takes nothing.
#[derive(Debug, Clone, Copy, Default)]
struct Full {
    at_once: bool,
}

impl Full {
    fn refuse() -> Result<(), SinkError> {
        Err(std::io::Error::from(std::io::ErrorKind::StorageFull).into())
    }
}

#[async_trait]
impl Sink for Full {
    async fn begin(&mut self, _length: Option<u64>) -> Result<(), SinkError> {
        if self.at_once { Self::refuse() } else { Ok(()) }
    }

    async fn write(&mut self, _bytes: Bytes) -> Result<(), SinkError> {
        Self::refuse()
    }
}

#[tokio::test]
async fn a_sink_says_itself_why_it_takes_nothing() {
    let server = Server::always(Reply::new("200 OK", &[("ETag", "\"a\"")], b"sound")).await;
    let outbound = Outbound::new(&config(&[&server])).unwrap();
    for at_once in [true, false] {
        let fetched = outbound.fetch(&server.url("/"), &mut Full { at_once }).await;
        let error: Error = fetched.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Sink);
        let cause = error.source.unwrap().downcast::<std::io::Error>().unwrap();
        assert_eq!(cause.kind(), std::io::ErrorKind::StorageFull);
    }
    assert_eq!(server.connections(), 2, "it is not tried again");
}

#[tokio::test]
async fn what_is_worth_another_try() {
    let passing = ErrorKind::ALL.into_iter().filter(|kind| kind.is_worth_another_try());
    let words: Vec<_> = passing.map(ErrorKind::word).collect();
    assert_eq!(words, ["unreachable", "server_trouble", "timed_out", "broken_off"]);
}

#[tokio::test]
async fn a_url_is_looked_at_without_a_connection() {
    let server = Server::always(Reply::ok(b"sound")).await;
    let book = Book::new(&[&["127.0.0.1"]]);
    let settings = config(&[&server]);
    let outbound = Outbound::with_resolver(&settings, Arc::clone(&book) as _).unwrap();
    outbound.check(&server.url("/")).unwrap();
    outbound.check(&server.url_of("name", "/")).unwrap();
    assert_eq!(outbound.check("ftp://a/").unwrap_err().kind, ErrorKind::UnsupportedUrl);
    assert_eq!(outbound.check("http://10.0.0.1/").unwrap_err().kind, ErrorKind::Forbidden);
    assert_eq!(outbound.shown(&server.url("/a?geheim")).unwrap(), server.url("/a"));
    assert_eq!((server.connections(), book.asked()), (0, 0));
}
