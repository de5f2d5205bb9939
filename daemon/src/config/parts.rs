//! Which backend stands behind each part, and the settings of all of them.

use serde::{Deserialize, Serialize};

/// Where jobs, texts and accounts are kept.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Store {
    /// Which database.
    pub backend: StoreBackend,
    /// The database file of one machine.
    pub sqlite: scribed_store::SqliteConfig,
    /// The cluster.
    pub cql: scribed_store::CqlConfig,
}

/// Databases.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StoreBackend {
    /// A file in the state folder: one daemon.
    #[default]
    Sqlite,
    /// `ScyllaDB` or Cassandra: any number of daemons.
    Cql,
}

/// Where upload events come from, and where others are told of jobs.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Bus {
    /// Which one.
    pub backend: BusBackend,
    /// The queue in the database file of one machine.
    pub embedded: scribed_bus::Config,
    /// The cluster.
    pub kafka: scribed_bus::KafkaConfig,
}

/// Buses.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BusBackend {
    /// A queue in the database file: one daemon.
    #[default]
    Embedded,
    /// Kafka: any number of daemons.
    Kafka,
}
