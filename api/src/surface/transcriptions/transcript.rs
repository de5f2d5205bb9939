//! `GET /transcript`: the text of a job, chunk by chunk, also while it is still being worked on.

use scribed_schemas::id::JobId;
use warp::Filter;

use super::ownership::own_job;
use super::page::Wish;
use super::view::Chunk;
use crate::Api;
use crate::answer::{Answer, Success, respond};
use crate::extract::Caller;
use crate::routes::Route;
use crate::validate::{Checks, Query};

/// Chunks of an answer when the client names neither page nor size: clients of the original never
/// page.
const ALL: u32 = 10_000;

/// The route.
pub(super) fn route(api: &Api) -> Route {
    warp::path!("transcript")
        .and(warp::get())
        .and(api.caller())
        .and(Api::query(read))
        .and(api.context())
        .then(handle)
        .map(respond)
        .boxed()
}

/// Faults come in the order of the document: `page`, `size`, `task_id`.
fn read(checks: &mut Checks, query: &Query) -> Option<(JobId, Wish)> {
    let fields = query.fields();
    let wish = Wish::read(checks, &fields);
    let id = fields.int(checks, "task_id").map(JobId);
    Some((id?, wish?))
}

async fn handle(caller: Answer<Caller>, wish: Answer<(JobId, Wish)>, api: Api) -> Answer {
    let (caller, (id, wish)) = (caller?, wish?);
    let job = own_job(&api, &caller, id).await?;
    let settings = &api.shared.config.surface.transcriptions;
    let default = if wish.is_empty() { ALL } else { settings.default_page_size };
    let slice = wish.slice(default, settings.max_page_size.max(default));
    // Chunks that became readable since the job was read wait for the next request, so that the
    // page and its total fit together.
    let from = u32::try_from(slice.offset()).unwrap_or(u32::MAX).min(job.ready_chunks);
    let count = slice.size.min(job.ready_chunks - from);
    let chunks = api.shared.engine.store().chunks(id, from, count).await?;
    let chunks = chunks.iter().map(|chunk| Chunk::of(&job, chunk)).collect();
    Success::json(&slice.answer(u64::from(job.ready_chunks), chunks))
}
