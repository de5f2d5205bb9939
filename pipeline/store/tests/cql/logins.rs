//! Logins and API keys that are over leave the database by themselves.

use scribed_schemas::api_key::{ApiKey, Scopes};
use scribed_schemas::id::{AccountId, ApiKeyId};
use scribed_store::conformance::{at, exchange, family};
use scribed_store::{KEPT_AFTER_END, RefreshRotation, Store as _};
use scylla::value::CqlValue;

use crate::pool::{self, Place};

/// Returns an API key of account 1, made at second 1.
fn key(number: i64, expires: Option<i64>) -> ApiKey {
    ApiKey {
        id: ApiKeyId(number),
        account: AccountId(1),
        hash: format!("hash-{number}"),
        label: "a program".to_owned(),
        scopes: Scopes::all(),
        created: at(1),
        expires: expires.map(at),
        revoked: None,
    }
}

/// Checks that every cell of the only row goes as long after now, or stays for ever.
#[track_caller]
fn check_end(left: &[Option<i64>], seconds: Option<i64>) {
    let kept = i64::try_from(KEPT_AFTER_END.as_secs()).unwrap();
    for left in left {
        let (Some(left), Some(seconds)) = (left, seconds) else {
            assert_eq!((*left, seconds), (None, None), "both, or neither");
            continue;
        };
        // A slow machine takes some of it.
        assert!((kept + seconds - 60..=kept + seconds).contains(left), "{left} of {seconds}");
    }
}

/// Returns for how many more seconds cells are there.
async fn left(place: &Place, table: &str, columns: &[&str], only: &str) -> Vec<Option<i64>> {
    let asked: Vec<String> = columns.iter().map(|column| format!("TTL({column})")).collect();
    let rows = place.cql(&format!("SELECT {} FROM {table} {only}", asked.join(", "))).await;
    assert_eq!(rows.len(), 1, "{table}");
    let seconds = |value: &Option<CqlValue>| value.as_ref().and_then(CqlValue::as_int);
    rows[0].columns.iter().map(|value| seconds(value).map(i64::from)).collect()
}

#[tokio::test]
async fn a_login_goes_when_it_is_over_and_lives_on_with_each_exchange() {
    let Some(place) = pool::empty().await else { return };
    let store = place.store();
    store.open_refresh_family(family("a", 1)).await.unwrap();
    let mut columns = vec!["account", "current", "expires", "revoked", "logins", "op"];
    check_end(&left(&place, "refresh_families", &columns, "").await, Some(999));

    // An exchange renews what it does not change, too.
    let exchange = exchange("a", "token-0", "token-1", 500);
    let exchange = RefreshRotation { expires: at(100_500), ..exchange };
    store.rotate_refresh(exchange).await.unwrap();
    columns.extend(["previous", "exchanged"]);
    check_end(&left(&place, "refresh_families", &columns, "").await, Some(100_000));
}

#[tokio::test]
async fn an_api_key_goes_when_it_is_over_and_one_without_an_end_stays() {
    let Some(place) = pool::empty().await else { return };
    let store = place.store();
    let columns = ["id", "account", "label", "scopes", "created"];
    for (number, expires, kept) in [(1, Some(1_000), Some(999)), (2, None, None)] {
        store.create_api_key(key(number, expires)).await.unwrap();
        let only = format!("WHERE hash = 'hash-{number}'");
        check_end(&left(&place, "api_keys", &columns, &only).await, kept);
        let entry = format!("WHERE account = 1 AND id = {number}");
        check_end(&left(&place, "account_api_keys", &["hash"], &entry).await, kept);
        store.revoke_api_key(AccountId(1), ApiKeyId(number), at(400)).await.unwrap();
        let kept = kept.map(|_| 600);
        check_end(&left(&place, "api_keys", &["revoked"], &only).await, kept);
    }
}
