//! News: what librdkafka tells beside the answers to our calls. Logged, and kept to explain failures.
//!
//! A broker that is away, or all of them, is news and not an error: the client goes on by itself.

use std::sync::{Arc, Mutex, PoisonError};

use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaErrorCode;

/// What a client has told last. Clones are the same.
#[derive(Debug, Clone, Default)]
pub(super) struct News {
    last: Arc<Mutex<Option<String>>>,
}

impl News {
    /// Adds what the client told last to its error, which often names a symptom only.
    pub(super) fn explain(&self, error: &KafkaError) -> Failure {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let error = words(error);
        match &*last {
            Some(last) => Failure(format!("{error}; the client's last news: {last}")),
            None => Failure(error),
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
        match error.rdkafka_error_code() {
            Some(
                RDKafkaErrorCode::BrokerTransportFailure
                | RDKafkaErrorCode::AllBrokersDown
                | RDKafkaErrorCode::Resolve
                | RDKafkaErrorCode::OperationTimedOut,
            ) => tracing::warn!(reason, "kafka is away; the client goes on trying"),
            _ => tracing::warn!(%error, reason, "kafka client"),
        }
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        // That all are down says less than why the last of them is.
        if last.is_none() || error.rdkafka_error_code() != Some(RDKafkaErrorCode::AllBrokersDown) {
            *last = Some(reason.to_owned());
        }
    }
}
