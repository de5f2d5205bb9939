//! Commands, one file each.

use std::process::ExitCode;

use anyhow::{Context, anyhow};
use scribed_engine::{Clock, SystemClock};
use scribed_schemas::time::Timestamp;
use tokio::runtime::Runtime;

use crate::backends::Database;
use crate::cli::{Cli, Command};
use crate::config::{Layers, SYSTEM_FILE, Settings, StoreBackend};
use crate::failure::Failure;
use crate::state_folder::{Places, StateFolder};
use crate::telemetry::{self, Traces};

mod account;
mod backup;
mod callbacks;
mod check;
mod dead_letters;
mod doctor;
mod events;
mod jobs;
mod migrate;
mod model;
mod plugins;
mod run;
mod topics;
mod transcribe;
mod worker;

/// What commands that end by themselves log, unless somebody asked for more.
const QUIET: &str = "warn";
/// The number of commands in identities: beside running daemons, which have others.
const NODE: u8 = 127;

/// Does what the command line says.
///
/// # Errors
/// What went wrong, what to do, and the exit code.
pub fn run(cli: &Cli) -> Result<ExitCode, Failure> {
    // A worker is told everything by its daemon, and reads nothing else.
    if let Command::Worker(ask) = &cli.command {
        return worker::run(*ask);
    }
    let session = Session::begin(cli)?;
    match &cli.command {
        Command::Run(_) => run::run(session),
        Command::Transcribe(ask) => transcribe::run(&session, ask),
        Command::Check(listing) => check::run(&session, *listing),
        Command::Doctor(listing) => doctor::run(&session, *listing),
        Command::Plugins(ask) => plugins::run(&session, ask),
        Command::Model(ask) => model::run(&session, ask),
        Command::Account(ask) => account::run(&session, ask),
        Command::Jobs(ask) => jobs::run(&session, ask),
        Command::Events(ask) => events::run(&session, ask),
        Command::DeadLetters(ask) => dead_letters::run(&session, ask),
        Command::Callbacks(ask) => callbacks::run(&session, ask),
        Command::Topics(ask) => topics::run(&session, *ask),
        Command::Backup(ask) => backup::run(&session, ask),
        Command::Migrate => migrate::run(&session),
        Command::Worker(ask) => worker::run(*ask),
    }
}

/// What every command starts with.
#[derive(Debug)]
struct Session {
    settings: Settings,
    folder: StateFolder,
    /// Sends what is left at the end.
    traces: Option<Traces>,
}

impl Session {
    /// Reads the configuration and sets up logs.
    fn begin(cli: &Cli) -> Result<Self, Failure> {
        let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        let layers = Layers {
            system: Some(SYSTEM_FILE.into()),
            files: cli.global.config.clone(),
            variables: std::env::vars_os().filter_map(text).collect(),
            flags: cli.options(),
        };
        let settings = layers.read()?;
        let mut telemetry = settings.config.telemetry.clone();
        let is_daemon = matches!(cli.command, Command::Run(_));
        if !is_daemon && settings.is_default("telemetry.filter") {
            QUIET.clone_into(&mut telemetry.filter);
        }
        // Commands that end by themselves are nobody's service.
        let traces = if is_daemon { Traces::start(&telemetry.traces)? } else { None };
        telemetry::start(&telemetry, traces.as_ref())?;
        let given = |name: &str| std::env::var(name).ok();
        let places = Places {
            state_directory: given("STATE_DIRECTORY"),
            xdg_state_home: given("XDG_STATE_HOME"),
            home: given("HOME"),
        };
        let folder = StateFolder::locate(&settings.config.state.folder, &places)?;
        Ok(Self { settings, folder, traces })
    }

    /// Opens the database, which must be there; daemons may be using it.
    async fn database(&self) -> Result<Database, Failure> {
        let config = &self.settings.config;
        let file = self.folder.database();
        if config.store.backend == StoreBackend::Sqlite && !file.exists() {
            let nothing = anyhow!("there is no database {}", file.display());
            return Err(Failure::failed(nothing)
                .hint("start `scribed run` once, or name the state folder by --state-dir"));
        }
        Database::open(config, &self.folder).await
    }
}

/// Makes the threads on which asynchronous work runs.
fn runtime() -> anyhow::Result<Runtime> {
    Runtime::new().context("cannot start threads")
}

/// Returns the present instant.
fn now() -> Timestamp {
    SystemClock.now()
}

/// Writes an instant for people and programs: RFC 3339 in UTC, to the second.
fn instant(at: Timestamp) -> String {
    let instant = jiff::Timestamp::from_millisecond(at.millis());
    instant.map(|at| at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()).unwrap_or_default()
}
