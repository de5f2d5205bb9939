//! `POST /worker/transcription_status`: an external worker reports state and text.

use scribed_schemas::id::JobId;
use scribed_schemas::job::JobState;
use warp::Filter;

use super::external::{self, NewChunk, Report};
use super::view::{STATES, WorkerView};
use crate::Api;
use crate::answer::{Answer, Refusal, Success, respond};
use crate::routes::Route;
use crate::validate::{Checks, Document, Faulty, Fields, Query};

/// The answer to a secret that is not the one.
pub(super) const WRONG_SECRET: Refusal = Refusal::Unauthorized("Invalid secret worker token");

/// The route.
pub(super) fn route(api: &Api) -> Route {
    warp::path!("worker" / "transcription_status")
        .and(warp::post())
        .and(api.query_and_json(read))
        .and(api.context())
        .then(handle)
        .map(respond)
        .boxed()
}

fn read(checks: &mut Checks, query: &Query, body: &Document) -> Option<(String, Report)> {
    let secret = query.fields().text(checks, "secret_worker_token");
    let body = body.fields(checks)?;
    let job = body.int(checks, "transcription_id").map(JobId);
    let state = body.optional_enum(checks, "current_state", STATES);
    let chunk = body.optional_object(checks, "new_chunk");
    let chunk = chunk.and_then(|fields| {
        fields.map(|fields| read_chunk(checks, &fields).ok_or(Faulty)).transpose()
    });
    let state = state.ok()?.and_then(JobState::parse);
    Some((secret?, Report { job: job?, state, chunk: chunk.ok()? }))
}

fn read_chunk(checks: &mut Checks, fields: &Fields<'_>) -> Option<NewChunk> {
    let text = fields.text(checks, "text");
    let number = fields.int_from(checks, "chunk_no", 0);
    Some(NewChunk { text: text?, number: number? })
}

async fn handle(report: Answer<(String, Report)>, api: Api) -> Answer {
    let (secret, report) = report?;
    if !api.shared.secrets.is_worker(&secret) {
        return Err(WRONG_SECRET);
    }
    let job = external::apply(&api, report).await?;
    Success::json(&WorkerView::of(&job, &api.shared.config.surface.transcriptions))
}
