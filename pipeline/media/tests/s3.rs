//! Recordings in a bucket: the promises, how many requests they cost, and what is in the bucket.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use scribed_media::conformance::Bench;
use scribed_media::{MediaReader, MediaStore, MediaWriter, S3Config, S3Media};
use scribed_schemas::secret::Secret;
use scribed_test_s3::{ACCESS_KEY, BUCKET, Fault, Operation, S3Server, SECRET_KEY};

const MIB: usize = 1024 * 1024;

/// Settings for a server, with the smallest parts that there are.
fn config(server: &S3Server) -> S3Config {
    S3Config {
        bucket: BUCKET.to_owned(),
        prefix: "tests/media".to_owned(),
        endpoint: server.endpoint().to_owned(),
        access_key_id: ACCESS_KEY.to_owned(),
        secret_access_key: Secret::new(SECRET_KEY),
        allow_http: true,
        part_mib: 5,
        ..S3Config::default()
    }
}

fn open_store(server: &S3Server) -> S3Media {
    S3Media::open(&config(server)).expect("the settings fit")
}

fn bench() -> Bench<S3Server> {
    let server = S3Server::start();
    Bench { store: Arc::new(open_store(&server)), kept: server }
}

scribed_media::media_conformance!(bench());

/// Bytes that tell their own position.
fn pattern(length: usize) -> Bytes {
    (0..length).map(|i| u8::try_from(i / 7 % 251).unwrap_or(0)).collect()
}

async fn write(store: &S3Media, key: &str, bytes: &Bytes) -> u64 {
    let mut writer = store.create(key).await.expect("a write begins");
    for at in (0..bytes.len()).step_by(MIB) {
        let piece = bytes.slice(at..bytes.len().min(at + MIB));
        writer.write(piece).await.expect("bytes are taken");
    }
    writer.finish().await.expect("a write ends")
}

/// Reads a recording in order, in steps as a decoder makes them.
fn read(reader: &dyn MediaReader) -> io::Result<Vec<u8>> {
    let (mut bytes, mut buf) = (Vec::new(), vec![0; 32 * 1024]);
    loop {
        match reader.read_at(u64::try_from(bytes.len()).expect("it is small"), &mut buf)? {
            0 => return Ok(bytes),
            read => bytes.extend_from_slice(&buf[..read]),
        }
    }
}

/// Waits for what happens on other threads; a test that waits for nothing hangs, and is ended.
async fn until(mut is_so: impl FnMut() -> bool) {
    while !is_so() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_small_recording_is_one_request_and_a_large_one_is_parts() {
    let server = S3Server::start();
    let store = open_store(&server);
    write(&store, "a/small", &pattern(4 * MIB)).await;
    assert_eq!(server.count(Operation::Put), 1);
    assert_eq!(server.count(Operation::Begin), 0);
    let large = pattern(16 * MIB + 3);
    assert_eq!(write(&store, "a/large", &large).await, 16 * 1024 * 1024 + 3);
    assert_eq!(server.count(Operation::Part), 4);
    assert_eq!(server.count(Operation::Complete), 1);
    assert_eq!(server.keys(), ["tests/media/a/large", "tests/media/a/small"]);
    let reader = store.open("a/large").await.expect("it is there");
    assert!(read(reader.as_ref()).expect("it reads") == large, "it reads back as it was written");
}

#[tokio::test]
async fn an_upload_goes_no_further_than_its_parts_in_flight() {
    let server = S3Server::start();
    let store = open_store(&server);
    server.fail(Operation::Part, [Fault::Held; 100]);
    let mut writer = store.create("a/1").await.expect("a write begins");
    let (mut taken, piece) = (0, Bytes::from(vec![1; MIB]));
    // 200 MB want in, and the service answers none of them.
    let all = async {
        while taken < 200 {
            writer.write(piece.clone()).await.expect("bytes are taken");
            taken += 1;
        }
    };
    tokio::select! {
        () = all => panic!("nothing was waited for"),
        () = until(|| server.count(Operation::Part) == 2) => {}
    }
    // Two parts of 5 MiB are on their way, and a third is full or nearly so.
    assert!((10..=15).contains(&taken), "{taken} MiB were taken");
    server.release();
    for _ in taken..200 {
        writer.write(piece.clone()).await.expect("bytes are taken");
    }
    let length = writer.finish().await.expect("a write ends");
    assert!(length >= 199 * 1024 * 1024, "{length}");
    assert_eq!(server.most_parts_at_once(), 2);
    assert_eq!(store.open("a/1").await.expect("it is there").len(), length);
}

#[tokio::test]
async fn an_aborted_or_dropped_upload_leaves_nothing() {
    let server = S3Server::start();
    let store = open_store(&server);
    let begin = async || -> Box<dyn MediaWriter> {
        let mut writer = store.create("a/1").await.expect("a write begins");
        writer.write(pattern(11 * MIB)).await.expect("bytes are taken");
        assert_eq!(server.unfinished(), ["tests/media/a/1"]);
        writer
    };
    begin().await.abort().await.expect("it is given up");
    assert!(server.unfinished().is_empty());
    drop(begin().await);
    until(|| server.unfinished().is_empty()).await;
    assert!(server.keys().is_empty());
}

#[tokio::test]
async fn the_sweep_removes_old_uploads_below_the_prefix_and_no_others() {
    let server = S3Server::start();
    let store = open_store(&server);
    let elsewhere = S3Config { prefix: "others".to_owned(), ..config(&server) };
    let elsewhere = S3Media::open(&elsewhere).expect("the settings fit");
    let begin = async |store: &S3Media, key: &str| {
        let mut writer = store.create(key).await.expect("a write begins");
        writer.write(pattern(6 * MIB)).await.expect("bytes are taken");
        // As a process does that is killed.
        std::mem::forget(writer);
    };
    // More than fit on one page of the server's list.
    for key in ["a/1", "a/2", "a/3", "b/1", "b/1"] {
        begin(&store, key).await;
    }
    begin(&elsewhere, "a/1").await;
    server.backdate(Duration::from_secs(8 * 24 * 60 * 60));
    begin(&store, "a/4").await;
    assert_eq!(store.sweep().await.expect("it is swept"), 5);
    assert_eq!(server.unfinished(), ["others/a/1", "tests/media/a/4"]);
    assert_eq!(store.sweep().await.expect("it is swept"), 0);
    let alone = S3Config { abandoned_after_secs: 0, ..config(&server) };
    let alone = S3Media::open(&alone).expect("the settings fit");
    assert_eq!(alone.sweep().await.expect("it is swept"), 1);
    assert_eq!(server.unfinished(), ["others/a/1"]);
}

#[tokio::test]
async fn reading_in_order_costs_few_requests() {
    let server = S3Server::start();
    let store = open_store(&server);
    let bytes = pattern(20 * MIB);
    write(&store, "a/1", &bytes).await;
    let reader = store.open("a/1").await.expect("it is there");
    assert_eq!(server.count(Operation::Head), 1);
    assert!(read(reader.as_ref()).expect("it reads") == bytes, "it reads back as it was written");
    // 256 and 512 KiB, 1, 2, and then 4 MiB each.
    assert_eq!(server.count(Operation::Get), 9);
}

#[tokio::test]
async fn a_look_at_both_ends_costs_two_small_requests() {
    let server = S3Server::start();
    let store = open_store(&server);
    let bytes = pattern(20 * MIB);
    write(&store, "a/1", &bytes).await;
    let reader = store.open("a/1").await.expect("it is there");
    let mut buf = [0; 4096];
    for _ in 0..10 {
        for at in [0, 5_000, 20 * MIB - 5_000, 20 * MIB - 100_000, 10_000] {
            let from = u64::try_from(at).expect("it is small");
            let read = reader.read_at(from, &mut buf).expect("it reads");
            assert_eq!(buf[..read], bytes[at..at + read]);
        }
    }
    assert_eq!(server.count(Operation::Get), 2);
}

#[tokio::test]
async fn threads_that_read_side_by_side_read_the_same() {
    let server = S3Server::start();
    let store = open_store(&server);
    let bytes = pattern(6 * MIB);
    write(&store, "a/1", &bytes).await;
    let reader = store.open("a/1").await.expect("it is there");
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                assert!(read(reader.as_ref()).expect("it reads") == bytes, "it differs");
            });
        }
    });
}
