//! Who calls: secrets, passwords, tokens, and the administrator's account.

pub(crate) mod admin;
pub(crate) mod password;
pub(crate) mod secret;
pub(crate) mod token;
