//! Backends: what stands behind the traits, as the configuration says.
//!
//! On one machine SQLite is both database and queue, and recordings lie in a folder. Many hosts share a
//! CQL database, Kafka, and a bucket or a folder that all of them have.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow};
use scribed_bus::{Bus, EmbeddedBus, KafkaBus};
use scribed_engine::{Clock, SystemClock};
use scribed_media::{Backend, LocalMedia, MediaStore, S3Media};
use scribed_schemas::event::{DEAD_LETTERS, STATES, TRANSCRIPTS, UPLOADS};
use scribed_store::{CqlStore, SqliteStore, Store};
use tokio_util::sync::CancellationToken;

use crate::config::{BusBackend, Config, StoreBackend};
use crate::failure::Failure;
use crate::state_folder::StateFolder;

/// The only node number where a store has one daemon.
const ONLY_NODE: u8 = 0;
/// How long a node number is ours without a sign of life.
const NODE_LEASE: Duration = Duration::from_secs(300);
/// How often its lease is renewed.
const NODE_RENEWAL: Duration = Duration::from_secs(60);
/// Topics that must be there before a daemon on Kafka starts.
pub const TOPICS: [&str; 4] = [UPLOADS, STATES, TRANSCRIPTS, DEAD_LETTERS];

/// An open database.
#[derive(Debug, Clone)]
pub enum Database {
    /// One machine's.
    Sqlite(Arc<SqliteStore>),
    /// Many hosts'.
    Cql(Arc<CqlStore>),
}

impl Database {
    /// Opens the database of a configuration; one on this machine is made where it is missing.
    ///
    /// # Errors
    /// Names what cannot be opened, why, and what to do.
    pub async fn open(config: &Config, folder: &StateFolder) -> Result<Self, Failure> {
        match config.store.backend {
            StoreBackend::Sqlite => {
                let store = SqliteStore::open(&folder.database(), &config.store.sqlite);
                Ok(Self::Sqlite(Arc::new(store.map_err(Failure::refused)?)))
            }
            StoreBackend::Cql => {
                let store = CqlStore::open(&config.store.cql).await.map_err(Failure::refused)?;
                Ok(Self::Cql(Arc::new(store)))
            }
        }
    }

    /// Returns the database as the trait.
    pub fn store(&self) -> Arc<dyn Store> {
        match self {
            Self::Sqlite(store) => Arc::clone(store) as Arc<dyn Store>,
            Self::Cql(store) => Arc::clone(store) as Arc<dyn Store>,
        }
    }

    /// Returns what traces call it, as `db.system.name` in OpenTelemetry's conventions.
    pub const fn system(&self) -> &'static str {
        match self {
            Self::Sqlite(_) => "sqlite",
            Self::Cql(_) => "cassandra",
        }
    }

    /// Closes it, after what was begun.
    pub async fn close(self) {
        match self {
            Self::Sqlite(store) => store.close().await,
            Self::Cql(_) => {}
        }
    }

    /// Takes a number for identities that no other host has while it is ours.
    ///
    /// # Errors
    /// The store's.
    pub async fn node(&self, holder: &str) -> Result<Node, Failure> {
        match self {
            Self::Sqlite(_) => Ok(Node { number: ONLY_NODE, lease: None }),
            Self::Cql(store) => {
                let now = SystemClock.now();
                let number = store.lease_node(holder, now, now.plus(NODE_LEASE)).await;
                let number = number.map_err(Failure::refused)?;
                let lease = Some((Arc::clone(store), holder.to_owned()));
                Ok(Node { number, lease })
            }
        }
    }
}

/// A node number.
#[derive(Debug)]
pub struct Node {
    /// The number.
    pub number: u8,
    /// Where it is leased, and under which name.
    lease: Option<(Arc<CqlStore>, String)>,
}

impl Node {
    /// Keeps the number ours until `stop`; ends early when it is lost, after which nothing may make
    /// identities with it.
    pub async fn keep(self, stop: CancellationToken) {
        let Some((store, holder)) = self.lease else {
            stop.cancelled().await;
            return;
        };
        let mut renewed = SystemClock.now();
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(NODE_RENEWAL) => {}
            }
            let now = SystemClock.now();
            match store.renew_node(self.number, &holder, now.plus(NODE_LEASE)).await {
                Ok(()) => renewed = now,
                Err(error) if error.kind == scribed_store::ErrorKind::Fenced => {
                    tracing::error!(node = self.number, %error, "another host has our number");
                    return;
                }
                // Identities hold the time, so a number is only doubted when the lease is over.
                Err(error) if now.since(renewed) >= NODE_LEASE => {
                    tracing::error!(node = self.number, %error, "the lease of our number is over");
                    return;
                }
                Err(error) => tracing::warn!(node = self.number, %error, "cannot renew our number"),
            }
        }
    }
}

/// Refuses combinations in which hosts would not see each other's work.
///
/// # Errors
/// Names both settings and what to do.
pub fn check(config: &Config) -> Result<(), Failure> {
    if config.store.backend != StoreBackend::Cql {
        return Ok(());
    }
    if config.bus.backend == BusBackend::Embedded {
        let why = anyhow!("store.backend is \"cql\", and bus.backend \"embedded\" is of one host");
        return Err(Failure::refused(why).hint("set bus.backend = \"kafka\""));
    }
    if config.media.backend == Backend::Folder && !config.media.shared {
        let why = anyhow!("store.backend is \"cql\", and the folder of recordings is of one host");
        return Err(Failure::refused(why).hint(
            "set media.backend = \"s3\" and name a bucket in [media.s3]; or name a folder that every \
             host has at the same path by media.folder, and set media.shared = true",
        ));
    }
    Ok(())
}

/// Opens the bus of a configuration.
///
/// # Errors
/// Names the setting, or the topic that is missing and the command that makes it.
pub async fn bus(
    config: &Config,
    folder: &StateFolder,
    database: &Database,
) -> Result<Arc<dyn Bus>, Failure> {
    match config.bus.backend {
        BusBackend::Embedded => {
            let settings = config.bus.embedded.clone();
            Ok(Arc::new(EmbeddedBus::with_config(database.store(), settings)))
        }
        BusBackend::Kafka => {
            let mut settings = config.bus.kafka.clone();
            if settings.host_id.is_none() {
                settings.host_id = Some(folder.host().context("cannot tell our name to Kafka")?);
            }
            let bus = KafkaBus::new(settings).map_err(Failure::refused)?;
            bus.check_topics(&TOPICS).await.map_err(Failure::refused)?;
            Ok(Arc::new(bus))
        }
    }
}

/// Opens the bus of a configuration for publishing and browsing: it is no member of any group.
///
/// # Errors
/// As [`bus`].
pub async fn publisher(config: &Config, database: &Database) -> Result<Arc<dyn Bus>, Failure> {
    if config.bus.backend == BusBackend::Embedded {
        let settings = config.bus.embedded.clone();
        return Ok(Arc::new(EmbeddedBus::with_config(database.store(), settings)));
    }
    kafka(config).await
}

/// Opens the Kafka bus of a configuration for publishing and browsing, without a database.
///
/// # Errors
/// As [`bus`].
pub async fn kafka(config: &Config) -> Result<Arc<dyn Bus>, Failure> {
    let bus = KafkaBus::new(config.bus.kafka.clone()).map_err(Failure::refused)?;
    bus.check_topics(&TOPICS).await.map_err(Failure::refused)?;
    Ok(Arc::new(bus))
}

/// Opens the recordings of a configuration, without a connection. Blocking.
///
/// # Errors
/// Names the folder or the setting, the reason and what to do.
pub fn media(config: &Config, folder: &StateFolder) -> Result<Arc<dyn MediaStore>, Failure> {
    if config.media.backend == Backend::S3 {
        let media = S3Media::open(&config.media.s3).map_err(Failure::refused)?;
        return Ok(Arc::new(media));
    }
    let chosen = &config.media.folder;
    let place = if chosen.as_os_str().is_empty() { folder.media() } else { chosen.clone() };
    let media = LocalMedia::open(place, &config.media).map_err(Failure::refused)?;
    Ok(Arc::new(media))
}
