//! Collecting: reads log, topics, store and recordings of a cluster that is at rest.
//!
//! A folder holds `clients.jsonl`, and `cluster.toml`, which is the configuration of the daemons.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use scribed_bus::{KafkaBus, KafkaConfig};
use scribed_schemas::event::{DEAD_LETTERS, STATES, TRANSCRIPTS, UPLOADS};
use scribed_schemas::job::Job;
use scribed_store::{CqlConfig, CqlStore, SqliteConfig, SqliteStore, Store};
use serde::Deserialize;

use super::evidence::{Evidence, Known};
use super::log;

/// Name of the log in a folder.
pub const LOG: &str = "clients.jsonl";
/// Name of the configuration in a folder.
pub const CLUSTER: &str = "cluster.toml";
/// The consumer group of the daemons, by our name of it.
pub const GROUP: &str = "scribed";
/// Jobs that are read at once.
const PAGE: u32 = 200;
/// Most chunks of a job that are read.
const CHUNKS: u32 = 100_000;

/// How to reach a cluster: the parts of the daemons' configuration that say so.
#[derive(Debug, Clone, Deserialize)]
pub struct Place {
    store: StorePlace,
    bus: BusPlace,
    media: MediaPlace,
}

#[derive(Debug, Clone, Deserialize)]
struct StorePlace {
    cql: CqlConfig,
}

#[derive(Debug, Clone, Deserialize)]
struct BusPlace {
    kafka: KafkaConfig,
}

#[derive(Debug, Clone, Deserialize)]
struct MediaPlace {
    folder: PathBuf,
}

impl Place {
    /// Reads a configuration.
    ///
    /// # Errors
    /// Names the file and what is wrong with it.
    pub fn read(folder: &Path) -> Result<Self> {
        let file = folder.join(CLUSTER);
        let text = fs::read_to_string(&file).with_context(|| format!("read {}", file.display()))?;
        toml::from_str(&text).with_context(|| format!("understand {}", file.display()))
    }

    /// Opens the bus.
    ///
    /// # Errors
    /// The bus's.
    pub fn bus(&self) -> Result<KafkaBus> {
        Ok(KafkaBus::new(self.bus.kafka.clone())?)
    }

    /// Opens the store; nothing is made there.
    ///
    /// # Errors
    /// The store's.
    pub async fn store(&self) -> Result<CqlStore> {
        let config = CqlConfig { migrate: false, ..self.store.cql.clone() };
        Ok(CqlStore::open(&config).await?)
    }
}

/// Collects everything that can be seen.
///
/// # Errors
/// Says what could not be read: then nothing is known.
pub async fn collect(folder: &Path) -> Result<Evidence> {
    let place = Place::read(folder)?;
    let bus = place.bus()?;
    let store = place.store().await?;
    let said = log::read(&folder.join(LOG)).context("read the log of the clients")?;
    // Before the topics, so that what is committed meanwhile is not held against anybody.
    let positions = bus.positions(UPLOADS, GROUP).await?;
    Ok(Evidence {
        said,
        positions,
        uploads: bus.records(UPLOADS).await?,
        states: bus.records(STATES).await?,
        transcripts: bus.records(TRANSCRIPTS).await?,
        letters: bus.records(DEAD_LETTERS).await?,
        jobs: jobs(&store).await?,
        files: files(&place.media.folder)?,
    })
}

/// Collects everything that can be seen of one daemon that keeps its state in a folder; it may run.
///
/// # Errors
/// Says what could not be read.
pub async fn collect_state(state: &Path, said: &Path) -> Result<Evidence> {
    let database = state.join("scribed.db");
    let opened =
        tokio::task::spawn_blocking(move || SqliteStore::open(&database, &SqliteConfig::default()));
    let store = opened.await??;
    Ok(Evidence {
        said: log::read(said).context("read the log of the clients")?,
        jobs: jobs(&store).await?,
        files: files(&state.join("media"))?,
        ..Evidence::default()
    })
}

/// Lists all jobs of a store, newest first.
///
/// # Errors
/// The store's.
pub async fn all_jobs(store: &dyn Store) -> Result<Vec<Job>> {
    let mut jobs: Vec<Job> = Vec::new();
    loop {
        let page = store.jobs(None, jobs.len() as u64, PAGE).await?.jobs;
        if page.is_empty() {
            return Ok(jobs);
        }
        jobs.extend(page);
    }
}

async fn jobs(store: &dyn Store) -> Result<Vec<Known>> {
    let mut all = Vec::new();
    for job in all_jobs(store).await? {
        let owner = store.account(job.owner).await?.map(|account| account.username);
        let media = match job.media {
            Some(media) => store.media(media).await?,
            None => None,
        };
        all.push(Known {
            owner: owner.unwrap_or_default(),
            chunks: store.chunks(job.id, 0, CHUNKS).await?,
            stored: store.stored_chunks(job.id).await?,
            media,
            job,
        });
    }
    Ok(all)
}

/// Lists the recordings below a folder by key; what is still being written is none.
fn files(folder: &Path) -> Result<BTreeMap<String, u64>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        let entries = fs::read_dir(&next).with_context(|| format!("list {}", next.display()))?;
        for entry in entries {
            let entry = entry?;
            let path = entry.path();
            let key = path.strip_prefix(folder).unwrap_or(&path).display().to_string();
            if path.is_dir() {
                folders.push(path);
            } else if !key.contains('#') {
                found.insert(key, entry.metadata()?.len());
            }
        }
    }
    Ok(found)
}
