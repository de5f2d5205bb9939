//! `POST /api/job/add_media`: a job is given its recording, as the body of the request.
//!
//! Clients state a content type that is always the same and tells nothing, so it is not looked at.

use http::HeaderMap;
use scribed_schemas::api_key::Scope;
use serde_json::json;
use warp::Filter;

use super::call::{Call, stated_length};
use super::error::{Answer, Error, respond};
use super::id::{self, Task};
use crate::Api;
use crate::answer::{Refusal, Success};
use crate::extract::raw_query;
use crate::limits::Body;
use crate::recording::addition::{self, NotAdded};
use crate::routes::Route;
use crate::validate::Query;

/// Longest recording that the document allows, in bytes: one less than 10 GiB.
const LONGEST: u64 = 10 * 1024 * 1024 * 1024 - 1;

/// The route.
pub(super) fn route(api: &Api) -> Route {
    warp::path!("api" / "job" / "add_media")
        .and(warp::post())
        .and(raw_query())
        .and(warp::header::headers_cloned())
        .and(api.body())
        .and(api.context())
        .then(handle)
        .map(respond)
        .boxed()
}

async fn handle(query: Query, headers: HeaderMap, body: Body, api: Api) -> Answer {
    let call = Call::read(&api, query, Scope::Submit).await?;
    call.may_submit()?;
    let job = call.job(&api).await?;
    if call.params.text("media_url")?.is_some() {
        return Err(Error::query("media_url is for GET; a POST has the media as its body."));
    }
    call.params.flag("is_duplicate")?;
    let limit = api.shared.config.http.max_upload_bytes.min(LONGEST);
    if stated_length(&headers)? > limit {
        return Err(Refusal::TooLarge(limit).into());
    }
    if job.state.is_terminal() || !job.awaits.media {
        return Err(refuse(NotAdded::NotAwaited));
    }
    // Before the body is read: who is put off need not have sent it.
    let place = api.shared.engine.place().await?.ok_or(Refusal::Crowded)?;
    let received = addition::receive(&api, body.limited_to(limit)).await?;
    let job = addition::add(&api, received, job.id).await.map_err(refuse)?;
    // It is not in the queue before it is ordered.
    drop(place);
    Ok(Success::json(&json!({ "TaskId": id::task(job.id, Task::AddMedia) }))?)
}

/// Says why a recording was not added.
pub(super) fn refuse(why: NotAdded) -> Error {
    match why {
        NotAdded::Unusable(why) => Error::query(format!("The media cannot be used: {why}.")),
        NotAdded::NotAwaited => Error::query("The job has its media already."),
        NotAdded::Taken => Error::query(
            "There is a job with this media_url already; is_duplicate=true allows another.",
        ),
        NotAdded::Refused(refusal) => refusal.into(),
    }
}
