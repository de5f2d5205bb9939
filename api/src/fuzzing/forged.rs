//! Tokens: none passes that is not signed with the key in force, or that says what ours do not say.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, crypto};
use scribed_schemas::account::{Account, Role};
use scribed_schemas::id::AccountId;
use scribed_schemas::secret::Secret;
use scribed_schemas::time::Timestamp;
use serde_json::Value;

use crate::auth::token::{Signer, TokenType};
use crate::config::Auth;

const OURS: &str = "0123456789abcdef0123456789abcdef";
const THEIRS: &str = "another key that is long enough!";

static SIGNER: LazyLock<Signer> =
    LazyLock::new(|| Signer::new(&Secret::new(OURS), &Auth::default()));

/// Holds of tokens made of a header, claims and a rest, one a line.
///
/// - As they stand, or in place of a part of a good token, they are no token of ours.
/// - Signed with another key they are refused, whatever they say.
/// - Signed with our key they pass only if header and claims say what ours do.
pub fn token(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    refused(&text, "junk");
    let mut lines = text.splitn(3, '\n');
    let mut line = || lines.next().unwrap_or_default();
    let (header, claims, rest) = (line(), line(), line());
    // Claims cannot know what time it is.
    let now = i64::try_from(jsonwebtoken::get_current_timestamp()).expect("a time");
    let claims = claims.replace("NOW", &now.to_string());

    let [head, body] = [header, &claims].map(|part| BASE64_URL_SAFE_NO_PAD.encode(part));
    let message = format!("{head}.{body}");
    refused(&message, "without a signature");
    refused(&format!("{message}.{rest}"), "with a made up signature");
    for algorithm in [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512] {
        refused(&signed(&message, THEIRS, algorithm), "signed with another key");
    }
    let token = signed(&message, OURS, Algorithm::HS256);
    for wanted in [TokenType::Access, TokenType::Refresh] {
        if SIGNER.verify(&token, wanted).is_some() {
            assert!(is_ours(header, &claims, wanted, now), "{header} {claims} passes");
        }
    }
    spoilt(data, now);
}

fn signed(message: &str, key: &str, algorithm: Algorithm) -> String {
    let key = EncodingKey::from_secret(key.as_bytes());
    let signature = crypto::sign(message.as_bytes(), &key, algorithm).expect("HMAC signs all");
    format!("{message}.{signature}")
}

#[track_caller]
fn refused(token: &str, how: &str) {
    for wanted in [TokenType::Access, TokenType::Refresh] {
        assert!(SIGNER.verify(token, wanted).is_none(), "{how}: {token:?} passes");
    }
}

/// Tells what the code under test should, by reading the claims as plain JSON.
fn is_ours(header: &str, claims: &str, wanted: TokenType, now: i64) -> bool {
    let read = |text: &str| serde_json::from_str::<Value>(text).unwrap_or_default();
    let (header, claims) = (read(header), read(claims));
    let secs = |name: &str| claims[name].as_f64().unwrap_or(f64::NAN);
    // Five seconds of leeway, and what passes while this runs.
    let (begun, now) = (|at: f64| at <= secs_of(now) + 15.0, secs_of(now));
    header["alg"] == "HS256"
        && claims["iss"] == "scribed"
        && claims["aud"] == "scribed-api"
        && claims["sub"]
            .as_str()
            .is_some_and(|sub| claims["user_id"].as_i64().is_some_and(|id| id.to_string() == *sub))
        && claims["token_type"] == serde_json::to_value(wanted).unwrap_or_default()
        && secs("exp") >= now - 6.0
        && begun(secs("nbf"))
        && begun(secs("iat"))
        && secs("iat") >= 0.0
}

#[expect(clippy::cast_precision_loss, reason = "seconds since 1970")]
fn secs_of(time: i64) -> f64 {
    time as f64
}

/// Puts the bytes into a good token at a place that they name: it is another one then, and refused.
fn spoilt(data: &[u8], now: i64) {
    let [place, bytes @ ..] = data else { return };
    let account = Account {
        id: AccountId(42),
        username: "somebody".to_owned(),
        password_hash: String::new(),
        role: Role::User,
        active: true,
        can_interact: true,
        holds_jobs: false,
        password_epoch: 3,
        created: Timestamp::default(),
        updated: Timestamp::default(),
    };
    let made = SIGNER.access(&account, Timestamp::from_millis(now * 1_000));
    let good = made.unwrap_or_else(|_| panic!("a token is signed"));
    assert!(SIGNER.verify(&good, TokenType::Access).is_some(), "a good token passes");
    let at = usize::from(*place) * good.len() / 256;
    for len in [0, bytes.len().min(good.len() - at)] {
        let mut spoilt = good.clone().into_bytes();
        spoilt.splice(at..at + len, bytes.iter().copied());
        let spoilt = String::from_utf8_lossy(&spoilt);
        if spoilt != good {
            refused(&spoilt, "spoilt");
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn kept_inputs_of_the_fuzzer_are_no_tokens() {
        scribed_test_properties::replay("token", super::token);
    }
}
