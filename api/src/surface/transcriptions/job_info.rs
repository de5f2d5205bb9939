//! `GET /transcript/info`: where a job stands.

use scribed_schemas::id::JobId;
use warp::Filter;

use super::ownership::{own_job, read_transcript_id};
use super::view::Transcription;
use crate::Api;
use crate::answer::{Answer, Success, respond};
use crate::extract::Caller;
use crate::routes::Route;

/// The route.
pub(super) fn route(api: &Api) -> Route {
    warp::path!("transcript" / "info")
        .and(warp::get())
        .and(api.caller())
        .and(Api::query(read_transcript_id))
        .and(api.context())
        .then(handle)
        .map(respond)
        .boxed()
}

async fn handle(caller: Answer<Caller>, id: Answer<JobId>, api: Api) -> Answer {
    let (caller, id) = (caller?, id?);
    let job = own_job(&api, &caller, id).await?;
    Success::json(&Transcription::of(&job, &api.shared.config.surface.transcriptions))
}
