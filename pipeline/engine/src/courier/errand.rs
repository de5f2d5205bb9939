//! An errand: what is due now for one job, a call or its deletion.

use std::time::Duration;

use scribed_outbound::{Call, ErrorKind, host_of};
use scribed_schemas::callback::{Delivery, DeliveryState, FollowUp};
use scribed_schemas::id::JobId;
use scribed_schemas::job::Job;
use scribed_store::Deleted;
use tracing::Instrument as _;

use super::Stops;
use super::delivery::{self, Outcome};
use super::known::Place;
use crate::engine::Engine;
use crate::error::Result;
use crate::{calls, measure, spans};

/// First pause before a note is repeated that the store did not take; it doubles.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// Longest pause.
const LAST_PAUSE: Duration = Duration::from_secs(5);

/// Does what is due for a job; nothing is charged to anybody when the store is away.
///
/// # Errors
/// The store's and the media store's; then the next look finds the job again.
pub(super) async fn run(engine: &Engine, id: JobId, stops: &Stops) -> Result<()> {
    let Some(job) = engine.store().job(id).await? else { return Ok(()) };
    let Some(follow_up) = &job.follow_up else { return Ok(()) };
    let now = engine.now();
    if stops.soft.is_cancelled() || follow_up.due().is_none_or(|due| due > now) {
        return Ok(());
    }
    match &follow_up.delivery {
        Some(call) if call.state == DeliveryState::Pending => {
            deliver(engine, &job, follow_up, call, stops).await
        }
        _ => delete(engine, id).await,
    }
}

/// Makes one try at a call.
async fn deliver(
    engine: &Engine,
    job: &Job,
    follow_up: &FollowUp,
    before: &Delivery,
    stops: &Stops,
) -> Result<()> {
    let callback = job.options.callback.as_ref();
    let host = callback.and_then(|callback| host_of(&callback.url)).unwrap_or_default();
    let Some(_place) = Place::take(engine, host.clone(), job.id) else { return Ok(()) };
    let call = match callback {
        Some(callback) => calls::form(engine, job, callback).await?,
        None => None,
    };
    let now = engine.now();
    let tried = delivery::begun(before, now, now.plus(hold(engine)));
    let noted = engine.store().note_delivery(job.id, follow_up.steps, tried.clone()).await?;
    // Somebody else was faster, or the answer to an earlier note of ours was lost: then it comes again.
    let Some(noted) = noted else { return Ok(()) };
    let errand = Errand { engine, id: job.id, step: step(&noted), stops };
    let span = spans::calling(job, tried.attempts);
    let outcome = tokio::select! {
        biased;
        () = stops.hard.cancelled() => {
            errand.note(delivery::handed_back(before, engine.now())).await;
            return Ok(());
        }
        outcome = attempt(engine, call).instrument(span.clone()) => outcome,
    };
    let settings = &engine.config().callbacks;
    let after = delivery::ended(&tried, &outcome, job.id, engine.now(), settings);
    spans::called(&span, word(&after), outcome != Outcome::Delivered);
    tell(job.id, &host, &after);
    measure::called(word(&after));
    errand.note(after).await;
    Ok(())
}

/// Calls, and says what came of it.
async fn attempt(engine: &Engine, call: Option<Call>) -> Outcome {
    let Some(call) = call else {
        return Outcome::Failed("this daemon does not know what the call looks like".to_owned());
    };
    match engine.outbound().call(&call).await {
        Ok(answered) if answered.is_success() => Outcome::Delivered,
        Ok(answered) if answered.is_gone() => Outcome::Refused(answered.to_string()),
        Ok(answered) => Outcome::Failed(answered.to_string()),
        // No reader will ever see an address in it.
        Err(error) if error.kind == ErrorKind::UnsupportedUrl => Outcome::Refused(error.reason()),
        Err(error) => Outcome::Failed(error.reason()),
    }
}

/// Returns how long a call is nobody else's: longer than it can take.
fn hold(engine: &Engine) -> Duration {
    engine.config().callbacks.hold().max(engine.outbound().longest_call())
}

fn step(job: &Job) -> u32 {
    job.follow_up.as_ref().map_or(0, |follow_up| follow_up.steps)
}

/// Returns the word for what came of a try.
fn word(after: &Delivery) -> &'static str {
    match after.state {
        DeliveryState::Delivered => "delivered",
        DeliveryState::Pending => "failed",
        DeliveryState::Dead => "given_up",
    }
}

/// Logs what came of a try; of the address only the host is told.
fn tell(job: JobId, host: &str, after: &Delivery) {
    let (attempt, failure) = (after.attempts, after.failure.as_deref().unwrap_or_default());
    match after.state {
        DeliveryState::Delivered => tracing::info!(%job, host, attempt, "called"),
        DeliveryState::Pending => {
            tracing::info!(%job, host, attempt, failure, "a call failed and is made again");
        }
        DeliveryState::Dead => tracing::warn!(%job, host, attempt, failure, "a call is given up"),
    }
}

/// A call that was begun.
#[derive(Debug)]
struct Errand<'a> {
    engine: &'a Engine,
    id: JobId,
    /// The step that is noted next.
    step: u32,
    stops: &'a Stops,
}

impl Errand<'_> {
    /// Notes what came of a call, however long the store takes; at a stop, once.
    async fn note(&self, delivery: Delivery) {
        let mut pause = FIRST_PAUSE;
        loop {
            let store = self.engine.store();
            match store.note_delivery(self.id, self.step, delivery.clone()).await {
                // Without a job: noted by a call of ours whose answer was lost, or the store was away for
                // so long that somebody else has called again.
                Ok(_) => return,
                Err(error) => {
                    tracing::warn!(job = %self.id, %error, "cannot note yet what came of a call");
                    tokio::select! {
                        biased;
                        () = self.stops.hard.cancelled() => return,
                        () = tokio::time::sleep(pause) => {}
                    }
                    pause = (pause * 2).min(LAST_PAUSE);
                }
            }
        }
    }
}

/// Deletes a job whose time has come, as its owner could.
async fn delete(engine: &Engine, id: JobId) -> Result<()> {
    match engine.remove(id).await? {
        Deleted::Gone => tracing::info!(job = %id, "deleted, as its submitter asked"),
        // Others are still to be told of it: the next look finds it again.
        Deleted::Untold | Deleted::Open | Deleted::Missing => {}
    }
    Ok(())
}
