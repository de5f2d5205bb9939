//! Settings of the Kafka bus: which cluster, under which names, and who we are to it.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use scribed_schemas::secret::Secret;
use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// Settings of a [`KafkaBus`](crate::KafkaBus).
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Brokers to find the cluster by, each `host:port`; some are enough.
    pub brokers: Vec<String>,
    /// Our name in the logs and quotas of the brokers.
    pub client_id: String,
    /// Name of this host, unique in the cluster and the same after a restart; letters, digits, `.`,
    /// `_` and `-`, at most 100.
    ///
    /// With it, memberships are static: a restart within `session.timeout.ms` (45 s) moves no
    /// partition. The price: the partitions of a host that stays away wait that long. Absent: they
    /// move at once, whenever a host comes or goes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host_id: Option<String>,
    /// Deliveries that a consumer may hold unacknowledged in each partition. At least 1.
    pub window: u32,
    /// Names of topics on the brokers, by our own names; absent ones are named alike.
    pub topics: BTreeMap<String, String>,
    /// Names of consumer groups on the brokers, by our own names; absent ones are named alike.
    pub groups: BTreeMap<String, String>,
    /// How long to wait for an answer about topics, in milliseconds. At least 1.
    pub answer_timeout_ms: u64,
    /// Encryption and authentication.
    pub security: Security,
    /// Settings of librdkafka by its own names, such as `fetch.wait.max.ms`, beside or instead of
    /// ours. What would break a promise of the bus is refused.
    pub options: BTreeMap<String, OptionValue>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            brokers: Vec::new(),
            client_id: "scribed".to_owned(),
            host_id: None,
            window: 64,
            topics: BTreeMap::new(),
            groups: BTreeMap::new(),
            answer_timeout_ms: 10_000,
            security: Security::default(),
            options: BTreeMap::new(),
        }
    }
}

/// Encryption and authentication. `security.protocol` follows from it.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Security {
    /// Whether to speak TLS, with the certificate and the name of the broker checked.
    pub tls: bool,
    /// File with the certificates of the authorities to trust, PEM; absent: those of the system.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca: Option<PathBuf>,
    /// File with our certificate, PEM, where the brokers ask for one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate: Option<PathBuf>,
    /// File with the key of our certificate, PEM.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<PathBuf>,
    /// Password of that file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_password: Option<Secret>,
    /// User and password, where the brokers ask for them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sasl: Option<Sasl>,
}

/// Authentication by SASL.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sasl {
    /// How the password is proved.
    pub mechanism: Mechanism,
    /// The user.
    pub username: String,
    /// The password; either this or a file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<Secret>,
    /// File with the password; a line break at its end does not count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password_file: Option<PathBuf>,
}

/// Mechanisms of SASL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Mechanism {
    /// The password itself; only sensible with TLS.
    #[serde(rename = "PLAIN")]
    Plain,
    /// A proof by SHA-256.
    #[serde(rename = "SCRAM-SHA-256")]
    ScramSha256,
    /// A proof by SHA-512.
    #[serde(rename = "SCRAM-SHA-512")]
    ScramSha512,
}

impl Mechanism {
    /// Returns the name that brokers know.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Plain => "PLAIN",
            Self::ScramSha256 => "SCRAM-SHA-256",
            Self::ScramSha512 => "SCRAM-SHA-512",
        }
    }
}

/// Value of an option of librdkafka; configuration files may write numbers and truth values plainly.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum OptionValue {
    /// `true` or `false`.
    Flag(bool),
    /// A whole number.
    Number(i64),
    /// Anything else.
    Text(String),
}

impl fmt::Display for OptionValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(flag) => flag.fmt(f),
            Self::Number(number) => number.fmt(f),
            Self::Text(text) => text.fmt(f),
        }
    }
}

impl From<&str> for OptionValue {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl Config {
    /// Checks what can be checked without a broker.
    ///
    /// # Errors
    /// Names the setting and says what is wrong with it.
    pub fn validate(&self) -> Result<()> {
        if self.brokers.is_empty() {
            return refuse("brokers", "at least one is needed, as host:port");
        }
        if self.window == 0 {
            return refuse("window", "at least 1 is needed");
        }
        if let Some(host) = &self.host_id
            && (!is_name(host) || host.len() > 100)
        {
            return refuse("host_id", "1 to 100 letters, digits, `.`, `_` and `-` are allowed");
        }
        for (setting, names) in [("topics", &self.topics), ("groups", &self.groups)] {
            for (ours, theirs) in names {
                if setting == "topics" && !is_name(theirs) || theirs.is_empty() {
                    return refuse(setting, &format!("{theirs:?} is not a name, for {ours}"));
                }
                if names.values().filter(|other| *other == theirs).count() > 1 {
                    return refuse(setting, &format!("{theirs} stands for several"));
                }
            }
        }
        self.security.validate()?;
        super::options::check(&self.options)
    }

    /// Returns the name of a topic on the brokers.
    pub(super) fn topic<'a>(&'a self, ours: &'a str) -> &'a str {
        self.topics.get(ours).map_or(ours, String::as_str)
    }

    /// Returns the name of a group on the brokers.
    pub(super) fn group<'a>(&'a self, ours: &'a str) -> &'a str {
        self.groups.get(ours).map_or(ours, String::as_str)
    }
}

impl Security {
    fn validate(&self) -> Result<()> {
        let has_files = self.ca.is_some() || self.certificate.is_some() || self.key.is_some();
        if has_files && !self.tls {
            return refuse("security", "certificates are of no use without `tls = true`");
        }
        if self.certificate.is_some() != self.key.is_some() {
            return refuse("security", "`certificate` and `key` go together");
        }
        match &self.sasl {
            Some(sasl) if sasl.password.is_some() == sasl.password_file.is_some() => {
                refuse("security.sasl", "either `password` or `password_file` is needed")
            }
            _ => Ok(()),
        }
    }
}

/// Returns whether Kafka takes this as the name of a topic or of a static member.
fn is_name(name: &str) -> bool {
    let is_fine = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    (1..=249).contains(&name.len()) && name.chars().all(is_fine) && name != "." && name != ".."
}

fn refuse(setting: &str, why: &str) -> Result<()> {
    Err(Error::new(format!("use the Kafka setting `{setting}`: {why}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(toml: &str) -> std::result::Result<Config, String> {
        let config: Config = toml::from_str(toml).map_err(|error| error.to_string())?;
        config.validate().map_err(|error| error.to_string())?;
        Ok(config)
    }

    #[test]
    fn a_whole_configuration_is_read() {
        let config = config(
            r#"
            brokers = ["one:9092", "two:9092"]
            host_id = "asr-1"
            topics = { "scribed.uploads" = "media.uploads" }
            groups = { scribed = "media" }
            [security]
            tls = true
            ca = "/etc/ca.pem"
            sasl = { mechanism = "SCRAM-SHA-512", username = "asr", password = "hunter2" }
            [options]
            "fetch.wait.max.ms" = 100
            "socket.nagle.disable" = true
            "#,
        )
        .unwrap();
        assert_eq!(config.topic("scribed.uploads"), "media.uploads");
        assert_eq!((config.topic("scribed.states"), config.group("scribed")), {
            ("scribed.states", "media")
        });
    }

    #[test]
    fn what_cannot_work_is_refused_by_name() {
        let cases = [
            ("", "`brokers`"),
            ("window = 0", "`window`"),
            ("host_id = 'a b'", "`host_id`"),
            ("host_id = ''", "`host_id`"),
            ("topics = { a = 'c', b = 'c' }", "c stands for several"),
            ("topics = { a = 'c d' }", "\"c d\" is not a name"),
            ("groups = { a = '' }", "`groups`"),
            ("security.ca = '/ca.pem'", "tls = true"),
            ("security = { tls = true, key = '/k' }", "go together"),
            ("security.sasl = { mechanism = 'PLAIN', username = 'u' }", "password_file"),
            ("security.sasl = { mechanism = 'GSSAPI', username = 'u' }", "GSSAPI"),
            ("windows = 3", "windows"),
            ("options = { acks = 1 }", "`acks`"),
        ];
        for (toml, expected) in cases {
            let brokers = if toml.is_empty() { "" } else { "brokers = ['b:9092']\n" };
            let refused = config(&format!("{brokers}{toml}")).unwrap_err();
            assert!(refused.contains(expected), "{toml}: {refused}");
        }
    }

    #[test]
    fn secrets_are_never_shown() {
        let security = Security {
            key_password: Some(Secret::new("hunter1")),
            sasl: Some(Sasl {
                mechanism: Mechanism::Plain,
                username: "asr".to_owned(),
                password: Some(Secret::new("hunter2")),
                password_file: None,
            }),
            ..Security::default()
        };
        let config = Config { security, ..Config::default() };
        let shown = format!("{config:?} {}", serde_json::to_string(&config).unwrap());
        assert!(!shown.contains("hunter") && shown.contains("(hidden)"), "{shown}");
    }
}
