//! `POST /jobs`: a recording comes in as a form, or is named by a URL, and becomes a job.
//!
//! The parts of a form may come in any order and with whatever content type: clients send `media`
//! without one, or with one of their own making, and `options` as a field or as a file.

use http::HeaderMap;
use http::header::CONTENT_TYPE;
use scribed_schemas::api_key::Scope;
use serde_json::{Map, Value};
use warp::Filter;

use super::dialect::Dialect;
use super::options::Options;
use super::problem::{self, Answer, Problem};
use super::source::{self, Source};
use super::view::View;
use crate::Api;
use crate::answer::{Answer as Shared, Refusal, Success};
use crate::extract::Caller;
use crate::idempotency;
use crate::limits::Body;
use crate::multipart::{Form, Part};
use crate::recording::{self, NotTaken, Order, Received};
use crate::routes::Route;

/// The part that holds the recording.
const MEDIA: &str = "media";
/// The part that holds the options.
const OPTIONS: &str = "options";
const RESTRICTED: Refusal = Refusal::Forbidden("This account may not submit recordings");

/// The route.
pub(super) fn route(api: &Api, dialect: Dialect) -> Route {
    dialect
        .base()
        .and(warp::path!("jobs"))
        .and(warp::post())
        .and(api.bearer(Scope::Submit))
        .and(warp::header::headers_cloned())
        .and(api.body())
        .and(api.context())
        .then(move |caller, headers, body, api| handle(dialect, caller, headers, body, api))
        .map(move |answer| problem::respond(dialect, answer))
        .boxed()
}

async fn handle(
    dialect: Dialect,
    caller: Shared<Caller>,
    headers: HeaderMap,
    body: Body,
    api: Api,
) -> Answer {
    let account = caller?.account;
    if !account.can_interact {
        return Err(RESTRICTED.into());
    }
    let key = idempotency::key(&headers)?;
    let outbound = api.shared.engine.outbound();
    if is_json(&headers) {
        let document = object(&body.whole().await.map_err(Refusal::from)?, "body")?;
        let options = Options::read(&document, dialect, outbound)?.of_job();
        let Source { parameter, url } = source::of(&document)?;
        let place = api.shared.engine.place().await?.ok_or(Refusal::Crowded)?;
        let order = Order { owner: account.id, options, key, one_active: false, place };
        let job = recording::accept_url(&api, url, order).await;
        let job = job.map_err(|why| refuse(why, parameter, "This URL cannot be used"))?;
        return Ok(Success::json(&View::of(&job, dialect))?);
    }
    // Before the body is read: who is put off need not have sent it.
    let place = api.shared.engine.place().await?.ok_or(Refusal::Crowded)?;
    let form = Form::open(&headers, body, api.shared.config.http.max_upload_bytes)?;
    let (received, options) = receive(&api, form.ok_or(Problem::MediaType)?).await?;
    let options = Options::read(&options, dialect, outbound)?.of_job();
    let order = Order { owner: account.id, options, key, one_active: false, place };
    let job = recording::accept(&api, received, order).await;
    let job = job.map_err(|why| refuse(why, MEDIA, "Invalid media"))?;
    Ok(Success::json(&View::of(&job, dialect))?)
}

/// Returns whether a body says that it is JSON.
fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let essence = kind.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/json")
}

/// Takes the recording and the options out of a form.
async fn receive(api: &Api, mut form: Form) -> Answer<(Received, Map<String, Value>)> {
    let (mut media, mut options) = (None, None);
    while let Some(mut part) = form.next().await? {
        match part.name() {
            MEDIA if media.is_some() => {
                return Err(Problem::parameter(MEDIA, "Only one media file may be sent"));
            }
            MEDIA => media = Some(recording::receive(api, &mut part).await?),
            OPTIONS if options.is_some() => {
                return Err(Problem::parameter(OPTIONS, "The options may be sent once only"));
            }
            OPTIONS => options = Some(read_options(api, &mut part).await?),
            _ => part.skip().await?,
        }
    }
    let missing = || Problem::parameter(MEDIA, "The media field is required");
    Ok((media.ok_or_else(missing)?, options.unwrap_or_default()))
}

/// Reads the part with the options; an empty one has none.
async fn read_options(api: &Api, part: &mut Part<'_>) -> Answer<Map<String, Value>> {
    let most = api.shared.config.http.max_json_bytes;
    let mut text = Vec::new();
    while let Some(bytes) = part.next().await? {
        text.extend_from_slice(&bytes);
        if text.len() as u64 > most {
            return Err(Refusal::TooLarge(most).into());
        }
    }
    if text.trim_ascii().is_empty() { Ok(Map::new()) } else { object(&text, OPTIONS) }
}

/// Reads a JSON object.
fn object(text: &[u8], name: &str) -> Answer<Map<String, Value>> {
    match serde_json::from_slice(text) {
        Ok(Value::Object(members)) => Ok(members),
        Ok(_) => Err(Problem::parameter(name, format!("The {name} must be a JSON object"))),
        Err(_) => Err(Problem::parameter(name, format!("The {name} is not valid JSON"))),
    }
}

/// Says why the recording that a parameter holds or names was not taken.
fn refuse(why: NotTaken, parameter: &str, what: &str) -> Problem {
    match why {
        NotTaken::Unusable(why) => Problem::parameter(parameter, format!("{what}: {why}")),
        NotTaken::KeyUsedOtherwise => idempotency::used_otherwise().into(),
        NotTaken::ActiveJob(id) => Refusal::Conflict(format!("Job {id} is not done yet")).into(),
        NotTaken::Refused(refusal) => refusal.into(),
    }
}
