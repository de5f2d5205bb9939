//! Forms: no more comes out than went in, in order, and however the body is cut on its way.

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue};

use crate::answer::Refusal;
use crate::config::Http;
use crate::limits::Body;
use crate::multipart::{Form, LONGEST_NAME, MOST_PARTS, Part};

/// Most bytes of a part that is tried.
const LIMIT: u64 = 4_096;

/// A part as it was read.
#[derive(Debug, PartialEq, Eq)]
struct Read {
    name: String,
    file_name: String,
    content_type: String,
    content: Vec<u8>,
}

/// Holds of a form whose content type is the first line, and whose body is the rest.
///
/// What its parts give stands in the body, in order and nowhere twice; each is within the limit; and
/// a form that is read whole in one piece is the same in many.
pub fn multipart(data: &[u8]) {
    let end = data.iter().position(|byte| *byte == b'\n').unwrap_or(data.len());
    let (kind, body) = (&data[..end], data.get(end + 1..).unwrap_or_default());
    let Ok(kind) = HeaderValue::from_bytes(kind) else { return };
    let whole = read(&kind, body, body.len().max(1));
    if let Ok(parts) = &whole {
        check(parts, body);
    }
    let piece = 1 + body.len() % 97;
    let cut = read(&kind, body, piece);
    if let Ok(parts) = &cut {
        check(parts, body);
    }
    // Where it ends in an error, how far it came before may depend on the pieces.
    assert_eq!(whole.is_ok(), cut.is_ok(), "in pieces of {piece}: {cut:?}, whole: {whole:?}");
    if let (Ok(whole), Ok(cut)) = (whole, cut) {
        assert_eq!(whole, cut, "in pieces of {piece}");
    }
}

fn check(parts: &[Read], mut body: &[u8]) {
    assert!(parts.len() <= MOST_PARTS as usize);
    for part in parts {
        assert!(part.content.len() as u64 <= LIMIT);
        body = behind(body, &part.content).expect("what comes out stands in what went in");
        let name = &part.file_name;
        let letters = name.chars().count();
        assert!((1..=LONGEST_NAME).contains(&letters), "{letters} letters in a name");
        assert!(!name.contains(['/', '\\']) && !name.contains(char::is_control), "{name:?}");
    }
}

/// Returns what stands behind the first place of `content`.
fn behind<'a>(body: &'a [u8], content: &[u8]) -> Option<&'a [u8]> {
    if content.is_empty() {
        return Some(body);
    }
    let at = body.windows(content.len()).position(|window| window == content)?;
    Some(&body[at + content.len()..])
}

/// Reads a form that arrives in pieces of this size; none where it is no form.
fn read(kind: &HeaderValue, body: &[u8], piece: usize) -> Result<Vec<Read>, Refusal> {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, kind.clone());
    let pieces: Vec<Bytes> = body.chunks(piece).map(Bytes::copy_from_slice).collect();
    let body = Body::new(stream::iter(pieces).map(Ok), &Http::default());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    runtime.expect("a runtime").block_on(async {
        let Some(mut form) = Form::open(&headers, body, LIMIT)? else { return Ok(Vec::new()) };
        let mut parts = Vec::new();
        while let Some(part) = form.next().await? {
            parts.push(whole(part).await?);
        }
        Ok(parts)
    })
}

async fn whole(mut part: Part<'_>) -> Result<Read, Refusal> {
    let mut content = Vec::new();
    while let Some(bytes) = part.next().await? {
        content.extend_from_slice(&bytes);
    }
    let (name, file_name) = (part.name().to_owned(), part.file_name());
    Ok(Read { name, file_name, content_type: part.content_type(), content })
}

#[cfg(test)]
mod tests {
    #[test]
    fn kept_inputs_of_the_fuzzer_are_forms_or_refused() {
        scribed_test_properties::replay("multipart", super::multipart);
    }
}
