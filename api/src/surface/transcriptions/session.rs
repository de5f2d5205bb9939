//! Sessions: the pair of tokens that login and refresh answer with.

use scribed_schemas::account::Account;
use scribed_schemas::time::Timestamp;
use scribed_store::RefreshFamily;
use serde::Serialize;

use crate::Api;
use crate::answer::Answer;
use crate::auth::token::{fingerprint, random_id};

/// A pair of tokens (`Token`).
#[derive(Debug, Serialize)]
pub(super) struct Pair {
    access_token: String,
    pub(super) refresh_token: String,
    token_type: &'static str,
}

impl Pair {
    /// Makes a pair of a family.
    pub(super) fn make(api: &Api, account: &Account, now: Timestamp, family: &str) -> Answer<Self> {
        let signer = &api.shared.signer;
        Ok(Self {
            access_token: signer.access(account, now)?,
            refresh_token: signer.refresh(account, now, family)?,
            token_type: "bearer",
        })
    }
}

/// Opens a new family for an account and returns its first pair.
pub(super) async fn open(api: &Api, account: &Account) -> Answer<Pair> {
    let (now, id) = (api.shared.engine.now(), random_id());
    let pair = Pair::make(api, account, now, &id)?;
    let expires = api.shared.signer.refresh_expiry(now);
    let hash = fingerprint(&pair.refresh_token);
    let family = RefreshFamily { id, account: account.id, hash, opened: now, expires };
    api.shared.engine.store().open_refresh_family(family).await?;
    Ok(pair)
}
