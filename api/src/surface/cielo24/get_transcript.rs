//! `GET /api/job/get_transcript`: the text of a job in paragraphs, each with its time.
//!
//! ```text
//! [00:00:01.120]
//! First line of text.
//! ```
//!
//! The stored chunks are read page by page and written as they come. Each is a paragraph.

mod form;

use scribed_schemas::api_key::Scope;
use scribed_schemas::job::Job;
use warp::Filter;

use self::form::Form;
use super::call::Call;
use super::error::{Answer, respond};
use super::{display, version};
use crate::Api;
use crate::answer::{Answer as Shared, Success};
use crate::extract::raw_query;
use crate::routes::Route;
use crate::surface::paged;
use crate::validate::Query;

/// The route.
pub(super) fn route(api: &Api) -> Route {
    warp::path!("api" / "job" / "get_transcript")
        .and(warp::get())
        .and(raw_query())
        .and(api.context())
        .then(handle)
        .map(respond)
        .boxed()
}

async fn handle(query: Query, api: Api) -> Answer {
    let call = Call::read(&api, query, Scope::Read).await?;
    let job = call.job(&api).await?;
    display::check(&call.params, display::OF_TRANSCRIPTS)?;
    let form = Form::read(&call.params)?;
    version::check(&call.params, &job)?;
    let text = write(&api, &job, &form).await?;
    Ok(Success::document(text.into_bytes(), "text/plain; charset=utf-8"))
}

/// Writes the chunks of a job.
async fn write(api: &Api, job: &Job, form: &Form) -> Shared<String> {
    let mut text = String::new();
    paged(api, job, |chunk| {
        form.add(&mut text, chunk);
        Ok(())
    })
    .await?;
    if !text.is_empty() {
        text.push('\n');
    }
    Ok(text)
}
