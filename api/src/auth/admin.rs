//! The administrator's account, made at first start.

use scribed_engine::Clock;
use scribed_schemas::account::{Account, Role};
use scribed_schemas::id::{AccountId, IdGenerator};
use scribed_store::{ErrorKind, Store};

use crate::auth::password::{HashError, hash_password};

/// Login name of the account that is made at first start.
pub const ADMIN: &str = "admin";

/// Whether the administrator's account was there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AdminAccount {
    /// It was made just now.
    Created(AccountId),
    /// It was there; its password is whatever it was.
    Present(AccountId),
}

/// The administrator's account could not be made.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// Its password could not be hashed.
    #[error("cannot make the account `{ADMIN}`")]
    Hash(#[from] HashError),
    /// It could not be looked for or stored.
    #[error("cannot make the account `{ADMIN}`")]
    Store(#[from] scribed_store::Error),
}

/// Makes the account `admin` with this password unless there is one.
///
/// # Errors
/// When the store or the hash fails.
///
/// # Cancel safety
/// The account is there or not; a repeat completes the work.
pub async fn ensure_admin(
    store: &dyn Store,
    ids: &IdGenerator,
    clock: &dyn Clock,
    password: &str,
) -> Result<AdminAccount, AdminError> {
    if let Some(present) = store.account_by_name(ADMIN).await? {
        return Ok(AdminAccount::Present(present.id));
    }
    let now = clock.now();
    let id = AccountId(ids.next(now));
    let account = Account {
        id,
        username: ADMIN.to_owned(),
        password_hash: hash_password(password)?,
        role: Role::Admin,
        active: true,
        can_interact: true,
        holds_jobs: false,
        password_epoch: 0,
        created: now,
        updated: now,
    };
    match store.create_account(account).await {
        Ok(()) => Ok(AdminAccount::Created(id)),
        // Another daemon on the same store was faster.
        Err(error) if error.kind == ErrorKind::Conflict => {
            let present = store.account_by_name(ADMIN).await?;
            present.map(|account| AdminAccount::Present(account.id)).ok_or(error.into())
        }
        Err(error) => Err(error.into()),
    }
}
