//! Findings: what stages report about a recording while they work on it.
//!
//! Stages report from any thread; the attempt stores what is new. The list of warnings is bounded and
//! free of repeats, because every attempt at a job reports the same again.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use scribed_schemas::audio::{MediaFacts, Warning};
use tokio::sync::Notify;

/// Most warnings that are kept of one recording; a damaged file may give thousands.
const WARNINGS_KEPT: usize = 100;

/// What was reported so far. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Findings(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    found: Mutex<Found>,
    news: Notify,
}

/// What is known of a recording.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Found {
    /// The last reported facts.
    pub facts: Option<MediaFacts>,
    /// Warnings in the order in which they came.
    pub warnings: Vec<Warning>,
    /// Grows with every change.
    pub version: u64,
}

impl Findings {
    /// Makes findings that start with what earlier attempts found.
    pub(crate) fn starting_with(facts: Option<MediaFacts>, warnings: Vec<Warning>) -> Self {
        let found = Mutex::new(Found { facts, warnings, version: 0 });
        Self(Arc::new(Shared { found, news: Notify::new() }))
    }

    /// Notes what the recording is; replaces what was known.
    pub fn facts(&self, facts: MediaFacts) {
        let mut found = self.lock();
        if found.facts.as_ref() != Some(&facts) {
            found.facts = Some(facts);
            self.tell(found);
        }
    }

    /// Notes something that the recording's owner should know.
    pub fn warning(&self, warning: Warning) {
        let mut found = self.lock();
        if found.warnings.len() < WARNINGS_KEPT && !found.warnings.contains(&warning) {
            found.warnings.push(warning);
            self.tell(found);
        }
    }

    /// Returns what is known now.
    pub fn now(&self) -> Found {
        self.lock().clone()
    }

    /// Waits until something is newer than `version`.
    ///
    /// # Cancel safety
    /// Cancel safe: nothing happens but waiting.
    pub async fn newer_than(&self, version: u64) -> Found {
        loop {
            // Made before the look, so news between look and wait still wakes.
            let news = self.0.news.notified();
            let found = self.now();
            if found.version > version {
                return found;
            }
            news.await;
        }
    }

    fn tell(&self, mut found: MutexGuard<'_, Found>) {
        found.version += 1;
        drop(found);
        self.0.news.notify_waiters();
    }

    /// Returns what was found; a panic elsewhere cannot have left it half changed.
    fn lock(&self) -> MutexGuard<'_, Found> {
        self.0.found.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn warning(message: &str) -> Warning {
        Warning { code: "damaged".into(), message: message.into(), at_frame: None }
    }

    #[test]
    fn a_repeated_warning_is_kept_once_and_the_list_is_bounded() {
        let findings = Findings::default();
        findings.warning(warning("same"));
        findings.warning(warning("same"));
        assert_eq!(findings.now().warnings.len(), 1);
        (0..1_000).for_each(|n| findings.warning(warning(&n.to_string())));
        assert_eq!(findings.now().warnings.len(), WARNINGS_KEPT);
    }

    #[tokio::test]
    async fn whoever_waits_for_news_sees_what_came_before_it_waited() {
        let findings = Findings::default();
        findings.facts(MediaFacts { container: "wav".into(), ..MediaFacts::default() });
        let found = findings.newer_than(0).await;
        assert_eq!(found.facts.map(|f| f.container), Some("wav".into()));
    }
}
