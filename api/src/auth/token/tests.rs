//! Forged, spoilt and misused tokens: none may pass.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::*;

const KEY: &str = "0123456789abcdef0123456789abcdef";

fn signer() -> Signer {
    Signer::new(&Secret::new(KEY), &Auth::default())
}

fn account() -> Account {
    Account {
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
    }
}

fn now() -> Timestamp {
    let secs = i64::try_from(jsonwebtoken::get_current_timestamp()).unwrap();
    Timestamp::from_millis(secs * 1_000)
}

fn part(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

/// Signs any header and claims with our very key: only the claims are wrong.
fn signed(claims: &Value) -> String {
    encode(&Header::new(Algorithm::HS256), claims, &EncodingKey::from_secret(KEY.as_bytes()))
        .unwrap()
}

/// Good claims of an access token, changed by `change`.
fn claims(change: Value) -> Value {
    let seconds = now().millis() / 1_000;
    let mut claims = json!({
        "iss": ISSUER, "aud": AUDIENCE, "sub": "42", "user_id": 42, "role": "user",
        "token_type": "access", "password_epoch": 3, "iat": seconds, "nbf": seconds,
        "exp": seconds + 60, "jti": "x",
    });
    let (Value::Object(change), Some(all)) = (change, claims.as_object_mut()) else {
        panic!("a change is an object");
    };
    for (name, value) in change {
        if value == json!("gone") {
            all.remove(&name);
        } else {
            all.insert(name, value);
        }
    }
    claims
}

fn passes(token: &str) -> bool {
    signer().verify(token, TokenType::Access).is_some()
}

#[test]
fn a_token_of_ours_passes_and_says_whose_it_is() {
    let token = signer().access(&account(), now()).unwrap();
    let claims = signer().verify(&token, TokenType::Access).unwrap();
    assert!(claims.is_of(&account()));
    assert!(!claims.is_of(&Account { password_epoch: 4, ..account() }));
    assert!(passes(&signed(&self::claims(json!({})))), "the claims of the tests below are good");
}

#[test]
fn access_and_refresh_are_not_taken_for_each_other() {
    let access = signer().access(&account(), now()).unwrap();
    let refresh = signer().refresh(&account(), now(), "f").unwrap();
    assert!(signer().verify(&access, TokenType::Refresh).is_none());
    assert!(signer().verify(&refresh, TokenType::Access).is_none());
    assert_eq!(signer().verify(&refresh, TokenType::Refresh).unwrap().family(), Some("f"));
}

#[test]
fn no_two_tokens_are_the_same() {
    let at = now();
    assert_ne!(signer().access(&account(), at).unwrap(), signer().access(&account(), at).unwrap());
}

#[test]
fn every_flipped_byte_spoils_a_token() {
    let token = signer().access(&account(), now()).unwrap();
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.";
    for at in 0..token.len() {
        let mut spoilt = token.clone().into_bytes();
        for replacement in [alphabet[at % alphabet.len()], spoilt[at] ^ 1, spoilt[at] ^ 2, b'='] {
            if replacement == token.as_bytes()[at] || !replacement.is_ascii() {
                continue;
            }
            spoilt[at] = replacement;
            let spoilt = String::from_utf8(spoilt.clone()).unwrap();
            assert!(!passes(&spoilt), "byte {at} as {:?}", char::from(replacement));
        }
    }
}

#[test]
fn unsigned_tokens_in_every_spelling_are_refused() {
    let body = part(&claims(json!({})));
    for alg in ["none", "None", "NONE", "nOnE", "", "null", "HS0", "hs256", "HS256 "] {
        let header = part(&json!({ "alg": alg, "typ": "JWT" }));
        for signature in ["", "AA", "e30"] {
            assert!(!passes(&format!("{header}.{body}.{signature}")), "{alg:?}");
        }
        assert!(!passes(&format!("{header}.{body}")), "{alg:?}");
    }
}

#[test]
fn another_key_or_algorithm_is_refused() {
    let claims = claims(json!({}));
    let other = EncodingKey::from_secret(b"another key that is long enough!!");
    assert!(!passes(&encode(&Header::new(Algorithm::HS256), &claims, &other).unwrap()));
    let ours = EncodingKey::from_secret(KEY.as_bytes());
    for algorithm in [Algorithm::HS384, Algorithm::HS512] {
        assert!(
            !passes(&encode(&Header::new(algorithm), &claims, &ours).unwrap()),
            "{algorithm:?}"
        );
    }
    for alg in ["RS256", "ES256", "PS256", "EdDSA"] {
        let forged = format!("{}.{}.AAAA", part(&json!({ "alg": alg })), part(&claims));
        assert!(!passes(&forged), "{alg}");
    }
}

#[test]
fn a_key_named_or_carried_by_the_token_is_not_used() {
    let attackers = EncodingKey::from_secret(b"the attacker's own key, long enough");
    let claims = claims(json!({}));
    let jwk = json!({ "kty": "oct", "k": URL_SAFE_NO_PAD.encode("the attacker's own key") });
    for extra in [
        json!({ "kid": "../../../../dev/null" }),
        json!({ "kid": "x' OR '1'='1" }),
        json!({ "kid": "a\u{0}b" }),
        json!({ "jku": "https://attacker.example/keys" }),
        json!({ "x5u": "https://attacker.example/cert" }),
        json!({ "jwk": jwk }),
    ] {
        let mut header = json!({ "alg": "HS256", "typ": "JWT" });
        header.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        let message = format!("{}.{}", part(&header), part(&claims));
        let signature =
            jsonwebtoken::crypto::sign(message.as_bytes(), &attackers, Algorithm::HS256).unwrap();
        assert!(!passes(&format!("{message}.{signature}")), "{extra}");
    }
}

#[test]
fn a_claim_that_is_missing_wrong_or_of_another_kind_is_refused() {
    let seconds = now().millis() / 1_000;
    for change in [
        json!({ "exp": "gone" }),
        json!({ "iss": "gone" }),
        json!({ "aud": "gone" }),
        json!({ "sub": "gone" }),
        json!({ "user_id": "gone" }),
        json!({ "token_type": "gone" }),
        json!({ "password_epoch": "gone" }),
        json!({ "exp": seconds - 6 }),
        json!({ "exp": (seconds + 60).to_string() }),
        json!({ "exp": -1 }),
        json!({ "exp": 1.8e19 }),
        json!({ "exp": null }),
        json!({ "nbf": seconds + 60 }),
        json!({ "nbf": "soon" }),
        json!({ "iat": seconds + 60 }),
        json!({ "iat": -1 }),
        json!({ "iss": "somebody else" }),
        json!({ "iss": ["scribed", "x"] }),
        json!({ "aud": "another" }),
        json!({ "aud": [] }),
        json!({ "sub": "43" }),
        json!({ "sub": 42 }),
        json!({ "user_id": "42" }),
        json!({ "role": "emperor" }),
        json!({ "token_type": "refresh" }),
        json!({ "token_type": "Access" }),
    ] {
        assert!(!passes(&signed(&claims(change.clone()))), "{change}");
    }
}

#[test]
fn what_is_no_token_at_all_is_refused() {
    let good = signer().access(&account(), now()).unwrap();
    let (message, _) = good.rsplit_once('.').unwrap();
    let long = format!("{good}{}", "A".repeat(LONGEST));
    for token in ["", ".", "..", "...", "a.b.c", "null", message, &format!("{message}."), &long] {
        assert!(!passes(token), "{token:?}");
    }
    assert!(!passes(&format!("{good}.{good}")));
}
