//! Burials: what is given up goes to `scribed.dead-letters`.
//!
//! A dead letter is published before the job is marked as failed, or the event acknowledged, so a crash
//! in between publishes it twice and never not at all.

use scribed_bus::{Delivery, Message};
use scribed_schemas::event::DEAD_LETTERS;
use scribed_schemas::job::{Fault, Job, JobOptions};
use serde::Serialize;

use crate::dead_letter::{self, Verdict};
use crate::engine::Engine;
use crate::measure;

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
    /// Publishes the dead letter of a job whose attempts are used up.
    ///
    /// # Errors
    /// The bus's: then it must be published later.
    pub(crate) async fn bury_job(
        &self,
        job: &Job,
        fault: &Fault,
        attempts: u32,
    ) -> scribed_bus::Result<()> {
        let reason = word(fault.code);
        let verdict = self.verdict(&reason, &fault.message);
        let headers = dead_letter::of_job(&job.id.to_string(), attempts, verdict);
        // Who is called is nobody's business, and what follows is not the end of the story.
        let options = JobOptions { callback: None, ..job.options.clone() };
        let job = Job { options, outbox: None, follow_up: None, ..job.clone() };
        let letter = DeadJob { schema: DEAD_JOB_SCHEMA, job: &job, fault };
        // A shape of texts and numbers alone can always be written.
        let payload = serde_json::to_vec(&letter).unwrap_or_default();
        let (key, at) = (job.id.to_string().into_bytes(), self.now());
        self.bus().publish(DEAD_LETTERS, Message { key, headers, payload, at }).await?;
        measure::buried(&reason);
        Ok(())
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
        self.bus().publish(DEAD_LETTERS, letter).await?;
        measure::buried(reason);
        Ok(())
    }

    fn verdict<'a>(&'a self, reason: &'a str, detail: &'a str) -> Verdict<'a> {
        Verdict { reason, detail, at: self.now(), host: &self.shared.parts.holder }
    }
}

/// Returns the stable word of a fault.
pub(crate) fn word(code: scribed_schemas::job::FaultCode) -> String {
    let value = serde_json::to_value(code).ok();
    value.and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default()
}
