//! Logins: an account by its name and its password.

use scribed_schemas::account::Account;

use crate::Api;
use crate::answer::Answer;

impl Api {
    /// Finds the account of a name and a password; none when they do not belong together, or there is no
    /// such name, after the same work.
    ///
    /// The try is counted by its name; its address is the caller's business.
    pub(crate) async fn by_password(
        &self,
        username: &str,
        password: String,
    ) -> Answer<Option<Account>> {
        self.shared.rates.logins.count_name(username)?;
        let account = self.shared.engine.store().account_by_name(username).await?;
        let hash = account.as_ref().map(|account| account.password_hash.clone());
        let fits = self.shared.hasher.verify(password, hash).await?;
        Ok(account.filter(|_| fits))
    }
}
