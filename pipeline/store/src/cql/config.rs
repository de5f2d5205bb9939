//! Settings of the CQL store: where the database is, how to be let in, and how long to wait.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use scribed_schemas::secret::Secret;
use serde::{Deserialize, Serialize};

use super::failure::Failure;
use crate::error::ErrorKind;

/// Longest name of a keyspace that both databases take.
const KEYSPACE_CHARS: usize = 48;

/// Settings of the CQL store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Nodes to begin with, `host` or `host:port` (9042); the others are learned from them.
    pub contact_points: Vec<String>,
    /// Keyspace that holds the tables: lower-case letters, digits and `_`, at most 48.
    pub keyspace: String,
    /// Copies of each row when the keyspace is made; 1 only where losing the node is acceptable.
    pub replication_factor: u32,
    /// Copies of each row by datacenter when the keyspace is made; empty: `replication_factor` in
    /// each.
    pub replication: BTreeMap<String, u32>,
    /// Datacenter whose nodes are asked; absent: any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub datacenter: Option<String>,
    /// How far agreement reaches. Every host must have the same setting.
    pub agreement: Agreement,
    /// User name; empty: none is asked for.
    pub username: String,
    /// Password of the user.
    pub password: Secret,
    /// File that holds the password, instead of `password`; blanks at its end do not count.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password_file: Option<PathBuf>,
    /// Encryption of the connections; absent: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<Tls>,
    /// Whether opening the store makes keyspace and tables and brings them up to date; else it only
    /// checks them, and `scribed migrate` does it.
    pub migrate: bool,
    /// How long to wait for a connection, in milliseconds.
    pub connect_timeout_ms: u64,
    /// How long to wait for a read, in milliseconds.
    pub read_timeout_ms: u64,
    /// How long to wait for a plain write, in milliseconds.
    pub write_timeout_ms: u64,
    /// How long to wait for a conditional write, which the replicas agree on first, in
    /// milliseconds.
    pub lwt_timeout_ms: u64,
    /// How long to wait for a page of a long read, in milliseconds.
    pub scan_timeout_ms: u64,
    /// After how long a read is also sent to a second node, in milliseconds; 0: never.
    pub speculate_after_ms: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            contact_points: vec!["127.0.0.1:9042".to_owned()],
            keyspace: "scribed".to_owned(),
            replication_factor: 3,
            replication: BTreeMap::new(),
            datacenter: None,
            agreement: Agreement::default(),
            username: String::new(),
            password: Secret::default(),
            password_file: None,
            tls: None,
            migrate: true,
            connect_timeout_ms: 5_000,
            read_timeout_ms: 5_000,
            write_timeout_ms: 5_000,
            lwt_timeout_ms: 10_000,
            scan_timeout_ms: 30_000,
            speculate_after_ms: 100,
        }
    }
}

/// How far the agreement about a conditional write reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Agreement {
    /// One datacenter: all hosts ask the nodes of the same one, which is faster.
    #[default]
    Datacenter,
    /// The whole cluster: hosts may ask different datacenters, and each change crosses the distance
    /// between them.
    Cluster,
}

/// Encryption of the connections.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Tls {
    /// Certificates (PEM) of the authorities that may have signed those of the nodes. Each node's
    /// certificate must name the node's IP address.
    pub ca_file: PathBuf,
    /// Our own certificate chain (PEM), where the database asks for one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cert_file: Option<PathBuf>,
    /// Key of our own certificate (PEM).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_file: Option<PathBuf>,
}

impl Config {
    /// Refuses settings that cannot work, with a sentence that says which.
    pub(super) fn check(&self) -> Result<(), Failure> {
        let refuse = |why: String| Err(Failure::because(ErrorKind::NotFound, why));
        if self.contact_points.is_empty() {
            return refuse("contact_points is empty; name at least one node".to_owned());
        }
        let letters = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_');
        let begins = self.keyspace.starts_with(|c: char| c.is_ascii_lowercase());
        if !begins || !self.keyspace.chars().all(letters) || self.keyspace.len() > KEYSPACE_CHARS {
            return refuse(format!(
                "keyspace {:?} is no name: begin with a lower-case letter, go on with those, digits \
                 and _, at most {KEYSPACE_CHARS}",
                self.keyspace
            ));
        }
        if self.replication_factor == 0 || self.replication.values().any(|copies| *copies == 0) {
            return refuse("replication asks for 0 copies; ask for at least 1".to_owned());
        }
        if self.replication.keys().any(|name| !is_plain(name)) {
            return refuse("a datacenter in replication has a quote in its name".to_owned());
        }
        if !self.password.is_empty() && self.password_file.is_some() {
            return refuse("password and password_file are both set; set one".to_owned());
        }
        if self.username.is_empty() && (!self.password.is_empty() || self.password_file.is_some()) {
            return refuse("there is a password without a username".to_owned());
        }
        let half = |tls: &Tls| tls.cert_file.is_some() != tls.key_file.is_some();
        if self.tls.as_ref().is_some_and(half) {
            return refuse("tls has only one of cert_file and key_file; set both".to_owned());
        }
        Ok(())
    }

    /// Returns the replication of a keyspace to be made, as a CQL map.
    pub(super) fn replication_map(&self) -> String {
        let copies = if self.replication.is_empty() {
            format!("'replication_factor': {}", self.replication_factor)
        } else {
            let by_name =
                self.replication.iter().map(|(name, copies)| format!("'{name}': {copies}"));
            by_name.collect::<Vec<_>>().join(", ")
        };
        format!("{{'class': 'NetworkTopologyStrategy', {copies}}}")
    }
}

/// Returns whether a name can stand between quotes as it is.
fn is_plain(name: &str) -> bool {
    !name.is_empty() && !name.contains(['\'', '\\']) && !name.contains(char::is_control)
}

/// Returns a setting in milliseconds as a duration of at least one.
pub(super) fn milliseconds(setting: u64) -> Duration {
    Duration::from_millis(setting.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn refused(change: impl FnOnce(&mut Config), names: &str) {
        let mut config = Config::default();
        change(&mut config);
        let words = config.check().expect_err("these settings cannot work").words();
        assert!(words.contains(names), "{words}");
    }

    #[test]
    fn the_defaults_are_accepted() {
        Config::default().check().expect("the defaults");
    }

    #[test]
    fn settings_that_cannot_work_are_refused_by_name() {
        refused(|c| c.contact_points.clear(), "contact_points");
        for name in ["", "Upper", "9lives", "a-b", "x; DROP KEYSPACE y", &"a".repeat(49)] {
            refused(|c| c.keyspace = name.to_owned(), "keyspace");
        }
        refused(|c| c.replication_factor = 0, "replication");
        refused(|c| c.replication = BTreeMap::from([("it's".to_owned(), 1)]), "quote");
        refused(|c| c.password = Secret::new("x"), "username");
        refused(
            |c| {
                c.username = "scribed".to_owned();
                c.password = Secret::new("x");
                c.password_file = Some(PathBuf::from("/run/secrets/cql"));
            },
            "password_file",
        );
        let half = Tls { cert_file: Some(PathBuf::from("a.pem")), ..Tls::default() };
        refused(|c| c.tls = Some(half), "key_file");
    }

    #[test]
    fn a_password_is_neither_printed_nor_written() {
        let config = Config { password: Secret::new("hunter2"), ..Config::default() };
        let printed = format!("{config:?}");
        let written = serde_json::to_string(&config).expect("a document");
        assert!(!printed.contains("hunter2") && !written.contains("hunter2"));
        assert!(printed.contains("(hidden)") && written.contains("(hidden)"));
    }

    #[test]
    fn what_is_written_reads_back_and_unknown_settings_are_refused() {
        let written = serde_json::to_string(&Config::default()).expect("a document");
        let read: Config = serde_json::from_str(&written).expect("our own document");
        assert_eq!(read, Config::default());
        assert!(serde_json::from_str::<Config>(r#"{"keyspaces": "x"}"#).is_err());
    }

    #[test]
    fn replication_is_the_same_everywhere_or_by_datacenter() {
        let same = Config { replication_factor: 2, ..Config::default() };
        assert_eq!(
            same.replication_map(),
            "{'class': 'NetworkTopologyStrategy', 'replication_factor': 2}"
        );
        let by_name = BTreeMap::from([("east".to_owned(), 3), ("west".to_owned(), 2)]);
        let named = Config { replication: by_name, ..Config::default() };
        assert_eq!(
            named.replication_map(),
            "{'class': 'NetworkTopologyStrategy', 'east': 3, 'west': 2}"
        );
    }
}
