//! Recordings that no job has.

use std::sync::Arc;
use std::time::Duration;

use scribed_engine::Config;
use scribed_engine::testing::{Bench, submission};
use scribed_media::MediaStore;
use scribed_schemas::id::AccountId;
use scribed_store::{MemoryStore, Submitted};
use tokio_util::sync::CancellationToken;

const OWNER: AccountId = AccountId(1);
const AGE: Duration = Duration::from_secs(300);

/// Lets a bench look for orphans, as a daemon does, until the token is cancelled.
fn watched(bench: &Bench) -> CancellationToken {
    let (engine, stop) = (bench.engine.clone(), CancellationToken::new());
    tokio::spawn({
        let stop = stop.clone();
        async move { engine.remove_orphans(stop).await }
    });
    stop
}

#[tokio::test(start_paused = true)]
async fn a_recording_without_a_job_is_removed_when_it_is_old_and_no_other_is() {
    let bench = Bench::new();
    bench.submit("with a job").await;
    let orphan = bench.record(OWNER, "without").await.key;
    for other in ["events/1", "recordings/notes", "mine"] {
        bench.media.create(other).await.unwrap().finish().await.unwrap();
    }
    let _stop = watched(&bench);
    tokio::time::sleep(AGE * 9 / 10).await;
    assert!(bench.media.keys().contains(&orphan), "it may be about to get its job");
    tokio::time::sleep(AGE / 5).await;
    let left = bench.media.keys();
    assert!(!left.contains(&orphan) && left.len() == 4, "{left:?}");
}

#[tokio::test(start_paused = true)]
async fn a_recording_that_gets_its_job_meanwhile_stays() {
    let bench = Bench::new();
    let media = bench.record(OWNER, "slow").await;
    let _stop = watched(&bench);
    tokio::time::sleep(AGE / 3).await;
    let submitted = bench.engine.submit(submission(OWNER, media.clone())).await.unwrap();
    assert!(matches!(submitted, Submitted::Created(_)));
    tokio::time::sleep(AGE * 2).await;
    assert!(bench.media.keys().contains(&media.key));
}

#[tokio::test(start_paused = true)]
async fn a_recording_whose_job_comes_too_late_is_refused() {
    let bench = Bench::new();
    let media = bench.record(OWNER, "late").await;
    tokio::time::sleep(AGE / 2).await;
    let refused = bench.engine.submit(submission(OWNER, media)).await.unwrap_err().to_string();
    assert!(refused.contains("after 150 s"), "{refused}");
    let jobs = bench.store.jobs(None, 0, 10).await.unwrap();
    assert_eq!(jobs.total, 0);
}

#[tokio::test(start_paused = true)]
async fn orphans_are_kept_where_nothing_is_to_be_removed() {
    let config = Config { orphan_secs: 0, ..Config::default() };
    let bench = Bench::with(config, Arc::new(MemoryStore::new()));
    let orphan = bench.record(OWNER, "without").await;
    let stop = watched(&bench);
    tokio::time::sleep(AGE * 1_000).await;
    assert_eq!(bench.media.keys(), [orphan.key.as_str()]);
    let late = bench.engine.submit(submission(OWNER, orphan)).await.unwrap();
    assert!(matches!(late, Submitted::Created(_)));
    stop.cancel();
}

#[tokio::test(start_paused = true)]
async fn a_daemon_that_runs_for_long_looks_again() {
    let bench = Bench::new();
    let _stop = watched(&bench);
    tokio::time::sleep(AGE).await;
    let orphan = bench.record(OWNER, "later").await.key;
    tokio::time::sleep(Duration::from_secs(25 * 60 * 60)).await;
    assert!(!bench.media.keys().contains(&orphan));
}

#[tokio::test(start_paused = true)]
async fn where_most_recordings_have_no_job_none_is_removed() {
    let bench = Bench::new();
    for _ in 0..3 {
        bench.submit("with a job").await;
    }
    for _ in 0..12 {
        bench.record(OWNER, "of another database").await;
    }
    let _stop = watched(&bench);
    tokio::time::sleep(AGE * 3).await;
    assert_eq!(bench.media.keys().len(), 15);
}
