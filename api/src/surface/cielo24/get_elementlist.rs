//! `GET /api/job/get_elementlist`: the words of a job with their times, sentence by sentence.
//!
//! The stored chunks are read page by page and written as they come, so a long recording costs one page
//! and the document, never all chunks.

mod tokens;

use scribed_schemas::api_key::Scope;
use scribed_schemas::job::Job;
use serde::Serialize;
use serde_json::json;
use warp::Filter;

pub(super) use self::tokens::ends_sentence;

use self::tokens::{Reader, Sentence};
use super::call::Call;
use super::error::{Answer, respond};
use super::{display, version, view};
use crate::Api;
use crate::answer::{Answer as Shared, Refusal, Success};
use crate::extract::raw_query;
use crate::routes::Route;
use crate::surface::paged;
use crate::validate::Query;

/// The version of the format.
const FORMAT: u32 = 2;

/// The route.
pub(super) fn route(api: &Api) -> Route {
    warp::path!("api" / "job" / "get_elementlist")
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
    display::check(&call.params, &[])?;
    version::check(&call.params, &job)?;
    Ok(Success::document(write(&api, &job).await?, "application/json"))
}

/// What stands before the sentences.
#[derive(Debug, Serialize)]
struct Head<'a> {
    version: u32,
    start_time: u64,
    end_time: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    language: Option<&'a str>,
    speakers: serde_json::Value,
}

/// Writes the list of a job.
async fn write(api: &Api, job: &Job) -> Shared<Vec<u8>> {
    let head = Head {
        version: FORMAT,
        start_time: 0,
        end_time: tokens::milliseconds(job.audio_secs()),
        language: view::language(job),
        speakers: json!([{"id": 1, "name": "", "gender": "UNKNOWN"}]),
    };
    let mut document = Vec::new();
    append(&mut document, &head)?;
    // The last brace comes after the sentences.
    document.pop();
    document.extend_from_slice(b",\"segments\":[");
    let (mut reader, mut is_first) = (Reader::default(), true);
    let mut add = |document: &mut Vec<u8>, sentence: &Sentence| {
        if !std::mem::take(&mut is_first) {
            document.push(b',');
        }
        append(document, sentence)
    };
    paged(api, job, |chunk| {
        reader.read(chunk).iter().try_for_each(|sentence| add(&mut document, sentence))
    })
    .await?;
    if let Some(last) = reader.end() {
        add(&mut document, &last)?;
    }
    document.extend_from_slice(b"]}");
    Ok(document)
}

fn append(document: &mut Vec<u8>, value: &impl Serialize) -> Shared<()> {
    serde_json::to_writer(document, value).map_err(|error| {
        tracing::error!(%error, "cannot write a list of elements as JSON");
        Refusal::Internal
    })
}
