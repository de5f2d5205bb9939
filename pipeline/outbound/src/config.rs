//! Settings of what leaves the daemon.

use std::path::PathBuf;
use std::time::Duration;

use scribed_schemas::network::Network;
use serde::{Deserialize, Serialize};

/// Settings of what leaves the daemon.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Networks that may be asked although they are not public; none by default.
    pub allowed_networks: Vec<Network>,
    /// Ports that may be asked; empty: nothing is.
    pub ports: Vec<u16>,
    /// Redirects that are followed, one after another.
    pub redirects: u32,
    /// How often a transfer that broke off is taken up again.
    pub resumes: u32,
    /// Pause before a transfer is taken up again, in milliseconds.
    pub resume_pause_ms: u64,
    /// Largest recording that is fetched, in bytes.
    pub max_bytes: u64,
    /// How long finding a host, connecting and agreeing on encryption may take together, in milliseconds.
    pub connect_timeout_ms: u64,
    /// How long a host may be silent, before its answer begins and within it, in milliseconds.
    pub idle_timeout_ms: u64,
    /// How long a recording may take altogether, in seconds.
    pub total_timeout_secs: u64,
    /// File of certificates (PEM) of authorities to trust beside the system's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<PathBuf>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            allowed_networks: Vec::new(),
            ports: vec![80, 443],
            redirects: 5,
            resumes: 10,
            resume_pause_ms: 1_000,
            max_bytes: 10 * 1024 * 1024 * 1024,
            connect_timeout_ms: 10_000,
            idle_timeout_ms: 30_000,
            total_timeout_secs: 4 * 60 * 60,
            ca_file: None,
        }
    }
}

impl Config {
    /// Returns how long a connection may take to be made.
    pub(crate) fn connect_timeout(&self) -> Duration {
        Duration::from_millis(self.connect_timeout_ms.max(1))
    }

    /// Returns how long a host may be silent.
    pub(crate) fn idle_timeout(&self) -> Duration {
        Duration::from_millis(self.idle_timeout_ms.max(1))
    }

    /// Returns how long everything may take.
    pub(crate) fn total_timeout(&self) -> Duration {
        Duration::from_secs(self.total_timeout_secs.max(1))
    }

    /// Returns the pause before a transfer is taken up again.
    pub(crate) fn resume_pause(&self) -> Duration {
        Duration::from_millis(self.resume_pause_ms)
    }
}
