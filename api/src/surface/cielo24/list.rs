//! `GET /api/job/list`: the caller's jobs, newest first, as far as they pass its filters.
//!
//! The vendor knows no pages; here the newest jobs are looked at, as many as fit in one answer.

use scribed_schemas::api_key::Scope;
use serde_json::json;
use warp::Filter;

use super::call::Call;
use super::error::{Answer, respond};
use super::filter::Wanted;
use super::view::View;
use crate::Api;
use crate::answer::Success;
use crate::extract::raw_query;
use crate::routes::Route;
use crate::validate::Query;

/// Most jobs that are looked at.
const MOST: usize = 10_000;
/// Jobs that are read from the store at once.
const PAGE: u32 = 500;

/// The route.
pub(super) fn route(api: &Api) -> Route {
    warp::path!("api" / "job" / "list")
        .and(warp::get())
        .and(raw_query())
        .and(api.context())
        .then(handle)
        .map(respond)
        .boxed()
}

async fn handle(query: Query, api: Api) -> Answer {
    let call = Call::read(&api, query, Scope::Read).await?;
    let wanted = Wanted::read(&call.params, &call.account.username)?;
    let store = api.shared.engine.store();
    let (owner, since) = (call.account.id, wanted.created_since());
    let (mut views, mut seen, mut behind) = (Vec::new(), 0, None);
    while seen < MOST {
        let page = store.jobs_since(owner, since, behind, PAGE).await?;
        let Some(last) = page.last() else { break };
        behind = Some((last.created, last.id));
        seen += page.len();
        views.extend(page.iter().filter(|job| wanted.has(job)).map(View::of));
    }
    Ok(Success::json(&json!({"Username": call.account.username, "ActiveJobs": views}))?)
}
