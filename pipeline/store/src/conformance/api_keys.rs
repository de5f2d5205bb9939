//! Promises about API keys.

use scribed_schemas::api_key::{ApiKey, Scope, Scopes};
use scribed_schemas::id::{AccountId, ApiKeyId};

use super::{Bench, at, kind};
use crate::error::ErrorKind;

/// Returns the key of a number; account 1 owns it.
fn key(number: i64) -> ApiKey {
    ApiKey {
        id: ApiKeyId(number),
        account: AccountId(1),
        hash: format!("hash-{number}"),
        label: "Größe \"1\"".to_owned(),
        scopes: [Scope::Read, Scope::Submit].into_iter().collect(),
        created: at(1),
        expires: Some(at(1_000)),
        revoked: None,
    }
}

/// Every member of a key is stored, and it is found by its hash alone.
pub async fn an_api_key_comes_back_as_it_was_created(bench: &Bench) {
    let lasting = ApiKey { expires: None, scopes: Scopes::default(), ..key(2) };
    for made in [key(1), lasting] {
        bench.store.create_api_key(made.clone()).await.unwrap();
        assert_eq!(bench.store.api_key(&made.hash).await.unwrap(), Some(made));
    }
    assert_eq!(bench.store.api_key("hash-3").await.unwrap(), None);
}

/// A lost answer may be asked for again; that does not bring a revoked key back.
pub async fn creating_an_api_key_twice_changes_nothing(bench: &Bench) {
    bench.store.create_api_key(key(1)).await.unwrap();
    bench.store.revoke_api_key(AccountId(1), ApiKeyId(1), at(5)).await.unwrap();
    bench.store.create_api_key(key(1)).await.unwrap();
    let stored = bench.store.api_key("hash-1").await.unwrap();
    assert_eq!(stored, Some(ApiKey { revoked: Some(at(5)), ..key(1) }));
    assert_eq!(bench.store.api_keys(AccountId(1), None, 9).await.unwrap().len(), 1);
}

/// Pages of keys follow each other by id, with those of one account only.
pub async fn api_keys_are_listed_by_id_page_by_page(bench: &Bench) {
    for number in [3, 1, 2] {
        bench.store.create_api_key(key(number)).await.unwrap();
    }
    let other = ApiKey { account: AccountId(2), ..key(4) };
    bench.store.create_api_key(other).await.unwrap();
    let first = bench.store.api_keys(AccountId(1), None, 2).await.unwrap();
    assert_eq!(first, [key(1), key(2)]);
    let second = bench.store.api_keys(AccountId(1), Some(ApiKeyId(2)), 2).await.unwrap();
    assert_eq!(second, [key(3)]);
    assert_eq!(bench.store.api_keys(AccountId(3), None, 2).await.unwrap(), []);
}

/// A revoked key stays revoked since the first time, and others are left alone.
pub async fn revoking_ends_one_api_key_for_good(bench: &Bench) {
    bench.store.create_api_key(key(1)).await.unwrap();
    bench.store.create_api_key(key(2)).await.unwrap();
    for second in [5, 6] {
        let revoked = bench.store.revoke_api_key(AccountId(1), ApiKeyId(1), at(second)).await;
        assert_eq!(revoked.unwrap(), ApiKey { revoked: Some(at(5)), ..key(1) });
    }
    let stored = bench.store.api_key("hash-1").await.unwrap();
    assert_eq!(stored.and_then(|key| key.revoked), Some(at(5)));
    assert_eq!(bench.store.api_key("hash-2").await.unwrap(), Some(key(2)));
}

/// A key is revoked by its own account.
pub async fn a_foreign_api_key_is_not_found(bench: &Bench) {
    bench.store.create_api_key(key(1)).await.unwrap();
    for (account, id) in [(2, 1), (1, 2)] {
        let refused = bench.store.revoke_api_key(AccountId(account), ApiKeyId(id), at(5)).await;
        assert_eq!(kind(refused), ErrorKind::NotFound);
    }
    assert_eq!(bench.store.api_key("hash-1").await.unwrap(), Some(key(1)));
}
