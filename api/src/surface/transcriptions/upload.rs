//! `POST /upload-audiofile`: a recording comes in and becomes a job.

use http::HeaderMap;
use scribed_schemas::job::{Job, JobOptions};
use serde_json::json;
use warp::Filter;

use crate::Api;
use crate::answer::{Answer, Refusal, Success, respond};
use crate::extract::Caller;
use crate::idempotency;
use crate::limits::Body;
use crate::multipart::{Form, Part, PartKind};
use crate::recording::{self, NotTaken, Order, Received};
use crate::routes::Route;
use crate::validate::Fault;

/// The part that holds the recording.
const PART: &str = "audiofile";
const RESTRICTED: Refusal = Refusal::Forbidden(
    "Access restricted. Either your role or can_interact is invalid for the action.",
);

/// The route.
pub(super) fn route(api: &Api) -> Route {
    warp::path!("upload-audiofile")
        .and(warp::post())
        .and(api.caller())
        .and(warp::header::headers_cloned())
        .and(api.body())
        .and(api.context())
        .then(handle)
        .map(respond)
        .boxed()
}

async fn handle(caller: Answer<Caller>, headers: HeaderMap, body: Body, api: Api) -> Answer {
    let account = caller?.account;
    if !account.can_interact {
        return Err(RESTRICTED);
    }
    let key = idempotency::key(&headers)?;
    // Before the body is read: who is put off need not have sent it.
    let place = api.shared.engine.place().await?.ok_or(Refusal::Crowded)?;
    let form = Form::open(&headers, body, api.shared.config.http.max_upload_bytes)?;
    let Some(form) = form else { return Err(missing()) };
    let received = receive(&api, form).await?;
    let one_active = api.shared.config.surface.transcriptions.one_active_job;
    let options = JobOptions::default();
    let order = Order { owner: account.id, options, key, one_active, place };
    let job = recording::accept(&api, received, order).await.map_err(refuse)?;
    answer(&job)
}

/// Takes the one recording out of a form.
async fn receive(api: &Api, mut form: Form) -> Answer<Received> {
    let mut received: Option<Received> = None;
    while let Some(mut part) = form.next().await? {
        match part.kind() {
            PartKind::Field if part.name() == PART => {
                let rule = "Expected UploadFile, received: <class 'str'>";
                return Err(Refusal::invalid(Fault::value(&["body", PART], rule)));
            }
            PartKind::Field => part.skip().await?,
            PartKind::File if received.is_some() => return Err(second_file(&part)),
            PartKind::File if part.name() != PART => return Err(missing()),
            PartKind::File => received = Some(recording::receive(api, &mut part).await?),
        }
    }
    received.ok_or_else(missing)
}

fn answer(job: &Job) -> Answer {
    Success::json(&json!({
        "message": "File uploaded successfully",
        "task_id": job.id,
        "file": job.name,
    }))
}

/// Says why a recording was not taken.
fn refuse(why: NotTaken) -> Refusal {
    match why {
        NotTaken::Unusable(why) => Refusal::Malformed(format!("Invalid audio file: {why}")),
        NotTaken::KeyUsedOtherwise => idempotency::used_otherwise(),
        // Clients recognise this case by the first word.
        NotTaken::ActiveJob(id) => {
            Refusal::Conflict(format!("Transcription {id} is not finished yet"))
        }
        NotTaken::Refused(refusal) => refusal,
    }
}

fn missing() -> Refusal {
    Refusal::invalid(Fault::missing(&["body", PART]))
}

fn second_file(part: &Part<'_>) -> Refusal {
    let rule = format!("Expected one file, received another: {}", part.file_name());
    Refusal::invalid(Fault::value(&["body", part.name()], &rule))
}
