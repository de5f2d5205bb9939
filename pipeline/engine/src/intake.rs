//! Intake: upload events from the bus become jobs.
//!
//! An event is acknowledged once its job is terminal, so a crash repeats it; the same id of one owner
//! is the same job, so a repeat changes nothing. A partition may go to another host while its jobs run
//! here: they go on under their leases, their events come again there, and what is acknowledged here
//! changes nothing any more. What cannot become a job goes to the dead letters with
//! its reason and is acknowledged. While something that the intake needs is away, it waits with the
//! event in hand: no event is skipped and none is blamed.

use std::time::Duration;

use scribed_bus::{Consumer, Delivery};
use scribed_schemas::event::UPLOADS;
use scribed_schemas::id::JobId;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument as _, Span};

use crate::engine::Engine;
use crate::pulse::Loop;
use crate::{spans, trace};

mod envelope;
mod event;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
mod json;

pub(crate) use event::REASONS;

use event::{Refusal, Taken};

/// The consumer group of all daemons.
const GROUP: &str = "scribed";
/// How often to look for jobs that ended elsewhere.
const LOOK: Duration = Duration::from_secs(5);

/// An event whose job is not terminal yet.
#[derive(Debug, Clone, Copy)]
struct Open {
    partition: i32,
    offset: i64,
    job: JobId,
}

/// Takes events until `stop`.
pub(crate) async fn run(engine: &Engine, stop: &CancellationToken) {
    while !stop.is_cancelled() {
        engine.shared.pulse.beat(Loop::Intake);
        let served = match engine.bus().subscribe(UPLOADS, GROUP).await {
            Ok(mut consumer) => serve(engine, stop, consumer.as_mut()).await,
            Err(error) => Err(error),
        };
        if let Err(error) = served {
            tracing::warn!(%error, "the intake lost the bus; joining again");
            rest(engine, stop).await;
        }
    }
}

/// Serves one membership of the group; events that are open at its end come again.
async fn serve(
    engine: &Engine,
    stop: &CancellationToken,
    consumer: &mut dyn Consumer,
) -> scribed_bus::Result<()> {
    let mut open = Vec::new();
    let mut look = tokio::time::interval(LOOK);
    look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        engine.shared.pulse.beat(Loop::Intake);
        // `next` is cancel safe by its contract, the others only wait. It comes last, so that a
        // stream of events does not hold up what ends others.
        tokio::select! {
            biased;
            () = stop.cancelled() => return Ok(()),
            () = engine.shared.settled.notified() => settle(engine, consumer, &mut open).await?,
            _ = look.tick() => settle(engine, consumer, &mut open).await?,
            delivery = consumer.next() => take(engine, stop, consumer, delivery?, &mut open).await?,
        }
    }
}

/// Makes a job of a delivery, or a dead letter, however long what it needs is away.
async fn take(
    engine: &Engine,
    stop: &CancellationToken,
    consumer: &mut dyn Consumer,
    delivery: Delivery,
    open: &mut Vec<Open>,
) -> scribed_bus::Result<()> {
    let span = spans::intake(engine.bus().as_ref(), &delivery, GROUP);
    handle(engine, stop, consumer, delivery, open).instrument(span).await
}

async fn handle(
    engine: &Engine,
    stop: &CancellationToken,
    consumer: &mut dyn Consumer,
    delivery: Delivery,
    open: &mut Vec<Open>,
) -> scribed_bus::Result<()> {
    let (partition, offset) = (delivery.partition, delivery.offset);
    while !stop.is_cancelled() {
        engine.shared.pulse.beat(Loop::Intake);
        match event::take(engine, &delivery.message).await {
            Ok(Taken { job, is_terminal: false }) => {
                // A partition that went and came back delivers what is still open again.
                open.retain(|event| (event.partition, event.offset) != (partition, offset));
                open.push(Open { partition, offset, job });
                return Ok(());
            }
            Ok(Taken { .. }) => return consumer.ack(partition, offset).await,
            Err(Refusal::Bad { reason, detail }) => {
                trace::failed(&Span::current(), reason);
                tracing::warn!(
                    topic = delivery.topic,
                    partition,
                    offset,
                    reason,
                    detail,
                    "refused"
                );
                match engine.bury_event(&delivery, reason, &detail).await {
                    Ok(()) => return consumer.ack(partition, offset).await,
                    // To leave the group for this would move its partitions about.
                    Err(error) => {
                        tracing::warn!(topic = delivery.topic, partition, offset, %error,
                            "the dead letter waits");
                        rest(engine, stop).await;
                    }
                }
            }
            Err(Refusal::Away(error)) => {
                tracing::warn!(topic = delivery.topic, partition, offset, %error, "intake waits");
                rest(engine, stop).await;
            }
        }
    }
    Ok(())
}

/// Acknowledges the events whose jobs are terminal.
async fn settle(
    engine: &Engine,
    consumer: &mut dyn Consumer,
    open: &mut Vec<Open>,
) -> scribed_bus::Result<()> {
    for event in std::mem::take(open) {
        engine.shared.pulse.beat(Loop::Intake);
        match engine.store().job(event.job).await {
            Ok(job) if job.as_ref().is_none_or(|job| job.state.is_terminal()) => {
                consumer.ack(event.partition, event.offset).await?;
            }
            Ok(_) => open.push(event),
            Err(error) => {
                tracing::warn!(job = %event.job, %error, "cannot see whether the job has ended");
                open.push(event);
            }
        }
    }
    Ok(())
}

async fn rest(engine: &Engine, stop: &CancellationToken) {
    let pause = Duration::from_secs(engine.config().unavailable_backoff_secs.max(1));
    tokio::select! {
        biased;
        () = stop.cancelled() => {}
        () = tokio::time::sleep(pause) => {}
    }
}
