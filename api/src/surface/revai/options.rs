//! Options of a submission: what is honoured, and the refusal of what cannot be.
//!
//! The vendor knows many options. One that this server cannot honour is refused where it asks for
//! something, since a client would take a plain transcript for the one that it asked for. What the
//! vendor does not know either is ignored.

use scribed_schemas::job::JobOptions;
use serde_json::{Map, Value};

use super::dialect::Dialect;
use super::problem::{Answer, Parameters};
use super::vocabulary;

/// Options of the vendor's that ask for something this server does not do.
const UNSUPPORTED: &[&str] = &[
    "callback_url",
    "custom_vocabulary_id",
    "delete_after_seconds",
    "diarization_type",
    "filter_profanity",
    "forced_alignment",
    "notification_config",
    "remove_atmospherics",
    "remove_disfluencies",
    "rush",
    "segments_to_transcribe",
    "skip_postprocessing",
    "speaker_channels_count",
    "speaker_names",
    "speakers_count",
    "strict_custom_vocabulary",
    "summarization_config",
    "test_mode",
    "translation_config",
    "verbatim",
];
/// Longest tag of a language, in characters (RFC 5646 §4.4.1).
const LONGEST_TAG: usize = 35;

/// What was asked for beside the recording.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Options {
    metadata: Option<String>,
    language: Option<String>,
    skip_punctuation: bool,
    prompt: Option<String>,
}

impl Options {
    /// Reads options; every fault of them is told.
    pub(super) fn read(document: &Map<String, Value>, dialect: Dialect) -> Answer<Self> {
        let mut faults = Parameters::default();
        let options = Self {
            metadata: metadata(document, dialect, &mut faults),
            language: language(document, &mut faults),
            skip_punctuation: flag(document, "skip_punctuation", &mut faults),
            prompt: vocabulary::prompt(document, &mut faults),
        };
        // One voice is what every transcript here has.
        flag(document, "skip_diarization", &mut faults);
        if !matches!(text(document, "transcriber", &mut faults).as_deref(), None | Some("machine"))
        {
            faults.fault("transcriber", "The only transcriber of this server is machine");
        }
        for name in UNSUPPORTED.iter().filter(|name| document.get(**name).is_some_and(asks)) {
            faults.fault(name, format!("The option {name} is not supported by this server"));
        }
        faults.finish(options)
    }

    /// Returns what the job is told of them.
    pub(super) fn of_job(self) -> JobOptions {
        JobOptions {
            language: self.language,
            reference: self.metadata,
            skip_punctuation: self.skip_punctuation,
            prompt: self.prompt,
            ..JobOptions::default()
        }
    }
}

/// Returns whether a value asks for anything.
fn asks(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(members) => !members.is_empty(),
        Value::Bool(true) | Value::Number(_) => true,
    }
}

/// Reads a text; an empty one is none.
fn text(document: &Map<String, Value>, name: &str, faults: &mut Parameters) -> Option<String> {
    match document.get(name) {
        None | Some(Value::Null) => None,
        Some(Value::String(text)) => Some(text.clone()).filter(|text| !text.is_empty()),
        Some(_) => {
            faults.fault(name, format!("The {name} field must be a text"));
            None
        }
    }
}

/// Reads a yes or no.
fn flag(document: &Map<String, Value>, name: &str, faults: &mut Parameters) -> bool {
    match document.get(name) {
        None | Some(Value::Null) => false,
        Some(Value::Bool(value)) => *value,
        Some(_) => {
            faults.fault(name, format!("The {name} field must be true or false"));
            false
        }
    }
}

fn metadata(
    document: &Map<String, Value>,
    dialect: Dialect,
    faults: &mut Parameters,
) -> Option<String> {
    let metadata = text(document, "metadata", faults)?;
    let most = dialect.longest_metadata();
    if metadata.chars().count() > most {
        faults.fault("metadata", format!("The max length for metadata is {most}"));
    }
    Some(metadata)
}

fn language(document: &Map<String, Value>, faults: &mut Parameters) -> Option<String> {
    let language = text(document, "language", faults)?;
    if !is_tag(&language) {
        faults.fault("language", "The language must be a tag such as en or de-CH");
    }
    Some(language)
}

/// Returns whether a text has the form of a language tag (RFC 5646).
fn is_tag(text: &str) -> bool {
    let is_part = |part: &str| {
        (1..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric())
    };
    let first = text.split('-').next().unwrap_or_default();
    text.len() <= LONGEST_TAG
        && (2..=3).contains(&first.len())
        && first.bytes().all(|b| b.is_ascii_alphabetic())
        && text.split('-').all(is_part)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::problem::Problem;
    use super::*;

    fn read(document: Value) -> Answer<Options> {
        let Value::Object(document) = document else { panic!("options are an object") };
        Options::read(&document, Dialect::V1Beta)
    }

    #[track_caller]
    fn check_refused(document: Value, names: &[&str]) {
        let shown = document.to_string();
        let Err(Problem::Parameters(faults)) = read(document) else { panic!("{shown} is refused") };
        assert_eq!(faults.names(), names, "{shown}");
    }

    #[test]
    fn what_can_be_honoured_reaches_the_job() {
        let options = read(json!({
            "metadata": "call 7", "language": "de", "skip_punctuation": true,
            "skip_diarization": true, "transcriber": "machine", "colour": "red"
        }));
        let job = options.unwrap().of_job();
        assert_eq!(job.reference.as_deref(), Some("call 7"));
        assert_eq!((job.language.as_deref(), job.skip_punctuation), (Some("de"), true));
    }

    #[test]
    fn what_asks_for_nothing_is_no_option() {
        let nothing = json!({
            "metadata": "", "language": null, "callback_url": "", "custom_vocabularies": [],
            "filter_profanity": false, "delete_after_seconds": null, "notification_config": {}
        });
        assert_eq!(read(nothing).unwrap(), Options::default());
    }

    #[test]
    fn every_fault_is_told() {
        check_refused(
            json!({"callback_url": "https://example.org/x", "filter_profanity": true}),
            &["callback_url", "filter_profanity"],
        );
        check_refused(json!({"delete_after_seconds": 0}), &["delete_after_seconds"]);
        check_refused(json!({"metadata": "x".repeat(257)}), &["metadata"]);
        check_refused(
            json!({"metadata": 7, "skip_punctuation": "yes"}),
            &["metadata", "skip_punctuation"],
        );
        check_refused(json!({"transcriber": "human"}), &["transcriber"]);
        for wrong in ["e", "english", "en-", "en us", "d1", "en\u{0}"] {
            check_refused(json!({"language": wrong}), &["language"]);
        }
    }
}
