//! `/api/job/perform_transcription`: a job that has its recording is ordered, once.

use scribed_schemas::api_key::Scope;
use scribed_schemas::job::{Job, JobOptions, JobState};
use scribed_store::{Supplied, Supply};
use serde_json::json;
use warp::Filter;

use super::call::Call;
use super::callback;
use super::error::{Answer, Error, respond};
use super::id::{self, Task};
use super::language::{self, Language};
use super::options::Options;
use super::order::{Order, Priority};
use super::particulars;
use crate::Api;
use crate::answer::{Refusal, Success};
use crate::extract::raw_query;
use crate::limits::Body;
use crate::routes::Route;
use crate::validate::Query;

/// The priority of an order by GET that names none, as the vendor's oldest client does.
const DEFAULT: Priority = Priority(scribed_schemas::job::Priority::Standard);

/// The routes.
pub(super) fn route(api: &Api) -> Route {
    let path = || warp::path!("api" / "job" / "perform_transcription");
    let get = path().and(warp::get()).and(raw_query()).and(api.context());
    let post = path().and(warp::post()).and(raw_query()).and(api.body()).and(api.context());
    let (get, post) = (get.then(asked).map(respond), post.then(posted).map(respond));
    get.or(post).unify().boxed()
}

async fn asked(query: Query, api: Api) -> Answer {
    let call = Call::read(&api, query, Scope::Submit).await?;
    handle(call, Some(DEFAULT), &api).await
}

async fn posted(query: Query, body: Body, api: Api) -> Answer {
    let call = Call::posted(&api, query, body, Scope::Submit).await?;
    handle(call, None, &api).await
}

async fn handle(call: Call, priority: Option<Priority>, api: &Api) -> Answer {
    call.may_submit()?;
    let job = call.job(api).await?;
    let order = Order::read(&call.params, priority)?;
    let options = options(api, &call, &job, &order)?;
    is_ready(&job)?;
    let place = api.shared.engine.place().await?.ok_or(Refusal::Crowded)?;
    let supply = Supply::Order { options, priority: order.priority.0 };
    match api.shared.engine.supply(job.id, supply).await? {
        Supplied::Changed(job) => {
            if job.state == JobState::Queued {
                place.fill();
            }
            let task = id::task(job.id, Task::PerformTranscription);
            Ok(Success::json(&json!({ "TaskId": task }))?)
        }
        // Somebody else was faster.
        Supplied::Left(_) | Supplied::Taken(_) => Err(ordered_before()),
    }
}

/// Refuses a job that has no recording yet, or its order already.
fn is_ready(job: &Job) -> Answer<()> {
    if job.state.is_terminal() || !job.awaits.order {
        return Err(ordered_before());
    }
    if job.awaits.media {
        return Err(Error::query("The job has no media yet; add_media comes first."));
    }
    Ok(())
}

fn ordered_before() -> Error {
    Error::query("The transcription of this job was requested already.")
}

/// Adds what the order says to what the job was told when it was made.
fn options(api: &Api, call: &Call, job: &Job, order: &Order) -> Answer<JobOptions> {
    let params = &call.params;
    // Whichever product it is called, it is the same.
    params.flag("standard_product")?;
    let callback = params.text("callback_url")?.map(|url| callback::of(api, &url)).transpose()?;
    let mut noted = job.options.particulars.clone();
    let mut note = |name: &str, value: String| drop(noted.insert(name.to_owned(), value));
    note(particulars::FIDELITY, order.fidelity.word().to_owned());
    note(particulars::ORDERED, api.shared.engine.now().0.to_string());
    if let Some(hours) = order.turnaround_hours {
        note(particulars::TURNAROUND_HOURS, hours.to_string());
    }
    if let Some(target) = target_language(call, job)? {
        note(particulars::TARGET_LANGUAGE, target);
    }
    if let Some(text) = params.text("options")? {
        Options::read(&text)?.note(&mut noted);
    }
    Ok(JobOptions { callback, particulars: noted, ..job.options.clone() })
}

/// Reads the language to translate to, which has to be the one that is spoken: nothing is translated.
fn target_language(call: &Call, job: &Job) -> Answer<Option<String>> {
    const NAME: &str = "target_language";
    let Some(target) = call.params.text(NAME)? else { return Ok(None) };
    let spoken = particulars::noted(job, particulars::LANGUAGE).unwrap_or(language::DEFAULT);
    let spoken = Language::read(NAME, spoken)?;
    for code in target.split(',') {
        if Language::read(NAME, code.trim())?.tag != spoken.tag {
            let comment = format!(
                "{NAME} {} differs from the job's language {}, and nothing is translated here.",
                code.trim(),
                spoken.code
            );
            return Err(Error::option(comment));
        }
    }
    Ok(Some(target.into_owned()))
}
