//! `scribed topics create`: the topics of a Kafka cluster.

use std::process::ExitCode;

use anyhow::anyhow;
use scribed_bus::KafkaBus;

use super::{Session, runtime};
use crate::backends::TOPICS;
use crate::cli::Topics;
use crate::config::BusBackend;
use crate::failure::Failure;
use crate::output;

/// Makes the topics that are missing.
///
/// # Errors
/// Says what was attempted and why it failed.
pub(super) fn run(session: &Session, ask: Topics) -> Result<ExitCode, Failure> {
    let Topics::Create { partitions, replicas } = ask;
    let bus = &session.settings.config.bus;
    if bus.backend != BusBackend::Kafka {
        let why = anyhow!("bus.backend is not \"kafka\": there are no topics to make");
        return Err(Failure::refused(why).hint("set bus.backend and bus.kafka.brokers"));
    }
    let kafka = KafkaBus::new(bus.kafka.clone()).map_err(Failure::refused)?;
    let made = runtime()?.block_on(kafka.create_topics(&TOPICS, partitions, replicas))?;
    for topic in &made {
        output::line(topic);
    }
    output::note(format!("made {} of {} topics; the others are there", made.len(), TOPICS.len()));
    Ok(ExitCode::SUCCESS)
}
