//! Bearer values: an access token of ours, or an API key; whatever is neither opens nothing.
//!
//! A token allows all that its account may do, a key what its scopes name. Both are refused once the
//! account is blocked, and counted against the limits of the account.

use scribed_schemas::account::Account;
use scribed_schemas::api_key::{ApiKey, Scope};

use crate::Api;
use crate::answer::{Answer, Refusal};
use crate::auth::api_key::{is_login_of, presented_hash, presented_login_hash};
use crate::auth::token::TokenType;
use crate::extract::{BLOCKED, Caller, INVALID_TOKEN};

/// The refusal of a key that was made for other things.
const OUT_OF_SCOPE: Refusal = Refusal::Forbidden("This API key was not made for this action.");

impl Api {
    /// Finds out who presents an access token.
    pub(crate) async fn by_token(&self, token: &str) -> Answer<Caller> {
        let claims = self.shared.signer.verify(token, TokenType::Access).ok_or(INVALID_TOKEN)?;
        self.shared.rates.requests.count_account(claims.account())?;
        let account = self.shared.engine.store().account(claims.account()).await?;
        admitted(account.filter(|account| claims.is_of(account)))
    }

    /// Finds out who presents an access token or an API key, for something that takes a scope.
    pub(crate) async fn by_bearer(&self, bearer: &str, scope: Scope) -> Answer<Caller> {
        let Some(hash) = presented_hash(bearer) else { return self.by_token(bearer).await };
        self.by_key(&self.key_in_force(&hash).await?, scope).await
    }

    /// Finds out who presents what a login gave, an API key or an access token, for something that takes
    /// a scope.
    pub(crate) async fn by_api_token(&self, token: &str, scope: Scope) -> Answer<Caller> {
        let Some(hash) = presented_login_hash(token) else {
            return self.by_bearer(token, scope).await;
        };
        let key = self.key_in_force(&hash).await?;
        let caller = self.by_key(&key, scope).await?;
        if is_login_of(&key, &caller.account) { Ok(caller) } else { Err(INVALID_TOKEN) }
    }

    /// Finds a key that opens something now.
    pub(crate) async fn key_in_force(&self, hash: &str) -> Answer<ApiKey> {
        let engine = &self.shared.engine;
        let (key, now) = (engine.store().api_key(hash).await?, engine.now());
        key.filter(|key| key.is_in_force(now)).ok_or(INVALID_TOKEN)
    }

    /// Finds out whose a key is.
    async fn by_key(&self, key: &ApiKey, scope: Scope) -> Answer<Caller> {
        self.shared.rates.requests.count_account(key.account)?;
        let caller = admitted(self.shared.engine.store().account(key.account).await?)?;
        if key.scopes.allow(scope) { Ok(caller) } else { Err(OUT_OF_SCOPE) }
    }
}

/// Lets an account in that is there and not blocked.
fn admitted(account: Option<Account>) -> Answer<Caller> {
    let account = account.ok_or(INVALID_TOKEN)?;
    if account.active { Ok(Caller { account }) } else { Err(BLOCKED) }
}
