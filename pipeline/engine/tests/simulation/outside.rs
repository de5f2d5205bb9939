//! The outside: producers, submitters and readers.

use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use std::time::Duration;

use bytes::Bytes;
use scribed_bus::{Bus, Message};
use scribed_engine::Engine;
use scribed_engine::testing::submission;
use scribed_schemas::event::UPLOADS;
use scribed_schemas::id::{AccountId, MediaId};
use scribed_schemas::media::Media;
use scribed_store::{IdempotencyKey, Store, Submitted};
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinSet;

use crate::bus::SimBus;
use crate::life::Life;
use crate::sim::Sim;
use crate::store::SimStore;

/// Clients that are no host.
#[derive(Debug)]
pub(crate) struct Outside {
    runtime: Runtime,
    life: Arc<Life>,
    /// Producers that are not done.
    producers: JoinSet<()>,
}

impl Outside {
    /// Makes the outside, with so many readers.
    pub(crate) fn new(sim: &Arc<Sim>, readers: u32) -> Self {
        let runtime = Builder::new_current_thread().enable_time().start_paused(true).build();
        let runtime = runtime.expect("a runtime without I/O needs nothing");
        let inside = runtime.enter();
        let skew = Arc::new(AtomicI64::new(0));
        let life = Arc::new(Life::new(Arc::clone(sim), "outside", 0, Duration::ZERO, skew));
        drop(inside);
        for _ in 0..readers {
            runtime.spawn(read(Arc::clone(&life)));
        }
        Self { runtime, life, producers: JoinSet::new() }
    }

    /// Lets a producer publish messages until each is taken.
    pub(crate) fn produce(&mut self, messages: Vec<Message>) {
        let produce = produce(Arc::clone(&self.life), messages);
        self.producers.spawn_on(produce, self.runtime.handle());
    }

    /// Runs the outside to an instant.
    pub(crate) fn run(&mut self, to: Duration) {
        self.runtime.block_on(async { tokio::time::sleep_until(self.life.instant(to)).await });
        while self.producers.try_join_next().is_some() {}
    }

    /// Returns whether every producer is done.
    pub(crate) fn is_done(&self) -> bool {
        self.producers.is_empty()
    }
}

async fn produce(life: Arc<Life>, messages: Vec<Message>) {
    let bus = SimBus::new(Arc::clone(&life));
    for message in messages {
        while bus.publish(UPLOADS, message.clone()).await.is_err() {
            let pause = life.sim.roll(|dice| dice.between(200, 5_000));
            tokio::time::sleep(Duration::from_millis(pause)).await;
        }
    }
}

/// Reads pages of any job, again and again; the checker sees what the store answers.
async fn read(life: Arc<Life>) {
    let store = SimStore::new(Arc::clone(&life));
    loop {
        let sim = &life.sim;
        let (pause, from, limit) =
            sim.roll(|dice| (dice.between(200, 4_000), dice.between(0, 3), dice.between(1, 8)));
        tokio::time::sleep(Duration::from_millis(pause)).await;
        let jobs = sim.check(|checker| checker.known());
        if jobs.is_empty() {
            continue;
        }
        let job = sim.roll(|dice| dice.pick(&jobs));
        let number = |n: u64| u32::try_from(n).expect("it is small");
        // A reader whose page is lost asks for another.
        store.chunks(job, number(from), number(limit)).await.ok();
        store.job(job).await.ok();
    }
}

/// Sends a recording to a host, once; the checker hears which job the answer names.
pub(crate) async fn submit(engine: Engine, life: Arc<Life>, name: String, recording: Vec<u8>) {
    let id = MediaId(engine.new_id());
    let key = format!("uploads/{id}");
    let Ok(mut writer) = engine.media().create(&key).await else { return };
    if writer.write(Bytes::from(recording)).await.is_err() {
        return;
    }
    let Ok(size) = writer.finish().await else { return };
    let owner = AccountId(1);
    let media = Media {
        id,
        owner,
        key,
        file_name: name.clone(),
        content_type: String::new(),
        size,
        created: engine.now(),
    };
    let mut submission = submission(owner, media);
    submission.name.clone_from(&name);
    submission.idempotency =
        Some(IdempotencyKey { key: name.clone(), fingerprint: "the same".to_owned() });
    match engine.submit(submission).await {
        Ok(Submitted::Created(job) | Submitted::Existing(job)) => {
            life.note(format_args!("answers {name} with job {}", job.id));
            life.sim.check(|checker| checker.told(&name, job.id));
        }
        Ok(other) => life.sim.check(|checker| checker.never_ends(format!("{name}: {other:?}"))),
        Err(_) => {}
    }
}
