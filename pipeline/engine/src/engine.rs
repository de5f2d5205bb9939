//! The engine's front: what the API, the command line and the intake call.

use std::sync::Arc;
use std::time::Duration;

use scribed_bus::Bus;
use scribed_media::{Inbox, MediaStore};
use scribed_outbound::Outbound;
use scribed_schemas::audio::MediaFacts;
use scribed_schemas::id::{IdGenerator, JobId};
use scribed_schemas::job::Job;
use scribed_schemas::time::Timestamp;
use scribed_store::{Deleted, Store};
use tokio::sync::{Notify, Semaphore};
use tokio_util::sync::CancellationToken;

use crate::calls::Calls;
use crate::cancel::Attempts;
use crate::clock::Clock;
use crate::config::Config;
use crate::courier::Errands;
use crate::error::{Error, ProbeError, Result};
use crate::job::Fetches;
use crate::plan::Plans;
use crate::publisher::News;
use crate::pulse::{Loop, Pulse};
use crate::room::Room;
use crate::runner::StageRunner;

mod submission;

pub use submission::{Draft, Submission};

/// Most waiting jobs that are counted.
const MOST_COUNTED: u32 = 10_000;

/// What an engine is made of.
#[derive(Debug, Clone)]
pub struct Parts {
    /// Jobs and their text.
    pub store: Arc<dyn Store>,
    /// Recordings.
    pub media: Arc<dyn MediaStore>,
    /// Files that upload events may name.
    pub inbox: Inbox,
    /// The way to URLs that users may name.
    pub outbound: Outbound,
    /// What is needed to call those who submitted jobs.
    pub calls: Calls,
    /// Events in and out.
    pub bus: Arc<dyn Bus>,
    /// Where stages run.
    pub runner: Arc<dyn StageRunner>,
    /// The pipelines.
    pub plans: Plans,
    /// The time of day.
    pub clock: Arc<dyn Clock>,
    /// New identities.
    pub ids: Arc<IdGenerator>,
    /// Settings.
    pub config: Config,
    /// Our name in leases, unique among hosts.
    pub holder: String,
}

/// Works on jobs. Clones are the same engine.
#[derive(Debug, Clone)]
pub struct Engine {
    pub(crate) shared: Arc<Shared>,
}

/// What clones of an engine share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) parts: Parts,
    /// Attempts that run in this process.
    pub(crate) attempts: Attempts,
    /// Wakes the scheduler: there may be work.
    pub(crate) work: Notify,
    /// Wakes the intake: a job may have ended.
    pub(crate) settled: Notify,
    /// Jobs of which others are to be told something.
    pub(crate) news: News,
    /// Jobs that something is to follow.
    pub(crate) errands: Errands,
    /// When our loops last came round.
    pub(crate) pulse: Pulse,
    /// How many more jobs may wait.
    pub(crate) room: Room,
    /// One permit per chunk in the recogniser.
    pub(crate) slots: Arc<Semaphore>,
    /// One place per recording that is fetched.
    pub(crate) fetches: Fetches,
    /// One permit per export that is rendered.
    pub(crate) renders: Semaphore,
    /// One permit per recording that is probed.
    pub(crate) probes: Semaphore,
}

impl Engine {
    /// Makes an engine; nothing runs before [`run`](Self::run).
    pub fn new(parts: Parts) -> Self {
        let permits = Config::at_least_one;
        let shared = Shared {
            attempts: Attempts::default(),
            work: Notify::new(),
            settled: Notify::new(),
            news: News::default(),
            errands: Errands::default(),
            pulse: Pulse::new(),
            room: Room::default(),
            slots: Arc::new(Semaphore::new(permits(parts.config.slots()))),
            fetches: Fetches::new(permits(parts.config.fetches)),
            renders: Semaphore::new(permits(parts.config.renders)),
            probes: Semaphore::new(permits(parts.config.probes)),
            parts,
        };
        Self { shared: Arc::new(shared) }
    }

    /// Cancels a job and stops the work on it at once; `None` when it was terminal before.
    ///
    /// # Errors
    /// The store's; `NotFound` when there is no such job.
    ///
    /// # Cancel safety
    /// A dropped call may have cancelled the job or not; a repeat is safe.
    pub async fn cancel(&self, job: JobId) -> Result<Option<Job>> {
        let cancelled = self.store().cancel(job, self.now()).await.map_err(Error::from)?;
        self.shared.attempts.trip(job);
        self.shared.settled.notify_one();
        self.has_news(job);
        if let Some(job) = &cancelled {
            self.may_have_ended(job);
        }
        Ok(cancelled)
    }

    /// Deletes a job that is done, with its text, and the bytes of its recording where they were stored
    /// for it.
    ///
    /// # Errors
    /// The store's and the media store's; then a repeat goes on.
    ///
    /// # Cancel safety
    /// A dropped call may have deleted the recording and not the job; a repeat completes it.
    pub async fn remove(&self, job: JobId) -> Result<Deleted> {
        crate::removal::remove(self, job).await
    }

    /// Looks at the beginning of a stored recording: what it is, or why it is of no use.
    ///
    /// `None` when neither shows within the configured bytes and time.
    ///
    /// # Errors
    /// [`ProbeError::Refused`] with the reason.
    ///
    /// # Cancel safety
    /// Cancel safe: nothing is changed.
    pub async fn probe(
        &self,
        key: &str,
        file_name: &str,
        content_type: &str,
    ) -> std::result::Result<Option<MediaFacts>, ProbeError> {
        crate::probe::probe(self, key, file_name, content_type).await
    }

    /// Works on jobs, takes upload events and calls those who submitted jobs until `stop`, then drains.
    ///
    /// Draining: no job is claimed any more, chunks in the recogniser are finished and stored, or
    /// stopped after the configured time, and every unfinished job is handed back. Calls under way may
    /// end, and no other is made.
    ///
    /// # Cancel safety
    /// A dropped call stops all work at once; leases run out, and other attempts go on after the last
    /// stored chunks.
    pub async fn run(&self, stop: CancellationToken) {
        let intake = async {
            if self.config().intake {
                crate::intake::run(self, &stop).await;
            }
        };
        let work_is_over = CancellationToken::new();
        let work = async {
            tokio::join!(crate::scheduler::run(self, &stop), intake);
            work_is_over.cancel();
        };
        let courier = crate::courier::run(self, &stop);
        tokio::join!(work, crate::publisher::run(self, &work_is_over), courier);
    }

    /// Removes recordings that no job has: soon after the start, when a crash may have left some, and
    /// once a day; until `stop`.
    ///
    /// # Cancel safety
    /// A dropped call may have removed some; the others are found by the next one.
    pub async fn remove_orphans(&self, stop: CancellationToken) {
        crate::orphans::run(self, &stop).await;
    }

    /// Returns how long ago each loop of a running engine came round.
    ///
    /// While it runs none is silent for more than some seconds, whatever is away; the store's and the
    /// bus's own time limits bound what one round may take.
    pub fn silences(&self) -> Vec<(Loop, Duration)> {
        let intake = self.config().intake.then_some(Loop::Intake);
        let loops = intake.into_iter().chain([Loop::Scheduler, Loop::Courier]);
        loops.map(|of| (of, self.shared.pulse.silence(of))).collect()
    }

    /// Counts what waits for work, and records it.
    ///
    /// # Errors
    /// The store's.
    ///
    /// # Cancel safety
    /// Cancel safe: nothing is changed.
    pub async fn measure_backlog(&self) -> Result<()> {
        let now = self.now();
        let backlog = self.store().backlog(now, MOST_COUNTED).await?;
        let oldest = backlog.oldest.map_or(Duration::ZERO, |oldest| now.since(oldest));
        crate::measure::backlog(backlog.waiting, oldest);
        Ok(())
    }

    /// Returns a new identity.
    pub fn new_id(&self) -> i64 {
        self.shared.parts.ids.next(self.now())
    }

    /// Returns the present instant.
    pub fn now(&self) -> Timestamp {
        self.shared.parts.clock.now()
    }

    /// Returns the store.
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.shared.parts.store
    }

    /// Returns the media store.
    pub fn media(&self) -> &Arc<dyn MediaStore> {
        &self.shared.parts.media
    }

    pub(crate) fn inbox(&self) -> &Inbox {
        &self.shared.parts.inbox
    }

    /// Returns the way to URLs that users may name.
    pub fn outbound(&self) -> &Outbound {
        &self.shared.parts.outbound
    }

    /// Returns the pipelines.
    pub fn plans(&self) -> &Plans {
        &self.shared.parts.plans
    }

    /// Returns whether what becomes of jobs is published.
    pub(crate) fn publishes(&self) -> bool {
        self.config().publish.unwrap_or(false)
    }

    /// Returns the settings.
    pub fn config(&self) -> &Config {
        &self.shared.parts.config
    }

    pub(crate) fn bus(&self) -> &Arc<dyn Bus> {
        &self.shared.parts.bus
    }

    pub(crate) fn runner(&self) -> &Arc<dyn StageRunner> {
        &self.shared.parts.runner
    }
}
