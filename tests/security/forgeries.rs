//! Forgeries after a token that passes: every way to spoil, misname or replace a part of it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::forge::{Parts, part, sign, sign_384, sign_512};

/// A key that anybody can read somewhere.
const PUBLIC_KEY: &str = "-----BEGIN PUBLIC KEY-----\n\
    MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEEVs/o5+uQbTjL3chynL4wXgUg2R9\n\
    q9UU8I5mEovUf86QZ7kOBIjJwqnzD1omageEHWwHdBO6B+dFabmdT9POxg==\n\
    -----END PUBLIC KEY-----\n";

/// A token with what was done to it.
pub(crate) type Forged = (String, String);

/// What is forged after: a token that passes, and the key that signs it.
#[derive(Debug)]
pub(crate) struct Model<'a> {
    token: &'a str,
    parts: Parts,
    key: Vec<u8>,
}

impl<'a> Model<'a> {
    /// Takes a token that passes, and the key that signs it.
    pub(crate) fn new(token: &'a str, key: &[u8]) -> Self {
        Self { token, parts: Parts::of(token), key: key.to_vec() }
    }

    /// Returns all forgeries after this token.
    pub(crate) fn forgeries(&self) -> Vec<Forged> {
        [
            self.unsigned(),
            self.other_algorithms(),
            self.other_keys(),
            self.named_keys(),
            self.cut(),
            self.flipped(),
            self.false_times(),
            self.false_claims(),
        ]
        .concat()
    }

    /// Says in every spelling that it needs no signature.
    fn unsigned(&self) -> Vec<Forged> {
        let mut forged = Vec::new();
        for alg in
            spellings("none").into_iter().chain(["", " none", "none ", "null"].map(str::to_owned))
        {
            let message = self.parts.message(&json!({"alg": alg, "typ": "JWT"}).to_string());
            for signature in ["", ".", ".AA", &format!(".{}", self.parts.signature)] {
                forged.push((
                    format!("alg {alg:?} with {signature:?}"),
                    format!("{message}{signature}"),
                ));
            }
        }
        forged
    }

    /// Names another algorithm, mostly with a signature by the real key.
    fn other_algorithms(&self) -> Vec<Forged> {
        let mut forged = Vec::new();
        let words = ["HS384", "HS512", "RS256", "RS512", "ES256", "PS256", "EdDSA", "ES256K"];
        let words =
            words.into_iter().chain(["hs256", "HS256 ", "HS-256", "HMACSHA256", "HS0", "dir"]);
        let odd = [json!(null), json!(256), json!(["HS256"]), json!({"alg": "HS256"}), json!(true)];
        for alg in words.map(|word| json!(word)).chain(odd) {
            let message = self.parts.message(&json!({"alg": alg, "typ": "JWT"}).to_string());
            forged.push((format!("alg {alg}"), sign(&message, &self.key)));
            forged.push((format!("alg {alg}, 384 bits"), sign_384(&message, &self.key)));
            forged.push((format!("alg {alg}, 512 bits"), sign_512(&message, &self.key)));
        }
        for header in ["{}", "[]", "null", "", "{\"alg\":\"HS256\"", "\u{0}"] {
            forged
                .push((format!("header {header:?}"), sign(&self.parts.message(header), &self.key)));
        }
        forged
    }

    /// Is signed with keys that an attacker has, or makes of what is known.
    fn other_keys(&self) -> Vec<Forged> {
        let key = String::from_utf8(self.key.clone()).unwrap();
        let keys: Vec<Vec<u8>> = vec![
            Vec::new(),
            b"secret".to_vec(),
            b"scribed".to_vec(),
            PUBLIC_KEY.into(),
            PUBLIC_KEY.trim().into(),
            PUBLIC_KEY.replace('\n', "").into(),
            vec![0; 32],
            vec![0; 64],
            self.token.into(),
            self.parts.signature.clone().into(),
            format!("{key}\n").into(),
            key.to_uppercase().into(),
            key[1..].into(),
            key[..key.len() - 1].into(),
            hex::decode(&key).unwrap(),
            URL_SAFE_NO_PAD.encode(&key).into(),
        ];
        let named = |key: Vec<u8>| {
            (format!("key {:?}", String::from_utf8_lossy(&key)), self.parts.signed(&key))
        };
        keys.into_iter().map(named).collect()
    }

    /// Names or carries the attacker's key.
    fn named_keys(&self) -> Vec<Forged> {
        let key = b"the attacker's own key, long enough".as_slice();
        let jwk = json!({"kty": "oct", "alg": "HS256", "k": URL_SAFE_NO_PAD.encode(key)});
        let kids = [
            "../../../../../../dev/null",
            "/dev/null",
            "/proc/self/environ",
            "file:///dev/null",
            "x' UNION SELECT 'key' --",
            "' OR '1'='1",
            "\"; DROP TABLE accounts; --",
            "a\u{0}b",
            "\u{0}",
            "|cat /etc/passwd",
            "$(id)",
            "%00",
            "",
            "signing-key",
            "secrets/signing-key",
        ];
        let mut headers: Vec<Value> = kids.iter().map(|kid| json!({"kid": kid})).collect();
        headers.extend(
            ["http://127.0.0.1:1/keys", "https://attacker.example/k", "file:///dev/null"]
                .map(|url| json!({"jku": url})),
        );
        headers.extend(
            ["http://127.0.0.1:1/c", "https://attacker.example/c"].map(|url| json!({"x5u": url})),
        );
        headers.extend([
            json!({"jwk": jwk}),
            json!({"jwk": jwk, "kid": "x"}),
            json!({"x5c": [URL_SAFE_NO_PAD.encode(key)]}),
            json!({"jwks": {"keys": [jwk]}}),
            json!({"kid": ["x"]}),
            json!({"b64": false, "crit": ["b64"]}),
        ]);
        let forge = |extra: Value| {
            let mut header = json!({"alg": "HS256", "typ": "JWT"});
            header.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
            let message = self.parts.message(&header.to_string());
            // Some would take the empty file, or nothing, for the key.
            [
                (extra.to_string(), sign(&message, key)),
                (format!("{extra}, no key"), sign(&message, b"")),
            ]
        };
        headers.into_iter().flat_map(forge).collect()
    }

    /// Has parts cut off, doubled or put in another place.
    fn cut(&self) -> Vec<Forged> {
        let parts: Vec<&str> = self.token.split('.').collect();
        let [header, claims, signature] = parts.as_slice() else { panic!("three parts") };
        let mut tokens = vec![
            format!("{header}.{claims}"),
            format!("{header}.{claims}."),
            format!("{header}..{signature}"),
            format!(".{claims}.{signature}"),
            format!("{claims}.{header}.{signature}"),
            format!("{header}.{claims}.{signature}.{signature}"),
            format!("{header}.{claims}.{signature}="),
            format!("{header}.{claims}.{signature}A"),
            format!("{header}.{claims}.{signature}{signature}"),
            format!("{}.{}", self.token, self.token),
            format!("{}{}", self.token, "A".repeat(5_000)),
            (*signature).to_owned(),
            "a.b.c".to_owned(),
            "...".to_owned(),
            "null".to_owned(),
        ];
        tokens.extend(
            (0..signature.len()).map(|kept| format!("{header}.{claims}.{}", &signature[..kept])),
        );
        tokens.into_iter().enumerate().map(|(at, token)| (format!("cut {at}"), token)).collect()
    }

    /// Has one byte flipped, each in turn.
    fn flipped(&self) -> Vec<Forged> {
        let flip = |at: usize| {
            let mut bytes = self.token.as_bytes().to_vec();
            bytes[at] ^= 1;
            (format!("byte {at} flipped"), String::from_utf8(bytes).unwrap())
        };
        (0..self.token.len()).map(flip).collect()
    }

    /// Is over, not yet in force, or of no time at all; signed with the real key.
    fn false_times(&self) -> Vec<Forged> {
        let now = self.parts.claims["iat"].as_i64().unwrap();
        let big = |digits: &str| serde_json::from_str::<Value>(digits).unwrap();
        let no_times = [
            json!((now + 600).to_string()),
            json!(-1),
            json!(i64::MIN),
            json!(null),
            json!([now + 600]),
            json!({}),
            json!(true),
            json!(""),
            json!("never"),
            big("18446744073709551616"),
            big("18446744073709551615"),
            big("9223372036854775808"),
            big("1e300"),
            json!(1.8e19),
            json!(f64::from(u32::MAX) + 0.5),
        ];
        let over = [json!(0), json!(now - 6), json!(now - 86_400)];
        let ahead = [json!(now + 600), json!(now + 86_400 * 365), json!(i64::MAX)];
        let mut changes: Vec<(&str, Option<Value>)> = Vec::new();
        changes.extend(no_times.iter().chain(&over).map(|time| ("exp", Some(time.clone()))));
        for claim in ["nbf", "iat"] {
            let odd =
                [json!("soon"), json!((now).to_string()), json!([]), big("18446744073709551616")];
            changes.extend(ahead.iter().chain(&odd).map(|time| (claim, Some(time.clone()))));
        }
        changes.push(("exp", None));
        self.changed(changes)
    }

    /// Claims what is not so; signed with the real key.
    fn false_claims(&self) -> Vec<Forged> {
        let claims = &self.parts.claims;
        let user = claims["user_id"].as_i64().unwrap();
        let other_type = if claims["token_type"] == "access" { "refresh" } else { "access" };
        let of = |claim: &'static str, values: &[Value]| -> Vec<_> {
            values.iter().cloned().map(Some).chain([None]).map(|value| (claim, value)).collect()
        };
        let names =
            [json!(""), json!("other"), json!("Scribed"), json!(["x"]), json!(null), json!(7)];
        let changes = [
            of("iss", &names),
            of("aud", &names),
            of(
                "sub",
                &[
                    json!("1"),
                    json!(user),
                    json!((user + 1).to_string()),
                    json!(format!(" {user}")),
                ],
            ),
            of(
                "user_id",
                &[json!(1), json!(user.to_string()), json!(user + 1), json!(-user), json!(0.5)],
            ),
            of(
                "token_type",
                &[json!(other_type), json!("Access"), json!("id"), json!(["access"]), json!(null)],
            ),
            of("password_epoch", &[json!(7), json!(-1), json!("0"), json!(null)]),
            of("role", &[json!("emperor"), json!(null), json!(["admin"])]),
        ];
        let mut forged = self.changed(changes.concat());
        let somebody =
            self.parts.with_claim("sub", Some(json!("1"))).with_claim("user_id", Some(json!(1)));
        forged.push(("account 1".to_owned(), somebody.signed(&self.key)));
        let header = part(&self.parts.header.to_string());
        for claims in ["", "null", "[]", "{}", "{", "\"x\"", "7"] {
            let message = format!("{header}.{}", part(claims));
            forged.push((format!("claims {claims:?}"), sign(&message, &self.key)));
        }
        forged
    }

    fn changed(&self, changes: Vec<(&str, Option<Value>)>) -> Vec<Forged> {
        let forge = |(claim, value): (&str, Option<Value>)| {
            let what = format!("{claim} is {value:?}");
            (what, self.parts.with_claim(claim, value).signed(&self.key))
        };
        changes.into_iter().map(forge).collect()
    }
}

/// Returns a word in every mixture of lower and upper case.
fn spellings(word: &str) -> Vec<String> {
    let upper = |mask: usize| {
        let letters = word.chars().enumerate();
        let letter =
            |(at, c): (usize, char)| if (mask >> at) & 1 == 1 { c.to_ascii_uppercase() } else { c };
        letters.map(letter).collect()
    };
    (0..1 << word.len()).map(upper).collect()
}
