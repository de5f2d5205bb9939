//! What is asked, and what comes of it.

use scribed_outbound::Outbound;

use crate::bench::{Memory, Reply, Server, config, fetch};

#[tokio::test]
async fn a_recording_is_fetched_byte_for_byte() {
    let body: Vec<u8> = (0..=255).cycle().take(300_000).collect();
    let reply = Reply::new("200 OK", &[("Content-Type", "audio/wav")], &body);
    let server = Server::always(reply).await;
    let (fetched, memory) = fetch(&server, "/a%20b.wav?sign=x&y#part").await.unwrap();
    assert_eq!(memory.bytes, body);
    assert_eq!(memory.begun, [Some(300_000)]);
    assert_eq!((fetched.length, fetched.resumes), (300_000, 0));
    assert_eq!(fetched.content_type, "audio/wav");
    let [asked] = &server.asked()[..] else { panic!("it is asked once") };
    assert_eq!(asked.path, "/a%20b.wav?sign=x&y");
    assert_eq!(asked.headers["host"], server.address.to_string());
    assert_eq!(asked.headers["accept-encoding"], "identity");
    assert!(asked.headers["user-agent"].starts_with("scribed/"));
    assert!(!asked.headers.contains_key("range"));
}

#[tokio::test]
async fn a_recording_of_unknown_length_ends_with_its_last_chunk_or_the_connection() {
    let chunked = b"5\r\nsound\r\n3\r\n...\r\n0\r\n\r\n";
    let chunked = Reply::new("200 OK", &[("Transfer-Encoding", "chunked")], chunked);
    let server = Server::always(chunked).await;
    let (fetched, memory) = fetch(&server, "/").await.unwrap();
    assert_eq!((fetched.length, memory.bytes.as_slice()), (8, &b"sound..."[..]));
    assert_eq!(memory.begun, [None]);
    let server = Server::always(Reply::raw("HTTP/1.0 200 OK\r\n\r\nsound")).await;
    let (_, memory) = fetch(&server, "/").await.unwrap();
    assert_eq!(memory.bytes, b"sound");
}

#[tokio::test]
async fn bytes_are_kept_as_they_come() {
    // A file that is compressed by itself is not the host's compression.
    let gzip = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let headers = [("Content-Type", "application/gzip"), ("Content-Encoding", "identity")];
    let server = Server::always(Reply::new("200 OK", &headers, &gzip)).await;
    assert_eq!(fetch(&server, "/").await.unwrap().1.bytes, gzip);
}

#[tokio::test]
async fn an_empty_recording_is_one() {
    let server = Server::always(Reply::ok(b"")).await;
    let (fetched, memory) = fetch(&server, "/").await.unwrap();
    assert_eq!((fetched.length, memory.begun), (0, vec![Some(0)]));
}

#[tokio::test]
async fn a_call_that_is_dropped_has_closed_its_connection() {
    let server = Server::always(Reply::ok(b"sound").cut(60).then_silent()).await;
    let outbound = Outbound::new(&config(&[&server])).unwrap();
    let mut memory = Memory::default();
    let (url, left) = (server.url("/"), server.left());
    let fetching = outbound.fetch(&url, &mut memory);
    let mut left = std::pin::pin!(left);
    {
        let mut fetching = std::pin::pin!(fetching);
        while server.asked().is_empty() {
            tokio::select! {
                ended = &mut fetching => panic!("it is silent: {ended:?}"),
                () = tokio::task::yield_now() => {}
            }
        }
    }
    left.as_mut().await;
}
