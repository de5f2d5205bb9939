//! What only a store on disk promises: restarts, kills, locks, and files that must be refused.
#![expect(clippy::unwrap_used, reason = "the steps that tests share stop at the first surprise")]

use std::collections::BTreeMap;
use std::error::Error as _;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use scribed_schemas::callback::{Callback, CallbackStyle, Delivery};
use scribed_schemas::id::JobId;
use scribed_schemas::job::{Awaits, JobOptions};
use scribed_store::conformance::{account, at, chunk, claim_at, key, media, message, new_job};
use scribed_store::{
    Error, ErrorKind, NewJob, Outcome, SqliteConfig, SqliteStore, Store, Submitted, Supply,
};
use tempfile::TempDir;
use tokio::task::JoinSet;

/// A folder for a database, and the file's path.
fn fresh() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("scribed.db");
    (folder, path)
}

/// Opens a database that must open.
fn open(path: &Path) -> Arc<SqliteStore> {
    Arc::new(SqliteStore::open(path, &SqliteConfig::default()).unwrap())
}

/// Opens a database that must be refused, and returns the error with its words.
fn refused(path: &Path) -> (ErrorKind, String) {
    words(&SqliteStore::open(path, &SqliteConfig::default()).unwrap_err())
}

/// Returns the kind of an error, and its chain as a person reads it.
fn words(error: &Error) -> (ErrorKind, String) {
    let cause = error.source().map(ToString::to_string).unwrap_or_default();
    (error.kind, format!("{error}: {cause}"))
}

/// Returns a file that SQLite keeps beside the database.
fn beside(path: &Path, suffix: &str) -> PathBuf {
    PathBuf::from(format!("{}{suffix}", path.display()))
}

/// Runs SQL on a database that nobody has open.
fn run_sql(path: &Path, sql: &str) {
    rusqlite::Connection::open(path).unwrap().execute_batch(sql).unwrap();
}

/// Copies database and log as a killed process leaves them: nothing is closed, all is written.
fn killed(path: &Path, target: &Path) {
    fs::copy(path, target).unwrap();
    fs::copy(beside(path, "-wal"), beside(target, "-wal")).unwrap();
}

/// Stores one row of each kind: an account, a job with two chunks, a message, an offset.
async fn fill(store: &SqliteStore) {
    store.create_account(account(1)).await.unwrap();
    store.submit(NewJob { idempotency: key("k", "body"), ..new_job(1) }).await.unwrap();
    let job = store.claim(claim_at(10)).await.unwrap().unwrap();
    for number in 0..2 {
        store.put_chunk(job.id, job.fence, chunk(number, "kept"), at(11)).await.unwrap();
    }
    store.append("topic", message(1)).await.unwrap();
    store.commit("topic", "group", 1).await.unwrap();
}

/// Checks that everything of `fill` is there.
async fn check_filled(store: &SqliteStore) {
    assert_eq!(store.account(account(1).id).await.unwrap(), Some(account(1)));
    let job = store.job(new_job(1).id).await.unwrap().unwrap();
    assert_eq!((job.ready_chunks, job.fence), (2, 1));
    let chunks = store.chunks(job.id, 0, 9).await.unwrap();
    assert_eq!(chunks, [chunk(0, "kept"), chunk(1, "kept")]);
    assert_eq!(store.read("topic", 0, 9).await.unwrap(), [(0, message(1))]);
    assert_eq!(store.committed("topic", "group").await.unwrap(), 1);
    let again = NewJob { idempotency: key("k", "body"), ..new_job(2) };
    assert_eq!(store.submit(again).await.unwrap(), Submitted::Existing(job));
    assert_eq!(store.jobs(None, 0, 9).await.unwrap().total, 1);
}

#[tokio::test]
async fn everything_is_there_after_a_clean_restart() {
    let (_folder, path) = fresh();
    let store = open(&path);
    fill(&store).await;
    store.close().await;
    assert!(!beside(&path, "-wal").exists(), "a closed database is one file");
    check_filled(&open(&path)).await;
}

#[tokio::test]
async fn everything_is_there_after_a_drop_without_close() {
    let (_folder, path) = fresh();
    let store = open(&path);
    fill(&store).await;
    drop(store);
    check_filled(&open(&path)).await;
}

#[tokio::test]
async fn everything_acknowledged_is_there_after_a_kill() {
    let (folder, path) = fresh();
    let store = open(&path);
    fill(&store).await;
    let copy = folder.path().join("killed.db");
    killed(&path, &copy);
    assert!(fs::metadata(beside(&copy, "-wal")).unwrap().len() > 0, "the kill left a log");
    check_filled(&open(&copy)).await;
}

#[tokio::test]
async fn a_copy_is_what_was_committed_when_it_was_made() {
    let (folder, path) = fresh();
    let copy = folder.path().join("copy.db");
    let store = open(&path);
    fill(&store).await;
    let copied = SqliteStore::copy(&path, &copy, &SqliteConfig::default()).unwrap();
    assert_eq!((copied.jobs, copied.recordings.len()), (1, 1));
    store.submit(new_job(2)).await.unwrap();
    check_filled(&open(&copy)).await;
    assert_eq!(fs::metadata(&copy).unwrap().permissions().mode() & 0o777, 0o600);
    let taken = SqliteStore::copy(&path, &copy, &SqliteConfig::default()).unwrap_err();
    assert_eq!(taken.kind, ErrorKind::Conflict, "what is there is not written over");
}

#[tokio::test]
async fn a_copy_of_what_a_kill_left_leaves_it_as_it_is() {
    let (folder, path) = fresh();
    let store = open(&path);
    fill(&store).await;
    let (left, copy) = (folder.path().join("killed.db"), folder.path().join("copy.db"));
    killed(&path, &left);
    let before = (fs::read(&left).unwrap(), fs::read(beside(&left, "-wal")).unwrap());
    SqliteStore::copy(&left, &copy, &SqliteConfig::default()).unwrap();
    assert_eq!((fs::read(&left).unwrap(), fs::read(beside(&left, "-wal")).unwrap()), before);
    check_filled(&open(&copy)).await;
}

#[tokio::test]
async fn a_job_goes_on_after_a_kill_where_its_text_ends() {
    let (folder, path) = fresh();
    let store = open(&path);
    fill(&store).await;
    let copy = folder.path().join("killed.db");
    killed(&path, &copy);
    let store = open(&copy);
    assert_eq!(store.claim(claim_at(20)).await.unwrap(), None, "the lease outlives its holder");
    let job = store.claim(claim_at(40)).await.unwrap().unwrap();
    assert_eq!((job.fence, store.stored_chunks(job.id).await.unwrap()), (2, vec![0, 1]));
    store.put_chunk(job.id, job.fence, chunk(2, "new"), at(41)).await.unwrap();
    let job = store.finish(job.id, job.fence, Outcome::Completed, at(42)).await.unwrap();
    assert_eq!(job.ready_chunks, 3);
}

#[tokio::test]
async fn a_log_cut_off_anywhere_leaves_a_gapless_beginning() {
    const MESSAGES: i64 = 40;
    let (folder, path) = fresh();
    let store = open(&path);
    for number in 0..MESSAGES {
        store.append("topic", message(u8::try_from(number).unwrap())).await.unwrap();
    }
    let whole = fs::read(beside(&path, "-wal")).unwrap();
    let mut shortest = MESSAGES;
    // 37 cuts at odd places: inside headers, frames and pages.
    for cut in 0..37 {
        let copy = folder.path().join(format!("cut-{cut}.db"));
        killed(&path, &copy);
        let length = whole.len() * cut / 37 + cut;
        fs::write(beside(&copy, "-wal"), &whole[..length.min(whole.len())]).unwrap();
        let read = open(&copy).read("topic", 0, 100).await.unwrap();
        let offsets: Vec<i64> = read.iter().map(|(offset, _)| *offset).collect();
        let expected: Vec<i64> = (0..i64::try_from(read.len()).unwrap()).collect();
        assert_eq!(offsets, expected, "after a cut at byte {length}");
        shortest = shortest.min(i64::try_from(read.len()).unwrap());
    }
    assert!(shortest < MESSAGES, "the cuts hit what matters");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn closing_keeps_every_write_that_was_answered() {
    let (_folder, path) = fresh();
    let store = open(&path);
    let mut writes = JoinSet::new();
    for number in 0..100 {
        let store = Arc::clone(&store);
        writes.spawn(async move { store.create_account(account(number)).await.map(|()| number) });
    }
    tokio::task::yield_now().await;
    store.close().await;
    let answers = writes.join_all().await;
    let store = open(&path);
    for answer in answers {
        match answer {
            Ok(number) => {
                assert!(store.account(account(number).id).await.unwrap().is_some());
            }
            Err(error) => assert_eq!(words(&error).0, ErrorKind::Unavailable, "{error}"),
        }
    }
}

#[tokio::test]
async fn a_closed_store_refuses_calls() {
    let (_folder, path) = fresh();
    let store = open(&path);
    Arc::clone(&store).close().await;
    let (kind, text) = words(&store.append("topic", message(1)).await.unwrap_err());
    assert_eq!(kind, ErrorKind::Unavailable);
    assert!(text.contains("cannot append to topic topic") && text.contains("closed"), "{text}");
    let read = store.job(new_job(1).id).await.unwrap_err();
    assert_eq!(read.kind, ErrorKind::Unavailable);
    assert_eq!(store.ping().await.unwrap_err().kind, ErrorKind::Unavailable);
}

#[tokio::test]
async fn a_second_opener_sees_what_the_first_wrote_and_writes_too() {
    let (_folder, path) = fresh();
    let (daemon, command) = (open(&path), open(&path));
    fill(&daemon).await;
    check_filled(&command).await;
    command.cancel(new_job(1).id, at(50)).await.unwrap();
    let seen = daemon.job(new_job(1).id).await.unwrap().unwrap();
    assert!(seen.state.is_terminal());
    command.close().await;
    assert_eq!(daemon.append("topic", message(2)).await.unwrap(), 1, "one closes, the other stays");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_write_does_not_undo_those_committed_with_it() {
    let (_folder, path) = fresh();
    let store = open(&path);
    let mut writes = JoinSet::new();
    for number in 0..200 {
        let store = Arc::clone(&store);
        // Each name comes twice, so half of them are refused.
        let mut made = account(number);
        made.username = format!("name-{}", number % 100);
        writes.spawn(async move { store.create_account(made).await.map_err(|e| e.kind) });
    }
    let answers = writes.join_all().await;
    let count = |wanted| answers.iter().filter(|answer| **answer == wanted).count();
    assert_eq!((count(Ok(())), count(Err(ErrorKind::Conflict))), (100, 100));
    assert_eq!(store.accounts(None, 1_000).await.unwrap().len(), 100);
}

#[tokio::test]
async fn only_the_owner_may_read_the_files() {
    let (_folder, path) = fresh();
    let store = open(&path);
    fill(&store).await;
    for file in [path.clone(), beside(&path, "-wal")] {
        let mode = fs::metadata(&file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{}", file.display());
    }
}

#[tokio::test]
async fn a_newer_schema_is_refused_and_left_alone() {
    let (_folder, path) = fresh();
    open(&path).close().await;
    run_sql(&path, "PRAGMA user_version = 99");
    let before = fs::read(&path).unwrap();
    let (kind, text) = refused(&path);
    assert_eq!(kind, ErrorKind::Corrupt);
    let expected = "its schema has version 99 and this program knows versions up to 4";
    assert!(text.contains(expected) && text.contains(path.to_str().unwrap()), "{text}");
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[tokio::test]
async fn a_database_of_the_first_version_is_brought_up_to_date_with_its_jobs() {
    let (_folder, path) = fresh();
    let first = include_str!("../../../schemas/sqlite/0001_first.sql");
    // "SCRB" in ASCII marks the file as ours.
    let ours = "PRAGMA application_id = 1396920898; PRAGMA user_version = 1";
    let job = "INSERT INTO jobs VALUES (7, 1, 'a talk', NULL, 'default', '{}', 1, 'queued', 0, NULL, \
               NULL, '[]', 0, 0, NULL, 30, '', NULL, NULL, 0, 0, 5, 5, NULL)";
    run_sql(&path, &format!("{first}; {job}; {ours}"));
    let store = open(&path);
    let job = store.job(JobId(7)).await.unwrap().expect("it is still there");
    assert_eq!((job.name.as_str(), job.outbox), ("a talk", None));
    assert!(store.untold(at(1_000), None, 10).await.unwrap().is_empty(), "nobody was told before");
    store.close().await;
}

#[tokio::test]
async fn a_database_of_the_third_version_is_brought_up_to_date_with_its_jobs() {
    let (_folder, path) = fresh();
    let schema = [
        include_str!("../../../schemas/sqlite/0001_first.sql"),
        include_str!("../../../schemas/sqlite/0002_outbox.sql"),
        include_str!("../../../schemas/sqlite/0003_api_keys.sql"),
    ];
    let rows = "INSERT INTO accounts VALUES (1, 'anna', '$argon2id$', 'user', 1, 1, 0, 5, 5);
        INSERT INTO media VALUES (2, 1, '1/2', 'talk.wav', 'audio/wav', 9, 5);
        INSERT INTO jobs VALUES (7, 1, 'a talk', 2, 'default', '{\"language\":\"en\"}', 1, 'queued', 0,
            NULL, NULL, '[]', 0, 0, NULL, 30, '', NULL, NULL, 0, 0, 5, 5, NULL,
            '{\"pending\":[],\"changes\":1,\"chunks\":0,\"transcript\":false}', 0);
        INSERT INTO jobs VALUES (8, 1, 'done', NULL, 'default', '{}', 1, 'completed', 0, NULL, NULL, '[]',
            0, 0, NULL, 30, '', NULL, NULL, 1, 0, 5, 9, 9, NULL, 0)";
    let ours = "PRAGMA application_id = 1396920898; PRAGMA user_version = 3";
    run_sql(&path, &format!("{}; {rows}; {ours}", schema.concat()));
    let store = open(&path);
    let account = store.account_by_name("anna").await.unwrap().expect("it is still there");
    assert!(!account.holds_jobs && account.active);
    let done = store.job(JobId(8)).await.unwrap().unwrap();
    assert_eq!((done.awaits, done.follow_up), (Awaits::default(), None));
    assert!(store.follow_ups(None, None, 10).await.unwrap().is_empty());
    let job = store.claim(claim_at(10)).await.unwrap().expect("it is still queued");
    assert_eq!((job.id, job.awaits, &job.follow_up), (JobId(7), Awaits::default(), &None));
    assert!(job.options.callback.is_none() && job.outbox.is_some());
    store.close().await;
    assert_eq!(open(&path).job(JobId(7)).await.unwrap(), Some(job));
}

#[tokio::test]
async fn what_waits_and_what_follows_is_there_after_a_kill() {
    let (folder, path) = fresh();
    let store = open(&path);
    let callback = Callback {
        url: "https://example.org/done".to_owned(),
        style: CallbackStyle::Cielo24,
        headers: BTreeMap::new(),
    };
    let options = JobOptions {
        callback: Some(callback),
        delete_after_secs: Some(60),
        ..JobOptions::default()
    };
    let awaits = Awaits { media: true, order: true, authorization: false };
    for number in 1..=2 {
        let options = options.clone();
        let new = NewJob { media: None, awaits, options, ..new_job(number) };
        store.submit(new).await.unwrap();
    }
    let supply =
        Supply::Media { media: media(1), facts: None, source: None, key: key("talk", "body") };
    store.supply(JobId(1), supply, at(5)).await.unwrap();
    store.cancel(JobId(2), at(6)).await.unwrap().unwrap();
    let tried = Delivery { attempts: 1, ..Delivery::due_at(at(90)) };
    let noted = store.note_delivery(JobId(2), 0, tried).await.unwrap();
    let copy = folder.path().join("killed.db");
    killed(&path, &copy);
    let store = open(&copy);
    let waits = store.job(JobId(1)).await.unwrap().unwrap();
    assert!(waits.awaits.order && !waits.awaits.media);
    assert_eq!(waits.media, Some(media(1).id));
    assert_eq!(store.media(media(1).id).await.unwrap(), Some(media(1)));
    assert_eq!(store.job(JobId(2)).await.unwrap(), noted);
    assert_eq!(store.follow_ups(Some(at(89)), None, 9).await.unwrap(), []);
    assert_eq!(store.follow_ups(Some(at(90)), None, 9).await.unwrap(), [JobId(2)]);
}

#[tokio::test]
async fn the_database_of_another_program_is_refused_and_left_alone() {
    let (_folder, path) = fresh();
    run_sql(&path, "CREATE TABLE songs (title TEXT); INSERT INTO songs VALUES ('mine')");
    let before = fs::read(&path).unwrap();
    let (kind, text) = refused(&path);
    assert_eq!(kind, ErrorKind::Corrupt);
    assert!(text.contains("another program"), "{text}");
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[tokio::test]
async fn a_file_that_is_no_database_is_refused() {
    let (_folder, path) = fresh();
    fs::write(&path, "this is a letter to my aunt, and no database at all\n".repeat(100)).unwrap();
    let (kind, text) = refused(&path);
    assert_eq!(kind, ErrorKind::Corrupt);
    assert!(text.contains("not a database"), "{text}");
}

#[tokio::test]
async fn damage_is_found_after_an_unclean_stop() {
    let (_folder, path) = fresh();
    let store = open(&path);
    for number in 0..200 {
        store.append("topic", message(number)).await.unwrap();
    }
    store.close().await;
    let mut bytes = fs::read(&path).unwrap();
    let middle = bytes.len() / 2 / 4_096 * 4_096;
    bytes[middle..].fill(0xa5);
    fs::write(&path, bytes).unwrap();
    // Any log says that the last user did not close; this one holds nothing to replay.
    fs::write(beside(&path, "-wal"), [0; 32]).unwrap();
    let (kind, text) = refused(&path);
    assert_eq!(kind, ErrorKind::Corrupt);
    assert!(text.contains("restore it from a backup") || text.contains("malformed"), "{text}");
}

#[tokio::test]
async fn a_missing_folder_is_named() {
    let (folder, _) = fresh();
    let (kind, text) = refused(&folder.path().join("nowhere/scribed.db"));
    assert_eq!(kind, ErrorKind::NotFound);
    assert!(text.contains("nowhere") && text.contains("another state folder"), "{text}");
}

#[test]
fn a_folder_that_cannot_be_written_is_named() {
    // Nobody may make files here, not even root.
    let proc = Path::new("/proc/sys");
    for (kind, text) in
        [refused(&proc.join("scribed.db")), words(&SqliteStore::lock(proc).unwrap_err())]
    {
        assert!(matches!(kind, ErrorKind::Denied | ErrorKind::NotFound), "{kind:?}: {text}");
        assert!(text.contains("/proc/sys") && text.contains("state folder"), "{text}");
    }
}

#[test]
fn a_second_daemon_is_refused_with_the_pid_of_the_first() {
    let (folder, _) = fresh();
    let first = SqliteStore::lock(folder.path()).unwrap();
    let (kind, text) = words(&SqliteStore::lock(folder.path()).unwrap_err());
    assert_eq!(kind, ErrorKind::Locked);
    let holder = format!("process {}", std::process::id());
    assert!(text.contains(&holder), "{text}");
    assert!(text.contains(folder.path().to_str().unwrap()), "{text}");
    drop(first);
    let _again = SqliteStore::lock(folder.path()).unwrap();
}

#[test]
fn a_lock_that_is_let_go_a_moment_later_is_waited_for() {
    let (folder, _) = fresh();
    let first = SqliteStore::lock(folder.path()).unwrap();
    // As the child of a killed daemon does once it begins as a program of its own.
    let lets_go = std::thread::spawn(move || {
        std::thread::sleep(std::time::Duration::from_millis(200));
        drop(first);
    });
    let _mine = SqliteStore::lock(folder.path()).unwrap();
    lets_go.join().unwrap();
}

#[test]
fn the_lock_of_a_daemon_that_died_is_free() {
    let (folder, _) = fresh();
    fs::write(folder.path().join("lock"), "999999\n").unwrap();
    let _mine = SqliteStore::lock(folder.path()).unwrap();
    let noted = fs::read_to_string(folder.path().join("lock")).unwrap();
    assert_eq!(noted, format!("{}\n", std::process::id()));
}
