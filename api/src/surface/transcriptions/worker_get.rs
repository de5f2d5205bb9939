//! `GET /worker/transcription_status`: an external worker asks where a job stands.

use scribed_schemas::id::JobId;
use warp::Filter;

use super::external;
use super::view::WorkerView;
use super::worker_post::WRONG_SECRET;
use crate::Api;
use crate::answer::{Answer, Success, respond};
use crate::routes::Route;
use crate::validate::{Checks, Query};

/// The route.
pub(super) fn route(api: &Api) -> Route {
    warp::path!("worker" / "transcription_status")
        .and(warp::get())
        .and(Api::query(read))
        .and(api.context())
        .then(handle)
        .map(respond)
        .boxed()
}

fn read(checks: &mut Checks, query: &Query) -> Option<(JobId, String)> {
    let fields = query.fields();
    let id = fields.int(checks, "transcription_id").map(JobId);
    let secret = fields.text(checks, "secret_worker_token");
    Some((id?, secret?))
}

async fn handle(wanted: Answer<(JobId, String)>, api: Api) -> Answer {
    let (id, secret) = wanted?;
    if !api.shared.secrets.is_worker(&secret) {
        return Err(WRONG_SECRET);
    }
    let job = external::job(&api, id).await?;
    Success::json(&WorkerView::of(&job, &api.shared.config.surface.transcriptions))
}
