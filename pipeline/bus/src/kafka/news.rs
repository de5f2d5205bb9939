//! News: what librdkafka tells beside the answers to our calls. Logged, and kept to explain failures.
//!
//! A broker that is away, or all of them, is news and not an error: the client goes on by itself.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaErrorCode;

/// How long news explain failures: the longest that a call waits for the brokers.
const FRESH: Duration = Duration::from_secs(120);

/// What a client has told last. Clones are the same.
#[derive(Debug, Clone, Default)]
pub(super) struct News {
    last: Arc<Mutex<Option<(Instant, String)>>>,
}

impl News {
    /// Adds what the client told last to its error, which often names a symptom only.
    pub(super) fn explain(&self, error: &KafkaError) -> Failure {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let error = words(error);
        match &*last {
            Some((at, last)) if at.elapsed() <= FRESH => {
                Failure(format!("{error}; the client's last news: {last}"))
            }
            _ => Failure(error),
        }
    }
}

/// Why a call failed, in librdkafka's words.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Failure(String);

/// Returns the part of an error that says something.
pub(super) fn words(error: &KafkaError) -> String {
    error.rdkafka_error_code().map_or_else(|| error.to_string(), |code| code.to_string())
}

impl ClientContext for News {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        match level {
            // Options that only consumers or only producers know: we give all to both.
            _ if facility == "CONFWARN" => tracing::debug!(facility, message, "kafka client"),
            RDKafkaLogLevel::Emerg | RDKafkaLogLevel::Alert | RDKafkaLogLevel::Critical => {
                tracing::error!(facility, message, "kafka client");
            }
            RDKafkaLogLevel::Error | RDKafkaLogLevel::Warning => {
                tracing::warn!(facility, message, "kafka client");
            }
            _ => tracing::debug!(facility, message, "kafka client"),
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        let code = error.rdkafka_error_code();
        let is_away = matches!(
            code,
            Some(
                RDKafkaErrorCode::BrokerTransportFailure
                    | RDKafkaErrorCode::AllBrokersDown
                    | RDKafkaErrorCode::Resolve
                    | RDKafkaErrorCode::OperationTimedOut
            )
        );
        if is_away {
            tracing::warn!(reason, "kafka is away; the client goes on trying");
        } else {
            tracing::warn!(%error, reason, "kafka client");
        }
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        // That all are down says less than why the last of them is.
        if last.is_none() || code != Some(RDKafkaErrorCode::AllBrokersDown) {
            *last = Some((Instant::now(), reason.to_owned()));
        }
    }
}
