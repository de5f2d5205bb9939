//! `/api/job/new`: a job is made, and waits for its recording and its order.
//!
//! Of jobs with the same `external_id` an account has one, unless it says that another is meant. The first
//! one has the id for good, whatever it said.

use std::collections::BTreeMap;

use http::HeaderMap;
use scribed_engine::Draft;
use scribed_schemas::api_key::Scope;
use scribed_schemas::job::{Awaits, Job, JobOptions};
use scribed_store::{IdempotencyKey, Submitted};
use serde_json::json;
use sha2::{Digest, Sha256};
use warp::Filter;

use super::call::Call;
use super::error::{Answer, Error, respond};
use super::id::{self, Task};
use super::language::{self, Language};
use super::params::Params;
use super::particulars;
use crate::Api;
use crate::answer::{Refusal, Success};
use crate::extract::raw_query;
use crate::idempotency;
use crate::limits::Body;
use crate::routes::Route;
use crate::validate::Query;

/// Most characters of a job's name, of the ids and of the other texts.
const LONGEST_NAME: usize = 255;
const LONGEST_ID: usize = 200;
const LONGEST_TEXT: usize = 255;

/// The routes.
pub(super) fn route(api: &Api) -> Route {
    let path = || warp::path!("api" / "job" / "new");
    let headers = warp::header::headers_cloned;
    let get = path().and(warp::get()).and(raw_query()).and(headers()).and(api.context());
    let post = path().and(warp::post()).and(raw_query()).and(headers()).and(api.body());
    let post = post.and(api.context());
    let (get, post) = (get.then(asked).map(respond), post.then(posted).map(respond));
    get.or(post).unify().boxed()
}

async fn asked(query: Query, headers: HeaderMap, api: Api) -> Answer {
    let call = Call::read(&api, query, Scope::Submit).await?;
    handle(call, &headers, &api).await
}

async fn posted(query: Query, headers: HeaderMap, body: Body, api: Api) -> Answer {
    let call = Call::posted(&api, query, body, Scope::Submit).await?;
    handle(call, &headers, &api).await
}

async fn handle(call: Call, headers: &HeaderMap, api: &Api) -> Answer {
    call.may_submit()?;
    sub_account(&call)?;
    let Call { account, params } = &call;
    let key = idempotency::key(headers)?;
    let draft = Draft {
        owner: account.id,
        name: params.line("job_name", LONGEST_NAME)?.unwrap_or_default(),
        options: options(params, account.holds_jobs)?,
        awaits: Awaits { media: true, order: true, authorization: account.holds_jobs },
        idempotency: None,
    };
    let shares = params.flag("is_duplicate")?.unwrap_or(false);
    let job = match draft.options.external_id.clone() {
        Some(id) => with_external_id(api, draft, &id, key, shares).await?,
        None => with_key(api, draft, key).await?,
    };
    Ok(Success::json(&json!({
        "JobId": id::job(job.id),
        "TaskId": id::task(job.id, Task::New),
    }))?)
}

/// Refuses the name of another account: there are no sub-accounts.
fn sub_account(call: &Call) -> Answer<()> {
    match call.params.text("username")? {
        Some(name) if name != call.account.username.as_str() => {
            let text = "There are no sub-accounts here; username may only be your own.";
            Err(Refusal::Forbidden(text).into())
        }
        _ => Ok(()),
    }
}

/// Reads what the job is to be told.
fn options(params: &Params, is_held: bool) -> Answer<JobOptions> {
    let code = params.text("language")?;
    let language = Language::read("language", code.as_deref().unwrap_or(language::DEFAULT))?;
    let mut noted = BTreeMap::from([(particulars::LANGUAGE.to_owned(), language.code)]);
    if let Some(requestor) = params.line("requestor", LONGEST_TEXT)? {
        noted.insert(particulars::REQUESTOR.to_owned(), requestor);
    }
    if let Some(speakers) = params.number("expected_speakers")? {
        noted.insert(particulars::EXPECTED_SPEAKERS.to_owned(), speakers.to_string());
    }
    if is_held {
        noted.insert(particulars::HELD.to_owned(), "true".to_owned());
    }
    Ok(JobOptions {
        language: Some(language.tag),
        reference: params.line("reference", LONGEST_TEXT)?,
        external_id: params.line("external_id", LONGEST_ID)?,
        particulars: noted,
        ..JobOptions::default()
    })
}

/// Makes the job; a repeat of the caller's key is the same one.
async fn with_key(api: &Api, draft: Draft, key: Option<String>) -> Answer<Job> {
    // Nothing else tells two of these apart, and nothing else has to be the same.
    let idempotency = key.map(|key| IdempotencyKey { key, fingerprint: fingerprint("new") });
    match api.shared.engine.draft(Draft { idempotency, ..draft }).await? {
        Submitted::Created(job) | Submitted::Existing(job) => Ok(job),
        Submitted::Conflict => Err(idempotency::used_otherwise().into()),
        Submitted::ActiveJob(_) => Err(Refusal::Internal.into()),
    }
}

/// Makes the job unless another has its external id already and it does not say that it shares it.
///
/// A repeat of the caller's key is told by it, and is the same job.
async fn with_external_id(
    api: &Api,
    draft: Draft,
    external_id: &str,
    key: Option<String>,
    shares: bool,
) -> Answer<Job> {
    let repeats = key.is_some();
    let name = IdempotencyKey {
        key: format!("cielo24:external:{external_id}"),
        fingerprint: key.as_deref().map_or_else(|| "none".to_owned(), fingerprint),
    };
    let first = Draft { idempotency: Some(name), ..draft.clone() };
    match api.shared.engine.draft(first).await? {
        Submitted::Created(job) => Ok(job),
        Submitted::Existing(job) if repeats => Ok(job),
        Submitted::Existing(_) | Submitted::Conflict if shares => with_key(api, draft, key).await,
        Submitted::Existing(_) | Submitted::Conflict => Err(Error::query(
            "There is a job with this external_id already; is_duplicate=true allows another.",
        )),
        Submitted::ActiveJob(_) => Err(Refusal::Internal.into()),
    }
}

fn fingerprint(text: &str) -> String {
    hex::encode(Sha256::digest(text))
}
