//! Forms whole, broken and hostile.

use futures_util::StreamExt;
use http::HeaderValue;

use super::*;
use crate::config::Http;

fn form(body: &[u8], limit: u64) -> Form {
    let pieces = stream::iter(body.chunks(7_000).map(Bytes::copy_from_slice).collect::<Vec<_>>());
    open(pieces, limit).unwrap().unwrap()
}

fn open(
    pieces: impl futures_util::Stream<Item = Bytes> + Send + Sync + 'static,
    limit: u64,
) -> Answer<Option<Form>> {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("multipart/form-data; boundary=B"));
    Form::open(&headers, Body::new(pieces.map(Ok), &Http::default()), limit)
}

/// A part with this disposition and content.
fn part(disposition: &str, content: &[u8]) -> Vec<u8> {
    let head = format!("--B\r\nContent-Disposition: form-data; {disposition}\r\n\r\n");
    [head.as_bytes(), content, b"\r\n"].concat()
}

async fn only_part(disposition: &str) -> (PartKind, String) {
    let body = [part(disposition, b"x"), b"--B--\r\n".to_vec()].concat();
    let mut form = form(&body, 100);
    let part = form.next().await.unwrap().unwrap();
    (part.kind(), part.file_name())
}

#[tokio::test]
async fn parts_come_out_as_they_went_in() {
    let content: Vec<u8> = (0..200_000_u32).map(|n| (n % 251) as u8).collect();
    let body = [
        part("name=\"note\"", b"hello"),
        part("name=\"audiofile\"; filename=\"a.wav\"", &content),
        b"--B--\r\n".to_vec(),
    ];
    let mut form = form(&body.concat(), 1 << 20);
    let mut first = form.next().await.unwrap().unwrap();
    assert_eq!((first.name(), first.kind()), ("note", PartKind::Field));
    first.skip().await.unwrap();
    drop(first);
    let mut second = form.next().await.unwrap().unwrap();
    assert_eq!(second.file_name(), "a.wav");
    let mut read = Vec::new();
    while let Some(bytes) = second.next().await.unwrap() {
        read.extend_from_slice(&bytes);
    }
    assert_eq!(read, content);
    drop(second);
    assert!(form.next().await.unwrap().is_none());
}

#[tokio::test]
async fn file_names_are_only_text() {
    for (disposition, expected) in [
        ("name=a; filename=\"../../etc/passwd\"", "passwd"),
        ("name=a; filename=\"C:\\\\music\\\\a.wav\"", "a.wav"),
        ("name=a; filename=\"\"", "recording"),
        ("name=a; filename=\"a\tb.wav\"", "ab.wav"),
        ("name=a; filename=\"ev\u{202e}vaw.exe\"", "evvaw.exe"),
        ("name=a; filename*=UTF-8''na%C3%AFve%2B1+2.wav", "naïve+1+2.wav"),
        ("name=a; filename*=utf-8''%2e%2e%2fpasswd", "passwd"),
    ] {
        assert_eq!(only_part(disposition).await, (PartKind::File, expected.to_owned()));
    }
    let long = format!("name=a; filename=\"{}\"", "x".repeat(10_000));
    assert_eq!(only_part(&long).await.1.len(), LONGEST_NAME);
    assert_eq!(only_part("name=a").await.0, PartKind::Field);
}

#[tokio::test]
async fn a_boundary_that_never_comes_is_not_waited_for() {
    let given = Arc::new(AtomicU64::new(0));
    let counter = given.clone();
    let endless = stream::repeat(Bytes::from(vec![b'x'; 50_000])).inspect(move |piece| {
        counter.fetch_add(piece.len() as u64, Ordering::Relaxed);
    });
    let mut form = open(endless, u64::MAX / 2).unwrap().unwrap();
    assert!(matches!(form.next().await, Err(Refusal::Malformed(_))));
    assert!(given.load(Ordering::Relaxed) <= 2 * OVERHEAD);
}

#[tokio::test]
async fn a_part_over_its_limit_is_cut() {
    let body = part("name=a; filename=a", &vec![0; 300_000]);
    let mut form = form(&body, 100_000);
    let mut part = form.next().await.unwrap().unwrap();
    let refusal = part.skip().await.unwrap_err();
    assert_eq!(refusal, Refusal::TooLarge(100_000));
}

#[tokio::test]
async fn a_form_that_breaks_off_is_malformed() {
    let whole = [part("name=a; filename=a", &vec![0; 50_000]), b"--B--\r\n".to_vec()].concat();
    for length in [0, 2, 20, 60, 30_000, whole.len() - 6] {
        let mut form = form(&whole[..length], 1 << 20);
        let read = async {
            while let Some(mut part) = form.next().await? {
                part.skip().await?;
            }
            Ok(())
        };
        assert!(matches!(read.await, Err(Refusal::Malformed(_))), "cut at {length}");
    }
}

#[tokio::test]
async fn a_swarm_of_parts_is_refused() {
    let body: Vec<u8> = (0..1_000).flat_map(|_| part("name=a", b"")).collect();
    let mut form = form(&body, 1 << 20);
    let read = async {
        while let Some(mut part) = form.next().await? {
            part.skip().await?;
        }
        Ok::<(), Refusal>(())
    };
    assert!(matches!(read.await, Err(Refusal::Malformed(_))));
}

#[test]
fn what_is_no_form_is_told_apart_from_a_broken_one() {
    let open = |content_type: &'static str| {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        Form::open(&headers, Body::new(stream::empty::<Result<Bytes, _>>(), &Http::default()), 10)
    };
    assert!(matches!(open("application/json"), Ok(None)));
    assert!(matches!(open(""), Ok(None)));
    assert!(matches!(open("multipart/form-data"), Err(Refusal::Malformed(_))));
}

#[test]
fn a_stated_length_over_the_limit_is_refused_at_once() {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("multipart/form-data; boundary=B"));
    headers.insert(CONTENT_LENGTH, HeaderValue::from_static("300000"));
    let body = || Body::new(stream::empty::<Result<Bytes, _>>(), &Http::default());
    assert_eq!(Form::open(&headers, body(), 1_000).unwrap_err(), Refusal::TooLarge(1_000));
    assert!(Form::open(&headers, body(), 100_000).unwrap().is_some());
}
