//! `GET /jobs/{id}/captions`: the text of a job as captions.

use http::HeaderMap;
use scribed_engine::RenderError;
use scribed_schemas::api_key::Scope;
use warp::Filter;

use super::dialect::Dialect;
use super::formats;
use super::ownership::own_job;
use super::problem::{self, Answer, Problem};
use super::profanity;
use super::transcript::transcribed;
use crate::Api;
use crate::answer::{Answer as Shared, Success};
use crate::extract::{Caller, raw_query};
use crate::routes::Route;
use crate::validate::Query;

const SRT: &str = "application/x-subrip";
const VTT: &str = "text/vtt";
const MADE: &[&str] = &[SRT, VTT];

/// The route.
pub(super) fn route(api: &Api, dialect: Dialect) -> Route {
    dialect
        .base()
        .and(warp::path!("jobs" / String / "captions"))
        .and(warp::get())
        .and(api.bearer(Scope::Read))
        .and(warp::header::headers_cloned())
        .and(raw_query())
        .and(api.context())
        .then(handle)
        .map(move |answer| problem::respond(dialect, answer))
        .boxed()
}

async fn handle(
    id: String,
    caller: Shared<Caller>,
    headers: HeaderMap,
    query: Query,
    api: Api,
) -> Answer {
    let job = own_job(&api, &caller?, &id).await?;
    if query.get("speaker_channel").is_some_and(|channel| !channel.is_empty()) {
        let message = "The job was not transcribed channel by channel";
        return Err(Problem::parameter("speaker_channel", message));
    }
    let format = formats::choose(&headers, MADE, Some(SRT))?;
    transcribed(&job, "obtain the captions")?;
    let extension = if format == VTT { "vtt" } else { "srt" };
    let change = profanity::filter(&job.options);
    let captions = api.shared.engine.render_changed(job.id, extension, change).await;
    let captions = captions.map_err(|error| refuse(error, format))?;
    Ok(Success::document(captions.bytes, format))
}

fn refuse(error: RenderError, format: &'static str) -> Problem {
    match error {
        // It was there a moment ago and was deleted meanwhile.
        RenderError::NoSuchJob(_) | RenderError::NoText(_) => Problem::NoSuchJob,
        RenderError::NoSuchFormat { .. } => {
            Problem::NotAcceptable { accepts: format.to_owned(), allowed: &[] }
        }
        RenderError::Engine(error) => error.into(),
    }
}
