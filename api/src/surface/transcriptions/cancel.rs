//! `POST /transcript/cancel`: stop a job, now.

use scribed_schemas::id::JobId;
use warp::Filter;

use super::ownership::{NO_SUCH_JOB, own_job, read_transcript_id};
use crate::Api;
use crate::answer::{Answer, Refusal, Success, respond};
use crate::extract::Caller;
use crate::routes::Route;

/// Clients compare this text.
const FINISHED: &str = "You can't cancel a finished job";

/// The route.
pub(super) fn route(api: &Api) -> Route {
    warp::path!("transcript" / "cancel")
        .and(warp::post())
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
    match api.shared.engine.cancel(job.id).await {
        Ok(Some(_)) => Ok(Success::text("OK")),
        Ok(None) => Err(Refusal::Conflict(FINISHED.to_owned())),
        Err(error) => match Refusal::from(error) {
            // It was there a moment ago and was removed meanwhile.
            Refusal::NotFound(_) => Err(NO_SUCH_JOB),
            other => Err(other),
        },
    }
}
