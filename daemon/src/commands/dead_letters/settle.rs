//! Settling letters: back to work, or aside for good.
//!
//! What is done comes before the record that says so. A command that dies in between leaves the letter
//! in the list, and doing it again does no harm: an event that comes twice is one job, and so is a
//! recording that is taken up twice for one letter.

use std::collections::BTreeSet;
use std::sync::Arc;

use anyhow::anyhow;
use scribed_engine::dead_letter::{Action, Letter, Origin, Settlement};
use scribed_schemas::event::{DEAD_LETTERS, UPLOADS};
use scribed_schemas::id::{IdGenerator, JobId};
use scribed_schemas::job::{Awaits, Job, JobState};
use scribed_schemas::media::Media;
use scribed_store::{IdempotencyKey, NewJob, Store, Submitted};

use super::super::now;
use super::book::Book;
use super::print::plain;
use crate::cli::Chosen;
use crate::failure::Failure;
use crate::output;

/// What to do with letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Deed {
    Retry,
    Drop,
}

impl Deed {
    pub(super) const fn word(self) -> &'static str {
        self.action().as_str()
    }

    const fn action(self) -> Action {
        match self {
            Self::Retry => Action::Retried,
            Self::Drop => Action::Dropped,
        }
    }
}

/// Settles letters in somebody's name.
pub(super) struct Clerk<'a> {
    pub(super) book: &'a Book<'a>,
    /// Where jobs are; needed for retries.
    pub(super) store: Option<Arc<dyn Store>>,
    pub(super) ids: IdGenerator,
    pub(super) by: String,
    pub(super) deed: Deed,
}

/// How far it came.
#[derive(Debug, Default)]
pub(super) struct Done {
    pub(super) chosen: usize,
    pub(super) settled: usize,
}

/// What came of a letter: what it became, or why nothing was done.
type Verdict = Result<String, String>;

impl Clerk<'_> {
    /// Settles what was chosen, one after the other in the order of the topic, which is that of each
    /// key's events.
    pub(super) async fn settle(&self, chosen: &Chosen) -> Result<Done, Failure> {
        let ids: BTreeSet<&String> = chosen.ids.iter().collect();
        let mut done = Done::default();
        let mut letters = self.book.letters().await?;
        while let Some(letter) = letters.next().await? {
            let name = letter.name();
            let settlement = self.book.settlement(&name);
            let is_named = ids.contains(&name.id);
            let is_meant =
                chosen.all || chosen.reason.as_deref().is_some_and(|r| r == letter.reason());
            if !is_named && (!is_meant || settlement.is_some()) {
                continue;
            }
            done.chosen += 1;
            let verdict = match settlement {
                Some(earlier) => {
                    Err(format!("it was {} by {} at {}", earlier.action, earlier.by, earlier.at))
                }
                None => self.settle_one(&letter).await.map_err(|failure| {
                    let so_far = format!("after {} letters", done.settled);
                    Failure { error: failure.error.context(so_far), ..failure }
                })?,
            };
            let id = plain(&name.id);
            match verdict {
                Ok(became) => {
                    done.settled += 1;
                    output::line(format!("{id} {}{became}", self.deed.word()));
                }
                Err(why) => output::note(format!("{id} is left as it is: {}", plain(&why))),
            }
        }
        Ok(done)
    }

    /// Does it, and then says in the topic that it is done.
    async fn settle_one(&self, letter: &Letter) -> Result<Verdict, Failure> {
        let became = match self.deed {
            Deed::Drop => Ok(String::new()),
            Deed::Retry => self.retry(letter).await?,
        };
        let became = match became {
            Ok(became) => became,
            Err(why) => return Ok(Err(why)),
        };
        let now = now();
        let settlement = Settlement {
            became: became.clone(),
            ..Settlement::new(letter.name(), self.deed.action(), &self.by, now)
        };
        self.book.bus.publish(DEAD_LETTERS, settlement.message(now)).await?;
        let shown = if became.is_empty() { String::new() } else { format!(" as {became}") };
        Ok(Ok(shown))
    }

    async fn retry(&self, letter: &Letter) -> Result<Verdict, Failure> {
        match letter.origin() {
            Origin::Event { topic, .. } if topic == UPLOADS => {
                self.book.bus.publish(UPLOADS, letter.sent_back(now())).await?;
                Ok(Ok(topic))
            }
            Origin::Event { topic, .. } => {
                Ok(Err(format!("it came from {topic}, from which nobody here takes events")))
            }
            Origin::Job(job) => self.retry_job(letter, job).await,
            Origin::Unknown => {
                Ok(Err("it does not say where it came from; `show --raw` writes it".to_owned()))
            }
        }
    }

    /// Makes another job of the recording of a job that was given up.
    ///
    /// A job that has ended stays as it ended, for whoever was told so. The other one has its owner,
    /// name and options, the producer's id and reference among them.
    async fn retry_job(&self, letter: &Letter, id: JobId) -> Result<Verdict, Failure> {
        let store = self.store.as_ref().ok_or_else(|| anyhow!("there is no database"))?;
        let Some(job) = store.job(id).await? else {
            return Ok(Err(format!("there is no job {id} any more")));
        };
        match job.state {
            JobState::ProcessingFail => {}
            state if state.is_terminal() => {
                return Ok(Err(format!("job {id} is {}; drop the letter", state.as_str())));
            }
            state => {
                return Ok(Err(format!("job {id} is {} and goes on by itself", state.as_str())));
            }
        }
        let media = match job.media {
            Some(media) => store.media(media).await?,
            None => None,
        };
        let Some(media) = media else {
            return Ok(Err(format!("the recording of job {id} is not stored any more")));
        };
        match store.submit(self.another(job, media, &letter.name().id)).await? {
            Submitted::Created(job) | Submitted::Existing(job) => Ok(Ok(format!("job:{}", job.id))),
            other => Ok(Err(format!("the store does not take it: {other:?}"))),
        }
    }

    /// Makes the submission of a job's recording anew; one letter makes one job.
    fn another(&self, job: Job, media: Media, letter: &str) -> NewJob {
        let now = now();
        let name = format!("dead-letter:{letter}");
        NewJob {
            id: JobId(self.ids.next(now)),
            owner: job.owner,
            name: job.name,
            media: Some(media),
            awaits: Awaits::default(),
            pipeline: job.pipeline,
            options: job.options,
            priority: job.priority,
            facts: job.facts,
            chunk_limit_secs: job.chunk_limit_secs,
            idempotency: Some(IdempotencyKey { key: name.clone(), fingerprint: name }),
            one_active: false,
            // As the job that was given up: others are told of this one as they were of that.
            announced: job.outbox.is_some(),
            now,
        }
    }
}

/// Returns who settles letters here, as far as the system says: `name@machine`.
pub(super) fn operator() -> String {
    let user = ["USER", "LOGNAME"].iter().find_map(|name| std::env::var(name).ok());
    let user = user.filter(|user| !user.is_empty()).unwrap_or_else(|| "somebody".to_owned());
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    match host.trim() {
        "" => user,
        host => format!("{user}@{host}"),
    }
}
