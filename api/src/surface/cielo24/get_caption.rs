//! `GET /api/job/get_caption`: the text of a job as captions.

use scribed_engine::RenderError;
use scribed_schemas::api_key::Scope;
use warp::Filter;

use super::call::Call;
use super::error::{Answer, Error, respond};
use super::{display, version};
use crate::Api;
use crate::answer::Success;
use crate::extract::raw_query;
use crate::routes::Route;
use crate::validate::Query;

/// The vendor's formats, and what renderers call those that are made here. DFXP is what TTML was called.
const FORMATS: [(&str, Option<&str>); 11] = [
    ("SRT", Some("srt")),
    ("WEB_VTT", Some("vtt")),
    ("DFXP", Some("ttml")),
    ("ECHO", None),
    ("QT", None),
    ("SAMI", None),
    ("SBV", None),
    ("SCC", None),
    ("TPM", None),
    ("TRANSCRIPT", None),
    ("TWX", None),
];
/// What ends lines.
const ENDINGS: [(&str, &str); 3] = [("UNIX", "\n"), ("WINDOWS", "\r\n"), ("OSX", "\r")];
const BYTE_MARK: &str = "\u{feff}";

/// The route.
pub(super) fn route(api: &Api) -> Route {
    warp::path!("api" / "job" / "get_caption")
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
    let params = &call.params;
    let format = params.choice("caption_format", &FORMATS)?;
    let format = format.ok_or_else(|| Error::missing("caption_format"))?.ok_or_else(not_made)?;
    display::check(params, display::OF_CAPTIONS)?;
    if format == "ttml" && params.text("dfxp_header")?.is_some() {
        return Err(Error::option("dfxp_header is not supported by this server; leave it out."));
    }
    let ending = params.choice("line_ending_format", &ENDINGS)?.unwrap_or("\n");
    let has_mark = params.flag("utf8_mark")?.unwrap_or(false);
    version::check(params, &job)?;
    let captions = api.shared.engine.render(job.id, format).await.map_err(refuse)?;
    let mut bytes = if has_mark { BYTE_MARK.as_bytes().to_vec() } else { Vec::new() };
    bytes.extend(ended(captions.bytes, ending));
    Ok(Success::document(bytes, "text/plain; charset=utf-8"))
}

/// Ends the lines of a text as is asked for.
fn ended(bytes: Vec<u8>, ending: &str) -> Vec<u8> {
    if ending == "\n" {
        return bytes;
    }
    let lines: Vec<&[u8]> = bytes.split(|byte| *byte == b'\n').collect();
    lines.join(ending.as_bytes())
}

fn not_made() -> Error {
    let made = FORMATS.iter().filter(|(_, format)| format.is_some()).map(|(word, _)| *word);
    let made = made.collect::<Vec<_>>().join(", ");
    Error::option(format!("This server makes captions in the formats {made}."))
}

fn refuse(error: RenderError) -> Error {
    match error {
        // It was there a moment ago and was deleted meanwhile.
        RenderError::NoSuchJob(_) | RenderError::NoText(_) => Error::no_such_job(),
        RenderError::NoSuchFormat { .. } => {
            Error::option("The pipeline of this job makes no captions in this caption_format.")
        }
        RenderError::Engine(error) => error.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_as_is_asked_for() {
        let text = || b"1\n00:00\n\n".to_vec();
        assert_eq!(ended(text(), "\n"), text());
        assert_eq!(ended(text(), "\r\n"), b"1\r\n00:00\r\n\r\n");
        assert_eq!(ended(text(), "\r"), b"1\r00:00\r\r");
    }
}
