//! Conformance: every promise of [`MediaStore`] as a function, for every backend alike.
//!
//! A backend's test file calls [`media_conformance!`](crate::media_conformance) with a way to open a
//! fresh store; each promise becomes one test of its name.
#![expect(clippy::missing_panics_doc, reason = "a broken promise is a panic")]

use std::sync::Arc;

use bytes::Bytes;
use futures_util::TryStreamExt;

use crate::error::ErrorKind;
use crate::store::{MediaReader, MediaStore};

/// Expands to one test per promise, run against the store that `$open` yields.
///
/// `$open` yields a [`Bench`]; what it keeps lives as long as the test.
#[macro_export]
macro_rules! media_conformance {
    (@tests $open:expr; $($promise:ident),+ $(,)?) => {
        $(
            #[tokio::test]
            async fn $promise() {
                let bench = $open;
                $crate::conformance::$promise(bench.store.as_ref()).await;
            }
        )+
    };
    ($open:expr) => {
        $crate::media_conformance! { @tests $open;
            what_was_written_in_pieces_reads_back_whole,
            any_range_reads_back_and_the_end_reads_nothing,
            nothing_is_visible_before_the_end_of_a_write,
            an_abandoned_write_leaves_what_was_there,
            a_second_write_replaces_the_first,
            an_open_recording_shows_no_other_bytes,
            a_store_that_can_be_used_says_so,
            a_missing_recording_is_not_found_and_can_be_deleted,
            keys_that_lead_elsewhere_are_refused_by_every_call,
            writes_side_by_side_do_not_mix,
            a_recording_without_bytes_is_one,
            recordings_are_listed_by_their_folder,
        }
    };
}

/// A fresh store, and what must live as long as it does.
#[derive(Debug)]
pub struct Bench<K = ()> {
    /// The store under test, empty.
    pub store: Arc<dyn MediaStore>,
    /// What it needs, such as its folder.
    pub kept: K,
}

/// Bytes that tell their own position.
fn pattern(length: usize) -> Bytes {
    (0..length).map(|i| u8::try_from(i % 251).unwrap_or(0)).collect()
}

/// Writes a recording in pieces.
async fn write(store: &dyn MediaStore, key: &str, bytes: &Bytes, piece: usize) -> u64 {
    let mut writer = store.create(key).await.expect("a write begins");
    for piece in bytes.chunks(piece.max(1)) {
        writer.write(Bytes::copy_from_slice(piece)).await.expect("bytes are taken");
    }
    writer.finish().await.expect("a write ends")
}

async fn open(store: &dyn MediaStore, key: &str) -> Arc<dyn MediaReader> {
    store.open(key).await.expect("the recording is there")
}

fn read(reader: &dyn MediaReader) -> Vec<u8> {
    let length = usize::try_from(reader.len()).expect("recordings of tests are small");
    read_range(reader, 0, length)
}

/// Reads a range, however the reader cuts it up.
fn read_range(reader: &dyn MediaReader, offset: u64, length: usize) -> Vec<u8> {
    let (mut bytes, mut at) = (vec![0; length], 0);
    while at < length {
        let from = offset + u64::try_from(at).expect("recordings of tests are small");
        match reader.read_at(from, &mut bytes[at..]).expect("the recording reads") {
            0 => break,
            read => at += read,
        }
    }
    bytes.truncate(at);
    bytes
}

async fn is_missing(store: &dyn MediaStore, key: &str) -> bool {
    store.open(key).await.is_err_and(|error| error.kind == ErrorKind::NotFound)
}

/// A recording reads back as it was written, whatever the pieces.
pub async fn what_was_written_in_pieces_reads_back_whole(store: &dyn MediaStore) {
    let bytes = pattern(1_500_000);
    for (key, piece) in [("a/1", 1_500_000), ("a/2", 65_536), ("a/3", 999)] {
        assert_eq!(write(store, key, &bytes, piece).await, 1_500_000);
        let reader = open(store, key).await;
        assert_eq!(reader.len(), 1_500_000);
        assert!(read(reader.as_ref()) == bytes, "{key} differs");
    }
}

/// Reads are random, and end at the end.
pub async fn any_range_reads_back_and_the_end_reads_nothing(store: &dyn MediaStore) {
    let bytes = pattern(10_000);
    write(store, "a/1", &bytes, 4_096).await;
    let reader = open(store, "a/1").await;
    assert_eq!(read_range(reader.as_ref(), 9_000, 500), bytes[9_000..9_500]);
    assert_eq!(read_range(reader.as_ref(), 10, 300), bytes[10..310]);
    assert_eq!(read_range(reader.as_ref(), 9_990, 100), bytes[9_990..]);
    let mut buf = [7; 4];
    assert_eq!(reader.read_at(10_000, &mut buf).expect("the end is no error"), 0);
    assert_eq!(reader.read_at(u64::MAX / 4, &mut buf).expect("past it neither"), 0);
}

/// Until `finish` returns there is nothing.
pub async fn nothing_is_visible_before_the_end_of_a_write(store: &dyn MediaStore) {
    let mut writer = store.create("a/1").await.expect("a write begins");
    writer.write(pattern(2_000_000)).await.expect("bytes are taken");
    assert!(is_missing(store, "a/1").await);
    writer.finish().await.expect("a write ends");
    assert!(!is_missing(store, "a/1").await);
}

/// A dropped or aborted write changes nothing.
pub async fn an_abandoned_write_leaves_what_was_there(store: &dyn MediaStore) {
    write(store, "a/1", &pattern(100), 100).await;
    for key in ["a/1", "a/2"] {
        let mut writer = store.create(key).await.expect("a write begins");
        writer.write(pattern(2_000_000)).await.expect("bytes are taken");
        drop(writer);
        let mut writer = store.create(key).await.expect("a write begins");
        writer.write(pattern(2_000_000)).await.expect("bytes are taken");
        writer.abort().await.expect("a write is given up");
    }
    assert_eq!(open(store, "a/1").await.len(), 100);
    assert!(is_missing(store, "a/2").await);
}

/// The last write wins.
pub async fn a_second_write_replaces_the_first(store: &dyn MediaStore) {
    write(store, "a/1", &pattern(300), 100).await;
    write(store, "a/1", &pattern(50), 100).await;
    assert_eq!(read(open(store, "a/1").await.as_ref()), pattern(50));
}

/// What was opened is what is read, or nothing.
pub async fn an_open_recording_shows_no_other_bytes(store: &dyn MediaStore) {
    let bytes = pattern(900_000);
    write(store, "a/1", &bytes, 100_000).await;
    let [replaced, deleted] = [open(store, "a/1").await, open(store, "a/1").await];
    write(store, "a/1", &Bytes::from(vec![255; 900_000]), 100_000).await;
    assert_is_or_is_gone(replaced.as_ref(), &bytes);
    store.delete("a/1").await.expect("it is deleted");
    assert!(is_missing(store, "a/1").await);
    for reader in [replaced, deleted] {
        assert_eq!(reader.len(), 900_000);
        assert_is_or_is_gone(reader.as_ref(), &bytes);
    }
}

/// Insists on the bytes of a recording, or on the error that says that they are gone.
fn assert_is_or_is_gone(reader: &dyn MediaReader, bytes: &Bytes) {
    for offset in [0, 450_000, 890_000] {
        let mut buf = [0; 1_000];
        match reader.read_at(offset, &mut buf) {
            Ok(read) => {
                let from = usize::try_from(offset).expect("recordings of tests are small");
                assert_eq!(buf[..read], bytes[from..from + read]);
            }
            Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::NotFound, "{error}"),
        }
    }
}

/// Nothing is wrong with a store that works.
pub async fn a_store_that_can_be_used_says_so(store: &dyn MediaStore) {
    store.ping().await.expect("it can be used");
}

/// Deletion and replacement are for those who come later; a promise of backends that hold the bytes of
/// what is open.
pub async fn an_open_recording_outlives_its_end(store: &dyn MediaStore) {
    write(store, "a/1", &pattern(300), 100).await;
    let earlier = open(store, "a/1").await;
    write(store, "a/1", &pattern(50), 100).await;
    assert_eq!(read(earlier.as_ref()), pattern(300));
    let reader = open(store, "a/1").await;
    store.delete("a/1").await.expect("it is deleted");
    assert!(is_missing(store, "a/1").await);
    assert_eq!(read(reader.as_ref()), pattern(50));
}

/// What is not there is not found, and its deletion is done.
pub async fn a_missing_recording_is_not_found_and_can_be_deleted(store: &dyn MediaStore) {
    write(store, "a/1", &pattern(300), 100).await;
    assert!(is_missing(store, "a/2").await);
    assert!(is_missing(store, "b").await);
    assert!(is_missing(store, "a").await, "a folder is no recording");
    assert!(is_missing(store, "a/1/2").await, "a recording is no folder");
    store.delete("a/2").await.expect("there is nothing to delete");
    store.delete("b/c").await.expect("there is nothing to delete");
}

/// No key leads out of the store.
pub async fn keys_that_lead_elsewhere_are_refused_by_every_call(store: &dyn MediaStore) {
    for key in ["", "/etc/passwd", "../a", "a/../../b", "a//b", ".hidden", "a#1", "a\0b"] {
        let kinds = [
            store.create(key).await.err().map(|error| error.kind),
            store.open(key).await.err().map(|error| error.kind),
            store.delete(key).await.err().map(|error| error.kind),
        ];
        assert_eq!(kinds, [Some(ErrorKind::BadKey); 3], "{key:?}");
    }
}

/// Each write has a place of its own, also under one key.
pub async fn writes_side_by_side_do_not_mix(store: &dyn MediaStore) {
    let mut first = store.create("a/1").await.expect("a write begins");
    let mut second = store.create("a/1").await.expect("a write begins");
    for _ in 0..3 {
        first.write(Bytes::from(vec![1; 700_000])).await.expect("bytes are taken");
        second.write(Bytes::from(vec![2; 600_000])).await.expect("bytes are taken");
    }
    second.finish().await.expect("a write ends");
    assert!(read(open(store, "a/1").await.as_ref()) == vec![2; 1_800_000]);
    first.finish().await.expect("a write ends");
    assert!(read(open(store, "a/1").await.as_ref()) == vec![1; 2_100_000]);
}

/// Nothing is a length too.
pub async fn a_recording_without_bytes_is_one(store: &dyn MediaStore) {
    let writer = store.create("a/1").await.expect("a write begins");
    assert_eq!(writer.finish().await.expect("a write ends"), 0);
    let reader = open(store, "a/1").await;
    assert!(reader.is_empty() && read(reader.as_ref()).is_empty());
}

/// A list has every recording of a folder once, and none that is still being written.
pub async fn recordings_are_listed_by_their_folder(store: &dyn MediaStore) {
    assert!(keys(store, "a").await.is_empty(), "a folder that is not there has none");
    for key in ["a/1", "a/b/2", "a/3", "b/4", "ab/5"] {
        write(store, key, &pattern(10), 10).await;
    }
    let writer = store.create("a/6").await.expect("a write begins");
    assert_eq!(keys(store, "a").await, ["a/1", "a/3", "a/b/2"]);
    writer.finish().await.expect("a write ends");
    store.delete("a/3").await.expect("it is deleted");
    assert_eq!(keys(store, "a").await, ["a/1", "a/6", "a/b/2"]);
}

/// Lists the keys of a folder, sorted.
async fn keys(store: &dyn MediaStore, folder: &str) -> Vec<String> {
    let mut keys: Vec<_> = store.keys(folder).try_collect().await.expect("the store lists");
    keys.sort();
    keys
}
