//! What a job says to stages: values that are laid over the pipeline's own settings.
//!
//! A stage sees only those whose names its configuration schema marks as a job's business.

use scribed_schemas::job::{Job, JobOptions, JobState};
use serde_json::{Map, Value};

use crate::clock::rfc3339;

/// Named values of one job.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Options(Map<String, Value>);

impl Options {
    /// Makes the options of a job: `language` and `prompt` as far as they were asked for, `title`,
    /// `created` (RFC 3339), `duration_secs` and `partial` (whether there may be more text than
    /// this).
    pub fn of(job: &Job) -> Self {
        let mut options = Self::asked(&job.options);
        options.set("title", job.name.clone());
        options.set("created", rfc3339(job.created));
        options.set("duration_secs", job.audio_secs());
        options.set("partial", job.state != JobState::Completed);
        options
    }

    /// Makes options of what a submitter asked for alone.
    pub fn asked(asked: &JobOptions) -> Self {
        let mut options = Self::default();
        let named = [("language", &asked.language), ("prompt", &asked.prompt)];
        for (name, value) in named.into_iter().filter_map(|(n, v)| Some((n, v.clone()?))) {
            options.set(name, value);
        }
        options
    }

    /// Sets a value.
    pub fn set(&mut self, name: &str, value: impl Into<Value>) {
        self.0.insert(name.to_owned(), value.into());
    }

    /// Returns a configuration with the allowed values laid over it.
    pub(crate) fn laid_over(&self, config: &Map<String, Value>, allowed: &[String]) -> Value {
        let mut config = config.clone();
        for (name, value) in allowed.iter().filter_map(|n| self.0.get_key_value(n)) {
            config.insert(name.clone(), value.clone());
        }
        Value::Object(config)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_job_overrides_what_a_stage_allows_and_nothing_else() {
        let asked = JobOptions {
            language: Some("de".into()),
            prompt: Some("Köln".into()),
            ..JobOptions::default()
        };
        let Value::Object(config) = json!({"language": "en", "model": "tiny"}) else {
            unreachable!("the document is an object")
        };
        let laid = Options::asked(&asked).laid_over(&config, &["language".to_owned()]);
        assert_eq!(laid, json!({"language": "de", "model": "tiny"}));
    }

    #[test]
    fn what_was_not_asked_for_stays_the_pipelines_setting() {
        let Value::Object(config) = json!({"language": "en"}) else {
            unreachable!("the document is an object")
        };
        let options = Options::asked(&JobOptions::default());
        assert_eq!(options.laid_over(&config, &["language".into()]), json!({"language": "en"}));
    }
}
