//! Tokens as a forger makes them: any header, any claims, any key, any cut.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256, Sha384, Sha512};

/// A token in its three parts.
#[derive(Debug, Clone)]
pub(crate) struct Parts {
    /// What says how it is signed.
    pub(crate) header: Value,
    /// What it claims.
    pub(crate) claims: Map<String, Value>,
    /// Its signature, as it stands in the token.
    pub(crate) signature: String,
}

impl Parts {
    /// Takes a token apart.
    #[track_caller]
    pub(crate) fn of(token: &str) -> Self {
        let parts: Vec<&str> = token.split('.').collect();
        let [header, claims, signature] = parts.as_slice() else { panic!("no token: {token}") };
        let read = |part: &str| URL_SAFE_NO_PAD.decode(part).unwrap();
        Self {
            header: serde_json::from_slice(&read(header)).unwrap(),
            claims: serde_json::from_slice(&read(claims)).unwrap(),
            signature: (*signature).to_owned(),
        }
    }

    /// Returns header and claims, as they are signed, with another header.
    pub(crate) fn message(&self, header: &str) -> String {
        let claims = Value::Object(self.claims.clone()).to_string();
        format!("{}.{}", part(header), part(&claims))
    }

    /// Returns it with one claim as this JSON, or without it.
    pub(crate) fn with_claim(&self, name: &str, value: Option<Value>) -> Self {
        let mut changed = self.clone();
        match value {
            Some(value) => changed.claims.insert(name.to_owned(), value),
            None => changed.claims.remove(name),
        };
        changed
    }

    /// Signs it with a key, as its header says.
    pub(crate) fn signed(&self, key: &[u8]) -> String {
        sign(&self.message(&self.header.to_string()), key)
    }
}

/// Writes a part of a token.
pub(crate) fn part(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(text)
}

/// Signs header and claims with HS256.
pub(crate) fn sign(message: &str, key: &[u8]) -> String {
    let signature = hmac::<Sha256>(64, key, message.as_bytes());
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// Signs header and claims with HS384.
pub(crate) fn sign_384(message: &str, key: &[u8]) -> String {
    let signature = hmac::<Sha384>(128, key, message.as_bytes());
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// Signs header and claims with HS512.
pub(crate) fn sign_512(message: &str, key: &[u8]) -> String {
    let signature = hmac::<Sha512>(128, key, message.as_bytes());
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// Computes an HMAC (RFC 2104) over a hash with blocks of so many bytes.
fn hmac<D: Digest>(block: usize, key: &[u8], message: &[u8]) -> Vec<u8> {
    let hash = |bytes: &[u8]| D::digest(bytes).as_slice().to_vec();
    let mut key = if key.len() > block { hash(key) } else { key.to_vec() };
    key.resize(block, 0);
    let padded = |pad: u8| key.iter().map(|byte| byte ^ pad).collect::<Vec<_>>();
    let inner = hash(&[padded(0x36), message.to_vec()].concat());
    hash(&[padded(0x5c), inner].concat())
}
