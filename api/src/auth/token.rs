//! Tokens: short-lived access tokens, and refresh tokens that work once.
//!
//! Both are JWTs signed with HS256; no other algorithm is accepted. What the library leaves loose
//! is fixed here: five seconds of leeway instead of sixty, `nbf` and `iat` are looked at, and `exp`,
//! `iss`, `aud` and `sub` must be there. An own claim tells access from refresh, another ties a token
//! to the password in force when it was made.

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode};
use scribed_schemas::account::{Account, Role};
use scribed_schemas::id::AccountId;
use scribed_schemas::secret::Secret;
use scribed_schemas::time::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::answer::Refusal;
use crate::config::Auth;

/// Who makes our tokens, and for whom: claims `iss` and `aud`.
const ISSUER: &str = "scribed";
const AUDIENCE: &str = "scribed-api";
/// How far the clocks of our hosts may differ, in seconds.
const LEEWAY_SECS: u64 = 5;
/// Longest token that is looked at, in bytes; ours have about 500.
const LONGEST: usize = 4096;

/// What a token is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum TokenType {
    /// Opens the API.
    Access,
    /// Is exchanged for a new pair, once.
    Refresh,
}

/// What a token says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Claims {
    iss: String,
    aud: String,
    /// The account, as text.
    sub: String,
    /// The account, as the number that clients of the original know.
    user_id: AccountId,
    role: Role,
    token_type: TokenType,
    /// The account's epoch when the token was made.
    password_epoch: i64,
    iat: i64,
    nbf: i64,
    exp: i64,
    /// Random, so that no two tokens are the same text.
    jti: String,
    /// Family of a refresh token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    family: Option<String>,
}

impl Claims {
    /// Returns the account.
    pub(crate) fn account(&self) -> AccountId {
        self.user_id
    }

    /// Returns the family of a refresh token.
    pub(crate) fn family(&self) -> Option<&str> {
        self.family.as_deref()
    }

    /// Returns whether the password is still the one in force when the token was made.
    pub(crate) fn is_of(&self, account: &Account) -> bool {
        self.user_id == account.id && self.password_epoch == account.password_epoch
    }
}

/// Makes and checks tokens.
#[derive(Clone)]
pub(crate) struct Signer {
    encoding: EncodingKey,
    decoding: DecodingKey,
    validation: Validation,
    access_ttl_secs: i64,
    refresh_ttl_secs: i64,
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Signer").finish_non_exhaustive()
    }
}

impl Signer {
    /// Makes a signer.
    pub(crate) fn new(key: &Secret, auth: &Auth) -> Self {
        let mut validation = Validation::new(Algorithm::HS256);
        validation.leeway = LEEWAY_SECS;
        validation.validate_nbf = true;
        validation.set_issuer(&[ISSUER]);
        validation.set_audience(&[AUDIENCE]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        let secs = |secs: u64| i64::try_from(secs).unwrap_or(i64::MAX / 4).min(i64::MAX / 4);
        Self {
            encoding: EncodingKey::from_secret(key.expose().as_bytes()),
            decoding: DecodingKey::from_secret(key.expose().as_bytes()),
            validation,
            access_ttl_secs: secs(auth.access_ttl_secs),
            refresh_ttl_secs: secs(auth.refresh_ttl_secs),
        }
    }

    /// Makes an access token.
    pub(crate) fn access(&self, account: &Account, now: Timestamp) -> Result<String, Refusal> {
        self.sign(account, TokenType::Access, now, None)
    }

    /// Makes a refresh token of a family.
    pub(crate) fn refresh(
        &self,
        account: &Account,
        now: Timestamp,
        family: &str,
    ) -> Result<String, Refusal> {
        self.sign(account, TokenType::Refresh, now, Some(family.to_owned()))
    }

    /// Returns when a refresh token made now ends.
    pub(crate) fn refresh_expiry(&self, now: Timestamp) -> Timestamp {
        Timestamp(now.0.saturating_add(self.refresh_ttl_secs.saturating_mul(1_000_000)))
    }

    /// Returns what a token says, if it is ours, in force, and of this type.
    pub(crate) fn verify(&self, token: &str, wanted: TokenType) -> Option<Claims> {
        if token.len() > LONGEST {
            return None;
        }
        let claims = decode::<Claims>(token, &self.decoding, &self.validation).ok()?.claims;
        let same_subject = claims.sub == claims.user_id.to_string();
        // The library does not look at it.
        let latest = jsonwebtoken::get_current_timestamp().saturating_add(LEEWAY_SECS);
        let was_made = u64::try_from(claims.iat).is_ok_and(|made| made <= latest);
        (claims.token_type == wanted && same_subject && was_made).then_some(claims)
    }

    fn sign(
        &self,
        account: &Account,
        token_type: TokenType,
        now: Timestamp,
        family: Option<String>,
    ) -> Result<String, Refusal> {
        let seconds = now.millis().div_euclid(1_000);
        let ttl = match token_type {
            TokenType::Access => self.access_ttl_secs,
            TokenType::Refresh => self.refresh_ttl_secs,
        };
        let claims = Claims {
            iss: ISSUER.to_owned(),
            aud: AUDIENCE.to_owned(),
            sub: account.id.to_string(),
            user_id: account.id,
            role: account.role,
            token_type,
            password_epoch: account.password_epoch,
            iat: seconds,
            nbf: seconds,
            exp: seconds.saturating_add(ttl),
            jti: random_id(),
            family,
        };
        encode(&Header::new(Algorithm::HS256), &claims, &self.encoding).map_err(|error| {
            tracing::error!(%error, "a token was not signed");
            Refusal::Internal
        })
    }
}

/// Returns 128 random bits in hex.
pub(crate) fn random_id() -> String {
    hex::encode(rand::random::<[u8; 16]>())
}

/// Returns what the store keeps of a refresh token: its SHA-256 in hex.
pub(crate) fn fingerprint(token: &str) -> String {
    hex::encode(Sha256::digest(token))
}

#[cfg(test)]
mod tests;
