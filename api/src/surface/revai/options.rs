//! Options of a submission: what is honoured, and the refusal of what cannot be.
//!
//! The vendor knows many options. One that this server cannot honour is refused where it asks for
//! something, since a client would take a plain transcript for the one that it asked for. What the
//! vendor does not know either is ignored.

use scribed_engine::Outbound;
use scribed_schemas::job::JobOptions;
use serde_json::{Map, Value};

use super::callback::{self, Named};
use super::dialect::Dialect;
use super::problem::{Answer, Parameters};
use super::{profanity, vocabulary};

/// Options of the vendor's that ask for something this server does not do.
const UNSUPPORTED: &[&str] = &[
    "custom_vocabulary_id",
    "diarization_type",
    "forced_alignment",
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
/// Longest time from the end of a job to its deletion, in seconds: 30 days, as documented.
const LONGEST_KEPT_SECS: u64 = 2_592_000;

/// What was asked for beside the recording.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Options {
    metadata: Option<String>,
    language: Option<String>,
    skip_punctuation: bool,
    filter_profanity: bool,
    prompt: Option<String>,
    callback: Option<Named>,
    delete_after_secs: Option<u64>,
}

impl Options {
    /// Reads options; every fault of them is told.
    pub(super) fn read(
        document: &Map<String, Value>,
        dialect: Dialect,
        outbound: &Outbound,
    ) -> Answer<Self> {
        let mut faults = Parameters::default();
        let options = Self {
            metadata: metadata(document, dialect, &mut faults),
            language: language(document, &mut faults),
            skip_punctuation: flag(document, "skip_punctuation", &mut faults),
            filter_profanity: flag(document, "filter_profanity", &mut faults),
            prompt: vocabulary::prompt(document, &mut faults),
            callback: callback::read(document, dialect, outbound, &mut faults),
            delete_after_secs: delete_after(document, &mut faults),
        };
        if options.filter_profanity && !profanity::knows(options.language.as_deref()) {
            let message = "Profanities are known in English only; leave filter_profanity out";
            faults.fault("filter_profanity", message);
        }
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
        let mut options = JobOptions {
            language: self.language,
            reference: self.metadata,
            skip_punctuation: self.skip_punctuation,
            filter_profanity: self.filter_profanity,
            prompt: self.prompt,
            delete_after_secs: self.delete_after_secs,
            ..JobOptions::default()
        };
        if let Some(callback) = self.callback {
            callback.put_into(&mut options);
        }
        options
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
pub(super) fn text(
    document: &Map<String, Value>,
    name: &str,
    faults: &mut Parameters,
) -> Option<String> {
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

/// Reads how long a job that is done is kept.
fn delete_after(document: &Map<String, Value>, faults: &mut Parameters) -> Option<u64> {
    const NAME: &str = "delete_after_seconds";

    let given = document.get(NAME).filter(|given| !given.is_null())?;
    let message = match (given.as_u64(), given.as_i64()) {
        (Some(secs), _) if secs <= LONGEST_KEPT_SECS => return Some(secs),
        (Some(_), _) => format!("The max value for {NAME} is {LONGEST_KEPT_SECS}"),
        (None, Some(_)) => format!("The min value for {NAME} is 0"),
        (None, None) => format!("The {NAME} must be an integer"),
    };
    faults.fault(NAME, message);
    None
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
    use scribed_engine::testing::outbound;
    use serde_json::json;

    use super::super::problem::Problem;
    use super::*;

    fn read(document: Value) -> Answer<Options> {
        let Value::Object(document) = document else { panic!("options are an object") };
        Options::read(&document, Dialect::V1Beta, &outbound())
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
        let options = read(json!({
            "callback_url": "https://example.org/x", "delete_after_seconds": 3600,
            "filter_profanity": true, "language": "en-GB"
        }));
        let job = options.unwrap().of_job();
        assert_eq!((job.delete_after_secs, job.filter_profanity), (Some(3_600), true));
        assert_eq!(job.callback.unwrap().url, "https://example.org/x");
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
            json!({"callback_url": "http://10.0.0.1/", "rush": true, "speakers_count": 2}),
            &["callback_url", "rush", "speakers_count"],
        );
        check_refused(json!({"filter_profanity": true, "language": "de"}), &["filter_profanity"]);
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

    #[test]
    fn a_job_is_kept_for_30_days_at_most_where_its_deletion_is_asked_for() {
        for secs in [0, 1, LONGEST_KEPT_SECS] {
            let job = read(json!({ "delete_after_seconds": secs })).unwrap().of_job();
            assert_eq!(job.delete_after_secs, Some(secs));
        }
        for wrong in [json!(-1), json!(LONGEST_KEPT_SECS + 1), json!(0.5), json!("60"), json!(true)]
        {
            check_refused(json!({ "delete_after_seconds": wrong }), &["delete_after_seconds"]);
        }
    }
}
