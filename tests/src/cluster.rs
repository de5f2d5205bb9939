//! What several daemons share: Kafka, a database, recordings, secrets.
//!
//! The services are real; `tests/run.sh` starts them. Topics, groups and keyspace have names of one
//! test, so tests do not meet.

use std::io::Write;
use std::path::PathBuf;

use tempfile::TempDir;

use crate::daemon::{Daemon, Setup};
use crate::program::Program;

/// A cluster that is one test's own.
#[derive(Debug)]
pub struct Cluster {
    folder: TempDir,
    /// Begins the names of its topics.
    prefix: String,
}

impl Cluster {
    /// Makes topics and tables under a name, letters and digits only; `None`, and says so loudly,
    /// where the services are not there.
    #[track_caller]
    pub fn new(name: &str) -> Option<Self> {
        let (Some(brokers), Some(nodes)) =
            (addresses("SCRIBED_TEST_KAFKA"), addresses("SCRIBED_TEST_CASSANDRA"))
        else {
            // The harness keeps what a test prints; this must be seen.
            let line = "SKIPPED suite cluster: SCRIBED_TEST_KAFKA or SCRIBED_TEST_CASSANDRA is not \
                        set\n";
            std::io::stderr().lock().write_all(line.as_bytes()).expect("standard error is open");
            return None;
        };
        let folder = tempfile::tempdir().expect("a temporary folder");
        let unique = format!("{name}{}", std::process::id());
        let topics = ["uploads", "states", "transcripts", "dead-letters"]
            .map(|topic| format!("\"scribed.{topic}\" = \"{unique}.{topic}\""))
            .join(", ");
        let config = format!(
            "[state]\nsecrets = \"{secrets}\"\n\
             [store]\nbackend = \"cql\"\n\
             [store.cql]\ncontact_points = {nodes:?}\nkeyspace = {unique:?}\nreplication_factor = 1\n\
             [media]\nfolder = \"{media}\"\nshared = true\n\
             [bus]\nbackend = \"kafka\"\n\
             [bus.kafka]\nbrokers = {brokers:?}\ntopics = {{ {topics} }}\n\
             groups = {{ \"scribed\" = {unique:?} }}\n",
            secrets = folder.path().join("secrets").display(),
            media = folder.path().join("media").display(),
        );
        std::fs::write(folder.path().join("cluster.toml"), config).expect("it can be written");
        let cluster = Self { folder, prefix: unique };
        cluster.program().run(["migrate"]).code(0);
        let topics = ["topics", "create", "--partitions", "6", "--replicas", "1"];
        cluster.program().run(topics).code(0);
        Some(cluster)
    }

    /// Returns the name of one of its topics on the brokers.
    pub fn topic(&self, name: &str) -> String {
        format!("{}.{name}", self.prefix)
    }

    /// Returns the addresses of the brokers, with commas between them.
    pub fn brokers(&self) -> String {
        addresses("SCRIBED_TEST_KAFKA").unwrap_or_default().join(",")
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

    fn config(&self) -> PathBuf {
        self.folder.path().join("cluster.toml")
    }
}

/// Reads a list of addresses from the environment.
fn addresses(variable: &str) -> Option<Vec<String>> {
    let list = std::env::var(variable).ok().filter(|list| !list.is_empty())?;
    Some(list.split(',').map(str::to_owned).collect())
}
