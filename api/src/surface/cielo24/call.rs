//! Calls: who makes one, and with which parameters.

use http::HeaderMap;
use scribed_schemas::account::Account;
use scribed_schemas::api_key::Scope;
use scribed_schemas::job::Job;

use super::error::{Answer, Error};
use super::id;
use super::params::Params;
use crate::Api;
use crate::answer::Refusal;
use crate::limits::Body;
use crate::validate::Query;

/// The one version of the API, which a call may name.
const VERSION: &str = "1";
const RESTRICTED: Refusal = Refusal::Forbidden("This account may not submit recordings.");

/// A call by somebody who is known.
#[derive(Debug)]
pub(super) struct Call {
    /// Who calls.
    pub(super) account: Account,
    /// What is asked for.
    pub(super) params: Params,
}

impl Call {
    /// Reads a call that has all in its query, for something that takes a scope.
    pub(super) async fn read(api: &Api, query: Query, scope: Scope) -> Answer<Self> {
        let account = caller(api, &query, scope).await?;
        Ok(Self { account, params: Params::of_query(query) })
    }

    /// Reads a call with a JSON body, once it is known who calls.
    pub(super) async fn posted(api: &Api, query: Query, body: Body, scope: Scope) -> Answer<Self> {
        let account = caller(api, &query, scope).await?;
        Ok(Self { account, params: Params::of_body(query, body).await? })
    }

    /// Refuses an account that may not submit recordings.
    pub(super) fn may_submit(&self) -> Answer<()> {
        if self.account.can_interact { Ok(()) } else { Err(RESTRICTED.into()) }
    }

    /// Finds the job of the caller's that `job_id` names; for everybody else it does not exist.
    pub(super) async fn job(&self, api: &Api) -> Answer<Job> {
        let text = self.params.required("job_id")?;
        let id = id::read(&text).ok_or_else(Error::no_such_job)?;
        let job = api.shared.engine.store().job(id).await?;
        job.filter(|job| job.owner == self.account.id).ok_or_else(Error::no_such_job)
    }
}

/// Finds out who calls, and that the call is of the version that is served.
async fn caller(api: &Api, query: &Query, scope: Scope) -> Answer<Account> {
    let account = api.by_api_token(token(query)?, scope).await?.account;
    version(query)?;
    Ok(account)
}

/// Returns the token of a call.
pub(super) fn token(query: &Query) -> Answer<&str> {
    let token = query.get("api_token").filter(|token| !token.is_empty());
    token.ok_or_else(|| Error::missing("api_token"))
}

/// Refuses another version of the API.
pub(super) fn version(query: &Query) -> Answer<()> {
    match query.get("v") {
        None | Some("" | VERSION) => Ok(()),
        Some(_) => Err(Error::option("v must be 1.")),
    }
}

/// Returns the length of the body that a call states; it must.
pub(super) fn stated_length(headers: &HeaderMap) -> Answer<u64> {
    if headers.contains_key(http::header::TRANSFER_ENCODING) {
        let comment = "Chunked transfer encoding is not supported; send a Content-Length.";
        return Err(Error::query(comment));
    }
    let Some(value) = headers.get(http::header::CONTENT_LENGTH) else {
        return Err(Error::missing("Content-Length"));
    };
    let length = value.to_str().ok().and_then(|text| text.parse().ok());
    length.ok_or_else(|| Error::query("The Content-Length must be a whole number."))
}
