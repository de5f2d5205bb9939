//! Views: what a job looks like on this surface.

use scribed_schemas::job::{FaultCode, Job, JobState};
use scribed_schemas::time::Timestamp;
use serde::Serialize;

use super::callback;
use super::dialect::Dialect;
use crate::surface::{OUR_FAULT, failure};

/// A job.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct View {
    id: String,
    status: &'static str,
    created_on: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    completed_on: Option<String>,
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "String::is_empty")]
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    media_url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    callback_url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    delete_after_seconds: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    language: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    duration_seconds: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    skip_punctuation: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    filter_profanity: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure_detail: Option<String>,
}

impl View {
    /// Shows a job.
    pub(super) fn of(job: &Job, dialect: Dialect) -> Self {
        let status = Status::of(job);
        let has_failed = status == Status::Failed;
        let seconds = job.audio_secs();
        Self {
            id: job.id.to_string(),
            status: status.word(),
            created_on: instant(job.created),
            completed_on: job.finished.map(instant),
            kind: "async",
            name: job.name.clone(),
            media_url: job.options.source.clone(),
            metadata: job.options.reference.clone(),
            callback_url: callback::shown(&job.options),
            delete_after_seconds: job.options.delete_after_secs,
            language: job.options.language.clone(),
            duration_seconds: (seconds > 0.0).then(|| hundredths(seconds)),
            skip_punctuation: job.options.skip_punctuation.then_some(true),
            filter_profanity: job.options.filter_profanity.then_some(true),
            failure: has_failed.then(|| failure_word(job, dialect)),
            failure_detail: has_failed.then(|| detail(job)),
        }
    }
}

/// The three words that clients know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    /// It waits or is worked on.
    InProgress,
    /// There is text.
    Transcribed,
    /// There is none, and there will be none.
    Failed,
}

impl Status {
    /// Returns the status of a job; one that was cancelled or given up in part has what text there is.
    pub(super) fn of(job: &Job) -> Self {
        match job.state {
            JobState::Completed => Self::Transcribed,
            JobState::CompletedPartially if job.ready_chunks > 0 => Self::Transcribed,
            JobState::CompletedPartially | JobState::ProcessingFail | JobState::Cancelled => {
                Self::Failed
            }
            _ => Self::InProgress,
        }
    }

    /// Returns the word.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::InProgress => "in_progress",
            Self::Transcribed => "transcribed",
            Self::Failed => "failed",
        }
    }
}

/// Returns the vendor's word for why a job failed; the documented form knows few.
fn failure_word(job: &Job, dialect: Dialect) -> &'static str {
    use FaultCode::{
        Encrypted, FetchFailed, MediaGone, NoAudio, OverLimit, Undecodable, Unfetchable,
    };

    let code = job.fault.as_ref().map(|fault| fault.code);
    match (code, dialect) {
        (Some(Undecodable | Encrypted), _) | (Some(NoAudio | OverLimit), Dialect::V1Beta) => {
            "invalid_media"
        }
        (Some(NoAudio), Dialect::V1) => "empty_media",
        (Some(OverLimit), Dialect::V1) => "duration_exceeded",
        (Some(MediaGone | Unfetchable | FetchFailed), _) => "download_failure",
        (Some(_), Dialect::V1) => "internal_processing",
        _ => "unspecified",
    }
}

/// Returns why a job failed, for its owner.
fn detail(job: &Job) -> String {
    let cancelled =
        if job.state == JobState::Cancelled { "The job was cancelled." } else { OUR_FAULT };
    failure(job).unwrap_or(cancelled).to_owned()
}

/// Rounds to two digits behind the point, as the vendor's documents have them.
pub(super) fn hundredths(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

/// Writes an instant as RFC 3339 with milliseconds.
fn instant(at: Timestamp) -> String {
    // Only an instant outside the years -9999 to 9999 has no text.
    let at = jiff::Timestamp::from_microsecond(at.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    at.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}

#[cfg(test)]
mod tests {
    use scribed_schemas::job::Fault;
    use serde_json::{Value, json};

    use super::*;

    fn job(state: JobState, ready_chunks: u32) -> Job {
        serde_json::from_value(json!({
            "id": 42, "owner": 1, "name": "talk.mp3", "media": null, "pipeline": "default",
            "options": {}, "priority": "standard", "state": state, "error_count": 1,
            "fault": null, "facts": null, "warnings": [], "progress_frames": 0,
            "ready_chunks": ready_chunks, "planned_chunks": null, "chunk_limit_secs": 30,
            "description": "", "lease": null, "fence": 1, "not_before": 0,
            "created": 1_525_562_602_290_000_i64, "updated": 0, "finished": null
        }))
        .unwrap()
    }

    #[test]
    fn members_without_a_value_are_left_out() {
        let shown = serde_json::to_value(View::of(&job(JobState::Queued, 0), Dialect::V1));
        let expected = json!({
            "id": "42", "status": "in_progress", "created_on": "2018-05-05T23:23:22.290Z",
            "type": "async", "name": "talk.mp3"
        });
        assert_eq!(shown.unwrap(), expected);
    }

    #[test]
    fn every_state_has_one_of_three_words() {
        for state in JobState::ALL {
            let expected = match state {
                JobState::Completed => Status::Transcribed,
                _ if state.is_terminal() => Status::Failed,
                _ => Status::InProgress,
            };
            assert_eq!(Status::of(&job(state, 0)), expected, "{state:?}");
        }
        assert_eq!(Status::of(&job(JobState::CompletedPartially, 1)), Status::Transcribed);
    }

    #[test]
    fn a_failure_has_the_words_that_each_form_knows() {
        let shown = |code, dialect| -> Value {
            let mut job = job(JobState::ProcessingFail, 0);
            job.fault = Some(Fault { code, message: "/srv/x broke".to_owned() });
            serde_json::to_value(View::of(&job, dialect)).unwrap()
        };
        let beta = shown(FaultCode::NoAudio, Dialect::V1Beta);
        assert_eq!(
            (&beta["failure"], &beta["failure_detail"]),
            (&json!("invalid_media"), &json!("/srv/x broke"))
        );
        assert_eq!(shown(FaultCode::NoAudio, Dialect::V1)["failure"], "empty_media");
        let ours = shown(FaultCode::StageCrashed, Dialect::V1);
        assert_eq!(
            (&ours["failure"], &ours["failure_detail"]),
            (&json!("internal_processing"), &json!(OUR_FAULT))
        );
        assert_eq!(shown(FaultCode::StageCrashed, Dialect::V1Beta)["failure"], "unspecified");
    }
}
