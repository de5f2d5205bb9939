//! What several daemons share: Kafka, a database, recordings, secrets.
//!
//! The services are real; `tests/run.sh` starts them. Topics, groups and keyspace have names of one
//! test, so tests do not meet.

use std::io::Write;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::checker::collect::CLUSTER;
use crate::daemon::{Daemon, Setup};
use crate::program::Program;

/// Addresses of a Kafka and a Cassandra.
#[derive(Debug, Clone)]
pub struct Services {
    /// Brokers, `host:port`.
    pub brokers: Vec<String>,
    /// Copies of each record.
    pub broker_copies: u32,
    /// Nodes of the database, `host:port`.
    pub nodes: Vec<String>,
    /// Copies of each row.
    pub node_copies: u32,
}

impl Services {
    /// Returns those that the environment names; `None`, and says so loudly, where it names none.
    pub fn given(suite: &str) -> Option<Self> {
        let (Some(brokers), Some(nodes)) =
            (addresses("SCRIBED_TEST_KAFKA"), addresses("SCRIBED_TEST_CASSANDRA"))
        else {
            skip(suite, "SCRIBED_TEST_KAFKA or SCRIBED_TEST_CASSANDRA is not set");
            return None;
        };
        Some(Self { brokers, broker_copies: 1, nodes, node_copies: 1 })
    }
}

/// Says loudly that a suite is skipped.
pub fn skip(suite: &str, why: &str) {
    // The harness keeps what a test prints; this must be seen.
    let line = format!("SKIPPED suite {suite}: {why}\n");
    std::io::stderr().lock().write_all(line.as_bytes()).expect("standard error is open");
}

/// A cluster that is one test's own.
#[derive(Debug)]
pub struct Cluster {
    folder: TempDir,
    /// Begins the names of its topics.
    prefix: String,
    brokers: String,
}

impl Cluster {
    /// Makes topics and tables under a name, letters and digits only; `None`, and says so loudly,
    /// where the services are not there.
    #[track_caller]
    pub fn new(name: &str) -> Option<Self> {
        let services = Services::given("cluster")?;
        Some(Self::over(&services, name, 6, ""))
    }

    /// Makes topics and tables on services, with these partitions of each topic and more lines in the
    /// configuration.
    #[track_caller]
    pub fn over(services: &Services, name: &str, partitions: u32, more: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let unique = format!("{name}{}", std::process::id());
        let topics = ["uploads", "states", "transcripts", "dead-letters"]
            .map(|topic| format!("\"scribed.{topic}\" = \"{unique}.{topic}\""))
            .join(", ");
        let Services { brokers, broker_copies, nodes, node_copies } = services;
        let config = format!(
            "[state]\nsecrets = \"{secrets}\"\n\
             [store]\nbackend = \"cql\"\n\
             [store.cql]\ncontact_points = {nodes:?}\nkeyspace = {unique:?}\n\
             replication_factor = {node_copies}\n\
             [media]\nfolder = \"{media}\"\nshared = true\n\
             [bus]\nbackend = \"kafka\"\n\
             [bus.kafka]\nbrokers = {brokers:?}\ntopics = {{ {topics} }}\n\
             groups = {{ \"scribed\" = {unique:?} }}\n{more}",
            secrets = folder.path().join("secrets").display(),
            media = folder.path().join("media").display(),
        );
        std::fs::write(folder.path().join(CLUSTER), config).expect("it can be written");
        let cluster = Self { folder, prefix: unique, brokers: brokers.join(",") };
        cluster.program().run(["migrate"]).code(0);
        let (partitions, copies) = (partitions.to_string(), broker_copies.to_string());
        let topics = ["topics", "create", "--partitions", &partitions, "--replicas", &copies];
        cluster.program().run(topics).code(0);
        cluster
    }

    /// Returns the folder that holds all of it: configuration, secrets, recordings.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Returns the name of one of its topics on the brokers.
    pub fn topic(&self, name: &str) -> String {
        format!("{}.{name}", self.prefix)
    }

    /// Returns the addresses of the brokers, with commas between them.
    pub fn brokers(&self) -> String {
        self.brokers.clone()
    }

    /// Makes a setup of a daemon of this cluster.
    pub fn setup(&self) -> Setup {
        Setup::default()
            .argument("--config")
            .argument(self.config().display().to_string())
            .secrets(self.folder.path().join("secrets"))
    }

    /// Starts another daemon of this cluster.
    #[track_caller]
    pub fn start(&self) -> Daemon {
        self.setup().start()
    }

    /// Makes a run of the program on this cluster.
    pub fn program(&self) -> Program {
        let state = self.folder.path().join("operator");
        Program::new(&state).config(&self.config())
    }

    /// Returns the configuration of its daemons.
    pub fn config(&self) -> PathBuf {
        self.folder.path().join(CLUSTER)
    }
}

/// Reads a list of addresses from the environment.
fn addresses(variable: &str) -> Option<Vec<String>> {
    let list = std::env::var(variable).ok().filter(|list| !list.is_empty())?;
    Some(list.split(',').map(str::to_owned).collect())
}
