//! What the daemon stands on: folders, database, Kafka, storage, and the daemon itself.
//!
//! Nothing is made: a database file that is missing is told, and made by the first start.

use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use scribed_media::Backend;
use scribed_worker::quarantine;

use super::machine::space;
use super::{Finding, bytes};
use crate::backends::{self, Database};
use crate::config::{BusBackend, Config, StoreBackend};
use crate::failure::Failure;
use crate::state_folder::StateFolder;

/// Free space below which a host runs full within hours of uploads.
const SPACE: u64 = 5 << 30;
/// How long a service may take to answer.
const PATIENCE: Duration = Duration::from_secs(15);
/// How long the daemon may take to accept a connection.
const CONNECT: Duration = Duration::from_secs(2);

/// Looks at everything.
pub async fn look(config: &Config, folder: &StateFolder) -> Vec<Finding> {
    let mut findings = vec![state_folder(folder), room(config, folder), daemon(folder)];
    findings.push(aside(folder));
    let database = database(config, folder).await;
    let opened = database.as_ref().ok().and_then(Option::as_ref);
    findings.push(match &database {
        Ok(Some(_)) => Finding::good("database", kind(config)),
        Ok(None) => Finding::good("database", "none yet: the first start makes it"),
        Err(failure) => told("database", failure),
    });
    if config.bus.backend == BusBackend::Kafka {
        findings.push(kafka(config).await);
    } else if opened.is_some() {
        findings.push(Finding::good("bus", "in the database of this host"));
    }
    if config.media.backend == Backend::S3 {
        findings.push(bucket(config, folder).await);
    }
    findings
}

fn kind(config: &Config) -> String {
    match config.store.backend {
        StoreBackend::Sqlite => "a file of this host, which can be read and written".to_owned(),
        StoreBackend::Cql => {
            format!("keyspace {}, which can be read and written", config.store.cql.keyspace)
        }
    }
}

/// Writes a failure down with what to do.
fn told(part: &'static str, failure: &Failure) -> Finding {
    let todo = failure.hint.as_deref().unwrap_or("see deploy/README.md, what failures look like");
    Finding::bad(part, failure.to_string(), todo)
}

fn state_folder(folder: &StateFolder) -> Finding {
    match folder.check() {
        Ok(()) => Finding::good("state folder", folder.path().display().to_string()),
        Err(failure) => told("state folder", &failure),
    }
}

/// Looks how much room there is for recordings and state.
fn room(config: &Config, folder: &StateFolder) -> Finding {
    let chosen = &config.media.folder;
    let place = if chosen.as_os_str().is_empty() { folder.media() } else { chosen.clone() };
    let Some((free, all)) = space(&place) else {
        let seen = format!("the file system of {} does not tell its space", place.display());
        return Finding::fair("room", seen, "look at it with df");
    };
    let seen = format!("{} free of {} for {}", bytes(free), bytes(all), place.display());
    if free < SPACE {
        let todo = "make room: when it is used up, uploads are refused with 507 and jobs wait";
        return Finding::fair("room", seen, todo);
    }
    Finding::good("room", seen)
}

/// Looks whether a daemon of this folder answers.
fn daemon(folder: &StateFolder) -> Finding {
    let address = std::fs::read_to_string(folder.listen()).ok();
    let address = address.and_then(|text| text.trim().parse::<SocketAddr>().ok());
    let Some(address) = address else {
        return Finding::good("daemon", "none runs with this state folder");
    };
    match TcpStream::connect_timeout(&address, CONNECT) {
        Ok(_) => Finding::good("daemon", format!("one answers on {address}")),
        Err(error) => Finding::bad(
            "daemon",
            format!("it said that it listens on {address}, which answers: {error}"),
            "it crashed, or hangs: look at its log, then start it again",
        ),
    }
}

fn aside(folder: &StateFolder) -> Finding {
    match quarantine::list(&folder.quarantine()) {
        Ok(entries) if entries.is_empty() => Finding::good("stages", "none is in quarantine"),
        Ok(entries) => {
            let entry = entries.first().map(|entry| format!("{}: {}", entry.stage, entry.why));
            let (count, first) = (entries.len(), entry.unwrap_or_default());
            let todo = "mend the plugin, then `scribed plugins release ID`";
            Finding::bad("stages", format!("{count} in quarantine, the first {first}"), todo)
        }
        Err(error) => {
            let seen = format!("cannot read {}: {error}", folder.quarantine().display());
            Finding::bad("stages", seen, "make it readable for this user")
        }
    }
}

/// Opens the database, where there is one.
async fn database(config: &Config, folder: &StateFolder) -> Result<Option<Database>, Failure> {
    if config.store.backend == StoreBackend::Sqlite && !folder.database().exists() {
        return Ok(None);
    }
    in_time("the database", async {
        let database = Database::open(config, folder).await?;
        database.store().ping().await.map_err(Failure::refused)?;
        Ok(Some(database))
    })
    .await
}

async fn kafka(config: &Config) -> Finding {
    let brokers = config.bus.kafka.brokers.join(", ");
    match in_time("Kafka", backends::kafka(config)).await {
        Ok(_) => Finding::good("bus", format!("Kafka at {brokers}, with all topics")),
        Err(failure) => told("bus", &failure),
    }
}

async fn bucket(config: &Config, folder: &StateFolder) -> Finding {
    let asked = in_time("the bucket", async {
        let media = backends::media(config, folder)?;
        media.ping().await.map_err(Failure::refused)
    });
    match asked.await {
        Ok(()) => Finding::good("storage", format!("bucket {}", config.media.s3.bucket)),
        Err(failure) => told("storage", &failure),
    }
}

/// Gives up on a service that does not answer.
async fn in_time<T>(
    service: &str,
    asked: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    tokio::time::timeout(PATIENCE, asked).await.unwrap_or_else(|_| {
        let secs = PATIENCE.as_secs();
        Err(Failure::refused(anyhow::anyhow!("{service} did not answer within {secs} s"))
            .hint("look whether it runs, and whether a firewall is in between"))
    })
}
