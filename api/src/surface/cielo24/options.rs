//! Options of an order: what is honoured, what is a hint, and the refusal of what cannot be done.
//!
//! They come as a JSON object in a text. The vendor's people would follow them; a machine cannot, and a
//! client would take a plain transcript for the one that it asked for. So what asks for people is refused
//! by its name, and so is what the vendor does not know either.

use std::collections::BTreeMap;

use scribed_schemas::job::Job;
use serde_json::{Map, Value, json};

use super::error::{Answer, Error};
use super::params::{Params, is_line};
use super::particulars::{self, CUSTOM_METADATA};

/// Most characters of the notes, as documented.
const LONGEST_NOTES: usize = 1_000;
/// Most entries of custom metadata, and most characters of their names and values.
const MOST_ENTRIES: usize = 64;
const LONGEST_NAME: usize = 64;
const LONGEST_VALUE: usize = 1_000;

/// Yes or no that ask people for something.
const FLAGS: [&str; 6] = [
    "speaker_id",
    "enable_true_verbatim",
    "audio_description",
    "on_screen_text",
    "music_lyrics",
    "custom_special_handling",
];
/// Lists that ask for something that is not made, by all of their words.
const LISTS: [&str; 3] = [
    "customer_approval_steps",
    "generate_media_intelligence_iwp",
    // As the oldest client calls it.
    "generate_media_intelligence_for_iwp",
];
const METADATA: &str = "custom_metadata";
const NOTES: &str = "notes";
const RETURNED: &str = "return_iwp";
const TOOL: &str = "customer_approval_tool";
const CAMPAIGN: &str = "first_pass_campaign";

const STEPS: [&str; 2] = ["TRANSLATION", "RETURN"];
/// Versions of a transcript. All that a machine makes is one, by whatever name it was ordered, and the
/// final one, so that there is one call for all of them.
pub(super) const VERSIONS: [&str; 8] = [
    "FINAL",
    "MECHANICAL",
    "PREMIUM",
    "PROFESSIONAL",
    "INTERIM_PROFESSIONAL",
    "SPEAKER_ID",
    "CUSTOMER_APPROVED_RETURN",
    "CUSTOMER_APPROVED_TRANSLATION",
];
pub(super) const MADE_VERSIONS: [&str; 4] = ["FINAL", "MECHANICAL", "PREMIUM", "PROFESSIONAL"];

/// The options of an order.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Options {
    /// As they are shown again.
    shown: Map<String, Value>,
    metadata: BTreeMap<String, String>,
}

impl Options {
    /// Reads options from their text.
    pub(super) fn read(text: &str) -> Answer<Self> {
        let wrong = || Error::option("options must be a JSON object in a text.");
        let Ok(Value::Object(given)) = serde_json::from_str(text) else { return Err(wrong()) };
        let given = Params::of_object(given);
        if let Some(unknown) = given.names().find(|name| !is_known(name)) {
            return Err(Error::option(format!("The option {unknown} is not known.")));
        }
        let mut shown = Map::new();
        for name in FLAGS {
            match given.flag(name)? {
                Some(true) => return Err(unsupported(name)),
                Some(false) => drop(shown.insert(name.to_owned(), json!("false"))),
                None => {}
            }
        }
        for name in LISTS {
            let known: &[&str] = if name == LISTS[0] { &STEPS } else { &VERSIONS };
            if !given.words(name, known)?.is_empty() {
                return Err(unsupported(name));
            }
        }
        if let Some(notes) = given.text(NOTES)? {
            if notes.chars().count() > LONGEST_NOTES {
                let comment = format!("{NOTES} has more than {LONGEST_NOTES} characters.");
                return Err(Error::option(comment));
            }
            shown.insert(NOTES.to_owned(), json!(notes));
        }
        versions(&given, &mut shown)?;
        hints(&given, &mut shown)?;
        Ok(Self { shown, metadata: metadata(&given)? })
    }

    /// Notes them with a job.
    pub(super) fn note(self, noted: &mut BTreeMap<String, String>) {
        let own = |(name, value)| (format!("{CUSTOM_METADATA}{name}"), value);
        noted.extend(self.metadata.into_iter().map(own));
        if !self.shown.is_empty() {
            noted.insert(particulars::OPTIONS.to_owned(), Value::Object(self.shown).to_string());
        }
    }

    /// Returns the options of a job as they are shown, if it has any.
    pub(super) fn shown(job: &Job) -> Option<Value> {
        let noted = particulars::noted(job, particulars::OPTIONS);
        let noted = noted.and_then(|text| serde_json::from_str(text).ok());
        let mut shown: Map<String, Value> = noted.unwrap_or_default();
        let metadata: Map<String, Value> = particulars::custom_metadata(job)
            .map(|(name, value)| (name.to_owned(), json!(value)))
            .collect();
        if !metadata.is_empty() {
            shown.insert(METADATA.to_owned(), Value::Object(metadata));
        }
        (!shown.is_empty()).then_some(Value::Object(shown))
    }
}

fn is_known(name: &str) -> bool {
    let others = [METADATA, NOTES, RETURNED, TOOL, CAMPAIGN];
    FLAGS.contains(&name) || LISTS.contains(&name) || others.contains(&name)
}

fn unsupported(name: &str) -> Error {
    Error::option(format!("The option {name} is not supported by this server."))
}

/// Reads the versions of which each is to be called for.
fn versions(given: &Params, shown: &mut Map<String, Value>) -> Answer<()> {
    let returned = given.words(RETURNED, &VERSIONS)?;
    if let Some(other) = returned.iter().find(|word| !MADE_VERSIONS.contains(&word.as_str())) {
        let made = MADE_VERSIONS.join(", ");
        let comment = format!("{RETURNED} names {other}; what is made here is {made}.");
        return Err(Error::option(comment));
    }
    if !returned.is_empty() {
        shown.insert(RETURNED.to_owned(), json!(returned));
    }
    Ok(())
}

/// Reads what changes nothing: which tool and which workflow people would use.
fn hints(given: &Params, shown: &mut Map<String, Value>) -> Answer<()> {
    let tools = [("AMARA", "AMARA"), ("CIELO24", "CIELO24")];
    if let Some(tool) = given.choice(TOOL, &tools)? {
        shown.insert(TOOL.to_owned(), json!(tool));
    }
    let campaigns =
        [("NORMAL", "NORMAL"), ("GENERAL_CONTENT", "GENERAL_CONTENT"), ("TRUE_VERBATIM", "")];
    match given.choice(CAMPAIGN, &campaigns)? {
        Some("") => Err(unsupported(&format!("{CAMPAIGN} TRUE_VERBATIM"))),
        Some(campaign) => {
            shown.insert(CAMPAIGN.to_owned(), json!(campaign));
            Ok(())
        }
        None => Ok(()),
    }
}

/// Reads the client's own names and values, which its callback URL may hold in braces.
fn metadata(given: &Params) -> Answer<BTreeMap<String, String>> {
    let mut metadata = BTreeMap::new();
    for (name, value) in given.object(METADATA)?.into_iter().flatten() {
        let text = match value {
            Value::String(text) => text,
            Value::Number(_) | Value::Bool(_) => value.to_string(),
            Value::Null => continue,
            Value::Array(_) | Value::Object(_) => {
                return Err(Error::option(format!("{METADATA} must have one level only.")));
            }
        };
        is_line("A name of custom_metadata", &name, LONGEST_NAME)?;
        is_line("A value of custom_metadata", &text, LONGEST_VALUE)?;
        metadata.insert(name, text);
    }
    if metadata.len() > MOST_ENTRIES {
        return Err(Error::option(format!("{METADATA} has more than {MOST_ENTRIES} entries.")));
    }
    Ok(metadata)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_refused(options: &Value, word: &str) {
        let refused = format!("{:?}", Options::read(&options.to_string()).unwrap_err());
        assert!(refused.contains(word), "{options}: {refused}");
    }

    #[test]
    fn what_is_honoured_or_a_hint_is_kept() {
        let options = json!({
            "notes": "names: Anna", "custom_metadata": {"desk": "4", "take": 7, "none": null},
            "speaker_id": false, "return_iwp": ["FINAL"], "customer_approval_steps": [],
            "customer_approval_tool": "AMARA", "first_pass_campaign": "NORMAL",
            "generate_media_intelligence_iwp": null
        });
        let mut noted = BTreeMap::new();
        Options::read(&options.to_string()).unwrap().note(&mut noted);
        let shown: Value = serde_json::from_str(&noted["options"]).unwrap();
        let expected = json!({
            "notes": "names: Anna", "speaker_id": "false", "return_iwp": ["FINAL"],
            "customer_approval_tool": "AMARA", "first_pass_campaign": "NORMAL"
        });
        assert_eq!(shown, expected);
        assert_eq!(noted["custom_metadata.desk"], "4");
        assert_eq!((noted["custom_metadata.take"].as_str(), noted.len()), ("7", 3));
    }

    #[test]
    fn metadata_may_be_written_as_text() {
        let options = json!({"custom_metadata": "{\"desk\": \"4\"}"});
        let mut noted = BTreeMap::new();
        Options::read(&options.to_string()).unwrap().note(&mut noted);
        assert_eq!(noted["custom_metadata.desk"], "4");
    }

    #[test]
    fn no_options_leave_nothing() {
        let mut noted = BTreeMap::new();
        Options::read("{}").unwrap().note(&mut noted);
        assert!(noted.is_empty());
    }

    #[test]
    fn what_asks_for_people_is_refused_by_its_name() {
        for name in FLAGS {
            check_refused(&json!({ name: true }), name);
            check_refused(&json!({ name: "True" }), name);
        }
        check_refused(&json!({"customer_approval_steps": ["RETURN"]}), "customer_approval_steps");
        let intelligence = json!({"generate_media_intelligence_iwp": ["FINAL"]});
        check_refused(&intelligence, "generate_media_intelligence_iwp");
        check_refused(&json!({"return_iwp": ["FINAL", "SPEAKER_ID"]}), "SPEAKER_ID");
        check_refused(&json!({"first_pass_campaign": "TRUE_VERBATIM"}), "TRUE_VERBATIM");
    }

    #[test]
    fn what_nobody_knows_is_refused() {
        check_refused(&json!({"colour": "red"}), "colour");
        check_refused(&json!({"speaker_id": "perhaps"}), "speaker_id");
        check_refused(&json!({"customer_approval_tool": "PEN"}), "AMARA, CIELO24");
        check_refused(&json!({"return_iwp": "FINAL"}), "return_iwp");
        check_refused(&json!({"custom_metadata": {"a": {"b": 1}}}), "one level");
        check_refused(&json!({"custom_metadata": {"a\n": "b"}}), "control characters");
        check_refused(&json!({"custom_metadata": ["a"]}), "custom_metadata");
        check_refused(&json!({"custom_metadata": "desk=4"}), "custom_metadata");
        let many: Map<String, Value> = (0..65).map(|n| (n.to_string(), json!(n))).collect();
        check_refused(&json!({ "custom_metadata": many }), "64 entries");
        check_refused(&json!({"notes": "x".repeat(1_001)}), "notes");
        for text in ["", "[]", "{", "notes=x", "7"] {
            assert!(Options::read(text).is_err(), "{text}");
        }
    }
}
