//! Recordings in a bucket when something is wrong: what is repeated, what is told, and what stays.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use scribed_media::{ErrorKind, MediaReader, MediaStore, S3Config, S3Media};
use scribed_schemas::secret::Secret;
use scribed_test_s3::{ACCESS_KEY, BUCKET, Fault, Operation, S3Server, SECRET_KEY};

const MIB: usize = 1024 * 1024;

fn config(server: &S3Server) -> S3Config {
    S3Config {
        bucket: BUCKET.to_owned(),
        endpoint: server.endpoint().to_owned(),
        access_key_id: ACCESS_KEY.to_owned(),
        secret_access_key: Secret::new(SECRET_KEY),
        allow_http: true,
        part_mib: 5,
        retries: 3,
        ..S3Config::default()
    }
}

fn open_store(config: &S3Config) -> S3Media {
    S3Media::open(config).expect("the settings fit")
}

/// Writes an error with all its causes, as logs do.
fn words(error: &scribed_media::Error) -> String {
    let first: &(dyn std::error::Error + 'static) = error;
    let chain = std::iter::successors(Some(first), |error| error.source());
    chain.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

async fn write(store: &S3Media, key: &str, length: usize) -> scribed_media::Result<u64> {
    let mut writer = store.create(key).await?;
    writer.write(Bytes::from(vec![3; length])).await?;
    writer.finish().await
}

fn read_all(reader: &dyn MediaReader) -> io::Result<usize> {
    let (mut read, mut buf) = (0, vec![0; 100_000]);
    loop {
        match reader.read_at(u64::try_from(read).expect("it is small"), &mut buf)? {
            0 => return Ok(read),
            count => {
                assert!(buf[..count].iter().all(|byte| *byte == 3), "other bytes at {read}");
                read += count;
            }
        }
    }
}

#[tokio::test]
async fn what_fails_for_a_moment_is_repeated() {
    let server = S3Server::start();
    let store = open_store(&config(&server));
    let twice = [Fault::Internal, Fault::SlowDown];
    for operation in [
        Operation::Begin,
        Operation::Part,
        Operation::Complete,
        Operation::Put,
        Operation::Head,
        Operation::Get,
        Operation::Delete,
        Operation::Unfinished,
    ] {
        server.fail(operation, twice);
    }
    assert_eq!(write(&store, "a/1", 11 * MIB).await.expect("it is written"), 11 * 1024 * 1024);
    write(&store, "a/2", 100).await.expect("it is written");
    let reader = store.open("a/1").await.expect("it is there");
    assert_eq!(read_all(reader.as_ref()).expect("it reads"), 11 * MIB);
    store.delete("a/1").await.expect("it is deleted");
    assert_eq!(store.sweep().await.expect("it is swept"), 0);
    assert_eq!(server.keys(), ["a/2"]);
    assert!(server.unfinished().is_empty());
}

#[tokio::test]
async fn a_connection_that_is_cut_in_the_middle_of_a_body_goes_on_behind_it() {
    let server = S3Server::start();
    let store = open_store(&config(&server));
    write(&store, "a/1", 3 * MIB).await.expect("it is written");
    server.fail(Operation::Get, [Fault::Cut, Fault::Cut]);
    let reader = store.open("a/1").await.expect("it is there");
    assert_eq!(read_all(reader.as_ref()).expect("it reads"), 3 * MIB);
}

#[tokio::test]
async fn a_completion_whose_answer_is_lost_is_recognised() {
    let server = S3Server::start();
    let store = open_store(&config(&server));
    // The repetition finds no such upload: it is an object already.
    server.fail(Operation::Complete, [Fault::Lost]);
    assert_eq!(write(&store, "a/1", 6 * MIB).await.expect("it is written"), 6 * 1024 * 1024);
    assert_eq!(server.count(Operation::Complete), 2);
    assert_eq!(server.count(Operation::Head), 1);
    assert!(server.unfinished().is_empty());
}

#[tokio::test]
async fn another_object_under_the_key_is_not_taken_for_ours() {
    let server = S3Server::start();
    let store = open_store(&config(&server));
    write(&store, "a/1", 6 * MIB).await.expect("it is written");
    server.fail(Operation::Complete, [Fault::Internal; 4]);
    let error = write(&store, "a/1", 6 * MIB).await.expect_err("it is not completed");
    assert_eq!(error.kind, ErrorKind::Unavailable);
    assert!(server.unfinished().is_empty(), "the failed write was given up");
    let reader = store.open("a/1").await.expect("the earlier one is there");
    assert_eq!(read_all(reader.as_ref()).expect("it reads"), 6 * MIB);
}

#[tokio::test]
async fn a_service_that_stays_away_is_unavailable_and_comes_back() {
    let server = S3Server::start();
    let store = open_store(&S3Config { retries: 1, ..config(&server) });
    write(&store, "a/1", 100).await.expect("it is written");
    let reader = store.open("a/1").await.expect("it is there");
    server.outage(true);
    for error in [
        write(&store, "a/2", 100).await.err(),
        write(&store, "a/2", 6 * MIB).await.err(),
        store.open("a/1").await.err(),
        store.delete("a/1").await.err(),
        store.sweep().await.err(),
        store.ping().await.err(),
    ] {
        let error = error.expect("nothing is done");
        assert_eq!(error.kind, ErrorKind::Unavailable, "{}", words(&error));
        assert!(words(&error).contains("503"), "{}", words(&error));
    }
    let error = reader.read_at(0, &mut [0; 8]).expect_err("nothing is read");
    assert_eq!(error.kind(), io::ErrorKind::Other);
    server.outage(false);
    assert_eq!(read_all(reader.as_ref()).expect("it reads"), 100);
    store.ping().await.expect("it is back");
}

#[tokio::test]
async fn a_service_that_does_not_answer_is_not_waited_for() {
    let server = S3Server::start();
    let store = open_store(&S3Config { request_timeout_ms: 300, retries: 0, ..config(&server) });
    write(&store, "a/1", 100).await.expect("it is written");
    for operation in [Operation::Put, Operation::List, Operation::Head, Operation::Get] {
        server.fail(operation, [Fault::Held]);
    }
    let error = write(&store, "a/2", 100).await.expect_err("nobody answers");
    assert_eq!(error.kind, ErrorKind::Unavailable);
    assert!(words(&error).contains("did not answer in time"), "{}", words(&error));
    assert_eq!(store.ping().await.expect_err("nobody answers").kind, ErrorKind::Unavailable);
    assert_eq!(store.open("a/1").await.expect_err("nobody answers").kind, ErrorKind::Unavailable);
    let reader = store.open("a/1").await.expect("it answers again");
    let error = reader.read_at(0, &mut [0; 8]).expect_err("nobody answers");
    assert!(error.to_string().contains("cannot read a/1"), "{error}");
    assert_eq!(read_all(reader.as_ref()).expect("it reads"), 100);
}

#[tokio::test]
async fn nobody_at_the_endpoint_is_unavailable_by_name() {
    let server = S3Server::start();
    let config = S3Config { retries: 0, ..config(&server) };
    drop(server);
    let error = open_store(&config).ping().await.expect_err("nobody is there");
    assert_eq!(error.kind, ErrorKind::Unavailable);
    let words = words(&error);
    assert!(words.contains("cannot be reached") && words.contains("media.s3.endpoint"), "{words}");
}

#[tokio::test]
async fn wrong_credentials_are_denied_with_what_to_do_and_without_the_secret() {
    let server = S3Server::start();
    let wrong = "hunter2-hunter2-hunter2";
    for (id, secret, names) in [
        (ACCESS_KEY, wrong, "SignatureDoesNotMatch"),
        // What this server answers where Amazon's says InvalidAccessKeyId.
        ("AKIDOTHER", SECRET_KEY, "NotSignedUp"),
    ] {
        let store = open_store(&S3Config {
            access_key_id: id.to_owned(),
            secret_access_key: Secret::new(secret),
            ..config(&server)
        });
        for error in [
            store.ping().await.err(),
            store.open("a/1").await.err(),
            write(&store, "a/1", 100).await.err(),
            write(&store, "a/1", 6 * MIB).await.err(),
            store.delete("a/1").await.err(),
        ] {
            let error = error.expect("nobody is let in");
            let shown = format!("{} {error:?} {store:?}", words(&error));
            assert_eq!(error.kind, ErrorKind::Denied, "{shown}");
            assert!(shown.contains(names) && shown.contains("media.s3.access_key_id"), "{shown}");
            assert!(!shown.contains(secret), "{shown}");
        }
        assert_eq!(store.sweep().await.expect("a list may be forbidden"), 0);
    }
}

#[tokio::test]
async fn a_right_that_is_missing_is_denied() {
    let server = S3Server::start();
    let store = open_store(&config(&server));
    server.fail(Operation::Put, [Fault::Denied]);
    let error = write(&store, "a/1", 100).await.expect_err("it may not be written");
    assert_eq!(error.kind, ErrorKind::Denied);
    assert!(words(&error).contains("let the access key read, write"), "{}", words(&error));
}

#[tokio::test]
async fn a_missing_bucket_is_no_missing_recording() {
    let server = S3Server::start();
    let bucket = "no-such-bucket".to_owned();
    let store = open_store(&S3Config { bucket, ..config(&server) });
    for error in [
        store.ping().await.err(),
        store.open("a/1").await.err(),
        write(&store, "a/1", 100).await.err(),
        write(&store, "a/1", 6 * MIB).await.err(),
        store.delete("a/1").await.err(),
    ] {
        let error = error.expect("there is no bucket");
        let words = words(&error);
        assert_eq!(error.kind, ErrorKind::Misconfigured, "{words}");
        assert!(words.contains("media.s3.bucket"), "{words}");
    }
}

#[tokio::test]
async fn the_secret_can_be_in_a_file() {
    let server = S3Server::start();
    let folder = tempfile::tempdir().expect("there is space");
    let file = folder.path().join("secret");
    let config = S3Config {
        secret_access_key: Secret::default(),
        secret_access_key_file: Some(file.clone()),
        ..config(&server)
    };
    let refused = S3Media::open(&config).expect_err("there is no file");
    assert_eq!(refused.kind, ErrorKind::Misconfigured);
    assert!(words(&refused).contains(&file.display().to_string()), "{}", words(&refused));
    std::fs::write(&file, format!("{SECRET_KEY}\n")).expect("there is space");
    open_store(&config).ping().await.expect("the secret is right");
}

#[tokio::test]
async fn an_upload_that_fails_leaves_nothing() {
    let server = S3Server::start();
    let store = open_store(&S3Config { retries: 0, ..config(&server) });
    server.fail(Operation::Part, [Fault::Internal]);
    let failed = write(&store, "a/1", 11 * MIB).await;
    assert_eq!(failed.expect_err("a part is missing").kind, ErrorKind::Unavailable);
    while !server.unfinished().is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(server.keys().is_empty());
}
