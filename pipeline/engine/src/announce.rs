//! Announcements: what the daemon tells others about jobs, on the bus.
//!
//! Terminal states go to `scribed.states`, what was given up goes to `scribed.dead-letters`. A dead
//! letter is published before the job is marked as failed, so a crash in between publishes it twice and
//! never not at all. A state is published after it is stored, and several times if the bus is away for
//! a moment; the store has it in any case.

use std::time::Duration;

use scribed_bus::{Delivery, Message};
use scribed_schemas::event::{DEAD_LETTERS, STATE_SCHEMA, STATES, StateEvent};
use scribed_schemas::job::{Fault, Job};
use serde::Serialize;

use crate::clock::rfc3339;
use crate::dead_letter::{self, Headers, Verdict};
use crate::engine::Engine;

/// Tries at publishing before it is left to the log.
const TRIES: u32 = 3;
/// Pause between them.
const PAUSE: Duration = Duration::from_millis(500);

/// The `schema` of [`DeadJob`].
const DEAD_JOB_SCHEMA: &str = "scribed.dead-job/1";

/// Payload of the dead letter of a job.
#[derive(Debug, Serialize)]
struct DeadJob<'a> {
    schema: &'static str,
    job: &'a Job,
    fault: &'a Fault,
}

impl Engine {
    /// Tells others that a job has ended; does nothing for one that has not.
    ///
    /// Whoever ends a job by other means than the engine calls this.
    ///
    /// # Cancel safety
    /// A dropped call may have published the state or not; a repeat is safe, since the event's id is
    /// the same.
    pub async fn announce(&self, job: &Job) {
        if !job.state.is_terminal() {
            return;
        }
        self.shared.settled.notify_one();
        let event = StateEvent {
            schema: STATE_SCHEMA.to_owned(),
            id: format!("{}:{}", job.id, job.state.as_str()),
            job: job.id,
            owner: self.owner_name(job).await,
            state: job.state,
            error: job.fault.as_ref().map(|fault| fault.message.clone()),
            at: rfc3339(job.finished.unwrap_or(job.updated)),
        };
        self.publish_json(STATES, job.id.to_string(), Vec::new(), &event).await;
    }

    /// Publishes the dead letter of a job whose attempts are used up.
    pub(crate) async fn bury_job(&self, job: &Job, fault: &Fault) {
        let reason = word(fault.code);
        let verdict = self.verdict(&reason, &fault.message);
        let headers = dead_letter::of_job(&job.id.to_string(), job.error_count + 1, verdict);
        let letter = DeadJob { schema: DEAD_JOB_SCHEMA, job, fault };
        self.publish_json(DEAD_LETTERS, job.id.to_string(), headers, &letter).await;
    }

    /// Publishes an event that cannot become a job, as it came, with the reason.
    ///
    /// # Errors
    /// The bus's: then the event must not be acknowledged.
    pub(crate) async fn bury_event(
        &self,
        delivery: &Delivery,
        reason: &str,
        detail: &str,
    ) -> scribed_bus::Result<()> {
        let letter = dead_letter::of_event(delivery, self.verdict(reason, detail));
        self.bus().publish(DEAD_LETTERS, letter).await
    }

    fn verdict<'a>(&'a self, reason: &'a str, detail: &'a str) -> Verdict<'a> {
        Verdict { reason, detail, at: self.now(), host: &self.shared.parts.holder }
    }

    async fn owner_name(&self, job: &Job) -> String {
        match self.store().account(job.owner).await {
            Ok(Some(account)) => account.username,
            Ok(None) => String::new(),
            Err(error) => {
                tracing::warn!(job = %job.id, %error, "cannot look up the owner for an event");
                String::new()
            }
        }
    }

    async fn publish_json(
        &self,
        topic: &str,
        key: String,
        headers: Headers,
        document: &(impl Serialize + Sync),
    ) {
        let payload = match serde_json::to_vec(document) {
            Ok(payload) => payload,
            Err(error) => {
                tracing::error!(topic, key, %error, "cannot write an event as JSON");
                return;
            }
        };
        let at = self.now();
        let message = Message { key: key.clone().into_bytes(), headers, payload, at };
        for attempt in 1..=TRIES {
            match self.bus().publish(topic, message.clone()).await {
                Ok(()) => return,
                Err(error) if attempt == TRIES => {
                    tracing::error!(topic, key, %error, "cannot publish an event");
                }
                Err(_) => tokio::time::sleep(PAUSE).await,
            }
        }
    }
}

/// Returns the stable word of a fault.
fn word(code: scribed_schemas::job::FaultCode) -> String {
    let value = serde_json::to_value(code).ok();
    value.and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default()
}
