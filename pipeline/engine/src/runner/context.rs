//! What an in-process stage may ask and tell: the flag, the log, and reports.

use scribed_plugin_host::{HostContext, Level};
use serde::de::DeserializeOwned;

use super::Watch;

/// The context of one instance.
#[derive(Debug)]
pub(super) struct Context {
    pub(super) stage: String,
    pub(super) watch: Watch,
}

impl HostContext for Context {
    fn log(&self, level: Level, message: &str) {
        let (stage, job) = (&self.stage, self.watch.job.map(|job| job.0));
        match level {
            Level::Error => tracing::error!(stage, job, "{message}"),
            Level::Warn => tracing::warn!(stage, job, "{message}"),
            Level::Info => tracing::info!(stage, job, "{message}"),
            Level::Debug => tracing::debug!(stage, job, "{message}"),
            Level::Trace => tracing::trace!(stage, job, "{message}"),
        }
    }

    fn cancelled(&self) -> bool {
        self.watch.cancel.is_tripped()
    }

    fn report(&self, topic: &str, json: &str) {
        let findings = &self.watch.findings;
        match topic {
            "facts" => self.take(topic, json, |facts| findings.facts(facts)),
            "warning" => self.take(topic, json, |warning| findings.warning(warning)),
            // A newer stage may tell what this daemon has no use for.
            _ => {}
        }
    }
}

impl Context {
    fn take<T: DeserializeOwned>(&self, topic: &str, json: &str, take: impl FnOnce(T)) {
        match serde_json::from_str(json) {
            Ok(document) => take(document),
            Err(error) => self.log(Level::Warn, &format!("its report of {topic} is bad: {error}")),
        }
    }
}
