//! The fuzzer's door: what must hold of an upload event, whatever bytes it is made of.
#![expect(clippy::missing_panics_doc, reason = "a property panics where it does not hold")]

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use scribed_bus::Message;
use scribed_schemas::event::{MediaSource, UPLOAD_SCHEMA, UploadEvent};
use scribed_schemas::time::Timestamp;
use serde_json::{Value, json};

use super::event::{LONGEST_ID, MOST_INLINE_BYTES, Refusal, digest, inline, parse};

/// Why an event is refused before anything is looked up for it.
const REASONS: [&str; 2] = ["malformed", "unknown_schema"];

/// Holds of a message: it is an event within its limits, or is refused with a reason. An event means
/// the same however it is written, and in whatever envelope it comes.
///
/// Lines before an empty line are headers, as in HTTP, unless the first byte begins a JSON object.
pub fn event(data: &[u8]) {
    let event = match parse(&message(data)) {
        Ok(event) => event,
        Err(Refusal::Bad { reason, detail }) => {
            assert!(REASONS.contains(&reason), "{reason}");
            assert!(!detail.is_empty());
            return;
        }
        Err(Refusal::Away(error)) => panic!("nothing is needed to read an event: {error}"),
    };
    assert_eq!(event.schema, UPLOAD_SCHEMA);
    assert!((1..=LONGEST_ID).contains(&event.id.chars().count()));
    if let MediaSource::Data(data) = &event.media {
        let bytes = inline(data).map(|bytes| bytes.len()).unwrap_or_default();
        assert!(bytes <= MOST_INLINE_BYTES);
    }
    means_the_same(&event);
}

/// Insists that other ways to write an event are the same event.
fn means_the_same(event: &UploadEvent) {
    let plain = serde_json::to_vec(event).expect("an event can be written");
    same(event, "written again", &[], &plain);
    let document: Value = serde_json::from_slice(&plain).expect("what was written can be read");
    let envelope = json!({ "specversion": "1.0", "id": "another", "type": "another" });
    let with = |member: &str, data: Value| {
        let mut envelope = envelope.clone();
        envelope[member] = data;
        envelope.to_string().into_bytes()
    };
    same(event, "in a structured envelope", &[], &with("data", document.clone()));
    let packed = BASE64_STANDARD.encode(&plain).into();
    same(event, "packed in an envelope", &[], &with("data_base64", packed));
    let headers = [("ce_specversion", "1.0"), ("ce_id", "another"), ("ce_type", "another")];
    same(event, "with an envelope in headers", &headers, &plain);
    let pretty = serde_json::to_vec_pretty(&document).expect("a document can be written");
    same(event, "in other blanks and order", &[], &pretty);

    let mut twice = br#"{"id":"another","#.to_vec();
    twice.extend_from_slice(&plain[1..]);
    assert!(parse(&made(&[], &twice)).is_err(), "an id that comes twice is taken");
}

#[track_caller]
fn same(event: &UploadEvent, how: &str, headers: &[(&str, &str)], payload: &[u8]) {
    match parse(&made(headers, payload)) {
        Ok(again) => {
            assert_eq!(again, *event, "{how}");
            assert_eq!(digest(&again), digest(event), "{how}");
        }
        Err(refusal) => panic!("{how}: {refusal:?}"),
    }
}

fn made(headers: &[(&str, &str)], payload: &[u8]) -> Message {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), value.as_bytes().to_vec());
    Message {
        key: Vec::new(),
        headers: headers.iter().map(owned).collect(),
        payload: payload.to_vec(),
        at: Timestamp::default(),
    }
}

fn message(data: &[u8]) -> Message {
    let end = data.windows(2).position(|pair| pair == b"\n\n");
    let (head, payload) = match end {
        Some(end) if data.first() != Some(&b'{') => (&data[..end], &data[end + 2..]),
        _ => (&[][..], data),
    };
    let mut message = made(&[], payload);
    for line in head.split(|byte| *byte == b'\n') {
        let colon = line.iter().position(|byte| *byte == b':').unwrap_or(line.len());
        let name = String::from_utf8_lossy(&line[..colon]).into_owned();
        let value = line.get(colon + 1..).unwrap_or_default().to_vec();
        message.headers.push((name, value));
    }
    message
}

#[cfg(test)]
mod tests {
    #[test]
    fn kept_inputs_of_the_fuzzer_are_events_or_refused() {
        scribed_test_properties::replay("event", super::event);
    }
}
