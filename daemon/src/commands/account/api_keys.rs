//! `scribed account api-key`: keys of programs, also while the daemon runs.

use std::time::Duration;

use anyhow::anyhow;
use scribed_api::FreshKey;
use scribed_schemas::account::Account;
use scribed_schemas::api_key::{ApiKey, Scopes};
use scribed_schemas::id::{ApiKeyId, IdGenerator};
use scribed_store::{ErrorKind, Store};
use serde::Serialize;

use super::find;
use crate::cli::{ApiKeys, NewKey};
use crate::commands::{NODE, instant, now};
use crate::failure::Failure;
use crate::output;

/// Keys that are read at once.
const PAGE: u32 = 200;
/// Longest label, in characters.
const LONGEST_LABEL: usize = 200;
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// A key as it is printed.
#[derive(Debug, Serialize)]
struct Row {
    id: ApiKeyId,
    name: String,
    scopes: Scopes,
    created: String,
    expires: Option<String>,
    revoked: Option<String>,
    /// The key itself, when it was just made.
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
}

impl From<ApiKey> for Row {
    fn from(key: ApiKey) -> Self {
        Self {
            id: key.id,
            name: key.label,
            scopes: key.scopes,
            created: instant(key.created),
            expires: key.expires.map(instant),
            revoked: key.revoked.map(instant),
            key: None,
        }
    }
}

/// Makes, lists or revokes.
pub(super) async fn answer(store: &dyn Store, ask: &ApiKeys) -> Result<(), Failure> {
    match ask {
        ApiKeys::Create(new) => {
            let account = find(store, &new.account).await?;
            let row = create(store, &account, new).await?;
            if new.listing.json {
                return Ok(output::json(&row)?);
            }
            let (id, name) = (row.id, &account.username);
            output::note(format!("made the API key {id} of {name}; it is shown only now:"));
            output::line(row.key.unwrap_or_default());
        }
        ApiKeys::List { account, listing } => {
            let account = find(store, account).await?;
            let rows = all(store, &account).await?;
            if listing.json { output::json(&rows)? } else { list(&rows) }
        }
        ApiKeys::Revoke { account, id, listing } => {
            let account = find(store, account).await?;
            let row = revoke(store, &account, *id).await?;
            if listing.json {
                output::json(&row)?;
            } else {
                output::note(format!("revoked the API key {id} of {}", account.username));
            }
        }
    }
    Ok(())
}

async fn create(store: &dyn Store, account: &Account, new: &NewKey) -> Result<Row, Failure> {
    let label = new.label.trim();
    if label.chars().count() > LONGEST_LABEL || label.chars().any(char::is_control) {
        let refused = anyhow!("a key cannot be named so");
        let hint = format!("a name is one line of at most {LONGEST_LABEL} characters");
        return Err(Failure::refused(refused).hint(hint));
    }
    let scopes = match new.scope.as_slice() {
        [] => Scopes::all(),
        scopes => scopes.iter().copied().collect(),
    };
    let (fresh, created) = (FreshKey::draw(), now());
    let key = ApiKey {
        id: ApiKeyId(IdGenerator::new(NODE).next(created)),
        account: account.id,
        hash: fresh.hash,
        label: label.to_owned(),
        scopes,
        created,
        expires: new.expires_days.map(|days| created.plus(DAY * days)),
        revoked: None,
    };
    store.create_api_key(key.clone()).await?;
    Ok(Row { key: Some(fresh.text.expose().to_owned()), ..Row::from(key) })
}

async fn all(store: &dyn Store, account: &Account) -> Result<Vec<Row>, Failure> {
    let mut rows: Vec<Row> = Vec::new();
    loop {
        let after = rows.last().map(|row| row.id);
        let page = store.api_keys(account.id, after, PAGE).await?;
        if page.is_empty() {
            return Ok(rows);
        }
        rows.extend(page.into_iter().map(Row::from));
    }
}

async fn revoke(store: &dyn Store, account: &Account, id: ApiKeyId) -> Result<Row, Failure> {
    match store.revoke_api_key(account.id, id, now()).await {
        Ok(key) => Ok(Row::from(key)),
        Err(error) if error.kind == ErrorKind::NotFound => {
            let name = &account.username;
            Err(Failure::failed(anyhow!("{name} has no API key {id}"))
                .hint(format!("`scribed account api-key list {name}` lists all")))
        }
        Err(error) => Err(error.into()),
    }
}

fn list(rows: &[Row]) {
    let row = |row: &Row| {
        let or_never = |at: &Option<String>| at.clone().unwrap_or_else(|| "-".to_owned());
        [
            row.id.to_string(),
            row.name.clone(),
            row.scopes.words(),
            row.created.clone(),
            or_never(&row.expires),
            or_never(&row.revoked),
        ]
    };
    let rows: Vec<_> = rows.iter().map(row).collect();
    output::table(["ID", "NAME", "SCOPES", "CREATED", "EXPIRES", "REVOKED"], &rows);
}
