//! Promises about what follows jobs that are done: calls and deletions.

use std::collections::BTreeMap;
use std::sync::Arc;

use scribed_schemas::callback::{Callback, CallbackStyle, Delivery, DeliveryState, FollowUp};
use scribed_schemas::id::JobId;
use scribed_schemas::job::{Awaits, FaultCode, Job, JobOptions, JobState};
use scribed_schemas::outbox::Told;
use scribed_schemas::time::Timestamp;
use tokio::task::JoinSet;

use super::{Bench, at, chunk, claim_at, fault, new_job};
use crate::store::{Deleted, NewJob, Outcome};

/// Returns the submission of a number with somebody to be called at its end, and a deletion so many
/// seconds later.
fn followed(number: i64, delete_after_secs: Option<u64>) -> NewJob {
    let callback = Callback {
        url: "https://example.org/done?key=s3cr3t".to_owned(),
        style: CallbackStyle::RevaiV1,
        headers: BTreeMap::from([("authorization".to_owned(), "Bearer 1".to_owned())]),
    };
    let options =
        JobOptions { callback: Some(callback), delete_after_secs, ..new_job(number).options };
    NewJob { options, ..new_job(number) }
}

/// Submits a job and completes it at second 20.
async fn done(bench: &Bench, new: NewJob) -> Job {
    let id = bench.submit(new).await.id;
    let job = bench.store.claim_job(id, claim_at(10)).await.unwrap().expect("a queued job");
    bench.store.finish(id, job.fence, Outcome::Completed, at(20)).await.unwrap()
}

/// Returns a call that is to be tried at a second, after so many tries.
fn pending(attempts: u32, seconds: i64) -> Delivery {
    Delivery { attempts, ..Delivery::due_at(at(seconds)) }
}

fn dead() -> Delivery {
    Delivery { state: DeliveryState::Dead, ..pending(8, 20) }
}

fn delivered() -> Delivery {
    Delivery { state: DeliveryState::Delivered, ..pending(1, 20) }
}

/// Takes a step that must be free.
async fn note(bench: &Bench, id: i64, step: u32, delivery: Delivery) -> Job {
    let noted = bench.store.note_delivery(JobId(id), step, delivery).await.unwrap();
    let job = noted.expect("the step is free");
    assert_eq!(bench.job(job.id).await, job);
    job
}

/// Lists the numbers of the jobs with something due at an instant, or with anything at all.
async fn listed(bench: &Bench, due: Option<Timestamp>) -> Vec<i64> {
    let mut jobs = bench.store.follow_ups(due, None, 100).await.unwrap();
    jobs.sort_unstable();
    jobs.into_iter().map(|job| job.0).collect()
}

/// Lists the numbers of the jobs with something due at a second.
async fn due(bench: &Bench, seconds: i64) -> Vec<i64> {
    listed(bench, Some(at(seconds))).await
}

/// However a job ends, its call is due with that very change.
pub async fn a_job_that_ends_has_a_call_to_be_made(bench: &Bench) {
    let expected = FollowUp { delivery: Some(Delivery::due_at(at(20))), ..FollowUp::default() };
    let ends = [
        (Outcome::Completed, JobState::Completed),
        (Outcome::Partially(fault(FaultCode::StageFailed)), JobState::CompletedPartially),
        (Outcome::Failed(fault(FaultCode::Undecodable)), JobState::ProcessingFail),
    ];
    for (number, (outcome, state)) in (1..).zip(ends) {
        let new = followed(number, None);
        let asked = new.options.clone();
        let id = bench.submit(new).await.id;
        let job = bench.store.claim_job(id, claim_at(10)).await.unwrap().unwrap();
        assert_eq!((job.options, job.follow_up), (asked, None), "not before it is done");
        let job = bench.store.finish(id, job.fence, outcome, at(20)).await.unwrap();
        assert_eq!((job.state, job.follow_up.as_ref()), (state, Some(&expected)));
        assert_eq!(bench.job(id).await, job);
    }
    // Cancelled in the queue, with text, and while it waits for its recording.
    let awaits = Awaits { media: true, ..Awaits::default() };
    bench.submit(followed(4, None)).await;
    bench.submit(followed(5, None)).await;
    bench.submit(NewJob { media: None, awaits, ..followed(6, None) }).await;
    let job = bench.store.claim_job(JobId(5), claim_at(10)).await.unwrap().unwrap();
    bench.store.put_chunk(job.id, job.fence, chunk(0, "kept"), at(11)).await.unwrap();
    for (number, state) in
        [(4, JobState::Cancelled), (5, JobState::CompletedPartially), (6, JobState::Cancelled)]
    {
        let job = bench.store.cancel(JobId(number), at(20)).await.unwrap().unwrap();
        assert_eq!((job.state, job.follow_up.as_ref()), (state, Some(&expected)));
        assert_eq!(bench.job(job.id).await, job);
    }
    assert_eq!(due(bench, 20).await, [1, 2, 3, 4, 5, 6]);
}

/// A job that goes on has nobody to call yet.
pub async fn a_job_that_goes_on_calls_nobody(bench: &Bench) {
    let retry = Outcome::Retry { fault: fault(FaultCode::StageFailed), not_before: at(60) };
    for (number, outcome) in [(1, retry), (2, Outcome::Released)] {
        let id = bench.submit(followed(number, Some(60))).await.id;
        let job = bench.store.claim_job(id, claim_at(10)).await.unwrap().unwrap();
        let job = bench.store.finish(id, job.fence, outcome, at(20)).await.unwrap();
        assert_eq!(job.follow_up, None);
    }
    assert_eq!(due(bench, 1_000).await, Vec::<i64>::new());
    assert_eq!(listed(bench, None).await, Vec::<i64>::new());
    assert_eq!(bench.store.note_delivery(JobId(1), 0, delivered()).await.unwrap(), None);
    assert_eq!(bench.job(JobId(1)).await.follow_up, None);
}

/// A job that names nobody, and is to stay, is followed by nothing.
pub async fn a_job_that_names_nobody_is_followed_by_nothing(bench: &Bench) {
    let job = done(bench, new_job(1)).await;
    assert_eq!(job.follow_up, None);
    assert_eq!(bench.store.note_delivery(job.id, 0, delivered()).await.unwrap(), None);
    assert_eq!(bench.store.note_delivery(JobId(77), 0, delivered()).await.unwrap(), None);
    assert_eq!(listed(bench, None).await, Vec::<i64>::new());
}

/// A step is taken once, and only the one that comes next.
pub async fn a_step_is_taken_once(bench: &Bench) {
    done(bench, followed(1, None)).await;
    let job = note(bench, 1, 0, pending(1, 40)).await;
    let steps = |job: &Job| job.follow_up.as_ref().map(|follow_up| follow_up.steps);
    assert_eq!(steps(&job), Some(1));
    for step in [0, 2, u32::MAX] {
        let refused = bench.store.note_delivery(job.id, step, delivered()).await.unwrap();
        assert_eq!(refused, None, "step {step}");
    }
    assert_eq!(bench.job(job.id).await, job);
    assert_eq!(steps(&note(bench, 1, 1, delivered()).await), Some(2));
}

/// Of any number that take one step at once, one does.
pub async fn of_a_hundred_who_take_a_step_one_does(bench: &Bench) {
    done(bench, followed(1, None)).await;
    for step in 0..2 {
        let mut calls = JoinSet::new();
        for number in 0..100 {
            let store = Arc::clone(&bench.store);
            let delivery = pending(step + 1, 100 + number);
            calls
                .spawn(async move { store.note_delivery(JobId(1), step, delivery).await.unwrap() });
        }
        let answers: Vec<Job> = calls.join_all().await.into_iter().flatten().collect();
        let [job] = answers.as_slice() else { panic!("one takes it: {answers:?}") };
        assert_eq!(&bench.job(JobId(1)).await, job);
    }
}

/// Every member of a call is stored; nothing else of its job changes, nor when it last did.
pub async fn noting_a_call_changes_nothing_else(bench: &Bench) {
    let before = done(bench, followed(1, Some(600))).await;
    let tried = Delivery {
        state: DeliveryState::Pending,
        attempts: 3,
        due: at(500),
        tried: Some(at(400)),
        failure: Some("the receiver answered \"503\"".to_owned()),
    };
    let after = note(bench, 1, 0, tried.clone()).await;
    let follow_up = FollowUp { steps: 1, delivery: Some(tried), delete_at: Some(at(620)) };
    assert_eq!(after, Job { follow_up: Some(follow_up), ..before });
    assert_eq!(after.updated, at(20));
}

/// What is to follow is listed from its time on, and not before.
pub async fn what_is_due_is_listed_from_its_time_on(bench: &Bench) {
    done(bench, followed(1, None)).await;
    done(bench, followed(2, None)).await;
    assert_eq!(due(bench, 19).await, Vec::<i64>::new());
    assert_eq!(due(bench, 20).await, [1, 2]);
    note(bench, 1, 0, pending(1, 60)).await;
    assert_eq!((due(bench, 59).await, due(bench, 60).await), (vec![2], vec![1, 2]));
    note(bench, 1, 1, pending(2, 30)).await;
    assert_eq!((due(bench, 29).await, due(bench, 30).await), (vec![2], vec![1, 2]));
    note(bench, 2, 0, delivered()).await;
    assert_eq!((due(bench, 1_000).await, listed(bench, None).await), (vec![1], vec![1]));
    note(bench, 1, 2, delivered()).await;
    assert_eq!(due(bench, 1_000).await, Vec::<i64>::new());
    assert_eq!(listed(bench, None).await, Vec::<i64>::new());
}

/// A call that was given up is due for nobody, and is found by who asks for everything.
pub async fn a_call_that_was_given_up_is_listed_without_an_instant(bench: &Bench) {
    done(bench, followed(1, None)).await;
    done(bench, followed(2, None)).await;
    note(bench, 1, 0, dead()).await;
    assert_eq!((due(bench, 1_000).await, listed(bench, None).await), (vec![2], vec![1, 2]));
    assert_eq!(listed(bench, Some(Timestamp(i64::MAX))).await, [2]);
    // It is begun anew.
    note(bench, 1, 1, pending(0, 50)).await;
    assert_eq!((due(bench, 49).await, due(bench, 50).await), (vec![2], vec![1, 2]));
}

/// A job is deleted so long after its end, but not before its call came to an end.
pub async fn a_deletion_follows_the_call(bench: &Bench) {
    let called = done(bench, followed(1, Some(60))).await;
    assert_eq!(called.follow_up.unwrap().delete_at, Some(at(80)));
    let silent = followed(2, Some(60));
    let options = JobOptions { callback: None, ..silent.options };
    let silent = done(bench, NewJob { options, ..silent }).await;
    let expected = FollowUp { delete_at: Some(at(80)), ..FollowUp::default() };
    assert_eq!(silent.follow_up, Some(expected));
    assert_eq!((due(bench, 20).await, listed(bench, None).await), (vec![1], vec![1, 2]));
    note(bench, 1, 0, pending(1, 900)).await;
    assert_eq!((due(bench, 79).await, due(bench, 899).await), (vec![], vec![2]));
    note(bench, 1, 1, delivered()).await;
    assert_eq!((due(bench, 79).await, due(bench, 80).await), (vec![], vec![1, 2]));
    done(bench, followed(3, Some(60))).await;
    note(bench, 3, 0, dead()).await;
    assert_eq!((due(bench, 79).await, due(bench, 80).await), (vec![], vec![1, 2, 3]));
    assert_eq!(listed(bench, None).await, [1, 2, 3]);
    let never = done(bench, followed(4, Some(u64::MAX))).await;
    note(bench, 4, 0, delivered()).await;
    assert_eq!(never.follow_up.unwrap().delete_at, Some(Timestamp(i64::MAX)));
    assert_eq!(due(bench, 1_000_000).await, [1, 2, 3]);
}

/// A list goes on behind its last job and has each once, also while jobs of it go.
pub async fn follow_ups_are_listed_page_by_page(bench: &Bench) {
    for number in 1..=25 {
        bench.submit(followed(number, None)).await;
        bench.store.cancel(JobId(number), at(number)).await.unwrap().unwrap();
    }
    for (instant, expected) in [(Some(at(20)), 20), (None, 25)] {
        let (mut all, mut after) = (Vec::new(), None);
        loop {
            let page = bench.store.follow_ups(instant, after, 4).await.unwrap();
            assert!(page.len() <= 4);
            let Some(last) = page.last() else { break };
            after = Some(*last);
            all.extend(page);
        }
        all.sort_unstable();
        let numbers = all.iter().map(|job| job.0).collect::<Vec<_>>();
        assert_eq!(numbers, (1..=expected).collect::<Vec<_>>(), "{instant:?}");
    }
    let (mut all, mut after) = (Vec::new(), None);
    while let Some(next) = bench.store.follow_ups(None, after, 1).await.unwrap().pop() {
        assert_eq!(bench.store.delete_job(next).await.unwrap(), Deleted::Gone);
        after = Some(next);
        all.push(next.0);
    }
    all.sort_unstable();
    assert_eq!(all, (1..=25).collect::<Vec<_>>());
}

/// A deleted job is followed by nothing.
pub async fn a_deleted_job_leaves_nothing_to_follow(bench: &Bench) {
    for number in 1..=3 {
        done(bench, followed(number, Some(60))).await;
    }
    note(bench, 2, 0, dead()).await;
    for number in 1..=2 {
        assert_eq!(bench.store.delete_job(JobId(number)).await.unwrap(), Deleted::Gone);
        let gone = bench.store.note_delivery(JobId(number), 1, delivered()).await.unwrap();
        assert_eq!(gone, None);
    }
    assert_eq!((due(bench, 1_000).await, listed(bench, None).await), (vec![3], vec![3]));
}

/// News and calls of one job do not meet: each is told by itself.
pub async fn a_job_with_news_has_its_call_beside_them(bench: &Bench) {
    let job = done(bench, NewJob { announced: true, ..followed(1, None) }).await;
    assert!(job.has_news());
    assert_eq!(bench.store.untold(at(20), None, 9).await.unwrap(), [job.id]);
    let noted = note(bench, 1, 0, pending(1, 60)).await;
    assert_eq!((noted.outbox, noted.updated), (job.outbox.clone(), job.updated));
    assert_eq!(bench.store.untold(at(20), None, 9).await.unwrap(), [job.id]);
    let changes = job.outbox.map(|outbox| outbox.changes);
    bench.store.told(job.id, Told { changes, chunks: 0, transcript: true }).await.unwrap();
    let told = bench.job(job.id).await;
    assert_eq!((told.has_news(), &told.follow_up), (false, &noted.follow_up));
    assert_eq!((due(bench, 59).await, due(bench, 60).await), (vec![], vec![1]));
    note(bench, 1, 1, delivered()).await;
    assert_eq!(bench.store.delete_job(job.id).await.unwrap(), Deleted::Gone);
}
