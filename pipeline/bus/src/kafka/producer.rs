//! The producer: publishes and waits for the broker's word, idempotent and by all in-sync replicas.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::metadata::Metadata;
use rdkafka::producer::{FutureProducer, FutureRecord, Producer as _};
use rdkafka::util::Timeout;

use super::news::News;
use super::{options, record};
use crate::{Error, Message, Result};

/// Publishes messages. A producer that met a fatal error is replaced by a new one.
pub(super) struct Producer {
    client: ClientConfig,
    news: News,
    current: Mutex<Arc<FutureProducer<News>>>,
}

impl std::fmt::Debug for Producer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Producer").field("client", &self.client).finish_non_exhaustive()
    }
}

impl Producer {
    /// Makes a producer; it connects in the background.
    pub(super) fn new(client: ClientConfig) -> Result<Self> {
        let news = News::default();
        let current = create(&client, &news)?;
        Ok(Self { client, news, current: Mutex::new(current) })
    }

    /// Publishes to a topic by its name on the brokers; durable when it returns.
    pub(super) async fn publish(&self, topic: &str, message: &Message) -> Result<()> {
        let record = FutureRecord::<[u8], [u8]> {
            topic,
            partition: None,
            payload: Some(&message.payload),
            key: Some(&message.key[..]).filter(|key| !key.is_empty()),
            timestamp: Some(record::millis(message)),
            headers: Some(record::owned_headers(message)).filter(|_| !message.headers.is_empty()),
        };
        let producer = self.current();
        // A full queue is waited for; each message in it ends by the client's message timeout.
        let Err((error, _)) = producer.send(record, Timeout::Never).await else {
            return Ok(());
        };
        if producer.client().fatal_error().is_some() {
            self.replace(&producer);
        }
        let attempt = match error.rdkafka_error_code() {
            Some(RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::UnknownTopic) => {
                format!("publish to {topic}, which may not exist")
            }
            _ => format!("publish to {topic}"),
        };
        Err(Error::caused(attempt, self.news.explain(&error)))
    }

    /// Asks a broker about a topic, or about all; blocks.
    pub(super) fn metadata(&self, topic: Option<&str>, limit: Duration) -> Result<Metadata> {
        self.current().client().fetch_metadata(topic, limit).map_err(|error| {
            let what = topic.map_or_else(|| "the topics".to_owned(), |t| format!("topic {t}"));
            Error::caused(format!("ask Kafka about {what}"), self.news.explain(&error))
        })
    }

    /// Returns the settings, for other clients of the same rights.
    pub(super) fn client(&self) -> &ClientConfig {
        &self.client
    }

    fn current(&self) -> Arc<FutureProducer<News>> {
        Arc::clone(&self.current.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts a new producer in the place of one that will never publish again.
    fn replace(&self, broken: &Arc<FutureProducer<News>>) {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if !Arc::ptr_eq(&current, broken) {
            return;
        }
        match create(&self.client, &self.news) {
            Ok(new) => {
                tracing::warn!("the kafka producer met a fatal error; a new one takes its place");
                *current = new;
            }
            Err(error) => tracing::error!(%error, "cannot replace a broken kafka producer"),
        }
    }
}

fn create(client: &ClientConfig, news: &News) -> Result<Arc<FutureProducer<News>>> {
    let created: std::result::Result<_, KafkaError> = client.create_with_context(news.clone());
    created.map(Arc::new).map_err(options::refusal)
}
