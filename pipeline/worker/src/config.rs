//! Settings of worker processes.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::limits::Limits;

/// Settings of worker processes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Whether stages run in processes of their own; otherwise in the daemon, which then goes down with
    /// a stage that crashes.
    pub isolate: bool,
    /// Workers that read recordings: one recording at a time each.
    pub media: GroupConfig,
    /// The worker that recognises: one, with its model loaded once for all slots.
    pub asr: GroupConfig,
    /// Workers that make documents: one document at a time each.
    pub render: GroupConfig,
    /// More groups by name, for stages whose pipeline names them.
    pub groups: BTreeMap<String, GroupConfig>,
    /// How long without it after a device had no memory left until one more chunk is recognised at once
    /// again, in seconds.
    pub room_back_secs: u64,
    /// How long a worker may take to get ready, in seconds; a model is read meanwhile.
    pub ready_secs: u64,
    /// How long the recogniser is idle before it is tried with a spoken sentence, which may take as long;
    /// in seconds. When it fails twice, hears other words than before, or hangs, its worker is replaced.
    /// 0: never.
    pub canary_secs: u64,
    /// Jobs in a row whose crash in a stage, within `quarantine_window_secs`, puts it into quarantine.
    pub quarantine_crashes: u32,
    /// See `quarantine_crashes`; in seconds.
    pub quarantine_window_secs: u64,
    /// After how long one job may try a stage in quarantine again, in seconds.
    pub quarantine_trial_secs: u64,
}

/// Settings of one group of workers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GroupConfig {
    /// How long a session may stand still, in seconds: nothing read, emitted or recognised.
    pub stall_secs: u64,
    /// Sessions after which a worker is replaced by a new one; 0: never.
    pub recycle_after: u32,
    /// Workers that are kept for the next session.
    pub keep_idle: u32,
    /// Address space in MiB; 0: no limit.
    pub address_space_mib: u64,
    /// Processor time of one session in seconds; 0: no limit.
    pub cpu_secs: u64,
    /// Largest file in MiB; files of memory are the only ones that it writes.
    pub file_mib: u64,
    /// Open descriptors.
    pub files: u64,
    /// Whether it has no network, no files beside its recording, and starts no programs.
    pub offline: bool,
}

impl Default for GroupConfig {
    fn default() -> Self {
        Self {
            stall_secs: 60,
            recycle_after: 100,
            keep_idle: 2,
            address_space_mib: 2_048,
            cpu_secs: 3_600,
            file_mib: 256,
            files: 256,
            offline: true,
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        // A GPU maps far more than it uses, and its driver opens devices when it pleases.
        let asr = GroupConfig {
            stall_secs: 600,
            recycle_after: 0,
            keep_idle: 1,
            address_space_mib: 0,
            cpu_secs: 0,
            files: 4_096,
            offline: false,
            ..GroupConfig::default()
        };
        Self {
            isolate: true,
            media: GroupConfig::default(),
            asr,
            render: GroupConfig { cpu_secs: 600, ..GroupConfig::default() },
            groups: BTreeMap::new(),
            room_back_secs: 3_600,
            ready_secs: 300,
            canary_secs: 60,
            quarantine_crashes: 5,
            quarantine_window_secs: 60,
            quarantine_trial_secs: 300,
        }
    }
}

/// Group of stages up to chunks, unless their pipeline names another.
pub const MEDIA: &str = "media";
/// Group of stages from chunks to text.
pub const ASR: &str = "asr";
/// Group of stages that make documents.
pub const RENDER: &str = "render";

impl Config {
    /// Returns the groups by name.
    pub fn all_groups(&self) -> BTreeMap<String, GroupConfig> {
        let own = [(MEDIA, self.media), (ASR, self.asr), (RENDER, self.render)];
        let own = own.map(|(name, config)| (name.to_owned(), config));
        self.groups.iter().map(|(name, config)| (name.clone(), *config)).chain(own).collect()
    }
}

impl GroupConfig {
    pub(crate) const fn limits(&self) -> Limits {
        Limits {
            address_space_mib: self.address_space_mib,
            cpu_secs: self.cpu_secs,
            sessions: self.recycle_after,
            file_mib: self.file_mib,
            files: self.files,
            offline: self.offline,
        }
    }

    pub(crate) const fn patience(&self) -> Duration {
        Duration::from_secs(self.stall_secs)
    }
}
