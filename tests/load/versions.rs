//! P22: a database of the version before and one of the first version are taken over with their running
//! jobs, one of the version after is refused and left as it is.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use reqwest::Method;
use reqwest::blocking::multipart::{Form, Part};
use rustix::process::Signal;
use scribed_tests::client::send;
use scribed_tests::{Client, Daemon, Program, say};
use serde_json::json;

use crate::desk::{Accepted, Desk, login, states};
use crate::sound::recording;
use crate::{alone, sql};

/// A database as the first migration made it, when there was no second: an account, a job of each kind,
/// and the recordings of the seeds 0 to 3 by name.
const FIRST: &str = include_str!("golden/sqlite-1.sql");
/// What the version before this one made of it, and added to it; whoever changes the schema adds the next.
const BEFORE: &str = include_str!("golden/sqlite-3.sql");
/// The account in it, whose password is that of the harness.
const OWNER: &str = "golden";
/// Its job that is done.
const DONE: i64 = 1;
/// Its job that another host was working on when that died: it has its first chunks.
const RUNNING: i64 = 3;
/// How many such jobs there are to be.
const MORE: i64 = 50;
/// The job of seed 4 that was added, and the name that its client gave it.
const NAMED: (i64, &str) = (5, "golden-4");

/// Makes a state folder with the first database and what came later, and recordings where it says that they
/// are.
#[track_caller]
fn old_state(folder: &Path, later: &str) -> Accepted {
    let database = folder.join("scribed.db");
    let copies = format!(
        "{FIRST}
        WITH RECURSIVE n (k) AS (VALUES (1) UNION ALL SELECT k + 1 FROM n WHERE k < {MORE} - 1)
        INSERT INTO media SELECT 100 + k, owner, 'recordings/' || (100 + k), file_name, content_type,
            size, created FROM media, n WHERE id = {RUNNING};
        WITH RECURSIVE n (k) AS (VALUES (1) UNION ALL SELECT k + 1 FROM n WHERE k < {MORE} - 1)
        INSERT INTO jobs SELECT 100 + k, owner, name, 100 + k, pipeline, options, priority, state,
            error_count, fault, facts, warnings, progress_frames, ready_chunks, planned_chunks,
            chunk_limit_secs, description, lease_holder, lease_until, fence, not_before, created, updated,
            finished FROM jobs, n WHERE id = {RUNNING};
        WITH RECURSIVE n (k) AS (VALUES (1) UNION ALL SELECT k + 1 FROM n WHERE k < {MORE} - 1)
        INSERT INTO chunks SELECT 100 + k, number, segments FROM chunks, n WHERE job = {RUNNING};
        {later}"
    );
    let rows = sql::run(&database, &copies, "SELECT id, file_name, key FROM media ORDER BY id");
    let mut accepted = Accepted::default();
    fs::create_dir_all(folder.join("media/recordings")).unwrap();
    for row in rows {
        let [id, name, key] = row.split('|').collect::<Vec<_>>().try_into().unwrap();
        let seed = name.trim_end_matches(".wav").parse().unwrap();
        let (wav, text) = recording(seed);
        fs::write(folder.join("media").join(key), wav).unwrap();
        accepted.0.insert(id.parse().unwrap(), (seed, text));
    }
    accepted
}

/// Lets a daemon take over the first database with what came later, and insists that all its jobs finish;
/// returns the daemon with the client who owns them.
#[track_caller]
fn taken_over(desk: &Desk, later: &str) -> (Daemon, Client) {
    let state = tempfile::tempdir().unwrap();
    let accepted = old_state(state.path(), later);
    let version = version_of(&state.path().join("scribed.db"));
    let begin = Instant::now();
    let daemon = desk.setup().start_on(state.path());
    let client = login(&Client::register(daemon.base()), OWNER);
    accepted.are_whole(&client);
    let states = states(&client);
    say(&format!(
        "versions: a database of schema {version} with {} jobs, {MORE} of them in work on a host that is gone, \
         is taken over; all completed and whole after {:.1} s",
        states.len(),
        begin.elapsed().as_secs_f64(),
    ));
    assert_eq!(states.len(), accepted.0.len());
    sql::is_whole(&daemon.state().join("scribed.db"));
    nothing_is_made_again(&daemon);
    (daemon, client)
}

/// Returns which schema a database has.
#[track_caller]
fn version_of(database: &Path) -> i64 {
    sql::run(database, "", "PRAGMA user_version")[0].parse().unwrap()
}

/// Insists that what was stored in the old database was not recognised again.
#[track_caller]
fn nothing_is_made_again(daemon: &Daemon) {
    // All of the job that was done, and the beginning of those in work.
    for line in daemon.log().lines() {
        let Some((_, rest)) = line.split_once("recognised chunk ") else { continue };
        let number: u32 = rest.split(':').next().unwrap().parse().unwrap();
        let job = rest.split("job=").nth(1).unwrap().split_whitespace().next().unwrap();
        let job: i64 = job.parse().unwrap();
        let stored = if job == DONE {
            20
        } else if job == RUNNING || job > 100 {
            5
        } else {
            0
        };
        assert!(number >= stored, "{line}");
    }
}

#[test]
fn a_database_of_the_first_version_is_taken_over_and_all_its_jobs_finish() {
    let _alone = alone();
    taken_over(&Desk::new(Duration::from_millis(1), ""), "");
}

#[test]
fn a_database_of_the_version_before_is_taken_over_with_its_keys_names_and_news() {
    let _alone = alone();
    let (daemon, client) = taken_over(&Desk::new(Duration::from_millis(1), ""), BEFORE);
    let database = daemon.state().join("scribed.db");
    assert_eq!(version_of(&database), 4, "schema 3 is no more the one before: add the next golden");
    // A repeat of a submission is the same job.
    let (job, name) = NAMED;
    let part = Part::bytes(recording(4).0).file_name("again.wav");
    let repeat = client.request(Method::POST, "/upload-audiofile");
    let repeat = repeat.multipart(Form::new().part("audiofile", part));
    let repeated = send(repeat.header("Idempotency-Key", name)).status(200).json();
    assert_eq!(repeated["task_id"], job);
    // A key opens what it opened, and one that was revoked nothing.
    let with_key = |half: &str| client.with_token(&format!("scribed_{}", half.repeat(32)));
    let path = format!("/speechtotext/v1/jobs/{job}");
    let seen = with_key("a5").get(&path).status(200).json();
    assert_eq!((&seen["status"], &seen["metadata"]), (&json!("transcribed"), &json!("case 7")));
    assert_eq!(with_key("5a").get(&path).status, 401);
    // Nobody is told here; whoever is to be told later learns it all, and nothing of what was told before.
    let untold = sql::run(&database, "", "SELECT id FROM jobs WHERE has_news = 1 ORDER BY id");
    assert_eq!(untold, [RUNNING.to_string(), job.to_string()]);
}

#[test]
fn a_database_of_the_version_after_is_refused_and_left_as_it_is() {
    let _alone = alone();
    let desk = Desk::new(Duration::from_millis(1), "");
    let mut daemon = desk.setup().start();
    let client = daemon.client();
    let mut accepted = Accepted::default();
    for seed in 0..3 {
        accepted.submit(&client, seed);
    }
    accepted.are_whole(&client);
    daemon.signal(Signal::TERM);
    assert_eq!(daemon.ended().code(), Some(0));
    let database = daemon.state().join("scribed.db");
    let version = version_of(&database);
    let after = version + 1;
    sql::run(
        &database,
        &format!("CREATE TABLE news (x); PRAGMA user_version = {after}"),
        "SELECT 1",
    );
    let before = (fs::read(&database).unwrap(), listed(daemon.state()));
    let backup = daemon.state().join("copy");
    let commands: [&[&str]; 4] =
        [&["run"], &["jobs", "list"], &["account", "list"], &["backup", backup.to_str().unwrap()]];
    for command in commands {
        let refused = Program::new(daemon.state()).config(&desk.config()).run(command);
        assert!(matches!(refused.code, Some(1 | 2)), "{command:?}: {refused:?}");
        refused.says(&format!(
            "its schema has version {after} and this program knows versions up to {version}"
        ));
        refused.says("run the version of scribed that wrote it, or a newer one");
        assert_eq!(fs::read(&database).unwrap(), before.0, "{command:?} changed it");
    }
    fs::remove_dir_all(&backup).ok();
    assert_eq!(listed(daemon.state()), before.1, "nothing is left beside it");
    // Whoever wrote it finds it as it was.
    sql::run(&database, &format!("DROP TABLE news; PRAGMA user_version = {version}"), "SELECT 1");
    daemon.start_again();
    let client = client.at(&daemon);
    accepted.are_whole(&client);
    say(&format!(
        "versions: a database of schema {after} is refused by {} commands and is the same to the byte",
        commands.len()
    ));
}

/// Lists what lies beside a database, but for an empty log with its index: whoever only reads a closed
/// database leaves them.
fn listed(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap().flatten();
    let names = entries.filter_map(|entry| {
        let name = entry.file_name().to_string_lossy().into_owned();
        let log = name.ends_with("-wal") && entry.metadata().unwrap().len() == 0;
        (!log && !name.ends_with("-shm")).then_some(name)
    });
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}
