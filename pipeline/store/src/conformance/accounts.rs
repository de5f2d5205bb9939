//! Promises about accounts.

use scribed_schemas::account::{Account, Role};
use scribed_schemas::id::AccountId;

use super::{Bench, account, at, exchange, family, kind};
use crate::error::ErrorKind;
use crate::store::{AccountChange, Rotation};

/// A store that was just opened can be read and written.
pub async fn a_fresh_store_answers_a_ping(bench: &Bench) {
    bench.store.ping().await.unwrap();
}

/// Every member of an account is stored, and it is found by id and by name.
pub async fn an_account_comes_back_as_it_was_created(bench: &Bench) {
    let made = Account {
        role: Role::SworikDeveloper,
        active: false,
        can_interact: false,
        holds_jobs: true,
        password_epoch: 7,
        updated: at(3),
        ..account(1)
    };
    bench.store.create_account(made.clone()).await.unwrap();
    assert_eq!(bench.store.account(made.id).await.unwrap().as_ref(), Some(&made));
    let found = bench.store.account_by_name("user-1").await.unwrap();
    assert_eq!(found.map(|a| (a.id, a.password_hash)), Some((made.id, made.password_hash)));
    assert_eq!(bench.store.account(AccountId(2)).await.unwrap(), None);
    assert_eq!(bench.store.account_by_name("user-2").await.unwrap(), None);
}

/// A name that no account can have is one that nobody has, whatever it is.
pub async fn a_name_that_nobody_can_have_is_no_account(bench: &Bench) {
    let long = "x".repeat(100_000);
    for name in ["", long.as_str(), "no\u{0}body", "' OR 1=1 --"] {
        assert_eq!(bench.store.account_by_name(name).await.unwrap(), None);
    }
}

/// A second account of one name is refused, and the first stays.
pub async fn a_taken_name_is_a_conflict(bench: &Bench) {
    bench.store.create_account(account(1)).await.unwrap();
    let second = Account { id: AccountId(2), ..account(1) };
    assert_eq!(kind(bench.store.create_account(second).await), ErrorKind::Conflict);
    assert_eq!(bench.store.accounts(None, 10).await.unwrap(), [account(1)]);
}

/// Names that differ in case or in blanks are different names.
pub async fn names_compare_exactly(bench: &Bench) {
    for (number, name) in [(1, "anna"), (2, "Anna"), (3, "anna ")] {
        let made = Account { username: name.to_owned(), ..account(number) };
        bench.store.create_account(made).await.unwrap();
    }
    let found = bench.store.account_by_name("Anna").await.unwrap();
    assert_eq!(found.map(|a| a.id), Some(AccountId(2)));
}

/// Pages of accounts follow each other by id without gap or repeat.
pub async fn accounts_are_listed_by_id_page_by_page(bench: &Bench) {
    for number in [3, 1, 2] {
        bench.store.create_account(account(number)).await.unwrap();
    }
    let first = bench.store.accounts(None, 2).await.unwrap();
    assert_eq!(first, [account(1), account(2)]);
    let second = bench.store.accounts(Some(AccountId(2)), 2).await.unwrap();
    assert_eq!(second, [account(3)]);
}

/// A change needs its account.
pub async fn changing_a_missing_account_is_not_found(bench: &Bench) {
    let change = AccountChange::default();
    let refused = bench.store.update_account(AccountId(1), change, at(1)).await;
    assert_eq!(kind(refused), ErrorKind::NotFound);
}

/// A change touches what it names and the time, nothing else.
pub async fn absent_members_of_a_change_stay(bench: &Bench) {
    bench.store.create_account(account(1)).await.unwrap();
    let change = AccountChange { role: Some(Role::Admin), ..AccountChange::default() };
    let changed = bench.store.update_account(AccountId(1), change, at(9)).await.unwrap();
    assert_eq!(changed, Account { role: Role::Admin, updated: at(9), ..account(1) });
    let change = AccountChange {
        active: Some(false),
        can_interact: Some(false),
        ..AccountChange::default()
    };
    bench.store.update_account(AccountId(1), change, at(10)).await.unwrap();
    let stored = bench.store.account(AccountId(1)).await.unwrap().unwrap();
    assert_eq!((stored.role, stored.active, stored.can_interact), (Role::Admin, false, false));
}

/// Whether the jobs of an account are held may change back and forth, by itself and with the rest.
pub async fn whether_jobs_are_held_changes_like_the_rest(bench: &Bench) {
    bench.store.create_account(account(1)).await.unwrap();
    let change = |holds_jobs| AccountChange { holds_jobs, ..AccountChange::default() };
    let held = bench.store.update_account(AccountId(1), change(Some(true)), at(9)).await.unwrap();
    assert_eq!(held, Account { holds_jobs: true, updated: at(9), ..account(1) });
    let inactive = AccountChange { active: Some(false), ..change(None) };
    let still = bench.store.update_account(AccountId(1), inactive, at(10)).await.unwrap();
    assert!(still.holds_jobs && !still.active);
    assert_eq!(bench.store.account(AccountId(1)).await.unwrap(), Some(still));
    bench.store.update_account(AccountId(1), change(Some(false)), at(11)).await.unwrap();
    let let_go = bench.store.account_by_name("user-1").await.unwrap().unwrap();
    assert!(!let_go.holds_jobs && !let_go.active);
}

/// A new password voids tokens of the epoch before and every refresh family of that account only.
pub async fn a_new_password_raises_the_epoch_and_ends_every_login(bench: &Bench) {
    bench.store.create_account(account(1)).await.unwrap();
    for (id, owner) in [("a", 1), ("b", 1), ("c", 2)] {
        bench.store.open_refresh_family(family(id, owner)).await.unwrap();
    }
    let change = AccountChange { password_hash: Some("$new".to_owned()), ..Default::default() };
    let changed = bench.store.update_account(AccountId(1), change, at(9)).await.unwrap();
    assert_eq!((changed.password_epoch, changed.password_hash.as_str()), (1, "$new"));
    for (id, expected) in
        [("a", Rotation::Unknown), ("b", Rotation::Unknown), ("c", Rotation::Rotated(AccountId(2)))]
    {
        let rotation = exchange(id, "token-0", "token-1", 10);
        assert_eq!(bench.store.rotate_refresh(rotation).await.unwrap(), expected, "family {id}");
    }
}

/// Other changes leave logins and the epoch alone.
pub async fn a_change_without_a_password_keeps_logins(bench: &Bench) {
    bench.store.create_account(account(1)).await.unwrap();
    bench.store.open_refresh_family(family("a", 1)).await.unwrap();
    let change = AccountChange { role: Some(Role::Admin), ..AccountChange::default() };
    let changed = bench.store.update_account(AccountId(1), change, at(9)).await.unwrap();
    assert_eq!(changed.password_epoch, 0);
    let rotation = exchange("a", "token-0", "token-1", 10);
    let rotated = bench.store.rotate_refresh(rotation).await.unwrap();
    assert_eq!(rotated, Rotation::Rotated(AccountId(1)));
}
