//! Promises about jobs that wait for their recording, for the order to work on them, or for somebody's
//! word.

use std::sync::Arc;

use scribed_schemas::audio::MediaFacts;
use scribed_schemas::id::{AccountId, JobId};
use scribed_schemas::job::{Awaits, Job, JobOptions, JobState, Priority};
use scribed_schemas::media::Media;
use tokio::task::JoinSet;

use super::{Bench, at, claim_at, key, kind, media, new_job};
use crate::error::ErrorKind;
use crate::store::{Backlog, Deleted, NewJob, Submitted, Supplied, Supply};

/// Everything that a job may wait for.
const EVERYTHING: Awaits = Awaits { media: true, order: true, authorization: true };

/// Returns the submission of a number whose recording and more is still to come.
fn draft(number: i64, awaits: Awaits) -> NewJob {
    NewJob { media: None, awaits, ..new_job(number) }
}

/// Returns the submission of a number that waits for its recording only.
fn without_media(number: i64) -> NewJob {
    draft(number, Awaits { media: true, ..Awaits::default() })
}

/// Returns the recording of a number, under a name if it has one.
fn recording(number: i64, name: Option<&str>) -> Supply {
    Supply::Media {
        media: media(number),
        facts: None,
        source: None,
        key: name.and_then(|name| key(name, "recording")),
    }
}

fn order() -> Supply {
    Supply::Order { options: new_job(1).options, priority: Priority::Standard }
}

/// Gives a job something that it must take.
async fn give(bench: &Bench, id: i64, supply: Supply, seconds: i64) -> Job {
    let supplied = bench.store.supply(JobId(id), supply, at(seconds)).await.unwrap();
    let Supplied::Changed(job) = supplied else { panic!("taken, not {supplied:?}") };
    assert_eq!(bench.job(job.id).await, job);
    job
}

/// A job without its recording is there for everybody to see, and nobody works on it.
pub async fn a_job_without_its_recording_is_listed_and_not_claimed(bench: &Bench) {
    let job = bench.submit(without_media(1)).await;
    assert_eq!(bench.job(job.id).await, job);
    assert_eq!((job.state, job.media), (JobState::AwaitingMedia, None));
    assert!(job.awaits.media && !job.awaits.order && !job.awaits.authorization);
    let page = bench.store.jobs(Some(AccountId(1)), 0, 9).await.unwrap();
    assert_eq!((page.total, page.jobs), (1, vec![job.clone()]));
    let listed = bench.store.jobs_since(AccountId(1), at(0), None, 9).await.unwrap();
    assert_eq!(listed.as_slice(), std::slice::from_ref(&job));
    assert_eq!(bench.store.claim(claim_at(1_000)).await.unwrap(), None);
    assert_eq!(bench.store.claim_job(job.id, claim_at(1_000)).await.unwrap(), None);
    assert_eq!(bench.store.backlog(at(1_000), 9).await.unwrap(), Backlog::default());
    assert_eq!(bench.store.delete_job(job.id).await.unwrap(), Deleted::Open);
    let only = NewJob { one_active: true, ..new_job(2) };
    assert_eq!(bench.store.submit(only).await.unwrap(), Submitted::ActiveJob(job.id));
    assert_eq!(bench.job(job.id).await, job);
}

/// A submission that waits is one job however often it comes, also once its recording is there.
pub async fn a_repeated_draft_is_the_same_job(bench: &Bench) {
    let named = |number| NewJob { idempotency: key("k", "body"), ..without_media(number) };
    let first = bench.submit(named(1)).await;
    assert_eq!(bench.store.submit(named(2)).await.unwrap(), Submitted::Existing(first.clone()));
    let by_id = bench.store.submit(without_media(1)).await.unwrap();
    assert_eq!(by_id, Submitted::Existing(first));
    let whole = give(bench, 1, recording(1, None), 5).await;
    assert_eq!(bench.store.submit(named(3)).await.unwrap(), Submitted::Existing(whole.clone()));
    let by_id = bench.store.submit(without_media(1)).await.unwrap();
    assert_eq!(by_id, Submitted::Existing(whole));
    assert_eq!(bench.store.jobs(None, 0, 9).await.unwrap().total, 1);
}

/// A job waits until it has everything, whatever comes first, and then is there to be worked on.
pub async fn what_a_job_waits_for_comes_in_any_order(bench: &Bench) {
    const ORDERS: [[usize; 3]; 6] =
        [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
    for (number, sequence) in (1..).zip(ORDERS) {
        let job = bench.submit(draft(number, EVERYTHING)).await;
        assert_eq!(job.state, JobState::AwaitingMedia);
        for (seconds, thing) in (10..).zip(sequence) {
            assert_eq!(bench.store.claim(claim_at(20)).await.unwrap(), None);
            let things = [recording(number, None), order(), Supply::Authorization];
            let supply = things.into_iter().nth(thing).unwrap();
            let job = give(bench, number, supply, seconds).await;
            assert_eq!((job.state, job.updated), (job.awaits.state(), at(seconds)), "{sequence:?}");
        }
        let queued = bench.job(job.id).await;
        assert_eq!((queued.state, queued.awaits), (JobState::Queued, Awaits::default()));
        assert_eq!((queued.created, queued.media), (at(0), Some(media(number).id)));
        assert_eq!(bench.store.backlog(at(20), 9).await.unwrap().waiting, 1);
        let claimed = bench.store.claim(claim_at(20)).await.unwrap().expect("it has everything");
        assert_eq!((claimed.id, claimed.fence), (job.id, 1), "{sequence:?}");
    }
}

/// A job that waits for somebody's word alone says so.
pub async fn a_job_that_waits_for_a_word_says_so(bench: &Bench) {
    let awaits = Awaits { authorization: true, ..Awaits::default() };
    let job = bench.submit(NewJob { awaits, ..new_job(1) }).await;
    assert_eq!((job.state, job.media), (JobState::AwaitingAuthorization, Some(media(1).id)));
    assert_eq!(bench.store.claim(claim_at(10)).await.unwrap(), None);
    assert_eq!(give(bench, 1, Supply::Authorization, 11).await.state, JobState::Queued);
    assert_eq!(bench.store.claim(claim_at(12)).await.unwrap().map(|job| job.id), Some(job.id));
}

/// A recording that is given is stored, with what is known of it.
pub async fn a_recording_that_is_given_is_the_jobs(bench: &Bench) {
    let facts = MediaFacts {
        container: "wav".to_owned(),
        codec: "pcm_s16le".to_owned(),
        sample_rate: 44_100,
        channels: 2,
        frames: Some(88_200),
    };
    bench.submit(without_media(1)).await;
    let supply = Supply::Media {
        media: media(1),
        facts: Some(facts.clone()),
        source: Some("https://example.org/talk.wav".to_owned()),
        key: key("talk", "recording"),
    };
    let job = give(bench, 1, supply, 5).await;
    assert_eq!((job.media, job.facts), (Some(media(1).id), Some(facts)));
    assert_eq!(job.options.source.as_deref(), Some("https://example.org/talk.wav"));
    assert_eq!(bench.store.media(media(1).id).await.unwrap(), Some(media(1)));
}

/// What was given once stays; a repeat changes nothing and leaves nothing behind.
pub async fn giving_twice_changes_nothing(bench: &Bench) {
    bench.submit(draft(1, EVERYTHING)).await;
    for (thing, again) in [
        (recording(1, Some("talk")), recording(2, Some("talk"))),
        (order(), Supply::Order { options: JobOptions::default(), priority: Priority::Priority }),
        (Supply::Authorization, Supply::Authorization),
    ] {
        let job = give(bench, 1, thing, 5).await;
        let left = bench.store.supply(job.id, again, at(6)).await.unwrap();
        assert_eq!(left, Supplied::Left(job.clone()));
        assert_eq!(bench.job(job.id).await, job);
    }
    assert_eq!(bench.store.media(media(2).id).await.unwrap(), None);
    assert_eq!(bench.store.media(media(1).id).await.unwrap(), Some(media(1)));
    let claimed = bench.store.claim(claim_at(10)).await.unwrap().expect("it has everything");
    let left = bench.store.supply(claimed.id, order(), at(11)).await.unwrap();
    assert_eq!(left, Supplied::Left(claimed.clone()));
    assert_eq!(bench.job(claimed.id).await, claimed);
}

/// A job takes nothing that it does not wait for.
pub async fn what_a_job_does_not_wait_for_is_left(bench: &Bench) {
    let job = bench.submit(new_job(1)).await;
    for thing in [recording(2, Some("talk")), order(), Supply::Authorization] {
        let left = bench.store.supply(job.id, thing, at(5)).await.unwrap();
        assert_eq!(left, Supplied::Left(job.clone()));
    }
    assert_eq!(bench.job(job.id).await, job);
    assert_eq!(bench.store.media(media(2).id).await.unwrap(), None);
    // Nor does it keep the recording from another.
    bench.submit(without_media(3)).await;
    give(bench, 3, recording(3, Some("talk")), 6).await;
}

/// A missing job is given nothing.
pub async fn giving_a_missing_job_something_is_not_found(bench: &Bench) {
    for thing in [recording(1, Some("talk")), order(), Supply::Authorization] {
        let refused = bench.store.supply(JobId(1), thing, at(5)).await;
        assert_eq!(kind(refused), ErrorKind::NotFound);
    }
    assert_eq!(bench.store.media(media(1).id).await.unwrap(), None);
}

/// The order says how urgent a job is, and from then on it is.
pub async fn the_order_says_how_urgent_a_job_is(bench: &Bench) {
    bench.submit(draft(1, EVERYTHING)).await;
    bench.submit(new_job(2)).await;
    let urgent = Supply::Order { options: JobOptions::default(), priority: Priority::Priority };
    let job = give(bench, 1, urgent, 5).await;
    assert_eq!((job.priority, job.state), (Priority::Priority, JobState::AwaitingMedia));
    give(bench, 1, Supply::Authorization, 6).await;
    let later = NewJob { priority: Priority::Priority, now: at(7), ..new_job(3) };
    bench.submit(later).await;
    give(bench, 1, recording(1, None), 8).await;
    let mut order = Vec::new();
    while let Some(job) = bench.store.claim(claim_at(10)).await.unwrap() {
        order.push(job.id.0);
    }
    assert_eq!(order, [1, 3, 2]);
}

/// A job that waited for its recording takes its place by its age.
pub async fn a_job_that_waited_takes_its_place_by_age(bench: &Bench) {
    bench.submit(NewJob { now: at(3), ..without_media(1) }).await;
    for (number, second) in [(2, 1), (3, 5)] {
        bench.submit(NewJob { now: at(second), ..new_job(number) }).await;
    }
    give(bench, 1, recording(1, None), 8).await;
    let mut order = Vec::new();
    while let Some(job) = bench.store.claim(claim_at(10)).await.unwrap() {
        order.push(job.id.0);
    }
    assert_eq!(order, [2, 1, 3]);
}

/// The order replaces what was asked for before, but where the recording came from is the recording's.
pub async fn an_order_keeps_where_the_recording_came_from(bench: &Bench) {
    let options = JobOptions {
        language: Some("de".to_owned()),
        source: Some("not the order's to say".to_owned()),
        ..JobOptions::default()
    };
    let order = || Supply::Order { options: options.clone(), priority: Priority::Standard };
    let fetched = |number| Supply::Media {
        media: media(number),
        facts: None,
        source: Some("https://example.org/talk.wav".to_owned()),
        key: None,
    };
    let awaits = Awaits { media: true, order: true, authorization: false };
    for number in 1..=2 {
        let asked = JobOptions { prompt: Some("Köln".to_owned()), ..JobOptions::default() };
        bench.submit(NewJob { options: asked, ..draft(number, awaits) }).await;
    }
    give(bench, 1, fetched(1), 5).await;
    give(bench, 2, order(), 5).await;
    for job in [give(bench, 1, order(), 6).await, give(bench, 2, fetched(2), 6).await] {
        assert_eq!(job.options.source.as_deref(), Some("https://example.org/talk.wav"));
        assert_eq!((job.options.language.as_deref(), &job.options.prompt), (Some("de"), &None));
        assert_eq!(job.state, JobState::Queued);
    }
    bench.submit(draft(3, awaits)).await;
    assert_eq!(give(bench, 3, order(), 7).await.options.source, None);
    assert_eq!(give(bench, 3, recording(3, None), 8).await.options.source, None);
}

/// A job that is cancelled while it waits is done, and takes nothing any more.
pub async fn a_job_cancelled_while_it_waits_takes_nothing(bench: &Bench) {
    bench.submit(draft(1, EVERYTHING)).await;
    let cancelled = bench.store.cancel(JobId(1), at(5)).await.unwrap().unwrap();
    assert_eq!((cancelled.state, cancelled.finished), (JobState::Cancelled, Some(at(5))));
    for thing in [recording(1, Some("talk")), order(), Supply::Authorization] {
        let left = bench.store.supply(JobId(1), thing, at(6)).await.unwrap();
        assert_eq!(left, Supplied::Left(cancelled.clone()));
    }
    assert_eq!(bench.job(JobId(1)).await, cancelled);
    assert_eq!(bench.store.media(media(1).id).await.unwrap(), None);
    assert_eq!(bench.store.claim(claim_at(10)).await.unwrap(), None);
    // What it was not given may be another's, which may be the only open one.
    bench.submit(NewJob { one_active: true, ..without_media(2) }).await;
    give(bench, 2, recording(2, Some("talk")), 7).await;
}

/// One job of an owner has a recording; others are told which.
pub async fn a_recording_stands_for_one_job_of_an_owner(bench: &Bench) {
    for number in 1..=2 {
        bench.submit(without_media(number)).await;
    }
    let second = bench.job(JobId(2)).await;
    let first = give(bench, 1, recording(1, Some("talk")), 5).await;
    for supply in [recording(2, Some("talk")), recording(2, Some("talk"))] {
        let taken = bench.store.supply(JobId(2), supply, at(6)).await.unwrap();
        assert_eq!(taken, Supplied::Taken(JobId(1)));
    }
    assert_eq!((bench.job(JobId(1)).await, bench.job(JobId(2)).await), (first.clone(), second));
    assert_eq!(bench.store.media(media(2).id).await.unwrap(), None);
    let again = bench.store.supply(JobId(1), recording(1, Some("talk")), at(7)).await.unwrap();
    assert_eq!(again, Supplied::Left(first));
    // It is the name of another recording that the second job has then, and of another owner's.
    give(bench, 2, recording(2, Some("another talk")), 8).await;
    bench.submit(NewJob { owner: AccountId(2), ..without_media(3) }).await;
    let foreign = Supply::Media {
        media: Media { owner: AccountId(2), ..media(3) },
        facts: None,
        source: None,
        key: key("talk", "recording"),
    };
    give(bench, 3, foreign, 9).await;
}

/// Once the job that had a recording is deleted, another may have it.
pub async fn the_recording_of_a_deleted_job_is_free(bench: &Bench) {
    for number in 1..=2 {
        bench.submit(without_media(number)).await;
    }
    give(bench, 1, recording(1, Some("talk")), 5).await;
    bench.store.cancel(JobId(1), at(6)).await.unwrap().unwrap();
    let taken = bench.store.supply(JobId(2), recording(2, Some("talk")), at(7)).await.unwrap();
    assert_eq!(taken, Supplied::Taken(JobId(1)), "a job that is done still has it");
    assert_eq!(bench.store.delete_job(JobId(1)).await.unwrap(), Deleted::Gone);
    assert_eq!(bench.store.media(media(1).id).await.unwrap(), None);
    give(bench, 2, recording(2, Some("talk")), 8).await;
}

/// A job that was deleted while it waited is gone for good.
pub async fn a_job_deleted_without_its_recording_is_gone(bench: &Bench) {
    bench.submit(draft(1, EVERYTHING)).await;
    bench.store.cancel(JobId(1), at(5)).await.unwrap().unwrap();
    assert_eq!(bench.store.delete_job(JobId(1)).await.unwrap(), Deleted::Gone);
    assert_eq!(bench.store.job(JobId(1)).await.unwrap(), None);
    assert_eq!(bench.store.jobs(None, 0, 9).await.unwrap().total, 0);
    assert_eq!(kind(bench.store.supply(JobId(1), order(), at(6)).await), ErrorKind::NotFound);
}

/// Of any number that give a job the same thing at once, one does.
pub async fn of_a_hundred_who_give_the_same_one_does(bench: &Bench) {
    bench.submit(without_media(1)).await;
    let mut calls = JoinSet::new();
    for number in 1..=100 {
        let store = Arc::clone(&bench.store);
        let supply = recording(number, Some("talk"));
        calls.spawn(async move { store.supply(JobId(1), supply, at(5)).await.unwrap() });
    }
    let answers = calls.join_all().await;
    let changed = |answer: &&Supplied| matches!(answer, Supplied::Changed(_));
    assert_eq!(answers.iter().filter(changed).count(), 1);
    let job = bench.job(JobId(1)).await;
    let mut stored = Vec::new();
    for number in 1..=100 {
        stored.extend(bench.store.media(media(number).id).await.unwrap());
    }
    assert_eq!(stored.iter().map(|media| media.id).collect::<Vec<_>>(), [job.media.unwrap()]);
    assert_eq!(bench.store.claim(claim_at(10)).await.unwrap().map(|job| job.fence), Some(1));
    assert_eq!(bench.store.claim(claim_at(10)).await.unwrap(), None);
}

/// Of several jobs that are given one recording at once, one has it.
pub async fn of_several_jobs_one_gets_the_recording(bench: &Bench) {
    let mut calls = JoinSet::new();
    for number in 1..=8 {
        bench.submit(without_media(number)).await;
    }
    for number in 1..=8 {
        let (store, supply) = (Arc::clone(&bench.store), recording(number, Some("talk")));
        calls.spawn(async move { store.supply(JobId(number), supply, at(5)).await.unwrap() });
    }
    let answers = calls.join_all().await;
    let changed = answers.iter().filter_map(|answer| match answer {
        Supplied::Changed(job) => Some(job.id),
        _ => None,
    });
    let [winner] = changed.collect::<Vec<_>>()[..] else { panic!("one has it: {answers:?}") };
    let taken = |answer: &&Supplied| **answer == Supplied::Taken(winner);
    assert_eq!(answers.iter().filter(taken).count(), 7, "{answers:?}");
}

/// Different things that come at once all count.
pub async fn different_things_at_once_all_count(bench: &Bench) {
    for number in 1..=10 {
        bench.submit(draft(number, EVERYTHING)).await;
        let mut calls = JoinSet::new();
        for thing in [recording(number, None), order(), Supply::Authorization] {
            let store = Arc::clone(&bench.store);
            calls.spawn(async move { store.supply(JobId(number), thing, at(5)).await.unwrap() });
        }
        for answer in calls.join_all().await {
            assert!(matches!(answer, Supplied::Changed(_)), "{answer:?}");
        }
        assert_eq!(bench.job(JobId(number)).await.state, JobState::Queued);
        let claimed = bench.store.claim(claim_at(10)).await.unwrap();
        assert_eq!(claimed.map(|job| job.id), Some(JobId(number)));
    }
}

/// However many jobs are abandoned without a recording, those behind them are found.
pub async fn abandoned_jobs_hinder_nobody(bench: &Bench) {
    let mut calls = JoinSet::new();
    for number in 1..=300 {
        let store = Arc::clone(&bench.store);
        calls.spawn(async move { store.submit(without_media(number)).await.unwrap() });
        if calls.len() >= 16 {
            calls.join_next().await.unwrap().unwrap();
        }
    }
    calls.join_all().await;
    bench.submit(NewJob { now: at(1), ..new_job(301) }).await;
    assert_eq!(bench.store.backlog(at(5), 9).await.unwrap().waiting, 1);
    let claimed = bench.store.claim(claim_at(10)).await.unwrap();
    assert_eq!(claimed.map(|job| job.id), Some(JobId(301)));
    assert_eq!(bench.store.claim(claim_at(10)).await.unwrap(), None);
    give(bench, 150, recording(150, None), 11).await;
    let claimed = bench.store.claim(claim_at(12)).await.unwrap();
    assert_eq!(claimed.map(|job| job.id), Some(JobId(150)));
}

/// That a job waits, and that it waits no more, are news; what it was given is none.
pub async fn a_job_that_waits_is_announced(bench: &Bench) {
    let job = bench.submit(NewJob { announced: true, ..draft(1, EVERYTHING) }).await;
    give(bench, 1, order(), 5).await;
    give(bench, 1, recording(1, None), 6).await;
    let queued = give(bench, 1, Supply::Authorization, 7).await;
    let pending = queued.outbox.expect("it is announced").pending;
    let told: Vec<_> = pending.iter().map(|change| (change.state, change.at)).collect();
    let expected = [
        (JobState::AwaitingMedia, at(0)),
        (JobState::AwaitingAuthorization, at(6)),
        (JobState::Queued, at(7)),
    ];
    assert_eq!(told, expected);
    assert_eq!(bench.store.untold(at(7), None, 9).await.unwrap(), [job.id]);
}
