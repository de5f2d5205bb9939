//! The command line of `scribed callbacks`.

use clap::{Args, Subcommand};
use scribed_schemas::id::JobId;

use super::Listing;

/// `scribed callbacks`.
#[derive(Debug, Subcommand)]
pub enum Callbacks {
    /// Lists what is still to be called (pending) and what was given up (dead)
    List {
        /// Only those that were given up
        #[arg(long)]
        dead: bool,
        /// At most so many
        #[arg(long, default_value_t = 50)]
        limit: u32,
        /// How it is printed.
        #[command(flatten)]
        listing: Listing,
    },
    /// Begins anew with those that were given up, or that wait for their next try
    Retry(Owed),
}

/// Which callbacks: by the numbers of their jobs, or all that were given up.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub struct Owed {
    /// Numbers of their jobs
    #[arg(value_name = "JOB")]
    pub jobs: Vec<JobId>,
    /// All that were given up
    #[arg(long)]
    pub all: bool,
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::super::Cli;

    #[test]
    fn callbacks_are_chosen_in_one_way_only() {
        let is_taken = |line: &str| Cli::try_parse_from(line.split(' ')).is_ok();
        for line in ["list", "list --dead --json --limit 3", "retry 7 8", "retry --all"] {
            assert!(is_taken(&format!("scribed callbacks {line}")), "{line}");
        }
        for line in ["retry", "retry 7 --all", "retry seven"] {
            assert!(!is_taken(&format!("scribed callbacks {line}")), "{line}");
        }
    }
}
