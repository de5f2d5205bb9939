//! Promises about refresh tokens.

use std::sync::Arc;

use scribed_schemas::id::AccountId;
use tokio::task::JoinSet;

use super::{Bench, at, exchange, family};
use crate::store::{RefreshRotation, Rotation};

const MINE: Rotation = Rotation::Rotated(AccountId(1));
const REUSED: Rotation = Rotation::Reused(AccountId(1));

/// Opens the family `a` of account 1.
async fn open(bench: &Bench) {
    bench.store.open_refresh_family(family("a", 1)).await.unwrap();
}

/// Exchanges at a second, without grace.
async fn rotate(bench: &Bench, presented: &str, next: &str, seconds: i64) -> Rotation {
    bench.store.rotate_refresh(exchange("a", presented, next, seconds)).await.unwrap()
}

/// Each token is good for one exchange, whose result is good for the next.
pub async fn tokens_follow_each_other(bench: &Bench) {
    open(bench).await;
    assert_eq!(rotate(bench, "token-0", "token-1", 1).await, MINE);
    assert_eq!(rotate(bench, "token-1", "token-2", 2).await, MINE);
    assert_eq!(rotate(bench, "token-2", "token-3", 3).await, MINE);
}

/// A token that comes twice ends the family: thief and owner both have to log in.
pub async fn a_used_token_ends_its_family(bench: &Bench) {
    open(bench).await;
    assert_eq!(rotate(bench, "token-0", "token-1", 1).await, MINE);
    assert_eq!(rotate(bench, "token-0", "token-x", 2).await, REUSED);
    assert_eq!(rotate(bench, "token-1", "token-2", 3).await, Rotation::Unknown);
    assert_eq!(rotate(bench, "token-0", "token-x", 4).await, Rotation::Unknown);
}

/// A token of long ago is as suspicious as the last one.
pub async fn a_token_of_long_ago_ends_its_family(bench: &Bench) {
    open(bench).await;
    rotate(bench, "token-0", "token-1", 1).await;
    rotate(bench, "token-1", "token-2", 2).await;
    assert_eq!(rotate(bench, "token-0", "token-x", 3).await, REUSED);
}

/// However many use one token at once, in one instant even, one succeeds.
pub async fn of_a_hundred_concurrent_uses_exactly_one_succeeds(bench: &Bench) {
    open(bench).await;
    let mut uses = JoinSet::new();
    for number in 0..100 {
        let store = Arc::clone(&bench.store);
        let rotation = exchange("a", "token-0", &format!("token-1-{number}"), 5);
        uses.spawn(async move { store.rotate_refresh(rotation).await.unwrap() });
    }
    let answers = uses.join_all().await;
    assert_eq!(answers.iter().filter(|answer| **answer == MINE).count(), 1);
    assert_eq!(answers.iter().filter(|answer| **answer == REUSED).count(), 1);
}

/// Within the grace a lost answer can be asked for again, and the newest successor counts.
pub async fn within_the_grace_the_predecessor_is_accepted_again(bench: &Bench) {
    open(bench).await;
    rotate(bench, "token-0", "token-1", 10).await;
    let again = RefreshRotation { grace_since: at(10), ..exchange("a", "token-0", "token-2", 15) };
    assert_eq!(bench.store.rotate_refresh(again).await.unwrap(), MINE);
    assert_eq!(rotate(bench, "token-2", "token-3", 16).await, MINE);
}

/// The grace counts from the first exchange, however often it is used.
pub async fn after_the_grace_the_predecessor_ends_the_family(bench: &Bench) {
    open(bench).await;
    rotate(bench, "token-0", "token-1", 10).await;
    let within = RefreshRotation { grace_since: at(9), ..exchange("a", "token-0", "token-2", 19) };
    assert_eq!(bench.store.rotate_refresh(within).await.unwrap(), MINE);
    let after = RefreshRotation { grace_since: at(11), ..exchange("a", "token-0", "token-3", 21) };
    assert_eq!(bench.store.rotate_refresh(after).await.unwrap(), REUSED);
}

/// A family ends when nobody used it in time; each exchange prolongs it.
pub async fn a_family_ends_unless_it_is_used(bench: &Bench) {
    open(bench).await;
    assert_eq!(rotate(bench, "token-0", "token-1", 999).await, MINE);
    assert_eq!(rotate(bench, "token-1", "token-2", 1_998).await, MINE);
    assert_eq!(rotate(bench, "token-2", "token-3", 2_998).await, Rotation::Unknown);
}

/// A token of a family that was never opened is unknown.
pub async fn a_family_that_never_was_is_unknown(bench: &Bench) {
    assert_eq!(rotate(bench, "token-0", "token-1", 1).await, Rotation::Unknown);
}

/// A lost answer to the opening may be asked for again; that does not bring a used token back.
pub async fn opening_a_family_twice_changes_nothing(bench: &Bench) {
    open(bench).await;
    rotate(bench, "token-0", "token-1", 1).await;
    open(bench).await;
    assert_eq!(rotate(bench, "token-1", "token-2", 2).await, MINE);
}

/// Logging out everywhere ends the families of that account and of no other.
pub async fn revoking_ends_the_families_of_one_account_only(bench: &Bench) {
    open(bench).await;
    bench.store.open_refresh_family(family("b", 2)).await.unwrap();
    bench.store.revoke_refresh_families(AccountId(1)).await.unwrap();
    assert_eq!(rotate(bench, "token-0", "token-1", 1).await, Rotation::Unknown);
    let other = exchange("b", "token-0", "token-1", 1);
    let other = bench.store.rotate_refresh(other).await.unwrap();
    assert_eq!(other, Rotation::Rotated(AccountId(2)));
}
