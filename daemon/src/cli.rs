//! The command line: what can be asked for, and the help that says so.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use scribed_schemas::account::Role;
use scribed_schemas::id::JobId;
use scribed_schemas::job::JobState;

use crate::config::{Flag, LogFormat};

mod api_keys;
mod callbacks;
mod dead_letters;

pub use api_keys::{ApiKeys, NewKey};
pub use callbacks::{Callbacks, Owed};
pub use dead_letters::{Chosen, DeadLetters};

/// Transcribes recordings: as a daemon with an HTTP interface, or file by file.
#[derive(Debug, Parser)]
#[command(name = "scribed", version, max_term_width = 100)]
pub struct Cli {
    /// Flags that every command takes.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Flags that every command takes.
#[derive(Debug, Args)]
pub struct Global {
    /// Reads this configuration file after /etc/scribed/scribed.toml; may be given several times
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Vec<PathBuf>,
    /// Keeps the state in this folder
    #[arg(long, global = true, value_name = "DIR")]
    pub state_dir: Option<PathBuf>,
    /// Uses this speech model: a path, or a name such as base.en
    #[arg(long, global = true, value_name = "MODEL")]
    pub model: Option<String>,
}

/// What can be asked for.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Runs the daemon until SIGTERM or SIGINT
    Run(Run),
    /// Transcribes files here and now, without a daemon
    Transcribe(Transcribe),
    /// Checks configuration, plugins and model, and lists every option in force with its origin
    Check(Listing),
    /// Looks at machine, folders and services, and says of each whether it is well and what to do
    Doctor(Listing),
    /// Shows the stages that plugins offer
    #[command(subcommand)]
    Plugins(Plugins),
    /// Shows and checks speech models
    #[command(subcommand)]
    Model(Model),
    /// Makes, lists and changes accounts
    #[command(subcommand)]
    Account(Account),
    /// Lists, shows and cancels jobs
    #[command(subcommand)]
    Jobs(Jobs),
    /// Sends upload events, as producers do
    #[command(subcommand)]
    Events(Events),
    /// Lists, shows, retries and drops what was given up
    #[command(subcommand)]
    DeadLetters(DeadLetters),
    /// Lists callbacks that were not answered yet or were given up, and makes them anew
    #[command(subcommand)]
    Callbacks(Callbacks),
    /// Makes the topics of a Kafka cluster
    #[command(subcommand)]
    Topics(Topics),
    /// Copies database, recordings and secrets of one machine into a folder, also while its daemon works
    Backup(Backup),
    /// Makes the tables of a shared database, or brings them up to date
    Migrate,
    /// Serves as a worker of a daemon; only a daemon starts one
    #[command(hide = true)]
    Worker(Worker),
}

/// `scribed worker`.
#[derive(Debug, Clone, Copy, Args)]
pub struct Worker {
    /// Process id of the daemon
    #[arg(long, value_name = "PID")]
    pub parent: u32,
}

/// `scribed backup`.
#[derive(Debug, Args)]
pub struct Backup {
    /// Folder for the copy; what is there of an earlier one is not copied again
    #[arg(value_name = "FOLDER")]
    pub folder: PathBuf,
}

/// How a listing is printed.
#[derive(Debug, Clone, Copy, Args)]
pub struct Listing {
    /// Prints JSON, for programs
    #[arg(long)]
    pub json: bool,
}

/// `scribed run`.
#[derive(Debug, Args)]
pub struct Run {
    /// Listens on this address; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub listen: Option<String>,
    /// Writes log lines in this form
    #[arg(long, value_enum)]
    pub log_format: Option<LogFormat>,
}

/// `scribed transcribe`.
#[derive(Debug, Args)]
pub struct Transcribe {
    /// The recordings
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Makes this document: txt, srt, vtt, ttml, json, docx, or what else the pipeline makes
    #[arg(short, long, default_value = "txt")]
    pub format: String,
    /// Writes one document per recording into this folder instead of standard output
    #[arg(short, long, value_name = "DIR")]
    pub output: Option<PathBuf>,
    /// The language spoken, e.g. en or de
    #[arg(long, value_name = "TAG")]
    pub language: Option<String>,
    /// Words that the recogniser should expect
    #[arg(long, value_name = "TEXT")]
    pub prompt: Option<String>,
    /// Uses this pipeline of the configuration
    #[arg(long, value_name = "NAME")]
    pub pipeline: Option<String>,
}

/// `scribed plugins`.
#[derive(Debug, Subcommand)]
pub enum Plugins {
    /// Lists every stage with its plugin, and what is in quarantine
    List(Listing),
    /// Releases a stage that crashed so often that it was put into quarantine
    Release {
        /// Its id, e.g. com.example.gate
        id: String,
    },
    /// Shows one stage with its options
    Show {
        /// Its id, e.g. org.scribed.vad
        id: String,
        /// How it is printed.
        #[command(flatten)]
        listing: Listing,
    },
}

/// `scribed model`.
#[derive(Debug, Subcommand)]
pub enum Model {
    /// Lists the models that are installed, and which one serves
    List(Listing),
    /// Loads a model and says whether it can be used
    Verify {
        /// A path or a name; by default the model that serves
        model: Option<String>,
    },
}

/// `scribed account`.
#[derive(Debug, Subcommand)]
pub enum Account {
    /// Makes an account; without --password-file, prints the password that it made
    Create {
        /// Login name
        name: String,
        /// What it may do, e.g. admin
        #[arg(long, default_value = "user", value_parser = role)]
        role: Role,
        /// Lets it submit recordings
        #[arg(long)]
        can_interact: bool,
        /// Reads the password from this file; - is standard input
        #[arg(long, value_name = "FILE")]
        password_file: Option<PathBuf>,
        /// How it is printed.
        #[command(flatten)]
        listing: Listing,
    },
    /// Lists all accounts
    List(Listing),
    /// Changes what an account may do
    SetRole {
        /// Login name
        name: String,
        /// What it may do, e.g. admin
        #[arg(value_parser = role)]
        role: Role,
    },
    /// Changes an account
    Set {
        /// Login name
        name: String,
        /// The changes.
        #[command(flatten)]
        changes: AccountChanges,
    },
    /// Makes, lists and revokes API keys, with which programs call
    #[command(subcommand)]
    ApiKey(ApiKeys),
    /// Prints the secret with which receivers check that a callback for the account is from here
    CallbackSecret {
        /// Login name
        name: String,
        /// How it is printed.
        #[command(flatten)]
        listing: Listing,
    },
}

/// Changes of an account; at least one.
#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
pub struct AccountChanges {
    /// Whether it may call at all
    #[arg(long, value_name = "true|false")]
    pub active: Option<bool>,
    /// Whether it may submit recordings
    #[arg(long, value_name = "true|false")]
    pub can_interact: Option<bool>,
    /// Whether its jobs wait for a word of authorization, on the surfaces that know of one
    #[arg(long, value_name = "true|false")]
    pub holds_jobs: Option<bool>,
    /// Reads a new password from this file; - is standard input
    #[arg(long, value_name = "FILE")]
    pub password_file: Option<PathBuf>,
}

/// `scribed jobs`.
#[derive(Debug, Subcommand)]
pub enum Jobs {
    /// Lists jobs, newest first
    List {
        /// Only those of this account
        #[arg(long, value_name = "NAME")]
        owner: Option<String>,
        /// Only those in this state
        #[arg(long, value_parser = state)]
        state: Option<JobState>,
        /// At most so many
        #[arg(long, default_value_t = 50)]
        limit: u32,
        /// How it is printed.
        #[command(flatten)]
        listing: Listing,
    },
    /// Shows one job with its fault, warnings and progress
    Show {
        /// Its number
        id: JobId,
        /// How it is printed.
        #[command(flatten)]
        listing: Listing,
    },
    /// Cancels a job; what was recognised stays
    Cancel {
        /// Its number
        id: JobId,
    },
}

/// `scribed events`.
#[derive(Debug, Subcommand)]
pub enum Events {
    /// Sends an event for each recording and follows it to its text
    Send(Send),
}

/// `scribed events send`.
#[derive(Debug, Args)]
pub struct Send {
    /// Files, which are stored first, or URLs: file:///… as a daemon sees it, https://…
    #[arg(required = true, value_name = "FILE|URL")]
    pub media: Vec<String>,
    /// Whose jobs they are
    #[arg(long, value_name = "NAME")]
    pub owner: String,
    /// The event's id; the same id of one owner is the same job
    #[arg(long)]
    pub id: Option<String>,
    /// The language spoken, e.g. en or de
    #[arg(long, value_name = "TAG")]
    pub language: Option<String>,
    /// Uses this pipeline of the daemons' configuration
    #[arg(long, value_name = "NAME")]
    pub pipeline: Option<String>,
    /// Lets them go before others
    #[arg(long)]
    pub urgent: bool,
    /// Comes back in every event about the job
    #[arg(long, value_name = "TEXT")]
    pub reference: Option<String>,
    /// Calls this address when the job has ended
    #[arg(long, value_name = "URL")]
    pub callback: Option<String>,
    /// Ends when the events are sent
    #[arg(long)]
    pub no_follow: bool,
}

/// `scribed topics`.
#[derive(Debug, Clone, Copy, Subcommand)]
pub enum Topics {
    /// Makes those that are missing
    Create {
        /// Partitions of each; at least four for each host that there will ever be
        #[arg(long, default_value_t = 48)]
        partitions: i32,
        /// Copies of each
        #[arg(long, default_value_t = 3)]
        replicas: i32,
    },
}

impl Cli {
    /// Returns the flags that stand for options of the configuration.
    pub fn options(&self) -> Vec<Flag> {
        let path = |path: &PathBuf| path.display().to_string();
        let mut flags = Vec::new();
        let mut set = |name, key, value: Option<String>| {
            flags.extend(value.map(|value| Flag { name, key, value: value.into() }));
        };
        set("--state-dir", "state.folder", self.global.state_dir.as_ref().map(path));
        set("--model", "models.default", self.global.model.clone());
        if let Command::Run(run) = &self.command {
            set("--listen", "http.listen", run.listen.clone());
            let format =
                run.log_format.and_then(|format| clap::ValueEnum::to_possible_value(&format));
            set("--log-format", "telemetry.format", format.map(|f| f.get_name().to_owned()));
        }
        flags
    }
}

/// Reads a role.
fn role(word: &str) -> Result<Role, String> {
    let known = || Role::ALL.map(Role::as_str).join(", ");
    Role::parse(word).ok_or_else(|| format!("it is one of {}", known()))
}

/// Reads a state.
fn state(word: &str) -> Result<JobState, String> {
    let known = || JobState::ALL.map(JobState::as_str).join(", ");
    JobState::parse(word).ok_or_else(|| format!("it is one of {}", known()))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn flags_stand_for_options() {
        let line =
            ["scribed", "run", "--listen", "[::1]:9", "--log-format", "json", "--model", "x"];
        let cli = Cli::try_parse_from(line).unwrap();
        let options = cli.options();
        let keys: Vec<_> = options.iter().map(|flag| flag.key).collect();
        assert_eq!(keys, ["models.default", "http.listen", "telemetry.format"]);
    }

    #[test]
    fn an_account_is_not_changed_without_a_change() {
        assert!(Cli::try_parse_from(["scribed", "account", "set", "maria"]).is_err());
        let line = ["scribed", "account", "set", "maria", "--active", "false"];
        assert!(Cli::try_parse_from(line).is_ok());
    }
}
