//! `GET /jobs/{id}/transcript`: the text of a job, as JSON with the time of each word, or as plain text.
//!
//! The stored chunks are read page by page and written as they come, so a long recording costs one page
//! and the document, never all chunks. Each chunk is a monologue of the one speaker.

mod elements;

use http::HeaderMap;
use scribed_schemas::api_key::Scope;
use scribed_schemas::job::Job;
use warp::Filter;

use self::elements::Monologue;
use super::dialect::Dialect;
use super::formats;
use super::ownership::own_job;
use super::problem::{self, Answer, Problem};
use super::profanity;
use super::view::Status;
use crate::Api;
use crate::answer::{Answer as Shared, Refusal, Success};
use crate::extract::Caller;
use crate::routes::Route;

const JSON: &str = "application/vnd.rev.transcript.v1.0+json";
const TEXT: &str = "text/plain";
const MADE: &[&str] = &[JSON, TEXT];
/// Chunks that are read from the store at once.
const PAGE: u32 = 100;

/// The route.
pub(super) fn route(api: &Api, dialect: Dialect) -> Route {
    dialect
        .base()
        .and(warp::path!("jobs" / String / "transcript"))
        .and(warp::get())
        .and(api.bearer(Scope::Read))
        .and(warp::header::headers_cloned())
        .and(api.context())
        .then(move |id, caller, headers, api| handle(dialect, id, caller, headers, api))
        .map(move |answer| problem::respond(dialect, answer))
        .boxed()
}

async fn handle(
    dialect: Dialect,
    id: String,
    caller: Shared<Caller>,
    headers: HeaderMap,
    api: Api,
) -> Answer {
    let job = own_job(&api, &caller?, &id).await?;
    let format = formats::choose(&headers, MADE, dialect.has_default_format().then_some(JSON))?;
    transcribed(&job, "obtain the transcript")?;
    if format == TEXT {
        let document = write(&api, &job, Text::default()).await?;
        return Ok(Success::document(document, "text/plain; charset=utf-8"));
    }
    Ok(Success::document(write(&api, &job, Json::default()).await?, JSON))
}

/// Refuses what takes text where there is none.
pub(super) fn transcribed(job: &Job, to: &'static str) -> Answer<()> {
    match Status::of(job) {
        Status::Transcribed => Ok(()),
        other => Err(Problem::State { current: other.word(), allowed: &["transcribed"], to }),
    }
}

/// Writes the monologues of a job in a form.
async fn write(api: &Api, job: &Job, mut form: impl Form + Send) -> Shared<Vec<u8>> {
    let change = profanity::filter(&job.options);
    let mut next = 0;
    while next < job.ready_chunks {
        let limit = PAGE.min(job.ready_chunks - next);
        let mut page = api.shared.engine.store().chunks(job.id, next, limit).await?;
        let Some(last) = page.last() else { break };
        next = last.chunk + 1;
        for chunk in &mut page {
            change(chunk);
            if let Some(monologue) = Monologue::of(chunk, job.options.skip_punctuation) {
                form.add(&monologue)?;
            }
        }
    }
    Ok(form.end())
}

/// A form in the middle of being written.
trait Form {
    fn add(&mut self, monologue: &Monologue) -> Shared<()>;
    fn end(self) -> Vec<u8>;
}

/// `{"monologues": […]}`.
#[derive(Debug, Default)]
struct Json(Vec<u8>);

impl Form for Json {
    fn add(&mut self, monologue: &Monologue) -> Shared<()> {
        self.0.extend_from_slice(if self.0.is_empty() { b"{\"monologues\":[" } else { b"," });
        serde_json::to_writer(&mut self.0, monologue).map_err(|error| {
            tracing::error!(%error, "cannot write a transcript as JSON");
            Refusal::Internal
        })
    }

    fn end(mut self) -> Vec<u8> {
        let end: &[u8] = if self.0.is_empty() { b"{\"monologues\":[]}" } else { b"]}" };
        self.0.extend_from_slice(end);
        self.0
    }
}

/// One line for each monologue.
#[derive(Debug, Default)]
struct Text(Vec<u8>);

impl Form for Text {
    fn add(&mut self, monologue: &Monologue) -> Shared<()> {
        self.0.extend_from_slice(monologue.line().as_bytes());
        Ok(())
    }

    fn end(self) -> Vec<u8> {
        self.0
    }
}
