//! The configuration: what every part of the daemon can be told, composed from the parts' own settings.
//!
//! `deploy/scribed.toml` is the manual: every option with its default and one sentence. Layers, later
//! ones win: defaults, `/etc/scribed/scribed.toml`, `--config` files in order, environment variables
//! `SCRIBED_SECTION__KEY`, flags. Three variables of OpenTelemetry's own count as well, below those.

use std::collections::BTreeMap;
use std::path::PathBuf;

use scribed_engine::{PipelineConfig, StageConfig};
use serde::{Deserialize, Serialize};

use crate::health;
use crate::telemetry::traces;

mod layers;
mod origin;
mod parts;
mod standard;

pub use layers::{Flag, Layers, SYSTEM_FILE, Settings};
pub use origin::Effective;
pub use parts::{Bus, BusBackend, Store, StoreBackend};

/// Everything that can be configured.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Where the daemon keeps what it must not lose.
    pub state: State,
    /// The listener and its limits.
    pub http: scribed_api::config::Http,
    /// Sign-in and tokens.
    pub auth: scribed_api::config::Auth,
    /// What accounts show.
    pub accounts: scribed_api::config::Accounts,
    /// The documented APIs.
    pub surface: scribed_api::config::Surfaces,
    /// Which web pages may call.
    pub cors: scribed_api::config::Cors,
    /// How often one account or address may ask.
    pub limits: scribed_api::config::Limits,
    /// How jobs are worked on.
    pub engine: scribed_engine::Config,
    /// The processes in which stages run.
    pub workers: scribed_worker::Config,
    /// The database.
    pub store: Store,
    /// Recordings.
    pub media: scribed_media::Config,
    /// What leaves the daemon towards addresses that users chose.
    pub outbound: scribed_outbound::Config,
    /// Messages in and out.
    pub bus: Bus,
    /// Plugins and where they are found.
    pub plugins: Plugins,
    /// Speech models and where they are found.
    pub models: Models,
    /// Probes of its health, and metrics.
    pub health: health::Config,
    /// Logs and traces.
    pub telemetry: Telemetry,
    /// Pipelines: named lists of stages.
    pub pipelines: Vec<PipelineConfig>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            state: State::default(),
            http: scribed_api::config::Http::default(),
            auth: scribed_api::config::Auth::default(),
            accounts: scribed_api::config::Accounts::default(),
            surface: scribed_api::config::Surfaces::default(),
            cors: scribed_api::config::Cors::default(),
            limits: scribed_api::config::Limits::default(),
            engine: scribed_engine::Config::default(),
            workers: scribed_worker::Config::default(),
            store: Store::default(),
            media: scribed_media::Config::default(),
            outbound: scribed_outbound::Config::default(),
            bus: Bus::default(),
            plugins: Plugins::default(),
            models: Models::default(),
            health: health::Config::default(),
            telemetry: Telemetry::default(),
            pipelines: vec![default_pipeline()],
        }
    }
}

impl Config {
    /// Returns the settings of the HTTP side.
    pub fn api(&self) -> scribed_api::Config {
        scribed_api::Config {
            http: self.http.clone(),
            auth: self.auth.clone(),
            accounts: self.accounts.clone(),
            surface: self.surface.clone(),
            cors: self.cors.clone(),
            limits: self.limits.clone(),
        }
    }
}

/// Where the daemon keeps what it must not lose.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct State {
    /// The state folder; empty: `$STATE_DIRECTORY`, else `$XDG_STATE_HOME/scribed`, else
    /// `~/.local/state/scribed`.
    pub folder: PathBuf,
    /// The folder of secrets; empty: `secrets` in the state folder.
    ///
    /// Hosts that answer for each other need the same secrets: a token that one signs, all accept.
    pub secrets: PathBuf,
}

/// Plugins and where they are found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Plugins {
    /// Folders with plugins beside the built-in one.
    pub folders: Vec<PathBuf>,
    /// SHA-256 of plugins by file name, hex; a pinned plugin with another content is refused.
    pub pins: BTreeMap<String, String>,
}

/// Speech models and where they are found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Models {
    /// The model: a path, or a name such as `base.en`; empty: the installed one, else the demo model.
    pub default: String,
    /// Folder with models; empty: `models` in the state folder.
    pub folder: PathBuf,
}

/// Logs and traces.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Telemetry {
    /// How log lines are written.
    pub format: LogFormat,
    /// What is logged: `error`, `warn`, `info`, `debug`, `trace`, or by part such as
    /// `info,scribed_engine=debug`.
    pub filter: String,
    /// Where traces go.
    pub traces: traces::Config,
}

impl Default for Telemetry {
    fn default() -> Self {
        let traces = traces::Config::default();
        Self { format: LogFormat::Text, filter: "info".to_owned(), traces }
    }
}

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// The pipeline that serves when none is configured: any recording to text and every document.
fn default_pipeline() -> PipelineConfig {
    let captions = |format: &str| {
        StageConfig::renderer("org.scribed.render-captions", format).with("format", format)
    };
    let stages = vec![
        StageConfig::new("org.scribed.decode"),
        StageConfig::new("org.scribed.resample"),
        StageConfig::new("org.scribed.vad"),
        StageConfig::new("org.scribed.whisper"),
        StageConfig::renderer("org.scribed.render-text", "txt"),
        StageConfig::renderer("org.scribed.render-doc", "docx"),
        captions("srt"),
        captions("vtt"),
        captions("ttml"),
        StageConfig::renderer("org.scribed.render-json", "json"),
    ];
    PipelineConfig { name: "default".to_owned(), stages }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use figment::value::{Dict, Value};

    use super::*;

    /// Collects every key of a document with its value; arrays and empty tables are values.
    fn leaves(prefix: &str, dict: &Dict, into: &mut BTreeMap<String, String>) {
        for (key, value) in dict {
            let path = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
            match value {
                Value::Dict(_, inner) if !inner.is_empty() => leaves(&path, inner, into),
                value => {
                    let plain = serde_json::to_value(value).unwrap();
                    into.insert(path, plain.to_string());
                }
            }
        }
    }

    fn manual() -> (String, BTreeMap<String, String>) {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/scribed.toml");
        let text = std::fs::read_to_string(path).unwrap();
        let table: Dict = toml::from_str(&text).unwrap();
        let mut keys = BTreeMap::new();
        leaves("", &table, &mut keys);
        (text, keys)
    }

    #[test]
    fn the_manual_lists_every_option_with_its_default() {
        let defaults = Value::serialize(Config::default()).unwrap();
        let mut ours = BTreeMap::new();
        leaves("", defaults.as_dict().unwrap(), &mut ours);
        let (_, manual) = manual();
        assert_eq!(manual, ours);
    }

    #[test]
    fn every_option_of_the_manual_has_a_sentence_above_it() {
        let (text, _) = manual();
        let lines: Vec<&str> = text.lines().collect();
        for (at, line) in lines.iter().enumerate() {
            let is_option =
                line.chars().next().is_some_and(|c| c.is_ascii_lowercase()) && line.contains(" = ");
            if is_option {
                let above = lines[at.saturating_sub(1)];
                assert!(above.starts_with("# "), "line {}: {line}", at + 1);
            }
        }
    }
}
