//! What follows jobs that are done: calls, whatever is away and whoever goes, and deletions. There are
//! sockets, so time is real where something is waited for; what is due when goes by a clock of the tests'.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use scribed_bus::Bus;
use scribed_engine::testing::{Bench, ManualClock, submission};
use scribed_engine::{Call, CallForms, CallKey, Callbacks, Calls, Config, Method};
use scribed_schemas::callback::{Callback, CallbackStyle, Delivery, DeliveryState};
use scribed_schemas::event::STATES;
use scribed_schemas::id::{AccountId, JobId};
use scribed_schemas::job::{Job, JobOptions, JobState};
use scribed_schemas::secret::Secret;
use scribed_store::faulty::{Calls as Which, PlannedFault, When};
use scribed_store::{ErrorKind, FaultyStore, MemoryStore, Store};
use serde_json::Value;

mod receiver;

use receiver::{Receiver, Reply};

/// How long a call that was lost is nobody else's.
const HOLD: Duration = Duration::from_secs(60);

/// An engine with a clock of the test's own, over a store that may fail.
struct Place {
    bench: Bench,
    store: Arc<FaultyStore>,
    clock: Arc<ManualClock>,
    owner: AccountId,
}

impl Place {
    /// May call these.
    async fn new(receivers: &[&Receiver]) -> Self {
        Self::with(Callbacks::default(), receivers).await
    }

    async fn with(callbacks: Callbacks, receivers: &[&Receiver]) -> Self {
        Self::over(Config { callbacks, ..Config::default() }, receivers).await
    }

    async fn over(config: Config, receivers: &[&Receiver]) -> Self {
        let callbacks = Callbacks { look_interval_ms: 5, hold_secs: 60, ..config.callbacks };
        let config = Config { callbacks, unavailable_backoff_secs: 1, ..config };
        let store = Arc::new(FaultyStore::new(Arc::new(MemoryStore::new())));
        let clock = Arc::new(ManualClock::default());
        let outbound = scribed_outbound::Config {
            allowed_networks: vec!["127.0.0.0/8".parse().expect("a network")],
            ports: receivers.iter().map(|receiver| receiver.address.port()).collect(),
            ..scribed_outbound::Config::default()
        };
        let bench = Bench::with(config, Arc::clone(&store) as Arc<dyn Store>);
        let bench = bench.with_outbound(&outbound).with_clock(Arc::clone(&clock) as _);
        let owner = bench.account("ada").await;
        Self { bench, store, clock, owner }
    }

    /// Submits a recording for whose end somebody is to be called.
    async fn submit(&self, recording: &str, callback: Callback) -> JobId {
        let options = JobOptions { callback: Some(callback), ..JobOptions::default() };
        self.submit_with(recording, options).await
    }

    async fn submit_with(&self, recording: &str, options: JobOptions) -> JobId {
        let media = self.bench.record(self.owner, recording).await;
        let submission = scribed_engine::Submission { options, ..submission(self.owner, media) };
        match self.bench.engine.submit(submission).await.expect("the store takes the job") {
            scribed_store::Submitted::Created(job) => job.id,
            other => panic!("the job must be new, not {other:?}"),
        }
    }

    /// Waits until the call of a job meets a condition.
    async fn until(&self, id: JobId, is_met: impl Fn(&Delivery) -> bool + Send + Sync) -> Delivery {
        let is_so = |job: &Job| call(job).is_some_and(&is_met);
        call(&self.bench.until(id, is_so).await).expect("it is there").clone()
    }

    async fn until_state(&self, id: JobId, state: DeliveryState) -> Delivery {
        self.until(id, |call| call.state == state).await
    }

    /// Waits until two whole looks for what is due are over.
    async fn looked(&self) {
        let before = self.store.calls("follow_ups");
        // Each is for what is due, and sometimes for all that is open.
        while self.store.calls("follow_ups") < before + 5 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// Lets calls of the store fail.
    fn fail(&self, method: &'static str, calls: Which, when: When) {
        let kind = ErrorKind::Unavailable;
        self.store.fail(PlannedFault { method, calls, when, kind });
    }
}

fn call(job: &Job) -> Option<&Delivery> {
    job.follow_up.as_ref()?.delivery.as_ref()
}

/// Returns the last state that was published.
async fn published(bench: &Bench) -> Value {
    let mut browser = bench.bus.browse(STATES).await.expect("the bus is there");
    let mut last = Value::Null;
    while let Some(delivery) = browser.next().await.expect("the bus delivers") {
        last = serde_json::from_slice(&delivery.message.payload).expect("it is JSON");
    }
    last
}

#[tokio::test]
async fn a_receiver_hears_of_the_end_as_it_is_published() {
    let receiver = Receiver::always(200).await;
    let place = Place::new(&[&receiver]).await;
    let calls = Calls { key: Some(CallKey::new(Secret::new("a key"))), ..Calls::default() };
    let bench = place.bench.with_calls(calls);
    let running = bench.start();
    let id = place.submit("one", receiver.callback()).await;
    let delivered = place.until_state(id, DeliveryState::Delivered).await;
    bench.until(id, |job| !job.has_news()).await;
    running.stop().await;
    assert_eq!((delivered.attempts, delivered.failure), (1, None));
    let [heard] = &receiver.heard()[..] else { panic!("it is called once") };
    assert_eq!((heard.method.as_str(), heard.path.as_str()), ("POST", "/done?token=geheim"));
    assert_eq!(heard.document(), published(&bench).await);
    assert_eq!(heard.document()["state"], "completed");
    assert_eq!(heard.document()["owner"], "ada");
    assert_eq!(heard.headers["content-type"], "application/json");
    assert_eq!(heard.id(), Delivery::id(id));
    assert!(heard.headers["webhook-timestamp"].parse::<i64>().is_ok());
    assert!(heard.headers["webhook-signature"].starts_with("v1,"));
}

#[tokio::test]
async fn every_end_is_told() {
    let receiver = Receiver::always(204).await;
    let place = Place::new(&[&receiver]).await;
    let running = place.bench.start();
    for (recording, state) in
        [("!undecodable", JobState::ProcessingFail), ("!wait one", JobState::Cancelled)]
    {
        let id = place.submit(recording, receiver.callback()).await;
        if state == JobState::Cancelled {
            place.bench.until(id, |_| place.bench.runner.inside() == 1).await;
            place.bench.engine.cancel(id).await.expect("the store takes it");
        }
        place.until_state(id, DeliveryState::Delivered).await;
        let told = receiver.heard().pop().expect("it was called").document();
        assert_eq!(told["state"], state.as_str());
        assert_eq!(told.get("error").is_some(), state == JobState::ProcessingFail, "{told}");
    }
    running.stop().await;
}

#[tokio::test]
async fn where_nothing_is_published_the_end_is_told_all_the_same() {
    let receiver = Receiver::always(200).await;
    // As with the embedded bus.
    let config = Config { publish: Some(false), ..Config::default() };
    let place = Place::over(config, &[&receiver]).await;
    let id = place.submit("one", receiver.callback()).await;
    let running = place.bench.start();
    place.until_state(id, DeliveryState::Delivered).await;
    running.stop().await;
    assert_eq!(place.bench.job(id).await.outbox, None);
    let [heard] = &receiver.heard()[..] else { panic!("it is called once") };
    let told = heard.document();
    assert_eq!(told["state"], "completed");
    assert_eq!(told["id"], format!("{id}:completed"));
}

#[tokio::test]
async fn a_receiver_in_trouble_is_called_again_with_growing_pauses_and_then_given_up() {
    let receiver = Receiver::always(500).await;
    let place = Place::new(&[&receiver]).await;
    let id = place.submit("one", receiver.callback()).await;
    let running = place.bench.start();
    let mut pauses = Vec::new();
    for attempt in 1..8 {
        let failed = place.until(id, |c| c.attempts == attempt && c.failure.is_some()).await;
        assert_eq!(failed.state, DeliveryState::Pending);
        assert_eq!(
            failed.failure.as_deref(),
            Some("the receiver answered 500 Internal Server Error")
        );
        let pause = failed.due.since(place.bench.engine.now());
        pauses.push(pause);
        // A moment before its time nobody is called.
        let moment = Duration::from_millis(1);
        place.clock.advance(pause.checked_sub(moment).expect("pauses are longer"));
        place.looked().await;
        assert_eq!(receiver.heard().len(), attempt as usize);
        place.clock.advance(moment);
    }
    let dead = place.until_state(id, DeliveryState::Dead).await;
    place.clock.advance(Duration::from_secs(1_000_000));
    place.looked().await;
    running.stop().await;
    assert_eq!((dead.attempts, receiver.heard().len()), (8, 8));
    assert!(pauses.is_sorted(), "{pauses:?}");
    let hours = pauses.iter().sum::<Duration>().as_secs() / 3_600;
    assert!((19..=29).contains(&hours), "{hours} h");
    let ids: BTreeSet<_> = receiver.heard().iter().map(|heard| heard.id().to_owned()).collect();
    assert_eq!(ids.len(), 1, "it is the same call each time");
}

#[tokio::test]
async fn success_ends_it_and_410_does_so_at_once() {
    let mended = Receiver::start(|number| Reply::Status([500, 302, 200][number.min(2)])).await;
    let gone = Receiver::always(410).await;
    let callbacks = Callbacks { span_secs: 0, ..Callbacks::default() };
    let place = Place::with(callbacks, &[&mended, &gone]).await;
    let running = place.bench.start();
    let [first, second] =
        [place.submit("one", mended.callback()).await, place.submit("two", gone.callback()).await];
    let delivered = place.until_state(first, DeliveryState::Delivered).await;
    let dead = place.until_state(second, DeliveryState::Dead).await;
    place.looked().await;
    running.stop().await;
    assert_eq!((delivered.attempts, mended.heard().len()), (3, 3));
    assert_eq!((dead.attempts, gone.heard().len()), (1, 1));
    assert!(dead.failure.is_some_and(|why| why.contains("410")));
    // What was given up begins anew when somebody says so.
    let steps = place.bench.job(second).await.follow_up.expect("it is kept").steps;
    let anew = Delivery::due_at(place.bench.engine.now());
    place.bench.store.note_delivery(second, steps, anew).await.expect("the store takes it");
    let running = place.bench.start();
    gone.until(2).await;
    running.stop().await;
}

#[tokio::test]
async fn a_failure_shows_nothing_of_the_address() {
    let receiver = Receiver::always(200).await;
    let callbacks = Callbacks { attempts: 1, ..Callbacks::default() };
    let place = Place::with(callbacks, &[]).await;
    let running = place.bench.start();
    let id = place.submit("one", receiver.callback()).await;
    let dead = place.until_state(id, DeliveryState::Dead).await;
    running.stop().await;
    let why = dead.failure.expect("it says why");
    assert!(why.contains("outbound.ports"), "{why}");
    assert!(!why.contains("geheim") && !why.contains("/done"), "{why}");
    assert!(receiver.heard().is_empty());
}

#[tokio::test]
async fn a_crash_in_the_middle_of_a_call_loses_and_charges_nothing() {
    let receiver =
        Receiver::start(|number| if number == 0 { Reply::Silent } else { Reply::Status(200) });
    let receiver = receiver.await;
    let place = Place::new(&[&receiver]).await;
    let id = place.submit("one", receiver.callback()).await;
    let running = place.bench.start();
    receiver.until(1).await;
    let noted = call(&place.bench.job(id).await).expect("it is kept").clone();
    assert_eq!(
        (noted.attempts, noted.state),
        (1, DeliveryState::Pending),
        "noted before it is made"
    );
    assert_eq!(noted.due.since(place.bench.engine.now()), HOLD);
    running.crash().await;
    let place = Place { bench: place.bench.restarted(), ..place };
    let running = place.bench.start();
    place.looked().await;
    assert_eq!(receiver.heard().len(), 1, "somebody else may be at it");
    place.clock.advance(HOLD);
    let delivered = place.until_state(id, DeliveryState::Delivered).await;
    running.stop().await;
    let heard = receiver.heard();
    assert_eq!((delivered.attempts, heard.len()), (1, 2));
    assert_eq!(heard[0].id(), heard[1].id());
}

#[tokio::test]
async fn a_crash_between_the_note_and_the_call_loses_nothing() {
    let receiver = Receiver::always(200).await;
    let place = Place::new(&[&receiver]).await;
    let id = place.submit("one", receiver.callback()).await;
    // The note is there, and whoever made it never hears so.
    place.fail("note_delivery", Which::Nth(1), When::BeforeReply);
    let running = place.bench.start();
    place.until(id, |call| call.attempts == 1).await;
    running.crash().await;
    assert!(receiver.heard().is_empty());
    let place = Place { bench: place.bench.restarted(), ..place };
    let running = place.bench.start();
    place.clock.advance(HOLD);
    let delivered = place.until_state(id, DeliveryState::Delivered).await;
    running.stop().await;
    assert_eq!((delivered.attempts, receiver.heard().len()), (1, 1));
}

#[tokio::test]
async fn what_came_of_a_call_is_noted_however_long_the_store_is_away() {
    for when in [When::Before, When::BeforeReply] {
        let receiver = Receiver::always(200).await;
        let place = Place::new(&[&receiver]).await;
        let id = place.submit("one", receiver.callback()).await;
        place.fail("note_delivery", Which::Nth(2), when);
        let running = place.bench.start();
        let delivered = place.until_state(id, DeliveryState::Delivered).await;
        place.clock.advance(HOLD);
        place.looked().await;
        running.stop().await;
        assert_eq!((delivered.attempts, receiver.heard().len()), (1, 1), "{when:?}");
    }
}

#[tokio::test]
async fn a_store_that_is_away_charges_nobody() {
    let receiver = Receiver::always(200).await;
    let place = Place::new(&[&receiver]).await;
    let id = place.submit("one", receiver.callback()).await;
    for method in ["note_delivery", "follow_ups", "account"] {
        place.fail(method, Which::From(1), When::Before);
    }
    let running = place.bench.start();
    place.bench.until_state(id, JobState::Completed).await;
    while place.store.calls("follow_ups") < 5 || place.store.calls("account") == 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(call(&place.bench.job(id).await).expect("it is kept").attempts, 0);
    place.store.heal();
    let delivered = place.until_state(id, DeliveryState::Delivered).await;
    running.stop().await;
    assert_eq!((delivered.attempts, receiver.heard().len()), (1, 1));
}

#[tokio::test]
async fn hosts_side_by_side_call_once() {
    const JOBS: usize = 30;
    let receiver = Receiver::always(200).await;
    let place = Place::new(&[&receiver]).await;
    let mut ids = Vec::new();
    for _ in 0..JOBS {
        ids.push(place.submit("one", receiver.callback()).await);
    }
    let running = [(); 3].map(|()| place.bench.restarted().start());
    for id in &ids {
        place.until_state(*id, DeliveryState::Delivered).await;
    }
    for host in running {
        host.stop().await;
    }
    let heard = receiver.heard();
    let told: BTreeSet<_> = heard.iter().map(receiver::Heard::id).collect();
    assert_eq!((heard.len(), told.len()), (JOBS, JOBS));
}

#[tokio::test]
async fn a_slow_receiver_holds_up_nobody_else() {
    let slow = Receiver::start(|_| Reply::Silent).await;
    // Another host, as far as anybody can tell.
    let quick = Receiver::start_at("127.0.0.2:0", |_| Reply::Status(200)).await;
    let callbacks = Callbacks { at_once: 3, at_once_per_host: 2, ..Callbacks::default() };
    let place = Place::with(callbacks, &[&slow, &quick]).await;
    let running = place.bench.start();
    let mut waiting = Vec::new();
    for _ in 0..5 {
        waiting.push(place.submit("one", slow.callback()).await);
    }
    slow.until(2).await;
    for _ in 0..5 {
        let id = place.submit("two", quick.callback()).await;
        place.until_state(id, DeliveryState::Delivered).await;
    }
    assert_eq!(slow.heard().len(), 2, "it has only so many calls at once");
    let mut untried = 0;
    for id in waiting {
        let call = place.until(id, |call| call.state == DeliveryState::Pending).await;
        untried += usize::from(call.attempts == 0);
    }
    assert_eq!(untried, 3, "those that wait for a place are not charged");
    running.crash().await;
}

#[tokio::test]
async fn a_stop_hands_the_call_back() {
    let receiver = Receiver::start(|_| Reply::Silent).await;
    let place = Place::new(&[&receiver]).await;
    let id = place.submit("one", receiver.callback()).await;
    let running = place.bench.start();
    receiver.until(1).await;
    running.stop().await;
    let back = call(&place.bench.job(id).await).expect("it is kept").clone();
    assert_eq!((back.attempts, back.failure, back.state), (0, None, DeliveryState::Pending));
    assert_eq!(back.due, place.bench.engine.now(), "the next host need not wait");
}

/// Calls by GET, with headers that are ours to set.
#[derive(Debug)]
struct Elsewhere;

impl CallForms for Elsewhere {
    fn form(&self, job: &Job, callback: &Callback) -> Option<Call> {
        let url = format!("{}&job={}", callback.url, job.id);
        let headers = [("X-Mine", "yes"), ("Webhook-Id", "forged")];
        let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        let is_known = callback.style == CallbackStyle::Cielo24;
        is_known.then(|| Call { method: Method::Get, url, headers, body: bytes::Bytes::new() })
    }
}

#[tokio::test]
async fn other_forms_of_calls_come_from_outside() {
    let receiver = Receiver::always(200).await;
    let callbacks = Callbacks { attempts: 1, ..Callbacks::default() };
    let place = Place::with(callbacks, &[&receiver]).await;
    let calls = Calls { forms: Arc::new(Elsewhere), key: None };
    let place = Place { bench: place.bench.with_calls(calls), ..place };
    let running = place.bench.start();
    let styled = |style| Callback { style, ..receiver.callback() };
    let known = place.submit("one", styled(CallbackStyle::Cielo24)).await;
    place.until_state(known, DeliveryState::Delivered).await;
    let unknown = place.submit("one", styled(CallbackStyle::RevaiV1)).await;
    let dead = place.until_state(unknown, DeliveryState::Dead).await;
    running.stop().await;
    assert!(dead.failure.is_some_and(|why| why.contains("does not know")));
    let [heard] = &receiver.heard()[..] else { panic!("only one is known") };
    assert_eq!(heard.method, "GET");
    assert_eq!(heard.path, format!("/done?token=geheim&job={known}"));
    assert_eq!((heard.headers["x-mine"].as_str(), heard.id()), ("yes", &*Delivery::id(known)));
    assert!(!heard.headers.contains_key("webhook-signature"), "there is no key");
}

#[tokio::test]
async fn a_job_is_deleted_in_time_once_nobody_is_to_be_called() {
    const HOUR: u64 = 3_600;
    let receiver = Receiver::start(|number| Reply::Status([500, 200][number.min(1)])).await;
    let callbacks = Callbacks { attempts: 2, span_secs: 10 * HOUR, ..Callbacks::default() };
    let place = Place::with(callbacks, &[&receiver]).await;
    let delete_after_secs = Some(HOUR);
    let callback = Some(receiver.callback());
    let called = JobOptions { callback, delete_after_secs, ..JobOptions::default() };
    let quiet = JobOptions { delete_after_secs, ..JobOptions::default() };
    let [called, quiet] =
        [place.submit_with("one", called).await, place.submit_with("two", quiet).await];
    let running = place.bench.start();
    place.until(called, |call| call.failure.is_some()).await;
    place.bench.until(quiet, |job| job.state.is_terminal() && !job.has_news()).await;
    place.clock.advance(Duration::from_secs(HOUR - 1));
    place.looked().await;
    assert_eq!(place.bench.media.keys().len(), 2, "it is not time yet");
    place.clock.advance(Duration::from_secs(1));
    let is_gone = async |id| place.store.job(id).await.expect("the store answers").is_none();
    while !is_gone(quiet).await {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(place.bench.media.keys().len(), 1, "its recording went along");
    assert!(!is_gone(called).await, "somebody is still to be called for it");
    place.clock.advance(Duration::from_secs(12 * HOUR));
    while !is_gone(called).await {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    running.stop().await;
    assert_eq!(receiver.heard().len(), 2);
    assert!(place.bench.media.keys().is_empty());
}
