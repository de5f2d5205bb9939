//! Views: what a job looks like on this surface.

use scribed_schemas::job::Job;
use scribed_schemas::time::Timestamp;
use serde::Serialize;
use serde_json::Value;

use super::facts::{Facts, Status};
use super::id;
use super::options::Options;
use super::order::{Fidelity, Priority};
use super::particulars::{self, noted};
use crate::surface::{OUR_FAULT, failure};

/// A job (`JobInfoResponse`).
#[derive(Debug, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct View {
    job_id: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    job_name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    media_length_seconds: Option<f64>,
    /// The vendor's documents differ in how it is written: both are sent.
    #[serde(rename = "ExternalID", skip_serializing_if = "Option::is_none")]
    external: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    external_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    priority: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fidelity: Option<&'static str>,
    job_status: &'static str,
    /// Why there is no text, which the vendor has no place for.
    #[serde(skip_serializing_if = "Option::is_none")]
    error_comment: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source_language: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    target_language: Option<String>,
    creation_date: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    start_date: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    due_date: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    completed_date: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    return_date: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    authorization_date: Option<String>,
    job_difficulty: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    options: Option<Value>,
}

impl View {
    /// Shows a job.
    pub(super) fn of(job: &Job) -> Self {
        let facts = Facts::of(job);
        let seconds = job.audio_secs();
        let language = language(job).map(str::to_owned);
        let target = noted(job, particulars::TARGET_LANGUAGE).map(str::to_owned);
        let has_failed = facts.status == Status::MediaFailure;
        Self {
            job_id: id::job(job.id),
            job_name: job.name.clone(),
            media_length_seconds: (seconds > 0.0).then(|| hundredths(seconds)),
            external: job.options.external_id.clone(),
            external_id: job.options.external_id.clone(),
            priority: facts.priority.map(Priority::shown),
            fidelity: facts.fidelity.map(Fidelity::shown),
            job_status: facts.status.word(),
            error_comment: has_failed.then(|| failure(job).unwrap_or(over(job)).to_owned()),
            target_language: target.or_else(|| language.clone()),
            source_language: language,
            creation_date: instant(facts.created),
            start_date: facts.started.map(instant),
            due_date: facts.due.map(instant),
            completed_date: facts.completed.map(instant),
            return_date: facts.completed.map(instant),
            authorization_date: facts.authorized.map(instant),
            job_difficulty: facts.difficulty.word(),
            options: Options::shown(job),
        }
    }
}

/// Returns the language of a job, as it was named.
pub(super) fn language(job: &Job) -> Option<&str> {
    noted(job, particulars::LANGUAGE).or(job.options.language.as_deref())
}

/// Returns why a job has no text that did not fail.
fn over(job: &Job) -> &'static str {
    if job.state == scribed_schemas::job::JobState::Cancelled {
        "The job was cancelled."
    } else {
        OUR_FAULT
    }
}

/// Rounds to two digits behind the point, as the vendor's examples have them.
fn hundredths(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

/// Writes an instant as the vendor's examples have it: six fraction digits, in UTC, without saying so.
pub(super) fn instant(at: Timestamp) -> String {
    // Only an instant outside the years -9999 to 9999 has no text.
    let at = jiff::Timestamp::from_microsecond(at.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    at.strftime("%Y-%m-%dT%H:%M:%S.%6f").to_string()
}

#[cfg(test)]
pub(super) mod tests {
    use scribed_schemas::job::{Awaits, Fault, FaultCode, JobState};
    use serde_json::json;

    use super::*;

    /// Makes a job in a state.
    pub(in super::super) fn job(state: JobState) -> Job {
        serde_json::from_value(json!({
            "id": 42, "owner": 1, "name": "talk", "media": null, "pipeline": "default",
            "options": {}, "priority": "standard", "state": state, "error_count": 1,
            "fault": null, "facts": null, "warnings": [], "progress_frames": 0,
            "ready_chunks": 0, "planned_chunks": null, "chunk_limit_secs": 30,
            "description": "", "lease": null, "fence": 1, "not_before": 0,
            "created": 1_409_148_006_472_706_i64, "updated": 0, "finished": null
        }))
        .unwrap()
    }

    #[test]
    fn members_without_a_value_are_left_out() {
        let mut pending = job(JobState::AwaitingMedia);
        pending.awaits = Awaits { media: true, order: true, authorization: false };
        pending.name = String::new();
        let expected = json!({
            "JobId": "0000000000000000000000000000002a", "JobStatus": "Pending",
            "CreationDate": "2014-08-27T14:00:06.472706",
            "AuthorizationDate": "2014-08-27T14:00:06.472706", "JobDifficulty": "Unknown"
        });
        assert_eq!(serde_json::to_value(View::of(&pending)).unwrap(), expected);
    }

    #[test]
    fn what_a_client_said_is_shown_again() {
        let mut done = job(JobState::Completed);
        done.options.external_id = Some("sample_id".to_owned());
        done.options.language = Some("cs".to_owned());
        done.options.particulars = [
            ("language", "cz"),
            ("fidelity", "PROFESSIONAL"),
            ("ordered", "1409148006472706"),
            ("options", "{\"notes\":\"Anna\"}"),
            ("custom_metadata.desk", "4"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
        done.finished = Some(Timestamp(1_409_148_641_923_125));
        let shown = serde_json::to_value(View::of(&done)).unwrap();
        let expected = json!({
            "JobId": "0000000000000000000000000000002a", "JobName": "talk",
            "ExternalID": "sample_id", "ExternalId": "sample_id", "Priority": "STANDARD",
            "Fidelity": "HIGH", "JobStatus": "Complete", "SourceLanguage": "cz",
            "TargetLanguage": "cz", "CreationDate": "2014-08-27T14:00:06.472706",
            "StartDate": "2014-08-27T14:00:06.472706", "DueDate": "2014-08-29T14:00:06.472706",
            "CompletedDate": "2014-08-27T14:10:41.923125",
            "ReturnDate": "2014-08-27T14:10:41.923125",
            "AuthorizationDate": "2014-08-27T14:00:06.472706", "JobDifficulty": "Good",
            "Options": {"notes": "Anna", "custom_metadata": {"desk": "4"}}
        });
        assert_eq!(shown, expected);
    }

    #[test]
    fn a_failure_tells_what_is_wrong_with_the_recording_and_nothing_of_the_host() {
        let mut failed = job(JobState::ProcessingFail);
        let mut comment = |code, message: &str| {
            failed.fault = Some(Fault { code, message: message.to_owned() });
            View::of(&failed).error_comment
        };
        let audio = comment(FaultCode::NoAudio, "the file holds no sound");
        assert_eq!(audio.as_deref(), Some("the file holds no sound"));
        assert_eq!(comment(FaultCode::StageFailed, "/srv/x broke").as_deref(), Some(OUR_FAULT));
        let cancelled = View::of(&job(JobState::Cancelled)).error_comment;
        assert_eq!(cancelled.as_deref(), Some("The job was cancelled."));
    }
}
