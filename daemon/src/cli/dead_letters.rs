//! The command line of `scribed dead-letters`.

use clap::{Args, Subcommand};

use super::Listing;

/// `scribed dead-letters`.
#[derive(Debug, Subcommand)]
pub enum DeadLetters {
    /// Lists what was given up, newest first
    List {
        /// Only those with this reason, e.g. malformed
        #[arg(long, value_name = "WORD")]
        reason: Option<String>,
        /// Those that were retried or dropped as well, with who did it and when
        #[arg(long)]
        settled: bool,
        /// At most so many
        #[arg(long, default_value_t = 50)]
        limit: u32,
        /// Leaves out so many of the newest
        #[arg(long, default_value_t = 0, value_name = "N")]
        skip: u32,
        /// How it is printed.
        #[command(flatten)]
        listing: Listing,
    },
    /// Shows one with its headers and its payload
    Show {
        /// Its id
        id: String,
        /// Writes the payload and nothing else, byte for byte
        #[arg(long, conflicts_with = "json")]
        raw: bool,
        /// How it is printed.
        #[command(flatten)]
        listing: Listing,
    },
    /// Sends events back to their topic as they came, and makes new jobs of the recordings of jobs
    Retry(Chosen),
    /// Sets letters aside for good: they are listed no more, except by --settled
    Drop {
        /// Which.
        #[command(flatten)]
        chosen: Chosen,
        /// Says that you mean it
        #[arg(long)]
        yes: bool,
    },
}

/// Which letters: by id, all, or all of a reason.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub struct Chosen {
    /// Their ids
    #[arg(value_name = "ID")]
    pub ids: Vec<String>,
    /// All that are listed
    #[arg(long)]
    pub all: bool,
    /// All with this reason, e.g. malformed
    #[arg(long, value_name = "WORD")]
    pub reason: Option<String>,
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::super::Cli;

    fn is_taken(line: &str) -> bool {
        Cli::try_parse_from(line.split(' ')).is_ok()
    }

    #[test]
    fn letters_are_chosen_in_one_way_only() {
        for line in ["retry a b", "retry --all", "retry --reason malformed", "drop a --yes"] {
            assert!(is_taken(&format!("scribed dead-letters {line}")), "{line}");
        }
        for line in ["retry", "retry a --all", "retry --all --reason x", "drop --yes"] {
            assert!(!is_taken(&format!("scribed dead-letters {line}")), "{line}");
        }
    }

    #[test]
    fn raw_bytes_are_no_json() {
        assert!(is_taken("scribed dead-letters show a --raw"));
        assert!(!is_taken("scribed dead-letters show a --raw --json"));
    }
}
