//! Letters of every kind on the memory twins.

use scribed_bus::{MemoryBus, Message};
use scribed_engine::dead_letter::{
    ATTEMPTS, Action, ID, JOB, LAST_SEEN, Name, REASON, Settlement, TIMESTAMP, TOPIC,
};
use scribed_schemas::event::{DEAD_LETTERS, UPLOADS};
use scribed_schemas::id::{AccountId, JobId, MediaId};
use scribed_schemas::job::{Awaits, Fault, FaultCode, Job, JobOptions, JobState, Priority};
use scribed_schemas::media::Media;
use scribed_schemas::time::Timestamp;
use scribed_store::{ClaimRequest, MemoryStore, NewJob, Outcome, Submitted};

use super::super::now;
use super::settle::Done;
use super::*;

/// A bus and a store of one test.
struct Desk {
    bus: Arc<MemoryBus>,
    store: Arc<dyn Store>,
}

impl Desk {
    fn new() -> Self {
        Self { bus: Arc::default(), store: Arc::new(MemoryStore::new()) }
    }

    async fn publish(&self, headers: &[(&str, &str)], payload: &str, second: i64) {
        let headers = headers.iter().map(|(name, value)| {
            let value: &str = value;
            ((*name).to_owned(), value.as_bytes().to_vec())
        });
        let message = Message {
            key: b"key".to_vec(),
            headers: headers.collect(),
            payload: payload.into(),
            at: Timestamp(second * 1_000_000),
        };
        self.bus.publish(DEAD_LETTERS, message).await.unwrap();
    }

    /// Publishes the letter of an event.
    async fn event(&self, id: &str, made: &str, second: i64) {
        let headers = [(ID, id), (TOPIC, UPLOADS), (TIMESTAMP, made), (REASON, "malformed")];
        self.publish(&headers, id, second).await;
    }

    /// Publishes the letter of a job.
    async fn job(&self, job: JobId) {
        let id = format!("job:{job}:3");
        let headers = [(ID, &*id), (JOB, &job.to_string()), (ATTEMPTS, "3"), (REASON, "deadline")];
        self.publish(&headers, "{}", 1).await;
    }

    async fn settle(&self, ids: &[&str], deed: Deed) -> Done {
        let ids = ids.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>();
        let chosen = Chosen { all: ids.is_empty(), ids, reason: None };
        let book = Book::open(self.bus.as_ref()).await.unwrap();
        let store = Some(Arc::clone(&self.store));
        let ids = IdGenerator::new(NODE);
        let clerk = Clerk { book: &book, store, ids, by: "the test".to_owned(), deed };
        clerk.settle(&chosen).await.unwrap()
    }

    /// Lists ids, newest first, and how many there are in all.
    async fn listed(&self, settled: bool, skip: u32, limit: u32) -> (Vec<String>, usize) {
        let book = Book::open(self.bus.as_ref()).await.unwrap();
        let page = book.newest(None, settled, skip, limit).await.unwrap();
        let json = serde_json::to_value(&page.rows).unwrap();
        let ids = json.as_array().unwrap().iter();
        (ids.map(|row| row["id"].as_str().unwrap().to_owned()).collect(), page.total)
    }

    async fn uploads(&self) -> Vec<Message> {
        let mut browser = self.bus.browse(UPLOADS).await.unwrap();
        let mut all = Vec::new();
        while let Some(delivery) = browser.next().await.unwrap() {
            all.push(delivery.message);
        }
        all
    }

    /// Submits a job and ends its only attempt, or leaves it queued.
    async fn submitted(&self, outcome: Option<Outcome>) -> JobId {
        let (owner, id, at) = (AccountId(1), JobId(7), now());
        let media = Media {
            id: MediaId(3),
            owner,
            key: "recordings/3".to_owned(),
            file_name: "talk.wav".to_owned(),
            content_type: String::new(),
            size: 9,
            created: at,
        };
        let upload = Some("take-1".to_owned());
        let new = NewJob {
            id,
            owner,
            name: "a talk".to_owned(),
            media: Some(media),
            awaits: Awaits::default(),
            pipeline: "default".to_owned(),
            options: JobOptions { upload, ..JobOptions::default() },
            priority: Priority::Priority,
            facts: None,
            chunk_limit_secs: 30,
            idempotency: None,
            one_active: false,
            announced: false,
            now: at,
        };
        assert!(matches!(self.store.submit(new).await.unwrap(), Submitted::Created(_)));
        if let Some(outcome) = outcome {
            let claim = ClaimRequest { holder: "asr-1".to_owned(), now: at, until: at };
            let job = self.store.claim_job(id, claim).await.unwrap().unwrap();
            self.store.finish(id, job.fence, outcome, at).await.unwrap();
        }
        id
    }

    async fn jobs(&self) -> Vec<Job> {
        self.store.jobs(None, 0, 10).await.unwrap().jobs
    }
}

fn failed() -> Outcome {
    let fault = Fault { code: FaultCode::Deadline, message: "nothing moved".to_owned() };
    Outcome::Failed(fault)
}

#[tokio::test]
async fn a_letter_that_a_crash_published_twice_is_one() {
    let desk = Desk::new();
    desk.event("a", "2026", 1).await;
    desk.event("b", "2026", 2).await;
    desk.event("a", "2026", 3).await;
    assert_eq!(desk.listed(false, 0, 9).await, (vec!["b".to_owned(), "a".to_owned()], 2));
    let done = desk.settle(&["a"], Deed::Retry).await;
    assert_eq!((done.chosen, done.settled, desk.uploads().await.len()), (1, 1, 1));
    assert_eq!(desk.listed(false, 0, 9).await, (vec!["b".to_owned()], 1));
}

#[tokio::test]
async fn pages_follow_each_other_from_the_newest_on() {
    let desk = Desk::new();
    for (second, id) in ["a", "b", "c", "d", "e"].iter().enumerate() {
        desk.event(id, "2026", i64::try_from(second).unwrap()).await;
    }
    let ids = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>();
    assert_eq!(desk.listed(false, 0, 2).await, (ids(&["e", "d"]), 5));
    assert_eq!(desk.listed(false, 2, 2).await, (ids(&["c", "b"]), 5));
    assert_eq!(desk.listed(false, 4, 2).await, (ids(&["a"]), 5));
    assert_eq!(desk.listed(false, 9, 2).await, (ids(&[]), 5));
    assert_eq!(desk.listed(false, 0, 0).await, (ids(&[]), 5));
}

#[tokio::test]
async fn a_settlement_hides_its_letter_wherever_it_stands() {
    let desk = Desk::new();
    let name = Name { id: "a".to_owned(), timestamp: "2026".to_owned() };
    let settlement = Settlement::new(name, Action::Dropped, "the test", now());
    desk.bus.publish(DEAD_LETTERS, settlement.message(now())).await.unwrap();
    desk.event("a", "2026", 1).await;
    assert_eq!(desk.listed(false, 0, 9).await, (vec![], 0));
    assert_eq!(desk.listed(true, 0, 9).await, (vec!["a".to_owned()], 1));
    // Its topic was deleted and made again: the id is the same, the event is another.
    desk.event("a", "2027", 2).await;
    assert_eq!(desk.listed(false, 0, 9).await, (vec!["a".to_owned()], 1));
}

#[tokio::test]
async fn what_is_done_is_not_done_again() {
    let desk = Desk::new();
    desk.event("a", "2026", 1).await;
    assert_eq!(desk.settle(&[], Deed::Drop).await.settled, 1);
    let again = desk.settle(&["a"], Deed::Retry).await;
    assert_eq!((again.chosen, again.settled), (1, 0));
    assert_eq!(desk.settle(&[], Deed::Retry).await.chosen, 0, "--all means all that are listed");
    assert!(desk.uploads().await.is_empty());
}

#[tokio::test]
async fn an_event_goes_back_as_it_came() {
    let desk = Desk::new();
    desk.event("a", "2026", 1).await;
    desk.settle(&["a"], Deed::Retry).await;
    let [event] = &desk.uploads().await[..] else { panic!("it went back once") };
    assert_eq!((&event.key[..], &event.payload[..]), (&b"key"[..], &b"a"[..]));
    assert!(event.headers.iter().any(|(name, _)| name == ID), "attempts can be counted on");
}

#[tokio::test]
async fn what_did_not_come_from_the_uploads_is_left_as_it_is() {
    let desk = Desk::new();
    let states = [(ID, "a"), (TOPIC, "scribed.states"), (LAST_SEEN, "2026")];
    desk.publish(&states, "{}", 1).await;
    desk.publish(&[("of", "somebody else")], "{}", 2).await;
    let done = desk.settle(&[], Deed::Retry).await;
    assert_eq!((done.chosen, done.settled), (2, 0));
    assert_eq!(desk.listed(false, 0, 9).await.1, 2);
    assert_eq!(desk.settle(&[], Deed::Drop).await.settled, 2, "but it can be dropped");
}

#[tokio::test]
async fn the_recording_of_a_dead_job_becomes_another_job_once() {
    let desk = Desk::new();
    let dead = desk.submitted(Some(failed())).await;
    desk.job(dead).await;
    let id = format!("job:{dead}:3");
    assert_eq!(desk.settle(&[&id], Deed::Retry).await.settled, 1);
    let jobs = desk.jobs().await;
    let [new, old] = &jobs[..] else { panic!("{jobs:?}") };
    assert_eq!((old.id, old.state), (dead, JobState::ProcessingFail), "it stays as it ended");
    assert_eq!((new.state, new.error_count), (JobState::Queued, 0));
    assert_eq!((new.media, &new.name, new.owner), (old.media, &old.name, old.owner));
    assert_eq!((&new.options, new.priority), (&old.options, old.priority));
    let book = Book::open(desk.bus.as_ref()).await.unwrap();
    let (_, settlement) = book.find(&id).await.unwrap().unwrap();
    assert_eq!(settlement.unwrap().became, format!("job:{}", new.id));

    // As if the command had died before it could say that it was done.
    let twin = Desk { bus: Arc::default(), store: Arc::clone(&desk.store) };
    twin.job(dead).await;
    assert_eq!(twin.settle(&[&id], Deed::Retry).await.settled, 1);
    assert_eq!(twin.jobs().await.len(), 2);
}

#[tokio::test]
async fn a_job_that_needs_no_retry_gets_none() {
    for outcome in [None, Some(Outcome::Completed)] {
        let desk = Desk::new();
        let job = desk.submitted(outcome.clone()).await;
        desk.job(job).await;
        let done = desk.settle(&[], Deed::Retry).await;
        assert_eq!((done.chosen, done.settled), (1, 0), "{outcome:?}");
        assert_eq!(desk.jobs().await.len(), 1);
    }
    let desk = Desk::new();
    desk.job(JobId(99)).await;
    assert_eq!(desk.settle(&[], Deed::Retry).await.settled, 0, "there is no such job");
}
