//! Submissions: how jobs come to be, and how those that wait get what they wait for.

use scribed_schemas::audio::MediaFacts;
use scribed_schemas::id::{AccountId, JobId};
use scribed_schemas::job::{Awaits, JobOptions, Priority};
use scribed_schemas::media::Media;
use scribed_store::{IdempotencyKey, NewJob, Submitted, Supplied, Supply};
use tracing::Span;

use super::Engine;
use crate::error::Result;
use crate::plan::CHUNK_LIMIT_SECS;
use crate::{spans, trace};

/// A recording that somebody wants transcribed; its bytes are stored already.
#[derive(Debug, Clone)]
pub struct Submission {
    /// Whose it is.
    pub owner: AccountId,
    /// Name for people.
    pub name: String,
    /// The recording.
    pub media: Media,
    /// Pipeline to use; absent: the default one.
    pub pipeline: Option<String>,
    /// What was asked for beside.
    pub options: JobOptions,
    /// How urgent it is.
    pub priority: Priority,
    /// What a probe found.
    pub facts: Option<MediaFacts>,
    /// The caller's name for this submission.
    pub idempotency: Option<IdempotencyKey>,
    /// Refuse when the owner has a job that is not done.
    pub one_active: bool,
}

/// A job whose recording is still to come.
#[derive(Debug, Clone)]
pub struct Draft {
    /// Whose it is.
    pub owner: AccountId,
    /// Name for people.
    pub name: String,
    /// What was asked for beside.
    pub options: JobOptions,
    /// What it waits for beside its recording.
    pub awaits: Awaits,
    /// The caller's name for this submission.
    pub idempotency: Option<IdempotencyKey>,
}

impl Engine {
    /// Makes a job of a stored recording. Durable when it returns.
    ///
    /// # Errors
    /// [`Error::NoSuchPipeline`](crate::Error::NoSuchPipeline), or the store's.
    ///
    /// # Cancel safety
    /// A dropped call may have made the job or not; the same idempotency key finds out.
    pub async fn submit(&self, submission: Submission) -> Result<Submitted> {
        let Submission { owner, name, media, pipeline, options, priority, facts, .. } = submission;
        let plan = self.plans().plan(pipeline.as_deref())?;
        let trace = options.trace.or_else(|| trace::traceparent(&Span::current()));
        let options = JobOptions { trace, ..options };
        let now = self.now();
        crate::orphans::in_time(self, &media, now)?;
        let job = NewJob {
            id: JobId(self.new_id()),
            owner,
            name,
            media: Some(media),
            awaits: Awaits::default(),
            pipeline: plan.name.clone(),
            options,
            priority,
            facts,
            chunk_limit_secs: CHUNK_LIMIT_SECS,
            idempotency: submission.idempotency,
            one_active: submission.one_active,
            announced: self.publishes(),
            now,
        };
        self.make(job).await
    }

    /// Makes a job that waits for its recording, for the order to work on it, or for both; see
    /// [`supply`](Self::supply). Durable when it returns.
    ///
    /// # Errors
    /// The store's.
    ///
    /// # Cancel safety
    /// A dropped call may have made the job or not; the same idempotency key finds out.
    pub async fn draft(&self, draft: Draft) -> Result<Submitted> {
        let Draft { owner, name, options, awaits, idempotency } = draft;
        let plan = self.plans().plan(None)?;
        let trace = options.trace.or_else(|| trace::traceparent(&Span::current()));
        let job = NewJob {
            id: JobId(self.new_id()),
            owner,
            name,
            media: None,
            awaits: Awaits { media: true, ..awaits },
            pipeline: plan.name.clone(),
            options: JobOptions { trace, ..options },
            priority: Priority::default(),
            facts: None,
            chunk_limit_secs: CHUNK_LIMIT_SECS,
            idempotency,
            one_active: false,
            announced: self.publishes(),
            now: self.now(),
        };
        self.make(job).await
    }

    /// Gives a job something that it waits for; when it waits for nothing more it is worked on in turn.
    ///
    /// # Errors
    /// The store's; `NotFound` when there is no such job.
    ///
    /// # Cancel safety
    /// A dropped call may have given it or not; a repeat is safe.
    pub async fn supply(&self, job: JobId, supply: Supply) -> Result<Supplied> {
        let now = self.now();
        if let Supply::Media { media, .. } = &supply {
            crate::orphans::in_time(self, media, now)?;
        }
        let supplied = self.store().supply(job, supply, now).await?;
        if matches!(supplied, Supplied::Changed(_)) {
            self.shared.work.notify_one();
            self.has_news(job);
        }
        Ok(supplied)
    }

    async fn make(&self, job: NewJob) -> Result<Submitted> {
        let submitted = self.store().submit(job).await?;
        self.shared.work.notify_one();
        match &submitted {
            Submitted::Created(job) => {
                spans::about(job.id);
                self.has_news(job.id);
            }
            Submitted::Existing(job) => spans::about(job.id),
            Submitted::Conflict | Submitted::ActiveJob(_) => {}
        }
        Ok(submitted)
    }
}
