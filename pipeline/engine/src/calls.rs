//! Calls: what whoever is told of the end of a job hears, and how it knows that it was us.
//!
//! Our own form is the event of the end, as it is published. Other forms are those of the surfaces that
//! took the jobs, and come in as a part, so that the engine names none of them. Every call bears the
//! headers of Standard Webhooks: its id, the same in every try, the instant of the try, and a signature.

use std::fmt::Debug;
use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use scribed_outbound::{Call, Method};
use scribed_schemas::callback::{Callback, CallbackStyle, Delivery};
use scribed_schemas::event::StateEvent;
use scribed_schemas::id::AccountId;
use scribed_schemas::job::Job;
use scribed_schemas::secret::Secret;
use scribed_schemas::time::Timestamp;
use sha2::Sha256;

use crate::engine::Engine;
use crate::publisher;

/// What the secret of an account begins with.
const SECRET_PREFIX: &str = "whsec_";
/// What secrets of accounts are derived for, so that another use of the key gives others.
const PURPOSE: &str = "scribed callbacks of account ";

/// What the key itself is derived for, where it is made of another one.
const MAKING: &str = "scribed callback key";

/// What is needed to call those who submitted jobs.
#[derive(Debug, Clone)]
pub struct Calls {
    /// The forms of calls that are not our own.
    pub forms: Arc<dyn CallForms>,
    /// What signatures are made with; without it there are none.
    pub key: Option<CallKey>,
}

impl Default for Calls {
    fn default() -> Self {
        Self { forms: Arc::new(OwnFormAlone), key: None }
    }
}

/// Forms of calls beside our own.
pub trait CallForms: Send + Sync + Debug {
    /// Makes the call that tells of the end of a job; `None` for a style that is not known here.
    ///
    /// Headers of Standard Webhooks are added to what it returns.
    fn form(&self, job: &Job, callback: &Callback) -> Option<Call>;
}

/// There is no other form.
#[derive(Debug)]
struct OwnFormAlone;

impl CallForms for OwnFormAlone {
    fn form(&self, _job: &Job, _callback: &Callback) -> Option<Call> {
        None
    }
}

/// The key of an installation, from which the secret of each account follows.
#[derive(Debug, Clone)]
pub struct CallKey(Secret);

impl CallKey {
    /// Takes a key, as it was made.
    pub const fn new(key: Secret) -> Self {
        Self(key)
    }

    /// Makes a key of another one, so that whoever has that makes the same.
    pub fn made_from(other: &Secret) -> String {
        hex::encode(mac(other.expose().as_bytes(), &[MAKING.as_bytes()]))
    }

    /// Returns the secret of an account, as receivers of its calls are told it: `whsec_…`.
    pub fn secret_of(&self, account: AccountId) -> Secret {
        let secret = BASE64_STANDARD.encode(self.bytes_of(account));
        Secret::new(format!("{SECRET_PREFIX}{secret}"))
    }

    fn bytes_of(&self, account: AccountId) -> Vec<u8> {
        mac(self.0.expose().as_bytes(), &[PURPOSE.as_bytes(), account.to_string().as_bytes()])
    }

    /// Returns the signature of what is said in a call.
    fn sign(&self, account: AccountId, id: &str, seconds: &str, body: &[u8]) -> String {
        let said = [id.as_bytes(), b".", seconds.as_bytes(), b".", body];
        format!("v1,{}", BASE64_STANDARD.encode(mac(&self.bytes_of(account), &said)))
    }
}

/// Returns the HMAC-SHA256 of some parts.
fn mac(key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    // It takes keys of any length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return Vec::new() };
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().to_vec()
}

/// Makes the call that tells of the end of a job; `None` for a style that nobody here knows.
///
/// # Errors
/// The store's, where the owner is looked up.
pub(crate) async fn form(
    engine: &Engine,
    job: &Job,
    callback: &Callback,
) -> scribed_store::Result<Option<Call>> {
    let call = match callback.style {
        CallbackStyle::Scribed => {
            let account = engine.store().account(job.owner).await?;
            let owner = account.map(|account| account.username).unwrap_or_default();
            Some(own_form(&publisher::last_state(job, &owner), callback))
        }
        _ => engine.shared.parts.calls.forms.form(job, callback),
    };
    Ok(call.map(|call| signed(engine, job, call)))
}

fn own_form(event: &StateEvent, callback: &Callback) -> Call {
    let mut headers = vec![("content-type".to_owned(), "application/json".to_owned())];
    headers.extend(callback.headers.clone());
    // A shape of texts and numbers alone can always be written.
    let body = serde_json::to_vec(event).unwrap_or_default();
    Call { method: Method::Post, url: callback.url.clone(), headers, body: body.into() }
}

/// Adds the headers of Standard Webhooks, which nobody else may set.
fn signed(engine: &Engine, job: &Job, call: Call) -> Call {
    let (id, seconds) = (Delivery::id(job.id), seconds(engine.now()));
    let key = engine.shared.parts.calls.key.as_ref();
    let signature = key.map(|key| key.sign(job.owner, &id, &seconds, &call.body));
    let mut headers = call.headers;
    headers.retain(|(name, _)| !name.to_ascii_lowercase().starts_with("webhook-"));
    headers.push(("webhook-id".to_owned(), id));
    headers.push(("webhook-timestamp".to_owned(), seconds));
    headers.extend(signature.map(|signature| ("webhook-signature".to_owned(), signature)));
    Call { headers, ..call }
}

fn seconds(at: Timestamp) -> String {
    at.millis().div_euclid(1_000).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_that_of_the_specification() {
        // The example of Standard Webhooks, with its secret in place of a derived one.
        let secret = BASE64_STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let said: [&[u8]; 2] =
            [b"msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330.", br#"{"test": 2432232314}"#];
        let signature = BASE64_STANDARD.encode(mac(&secret, &said));
        assert_eq!(signature, "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn each_account_has_a_secret_of_its_own_that_stays() {
        let key = |text: &str| CallKey::new(Secret::new(text));
        let secret = |key: &CallKey, account| key.secret_of(AccountId(account)).expose().to_owned();
        let first = secret(&key("a"), 1);
        assert_eq!(first, secret(&key("a"), 1));
        assert_ne!(first, secret(&key("a"), 2));
        assert_ne!(first, secret(&key("b"), 1));
        let bytes = BASE64_STANDARD.decode(first.strip_prefix("whsec_").unwrap()).unwrap();
        assert_eq!(bytes.len(), 32);
        let made = CallKey::made_from(&Secret::new("a"));
        assert_eq!((made.len(), made == CallKey::made_from(&Secret::new("b"))), (64, false));
    }

    #[test]
    fn a_key_is_not_shown() {
        assert!(!format!("{:?}", CallKey::new(Secret::new("geheim"))).contains("geheim"));
    }
}
