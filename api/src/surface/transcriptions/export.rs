//! `POST /transcript/export`: the text of a job as a document to keep.

use scribed_engine::RenderError;
use scribed_schemas::id::JobId;
use warp::Filter;

use super::ownership::{NO_SUCH_JOB, own_job};
use crate::Api;
use crate::answer::{Answer, Refusal, Success, respond};
use crate::extract::Caller;
use crate::routes::Route;
use crate::validate::{Checks, Query};

const NO_TEXT: &str =
    "No transcription chunks for this transcription is available right now. Try again later.";

/// The route.
pub(super) fn route(api: &Api) -> Route {
    warp::path!("transcript" / "export")
        .and(warp::post())
        .and(api.caller())
        .and(Api::query(read))
        .and(api.context())
        .then(handle)
        .map(respond)
        .boxed()
}

fn read(checks: &mut Checks, query: &Query) -> Option<(JobId, &'static str)> {
    let fields = query.fields();
    let id = fields.int(checks, "task_id").map(JobId);
    let format = fields.literal(checks, "format", &["doc", "txt"]);
    Some((id?, format?))
}

/// What this surface calls `doc` is OOXML, so clients that know `filename*` save it as `.docx`; the
/// others get the name that the original gave.
async fn handle(caller: Answer<Caller>, wanted: Answer<(JobId, &'static str)>, api: Api) -> Answer {
    let (caller, (id, format)) = (caller?, wanted?);
    let job = own_job(&api, &caller, id).await?;
    let engine_format = if format == "doc" { "docx" } else { format };
    let document = api.shared.engine.render(job.id, engine_format).await.map_err(refuse)?;
    let owner = caller.account.id;
    let name = format!("{owner}.{format}");
    let modern_name = format!("{owner}.{engine_format}");
    Ok(Success::file(document.bytes, &document.media_type, &name, &modern_name))
}

fn refuse(error: RenderError) -> Refusal {
    match error {
        RenderError::NoSuchJob(_) => NO_SUCH_JOB,
        RenderError::NoText(_) => Refusal::Conflict(NO_TEXT.to_owned()),
        RenderError::NoSuchFormat { .. } => {
            Refusal::Conflict("The pipeline of this job does not make such documents.".to_owned())
        }
        RenderError::Engine(error) => error.into(),
    }
}
