//! Who calls: secrets, passwords, tokens, API keys, and the administrator's account.

pub(crate) mod admin;
pub(crate) mod api_key;
mod bearer;
mod login;
pub(crate) mod password;
pub(crate) mod secret;
pub(crate) mod token;
