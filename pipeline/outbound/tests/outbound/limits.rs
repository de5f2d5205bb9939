//! What a transfer may cost: time and memory.

use async_trait::async_trait;
use bytes::Bytes;
use scribed_outbound::{Config, ErrorKind, Outbound, Resolve, Sink, SinkError};

use crate::bench::{Memory, Reply, Server, config, fetch_with, refused_with};

const MIB: u64 = 1024 * 1024;

#[tokio::test]
async fn a_server_that_is_silent_before_its_answer_is_left() {
    for beginning in ["", "HTTP/1.1 200 OK\r\nContent-Le"] {
        let server = Server::always(Reply::raw(beginning).then_silent()).await;
        let settings = Config { idle_timeout_ms: 50, ..config(&[&server]) };
        let error = refused_with(&settings, &server.url("/"), ErrorKind::TimedOut).await;
        assert!(error.to_string().contains("outbound.idle_timeout_ms"), "{error}");
        server.left().await;
    }
}

#[tokio::test]
async fn a_server_that_is_silent_within_its_answer_is_left() {
    let begun = Reply::ok(&[0; 100]);
    let length = begun.len();
    let server = Server::always(begun.cut(length - 50).then_silent()).await;
    let settings = Config { idle_timeout_ms: 50, ..config(&[&server]) };
    refused_with(&settings, &server.url("/"), ErrorKind::TimedOut).await;
    server.left().await;
}

#[tokio::test]
async fn a_server_that_sends_for_ever_is_left_in_time() {
    let server = Server::always(Reply::raw("HTTP/1.1 200 OK\r\n\r\n").then_zeros(1 << 50)).await;
    let settings = Config { total_timeout_secs: 1, max_bytes: u64::MAX, ..config(&[&server]) };
    let outbound = Outbound::new(&settings).unwrap();
    let error = outbound.fetch(&server.url("/"), &mut Counted::default()).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::TimedOut, "{error}");
    assert!(error.to_string().contains("outbound.total_timeout_secs"), "{error}");
}

/// Never finds anybody.
#[derive(Debug)]
struct Lost;

#[async_trait]
impl Resolve for Lost {
    async fn resolve(&self, _host: &str) -> std::io::Result<Vec<std::net::IpAddr>> {
        std::future::pending().await
    }
}

#[tokio::test(start_paused = true)]
async fn looking_for_a_host_is_a_part_of_connecting() {
    let outbound = Outbound::with_resolver(&Config::default(), std::sync::Arc::new(Lost)).unwrap();
    let error = outbound.fetch("http://nowhere.test/", &mut Memory::default()).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::TimedOut, "{error}");
    assert!(error.to_string().contains("outbound.connect_timeout_ms"), "{error}");
}

#[tokio::test]
async fn an_answer_with_an_endless_head_is_refused() {
    let endless = Reply::raw("HTTP/1.1 200 OK\r\nX: ").then_zeros(1 << 40);
    let server = Server::always(endless).await;
    refused_with(&config(&[&server]), &server.url("/"), ErrorKind::BadAnswer).await;
    let lines = "X: y\r\n".repeat(100_000);
    let server = Server::always(Reply::raw(format!("HTTP/1.1 200 OK\r\n{lines}"))).await;
    refused_with(&config(&[&server]), &server.url("/"), ErrorKind::BadAnswer).await;
}

/// Counts what comes, and looks how far the server is ahead.
#[derive(Default)]
struct Counted<'a> {
    server: Option<&'a Server>,
    received: u64,
    /// Most bytes that came at once.
    largest: u64,
    /// Most bytes that were sent and had not come yet.
    ahead: u64,
}

#[async_trait]
impl Sink for Counted<'_> {
    async fn begin(&mut self, _length: Option<u64>) -> Result<(), SinkError> {
        Ok(())
    }

    async fn write(&mut self, bytes: Bytes) -> Result<(), SinkError> {
        self.largest = self.largest.max(bytes.len() as u64);
        if let Some(server) = self.server {
            self.ahead = self.ahead.max(server.sent().saturating_sub(self.received));
        }
        self.received += bytes.len() as u64;
        // The server has its turn after each block, so that it gets as far ahead as it can.
        tokio::task::yield_now().await;
        Ok(())
    }
}

#[tokio::test]
async fn memory_does_not_grow_with_the_recording() {
    let length = 64 * MIB;
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n");
    let server = Server::always(Reply::raw(head).then_zeros(length)).await;
    let outbound = Outbound::new(&config(&[&server])).unwrap();
    let mut sink = Counted { server: Some(&server), ..Counted::default() };
    let fetched = outbound.fetch(&server.url("/"), &mut sink).await.unwrap();
    assert_eq!((fetched.length, sink.received), (length, length));
    assert!(sink.largest <= 256 * 1024, "{} bytes at once", sink.largest);
    // What is on the way waits in the kernel, which takes some MiB for each side.
    assert!(sink.ahead <= 32 * MIB, "{} bytes ahead", sink.ahead);
}

#[tokio::test]
async fn a_slow_sink_is_waited_for() {
    /// Takes longer than a server may be silent.
    struct Slow;

    #[async_trait]
    impl Sink for Slow {
        async fn begin(&mut self, _length: Option<u64>) -> Result<(), SinkError> {
            Ok(())
        }

        async fn write(&mut self, _bytes: Bytes) -> Result<(), SinkError> {
            tokio::time::sleep(std::time::Duration::from_millis(150)).await;
            Ok(())
        }
    }

    let server = Server::always(Reply::ok(b"sound")).await;
    let settings = Config { idle_timeout_ms: 100, ..config(&[&server]) };
    let outbound = Outbound::new(&settings).unwrap();
    assert_eq!(outbound.fetch(&server.url("/"), &mut Slow).await.unwrap().length, 5);
    assert!(fetch_with(&settings, &server.url("/")).await.is_ok());
}
