//! Promises about submissions and lists of jobs.

use std::sync::Arc;

use scribed_schemas::audio::MediaFacts;
use scribed_schemas::id::{AccountId, JobId, MediaId};
use scribed_schemas::job::{Job, JobState, Priority};
use scribed_schemas::media::Media;
use tokio::task::JoinSet;

use super::{Bench, at, key, kind, media, new_job};
use crate::error::ErrorKind;
use crate::store::{NewJob, Outcome, Submitted};

/// A new job is queued, untouched, and reads back as it was answered.
pub async fn a_submitted_job_reads_back_queued(bench: &Bench) {
    let facts = MediaFacts {
        container: "wav".to_owned(),
        codec: "pcm_s16le".to_owned(),
        sample_rate: 44_100,
        channels: 2,
        frames: Some(88_200),
    };
    let new = NewJob {
        priority: Priority::Priority,
        facts: Some(facts.clone()),
        now: at(5),
        ..new_job(7)
    };
    let job = bench.submit(new.clone()).await;
    assert_eq!(bench.job(JobId(7)).await, job);
    assert_eq!((job.state, job.priority), (JobState::Queued, Priority::Priority));
    assert_eq!((job.owner, job.name, job.options), (new.owner, new.name, new.options));
    assert_eq!((job.media, job.facts), (new.media.map(|media| media.id), Some(facts)));
    assert_eq!((job.created, job.updated, job.finished), (at(5), at(5), None));
    assert_eq!((job.error_count, job.ready_chunks, job.fence, job.lease), (0, 0, 0, None));
    assert_eq!((job.pipeline.as_str(), job.chunk_limit_secs), ("default", 30));
    assert_eq!(bench.store.job(JobId(8)).await.unwrap(), None);
}

/// The recording is there as soon as its job is.
pub async fn a_job_brings_its_recording(bench: &Bench) {
    bench.submit(new_job(1)).await;
    assert_eq!(bench.store.media(media(1).id).await.unwrap(), Some(media(1)));
    assert_eq!(bench.store.media(MediaId(1)).await.unwrap(), None);
}

/// A repeat about a recording keeps what was stored first.
pub async fn recording_a_recording_twice_changes_nothing(bench: &Bench) {
    bench.store.create_media(media(1)).await.unwrap();
    let other = Media { key: "elsewhere".to_owned(), ..media(1) };
    bench.store.create_media(other).await.unwrap();
    assert_eq!(bench.store.media(media(1).id).await.unwrap(), Some(media(1)));
    bench.submit(new_job(1)).await;
}

/// One key, one job: the repeat answers with the first and stores nothing.
pub async fn submitting_twice_with_one_key_creates_one_job(bench: &Bench) {
    let first = bench.submit(NewJob { idempotency: key("k", "body"), ..new_job(1) }).await;
    let again = NewJob { idempotency: key("k", "body"), ..new_job(2) };
    let answer = bench.store.submit(again).await.unwrap();
    assert_eq!(answer, Submitted::Existing(first));
    assert_eq!(bench.store.jobs(None, 0, 10).await.unwrap().total, 1);
    assert_eq!(bench.store.media(media(2).id).await.unwrap(), None);
}

/// A key stands for one body.
pub async fn one_key_with_another_body_is_a_conflict(bench: &Bench) {
    bench.submit(NewJob { idempotency: key("k", "body"), ..new_job(1) }).await;
    let other = NewJob { idempotency: key("k", "another"), ..new_job(2) };
    assert_eq!(bench.store.submit(other).await.unwrap(), Submitted::Conflict);
    assert_eq!(bench.store.job(JobId(2)).await.unwrap(), None);
}

/// What one submitter does not know of a submission contradicts nobody; what both know must agree.
pub async fn one_key_is_one_job_whichever_way_it_comes(bench: &Bench) {
    let named =
        |number, fingerprint| NewJob { idempotency: key("key", fingerprint), ..new_job(number) };
    let first = bench.submit(named(1, "sound:event")).await;
    for (number, fingerprint) in [(2, "sound"), (3, ":event"), (4, "sound:event"), (5, "sound:")] {
        let again = bench.store.submit(named(number, fingerprint)).await.unwrap();
        assert_eq!(again, Submitted::Existing(first.clone()), "{fingerprint}");
    }
    for (number, fingerprint) in [(6, "noise"), (7, ":other"), (8, "sound:other")] {
        let other = bench.store.submit(named(number, fingerprint)).await.unwrap();
        assert_eq!(other, Submitted::Conflict, "{fingerprint}");
    }
}

/// Two owners may choose the same key.
pub async fn keys_of_two_owners_do_not_meet(bench: &Bench) {
    bench.submit(NewJob { idempotency: key("k", "body"), ..new_job(1) }).await;
    let other = NewJob { owner: AccountId(2), idempotency: key("k", "other"), ..new_job(2) };
    assert_eq!(bench.submit(other).await.owner, AccountId(2));
}

/// However many submit under one key at once, one job is made and all learn of it.
pub async fn a_hundred_concurrent_submissions_of_one_key_create_one_job(bench: &Bench) {
    let mut calls = JoinSet::new();
    for number in 1..=100 {
        let store = Arc::clone(&bench.store);
        let new = NewJob { idempotency: key("k", "body"), ..new_job(number) };
        calls.spawn(async move { store.submit(new).await.unwrap() });
    }
    let answers = calls.join_all().await;
    let created = |answer: &&Submitted| matches!(answer, Submitted::Created(_));
    assert_eq!(answers.iter().filter(created).count(), 1);
    let ids = answers.iter().map(|answer| match answer {
        Submitted::Created(job) | Submitted::Existing(job) => job.id,
        other => panic!("{other:?}"),
    });
    let ids: std::collections::BTreeSet<JobId> = ids.collect();
    assert_eq!(ids.len(), 1);
}

/// A submission whose answer was lost may be repeated under its id, also without a key.
pub async fn repeating_a_submission_by_id_is_the_same_job(bench: &Bench) {
    let first = bench.submit(new_job(1)).await;
    let again = bench.store.submit(new_job(1)).await.unwrap();
    assert_eq!(again, Submitted::Existing(first));
    let foreign = NewJob { owner: AccountId(2), ..new_job(1) };
    assert_eq!(kind(bench.store.submit(foreign).await), ErrorKind::Conflict);
}

/// Where one open job an owner is the rule, a second waits until the first is done.
pub async fn one_active_refuses_a_second_open_job(bench: &Bench) {
    let only = |number| NewJob { one_active: true, ..new_job(number) };
    let first = bench.submit(only(1)).await.id;
    assert_eq!(bench.store.submit(only(2)).await.unwrap(), Submitted::ActiveJob(first));
    bench.submit(NewJob { owner: AccountId(2), ..only(3) }).await;
    let job = bench.store.claim_job(first, super::claim_at(10)).await.unwrap().unwrap();
    assert_eq!(bench.store.submit(only(4)).await.unwrap(), Submitted::ActiveJob(first));
    bench.store.finish(first, job.fence, Outcome::Completed, at(11)).await.unwrap();
    bench.submit(only(5)).await;
}

/// Lists show the newest first, by time and then by id, and pages follow each other.
pub async fn jobs_are_listed_newest_first(bench: &Bench) {
    for (number, second) in [(1, 30), (2, 10), (3, 20), (4, 20)] {
        bench.submit(NewJob { now: at(second), ..new_job(number) }).await;
    }
    let ids = |jobs: Vec<Job>| jobs.iter().map(|job| job.id.0).collect::<Vec<_>>();
    let all = bench.store.jobs(None, 0, 10).await.unwrap();
    assert_eq!((all.total, ids(all.jobs)), (4, vec![1, 4, 3, 2]));
    let page = bench.store.jobs(Some(AccountId(1)), 1, 2).await.unwrap();
    assert_eq!((page.total, ids(page.jobs)), (4, vec![4, 3]));
    let behind = bench.store.jobs(None, 4, 2).await.unwrap();
    assert_eq!((behind.total, behind.jobs.len()), (4, 0));
}

/// A list of one owner shows and counts that owner's jobs only.
pub async fn a_list_counts_the_jobs_of_its_owner(bench: &Bench) {
    for number in 1..=5 {
        let owner = AccountId(1 + number % 2);
        bench.submit(NewJob { owner, ..new_job(number) }).await;
    }
    for (owner, total) in [(Some(AccountId(1)), 2), (Some(AccountId(2)), 3), (None, 5)] {
        let page = bench.store.jobs(owner, 0, 1).await.unwrap();
        assert_eq!((page.total, page.jobs.len()), (total, 1), "{owner:?}");
        assert!(owner.is_none_or(|owner| page.jobs[0].owner == owner));
    }
    assert_eq!(bench.store.jobs(Some(AccountId(9)), 0, 5).await.unwrap().total, 0);
}

/// A list goes on behind the last job seen, without gap or repeat, also when that job is not there.
pub async fn jobs_are_listed_behind_the_last_one_seen(bench: &Bench) {
    for (number, second) in [(1, 30), (2, 10), (3, 20), (4, 20), (5, 4_000_000)] {
        bench.submit(NewJob { now: at(second), ..new_job(number) }).await;
    }
    bench.submit(NewJob { owner: AccountId(2), now: at(15), ..new_job(6) }).await;
    for (behind, limit, expected) in [
        (None, 10, vec![5, 1, 4, 3, 2]),
        (None, 2, vec![5, 1]),
        (Some((30, 1)), 2, vec![4, 3]),
        (Some((20, 4)), 2, vec![3, 2]),
        (Some((20, 3)), 10, vec![2]),
        (Some((25, 9)), 1, vec![4]),
        (Some((10, 2)), 10, vec![]),
    ] {
        let last = behind.map(|(second, id)| (at(second), JobId(id)));
        let listed = bench.store.jobs_since(AccountId(1), at(0), last, limit).await.unwrap();
        let ids: Vec<i64> = listed.iter().map(|job| job.id.0).collect();
        assert_eq!(ids, expected, "behind {behind:?}");
    }
}

/// A list since an instant has the jobs of that instant and none from before.
pub async fn a_list_since_an_instant_ends_there(bench: &Bench) {
    for (number, second) in [(1, 10), (2, 20), (3, 4_000_000)] {
        bench.submit(NewJob { now: at(second), ..new_job(number) }).await;
    }
    for (since, expected) in [(20, vec![3, 2]), (21, vec![3]), (4_000_001, vec![])] {
        let listed = bench.store.jobs_since(AccountId(1), at(since), None, 10).await.unwrap();
        let ids: Vec<i64> = listed.iter().map(|job| job.id.0).collect();
        assert_eq!(ids, expected, "since {since}");
    }
}
