//! Recordings in a folder: the promises, and what is on the disk.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use scribed_media::conformance::Bench;
use scribed_media::{Config, LocalMedia, MediaStore};
use tempfile::TempDir;

fn bench() -> Bench<TempDir> {
    let folder = tempfile::tempdir().expect("there is space");
    let store = LocalMedia::open(folder.path().join("media"), &Config::default());
    Bench { store: Arc::new(store.expect("the folder opens")), kept: folder }
}

scribed_media::media_conformance!(bench());
scribed_media::media_conformance!(@tests bench(); an_open_recording_outlives_its_end);

/// Lists all files below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).expect("the folder is there") {
        let path = entry.expect("the folder reads").path();
        if path.is_dir() { files.extend(self::files(&path)) } else { files.push(path) }
    }
    files
}

#[tokio::test]
async fn an_aborted_write_leaves_no_file() {
    let bench = bench();
    let mut writer = bench.store.create("recordings/1").await.expect("a write begins");
    writer.write(Bytes::from(vec![1; 2_000_000])).await.expect("bytes are taken");
    assert_eq!(files(bench.kept.path()).len(), 1);
    writer.abort().await.expect("a write is given up");
    assert!(files(bench.kept.path()).is_empty());
}

#[test]
fn a_dropped_write_leaves_no_file() {
    let bench = bench();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime starts");
    runtime.block_on(async {
        let mut writer = bench.store.create("recordings/1").await.expect("a write begins");
        writer.write(Bytes::from(vec![1; 2_000_000])).await.expect("bytes are taken");
    });
    // The runtime waits for the removal, which runs on one of its blocking threads.
    drop(runtime);
    assert!(files(bench.kept.path()).is_empty());
}

#[tokio::test]
async fn the_sweep_removes_what_a_crash_left_and_nothing_else() {
    let bench = bench();
    let writer = bench.store.create("recordings/1").await.expect("a write begins");
    writer.finish().await.expect("a write ends");
    let folder = bench.kept.path().join("media");
    for left in ["recordings/2#1", "recordings/2#12", "top#3"] {
        std::fs::write(folder.join(left), "half").expect("there is space");
    }
    for other in ["recordings/notes#draft", "recordings/3#"] {
        std::fs::write(folder.join(other), "somebody's").expect("there is space");
    }
    assert_eq!(bench.store.sweep().await.expect("the folder reads"), 3);
    let mut names: Vec<_> =
        files(&folder).iter().filter_map(|f| f.file_name()).map(ToOwned::to_owned).collect();
    names.sort();
    assert_eq!(names, ["1", "3#", "notes#draft"]);
    assert_eq!(bench.store.sweep().await.expect("the folder reads"), 0);
}

#[tokio::test]
async fn the_sweep_of_a_shared_folder_leaves_what_another_host_may_be_writing() {
    let kept = tempfile::tempdir().expect("there is space");
    let folder = kept.path().join("media");
    let config = Config { shared: true, ..Config::default() };
    let store = LocalMedia::open(&folder, &config).expect("the folder is made");
    let days_ago = std::time::SystemTime::now() - std::time::Duration::from_secs(2 * 86_400);
    for (name, written) in [("fresh#1", None), ("old#1", Some(days_ago))] {
        std::fs::write(folder.join(name), "half").expect("there is space");
        if let Some(written) = written {
            let file = std::fs::File::options().write(true).open(folder.join(name));
            file.and_then(|file| file.set_modified(written)).expect("times can be set");
        }
    }
    assert_eq!(store.sweep().await.expect("the folder reads"), 1);
    assert!(folder.join("fresh#1").exists());
}

#[tokio::test]
async fn a_failed_end_leaves_no_file() {
    let bench = bench();
    let folder = bench.kept.path().join("media");
    // A folder stands where the recording is to go, so that the rename fails.
    std::fs::create_dir_all(folder.join("recordings/1/inside")).expect("there is space");
    let mut writer = bench.store.create("recordings/1").await.expect("a write begins");
    writer.write(Bytes::from_static(b"bytes")).await.expect("bytes are taken");
    writer.finish().await.expect_err("the place is taken");
    assert!(files(&folder).is_empty());
}

#[test]
fn the_folder_is_made_for_this_user_alone() {
    let bench = bench();
    let metadata = std::fs::metadata(bench.kept.path().join("media")).expect("it was made");
    assert_eq!(metadata.permissions().mode() & 0o777, 0o700);
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let file = tempfile::NamedTempFile::new().expect("there is space");
    let refused = LocalMedia::open(file.path().join("media"), &Config::default());
    let error = refused.expect_err("a file is no folder");
    assert!(error.to_string().contains(&file.path().display().to_string()), "{error}");
}
