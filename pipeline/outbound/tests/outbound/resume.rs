//! Transfers that break off, and go on or begin again.

use scribed_outbound::{Config, ErrorKind};

use crate::bench::{Asked, Reply, Server, config, fetch, fetch_with, refused, refused_with};

const MONDAY: &str = "Mon, 03 Mar 2025 10:00:00 GMT";
const TUESDAY: &str = "Tue, 04 Mar 2025 10:00:00 GMT";

fn body() -> Vec<u8> {
    (0..=250).cycle().take(100_000).collect()
}

/// Answers with the part that is asked for, under a tag.
fn part(asked: &Asked, tag: &str, body: &[u8]) -> Reply {
    let is_same = asked.headers.get("if-range").is_none_or(|wanted| wanted == tag);
    match asked.from().filter(|_| is_same) {
        None => Reply::new("200 OK", &[("ETag", tag)], body),
        Some(from) => {
            let range = format!("bytes {from}-{}/{}", body.len() - 1, body.len());
            let headers = [("ETag", tag), ("Content-Range", &range)];
            Reply::new("206 Partial Content", &headers, &body[from..])
        }
    }
}

/// Cuts an answer so many bytes into its body.
fn cut(reply: Reply, body: usize, at: usize) -> Reply {
    let head = reply.len() - body;
    reply.cut(head + at)
}

#[tokio::test]
async fn wherever_it_breaks_off_the_bytes_are_the_same() {
    let body = body();
    let mut places: Vec<usize> = (0..body.len()).step_by(7_919).collect();
    places.extend([1, 2, 65_535, 65_536, 65_537, body.len() - 2, body.len() - 1]);
    for place in places {
        let sent = body.clone();
        let server = Server::start(move |asked: &Asked| {
            let reply = part(asked, "\"a\"", &sent);
            if asked.number == 0 { cut(reply, sent.len(), place) } else { reply }
        });
        let server = server.await;
        let (fetched, memory) = fetch(&server, "/").await.unwrap();
        assert!(memory.bytes == body, "cut at {place}");
        assert_eq!((fetched.length, fetched.resumes), (100_000, 1));
        let from = server.asked()[1].from();
        // What had not come yet begins again.
        assert_eq!(from.unwrap_or(0), place);
        assert_eq!(memory.begun.len(), if place == 0 { 2 } else { 1 });
    }
}

#[tokio::test]
async fn it_may_break_off_many_times() {
    let body = body();
    let sent = body.clone();
    let server = Server::start(move |asked: &Asked| {
        let left = sent.len() - asked.from().unwrap_or(0);
        cut(part(asked, "\"a\"", &sent), left, left.min(12_345))
    });
    let server = server.await;
    let (fetched, memory) = fetch(&server, "/").await.unwrap();
    assert!(memory.bytes == body);
    assert_eq!((fetched.resumes, memory.begun.len()), (8, 1));
    let settings = Config { resumes: 7, ..config(&[&server]) };
    let error = refused_with(&settings, &server.url("/"), ErrorKind::BrokenOff).await;
    assert!(error.kind.is_worth_another_try());
}

#[tokio::test]
async fn a_time_of_change_is_enough_where_there_is_no_tag() {
    let body = body();
    let sent = body.clone();
    let server = Server::start(move |asked: &Asked| match asked.from() {
        None => {
            let headers = [("Last-Modified", MONDAY), ("Date", TUESDAY)];
            cut(Reply::new("200 OK", &headers, &sent), sent.len(), 1_000)
        }
        Some(from) => {
            assert_eq!(asked.headers["if-range"], MONDAY);
            let range = format!("bytes {from}-99999/100000");
            Reply::new("206 Partial Content", &[("Content-Range", &range)], &sent[from..])
        }
    });
    let (fetched, memory) = fetch(&server.await, "/").await.unwrap();
    assert!(memory.bytes == body);
    assert_eq!((fetched.resumes, memory.begun.len()), (1, 1));
}

#[tokio::test]
async fn a_recording_of_unknown_length_goes_on_as_well() {
    let server = Server::start(|asked: &Asked| match asked.from() {
        None => {
            let headers = [("ETag", "\"a\""), ("Transfer-Encoding", "chunked")];
            Reply::new("200 OK", &headers, b"5\r\nsound\r\n")
        }
        Some(from) => {
            assert_eq!(from, 5);
            let headers = [("ETag", "\"a\""), ("Content-Range", "bytes 5-7/8")];
            Reply::new("206 Partial Content", &headers, b"...")
        }
    });
    assert_eq!(fetch(&server.await, "/").await.unwrap().1.bytes, b"sound...");
}

#[tokio::test]
async fn a_recording_that_changed_meanwhile_begins_again() {
    let (old, new) = (body(), vec![7; 50_000]);
    let sent = (old, new.clone());
    let server = Server::start(move |asked: &Asked| match asked.number {
        0 => cut(part(asked, "\"a\"", &sent.0), sent.0.len(), 60_000),
        _ => part(asked, "\"b\"", &sent.1),
    });
    let (fetched, memory) = fetch(&server.await, "/").await.unwrap();
    assert!(memory.bytes == new, "nothing of the old one is left");
    assert_eq!(memory.begun, [Some(100_000), Some(50_000)]);
    assert_eq!(fetched.length, 50_000);
}

/// Breaks off after 1,000 bytes, and answers what goes on in the way that is given.
async fn begins_again(rest: Reply) {
    let body = body();
    let sent = body.clone();
    let server = Server::start(move |asked: &Asked| match (asked.number, asked.from()) {
        (0, _) => cut(part(asked, "\"a\"", &sent), sent.len(), 1_000),
        (_, Some(1_000)) => rest.clone(),
        (_, from) => {
            assert_eq!(from, None, "all of it is asked for");
            part(asked, "\"a\"", &sent)
        }
    });
    let (_, memory) = fetch(&server.await, "/").await.expect("it is all there");
    assert!(memory.bytes == body);
    assert_eq!(memory.begun.len(), 2);
}

#[tokio::test]
async fn a_rest_that_does_not_fit_is_not_taken() {
    let rest = |tag: &str, range: &str, length: usize| {
        let headers = [("ETag", tag), ("Content-Range", range)];
        Reply::new("206 Partial Content", &headers, &vec![9; length])
    };
    begins_again(rest("\"a\"", "bytes 999-99999/100000", 99_001)).await;
    begins_again(rest("\"a\"", "bytes 1001-99999/100000", 98_999)).await;
    begins_again(rest("\"a\"", "bytes 0-99999/100000", 100_000)).await;
    begins_again(rest("\"a\"", "bytes 1000-99999/100001", 99_000)).await;
    begins_again(rest("\"b\"", "bytes 1000-99999/100000", 99_000)).await;
    begins_again(rest("\"a\"", "nonsense", 99_000)).await;
    begins_again(Reply::new("206 Partial Content", &[("ETag", "\"a\"")], &vec![9; 99_000])).await;
    begins_again(Reply::new("416 Range Not Satisfiable", &[], b"")).await;
}

#[tokio::test]
async fn a_server_that_knows_no_ranges_sends_everything_again() {
    let body = body();
    let sent = body.clone();
    let server = Server::start(move |asked: &Asked| {
        let reply = Reply::new("200 OK", &[("ETag", "\"a\"")], &sent);
        if asked.number == 0 { cut(reply, sent.len(), 1_000) } else { reply }
    });
    let (_, memory) = fetch(&server.await, "/").await.unwrap();
    assert!(memory.bytes == body);
    assert_eq!(memory.begun.len(), 2);
}

#[tokio::test]
async fn what_has_no_strong_name_is_not_patched_together() {
    for headers in [&[][..], &[("ETag", "W/\"a\"")], &[("Last-Modified", MONDAY)]] {
        let reply = Reply::new("200 OK", headers, b"sound");
        let reply = cut(reply, 5, 3);
        let server = Server::always(reply).await;
        refused(&server, ErrorKind::BrokenOff).await;
        assert_eq!(server.connections(), 1);
    }
}

#[tokio::test]
async fn more_than_was_announced_is_not_taken() {
    // The first part says three bytes more are to come; the rest brings others behind them.
    let server = Server::start(|asked: &Asked| {
        if asked.number == 0 {
            return cut(Reply::new("200 OK", &[("ETag", "\"a\"")], b"sound..."), 8, 5);
        }
        let headers =
            [("ETag", "\"a\""), ("Content-Range", "bytes 5-7/8"), ("Transfer-Encoding", "chunked")];
        Reply::new("206 Partial Content", &headers, b"6\r\n...XXX\r\n0\r\n\r\n")
    });
    refused(&server.await, ErrorKind::BadAnswer).await;
}

#[tokio::test]
async fn trouble_while_it_goes_on_is_waited_out_and_a_refusal_is_not() {
    let body = body();
    let sent = body.clone();
    let server = Server::start(move |asked: &Asked| match asked.number {
        0 => cut(part(asked, "\"a\"", &sent), sent.len(), 1_000),
        1 => Reply::new("503 Service Unavailable", &[], b""),
        2 => Reply::default(),
        _ => part(asked, "\"a\"", &sent),
    });
    let (fetched, memory) = fetch(&server.await, "/").await.unwrap();
    assert!(memory.bytes == body);
    assert_eq!((fetched.resumes, memory.begun.len()), (3, 1));
    let sent = body.clone();
    let server = Server::start(move |asked: &Asked| match asked.number {
        0 => cut(part(asked, "\"a\"", &sent), sent.len(), 1_000),
        _ => Reply::new("404 Not Found", &[], b""),
    });
    refused(&server.await, ErrorKind::NotFound).await;
}

#[tokio::test]
async fn a_redirect_that_leads_elsewhere_meanwhile_begins_again() {
    let body = body();
    let sent = body.clone();
    let server = Server::start(move |asked: &Asked| match (asked.number, asked.path.as_str()) {
        (0, "/") => Reply::redirect("/one?sign=1"),
        (_, "/one?sign=1") => cut(part(asked, "\"a\"", &sent), sent.len(), 1_000),
        // Another signature of the same place is the same place.
        (2, "/") => Reply::redirect("/one?sign=2"),
        (_, "/one?sign=2") => {
            let left = sent.len() - 1_000;
            cut(part(asked, "\"a\"", &sent), left, 1_000)
        }
        (_, "/") => Reply::redirect("/two"),
        _ => part(asked, "\"a\"", &sent),
    });
    let server = server.await;
    let (_, memory) = fetch_with(&config(&[&server]), &server.url("/")).await.unwrap();
    assert!(memory.bytes == body);
    assert_eq!(memory.begun.len(), 2);
}
