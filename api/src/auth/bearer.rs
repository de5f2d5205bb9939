//! Bearer values: an access token of ours, or an API key; whatever is neither opens nothing.
//!
//! A token allows all that its account may do, a key what its scopes name. Both are refused once the
//! account is blocked, and counted against the limits of the account.

use scribed_schemas::account::Account;
use scribed_schemas::api_key::Scope;

use crate::Api;
use crate::answer::{Answer, Refusal};
use crate::auth::api_key::presented_hash;
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
        let store = self.shared.engine.store();
        let now = self.shared.engine.now();
        let key = store.api_key(&hash).await?.filter(|key| key.is_in_force(now));
        let key = key.ok_or(INVALID_TOKEN)?;
        self.shared.rates.requests.count_account(key.account)?;
        let caller = admitted(store.account(key.account).await?)?;
        if key.scopes.allow(scope) { Ok(caller) } else { Err(OUT_OF_SCOPE) }
    }
}

/// Lets an account in that is there and not blocked.
fn admitted(account: Option<Account>) -> Answer<Caller> {
    let account = account.ok_or(INVALID_TOKEN)?;
    if account.active { Ok(Caller { account }) } else { Err(BLOCKED) }
}
