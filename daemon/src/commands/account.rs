//! `scribed account`: accounts, also while the daemon runs.

use std::io::Read;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, anyhow};
use scribed_engine::CallKey;
use scribed_schemas::account::{Account, Role};
use scribed_schemas::id::{AccountId, IdGenerator};
use scribed_store::{AccountChange, ErrorKind, Store};
use serde::Serialize;
use serde_json::json;

use super::{NODE, Session, instant, now, runtime};
use crate::app::secrets_folder;
use crate::backends::Database;
use crate::cli::{Account as Ask, AccountChanges, Listing};
use crate::failure::Failure;
use crate::{output, secrets};

mod api_keys;

/// Accounts that are read at once.
const PAGE: u32 = 200;

/// An account as it is printed.
#[derive(Debug, Serialize)]
struct Row {
    id: AccountId,
    username: String,
    role: Role,
    active: bool,
    can_interact: bool,
    holds_jobs: bool,
    created: String,
    /// The password that was made with it; never one that was there.
    #[serde(skip_serializing_if = "Option::is_none")]
    password: Option<String>,
}

impl From<Account> for Row {
    fn from(account: Account) -> Self {
        Self {
            id: account.id,
            username: account.username,
            role: account.role,
            active: account.active,
            can_interact: account.can_interact,
            holds_jobs: account.holds_jobs,
            created: instant(account.created),
            password: None,
        }
    }
}

/// Makes, lists or changes.
///
/// # Errors
/// Says what was attempted and why it failed.
pub(super) fn run(session: &Session, ask: &Ask) -> Result<ExitCode, Failure> {
    if matches!(ask, Ask::Create { .. }) {
        session.folder.open()?;
    }
    runtime()?.block_on(async {
        let database = match ask {
            Ask::Create { .. } => Database::open(&session.settings.config, &session.folder).await?,
            _ => session.database().await?,
        };
        let done = answer(session, database.store().as_ref(), ask).await;
        database.close().await;
        done.map(|()| ExitCode::SUCCESS)
    })
}

async fn answer(session: &Session, store: &dyn Store, ask: &Ask) -> Result<(), Failure> {
    match ask {
        Ask::Create { name, role, can_interact, password_file, listing } => {
            let given = password_file.as_deref().map(password).transpose()?;
            let row = create(store, name, *role, *can_interact, given).await?;
            if listing.json {
                output::json(&row)?;
            } else if let Some(password) = row.password {
                output::note(format!("made the account {name}; its password:"));
                output::line(password);
            } else {
                output::note(format!("made the account {name}"));
            }
        }
        Ask::List(listing) => {
            let rows = all(store).await?;
            if listing.json { output::json(&rows)? } else { list(&rows) }
        }
        Ask::SetRole { name, role } => {
            let change = AccountChange { role: Some(*role), ..AccountChange::default() };
            set(store, name, change).await?;
        }
        Ask::Set { name, changes } => set(store, name, change(changes)?).await?,
        Ask::ApiKey(ask) => api_keys::answer(store, ask).await?,
        Ask::CallbackSecret { name, listing } => {
            callback_secret(session, &find(store, name).await?, *listing)?;
        }
    }
    Ok(())
}

/// Prints what the receivers of an account's callbacks check signatures with.
fn callback_secret(session: &Session, of: &Account, listing: Listing) -> Result<(), Failure> {
    let folder = secrets_folder(&session.settings.config, &session.folder);
    let key = CallKey::new(secrets::callback_key(&folder)?);
    let secret = key.secret_of(of.id);
    if listing.json {
        output::json(&json!({ "username": of.username, "secret": secret.expose() }))?;
    } else {
        output::line(secret.expose());
    }
    Ok(())
}

async fn create(
    store: &dyn Store,
    name: &str,
    role: Role,
    can_interact: bool,
    given: Option<String>,
) -> Result<Row, Failure> {
    if !scribed_api::username_is_acceptable(name) {
        let refused = anyhow!("{name:?} cannot be a name");
        return Err(Failure::refused(refused).hint("a name has 5 to 64 Latin letters"));
    }
    let made = given.is_none().then(secrets::password);
    let password = given.as_ref().or(made.as_ref()).map_or("", String::as_str);
    let password_hash = scribed_api::hash_password(password)?;
    let created = now();
    let account = Account {
        id: AccountId(IdGenerator::new(NODE).next(created)),
        username: name.to_owned(),
        password_hash,
        role,
        active: true,
        can_interact,
        holds_jobs: false,
        password_epoch: 0,
        created,
        updated: created,
    };
    match store.create_account(account.clone()).await {
        Ok(()) => Ok(Row { password: made, ..Row::from(account) }),
        Err(error) if error.kind == ErrorKind::Conflict => {
            Err(Failure::failed(anyhow!("there is an account {name} already")))
        }
        Err(error) => Err(error.into()),
    }
}

async fn all(store: &dyn Store) -> Result<Vec<Row>, Failure> {
    let mut rows: Vec<Row> = Vec::new();
    loop {
        let page = store.accounts(rows.last().map(|row| row.id), PAGE).await?;
        if page.is_empty() {
            return Ok(rows);
        }
        rows.extend(page.into_iter().map(Row::from));
    }
}

async fn set(store: &dyn Store, name: &str, change: AccountChange) -> Result<(), Failure> {
    let account = find(store, name).await?;
    store.update_account(account.id, change, now()).await?;
    output::note(format!("changed the account {name}"));
    Ok(())
}

/// Finds an account that must be there.
async fn find(store: &dyn Store, name: &str) -> Result<Account, Failure> {
    store.account_by_name(name).await?.ok_or_else(|| {
        Failure::failed(anyhow!("there is no account {name}"))
            .hint("`scribed account list` lists all")
    })
}

fn change(asked: &AccountChanges) -> Result<AccountChange, Failure> {
    let password = asked.password_file.as_deref().map(password).transpose()?;
    let password_hash = password.as_deref().map(scribed_api::hash_password).transpose()?;
    let AccountChanges { active, can_interact, holds_jobs, .. } = *asked;
    Ok(AccountChange { password_hash, active, can_interact, holds_jobs, role: None })
}

/// Reads a password; `-` is standard input.
fn password(file: &Path) -> Result<String, Failure> {
    let text = if file.as_os_str() == "-" {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).context("cannot read standard input")?;
        text
    } else {
        std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?
    };
    let password = text.trim_end_matches(['\r', '\n']).to_owned();
    if scribed_api::password_is_acceptable(&password) {
        return Ok(password);
    }
    Err(Failure::refused(anyhow!("that password is too weak")).hint(
        "a password has 8 to 256 characters, with lower and upper case letters, a digit and a \
         special character",
    ))
}

fn list(rows: &[Row]) {
    let word = |yes: bool| if yes { "yes" } else { "no" }.to_owned();
    let row = |row: &Row| {
        let role = row.role.as_str().to_owned();
        let (active, may) = (word(row.active), word(row.can_interact));
        [row.id.to_string(), row.username.clone(), role, active, may, row.created.clone()]
    };
    let rows: Vec<_> = rows.iter().map(row).collect();
    output::table(["ID", "NAME", "ROLE", "ACTIVE", "MAY SUBMIT", "CREATED"], &rows);
}
