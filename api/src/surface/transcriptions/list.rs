//! `GET /transcriptions`: the caller's jobs, newest first.

use warp::Filter;

use super::page::Wish;
use super::view::Transcription;
use crate::Api;
use crate::answer::{Answer, Success, respond};
use crate::extract::Caller;
use crate::routes::Route;
use crate::validate::{Checks, Query};

/// The route.
pub(super) fn route(api: &Api) -> Route {
    warp::path!("transcriptions")
        .and(warp::get())
        .and(api.caller())
        .and(Api::query(read))
        .and(api.context())
        .then(handle)
        .map(respond)
        .boxed()
}

fn read(checks: &mut Checks, query: &Query) -> Option<Wish> {
    Wish::read(checks, &query.fields())
}

async fn handle(caller: Answer<Caller>, wish: Answer<Wish>, api: Api) -> Answer {
    let (caller, wish) = (caller?, wish?);
    let settings = &api.shared.config.surface.transcriptions;
    let slice = wish.slice(settings.default_page_size, settings.max_page_size);
    let store = api.shared.engine.store();
    let found = store.jobs(Some(caller.account.id), slice.offset(), slice.size).await?;
    let jobs = found.jobs.iter().map(|job| Transcription::of(job, settings)).collect();
    Success::json(&slice.answer(found.total, jobs))
}
