//! `scribed account api-key`: what can be asked of API keys.

use clap::{Args, Subcommand};
use scribed_schemas::api_key::Scope;
use scribed_schemas::id::ApiKeyId;

use super::Listing;

/// `scribed account api-key`.
#[derive(Debug, Subcommand)]
pub enum ApiKeys {
    /// Makes a key and prints it, this once: only its hash is kept
    Create(NewKey),
    /// Lists the keys of an account, without the keys themselves
    List {
        /// Login name
        account: String,
        /// How it is printed.
        #[command(flatten)]
        listing: Listing,
    },
    /// Revokes a key, from the next request on
    Revoke {
        /// Login name
        account: String,
        /// Its number, as the list shows it
        id: ApiKeyId,
        /// How it is printed.
        #[command(flatten)]
        listing: Listing,
    },
}

/// `scribed account api-key create`.
#[derive(Debug, Args)]
pub struct NewKey {
    /// Login name of the account that it opens
    #[arg(value_name = "ACCOUNT")]
    pub account: String,
    /// What it is for, for people
    #[arg(long = "name", value_name = "LABEL", default_value = "")]
    pub label: String,
    /// What it allows: read, submit, delete; may be given several times, by default all
    #[arg(long, value_name = "SCOPE", value_delimiter = ',', value_parser = scope)]
    pub scope: Vec<Scope>,
    /// Ends after so many days; by default never
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..))]
    pub expires_days: Option<u32>,
    /// How it is printed.
    #[command(flatten)]
    pub listing: Listing,
}

/// Reads a scope.
fn scope(word: &str) -> Result<Scope, String> {
    let known = || Scope::ALL.map(Scope::as_str).join(", ");
    Scope::parse(word).ok_or_else(|| format!("it is one of {}", known()))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::{Account, Cli, Command};

    fn asked(rest: &[&str]) -> Result<NewKey, clap::Error> {
        let line = ["scribed", "account", "api-key", "create", "maria"];
        match Cli::try_parse_from(line.iter().chain(rest))?.command {
            Command::Account(Account::ApiKey(ApiKeys::Create(new))) => Ok(new),
            other => panic!("{other:?} is not what was asked"),
        }
    }

    #[test]
    fn scopes_are_named_one_by_one_or_with_commas() {
        let named = |rest: &[&str]| asked(rest).unwrap().scope;
        assert_eq!(named(&["--scope", "read,submit"]), [Scope::Read, Scope::Submit]);
        assert_eq!(named(&["--scope", "read", "--scope", "delete"]), [Scope::Read, Scope::Delete]);
        assert!(asked(&["--scope", "everything"]).is_err());
        assert!(asked(&["--expires-days", "0"]).is_err());
    }
}
