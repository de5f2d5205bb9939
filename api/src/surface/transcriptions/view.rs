//! Views: what accounts, jobs and chunks look like on this surface.

use scribed_schemas::account::{Account, Role};
use scribed_schemas::job::{Job, JobState};
use scribed_schemas::time::Timestamp;
use scribed_schemas::transcript::Segments;
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::config::Transcriptions;
use crate::surface::failure;

/// The seven public words, as the document lists them.
pub(super) const STATES: &[&str] = &[
    "queued",
    "in_progress",
    "processing_error",
    "completed",
    "completed_partially",
    "processing_fail",
    "cancelled",
];

/// Returns the public word of a state: who waits for something is queued.
pub(super) fn public_state(state: JobState) -> &'static str {
    match state {
        JobState::AwaitingMedia | JobState::AwaitingAuthorization => JobState::Queued.as_str(),
        other => other.as_str(),
    }
}

/// An account (`UserResponse`).
#[derive(Debug, Serialize)]
pub(super) struct User {
    id: i64,
    username: String,
    active: bool,
    can_interact: bool,
    role: &'static str,
    create_date: String,
    update_date: String,
}

impl User {
    /// Shows an account.
    pub(super) fn of(account: &Account, settings: &Transcriptions) -> Self {
        Self {
            id: account.id.0,
            username: account.username.clone(),
            active: account.active,
            can_interact: account.can_interact,
            role: match account.role {
                Role::Admin => "admin",
                Role::User | Role::SworikDeveloper => "user",
            },
            create_date: date_time(account.created, settings),
            update_date: date_time(account.updated, settings),
        }
    }
}

/// A job (`TranscriptionResponse`).
#[derive(Debug, Serialize)]
pub(super) struct Transcription {
    id: i64,
    creator_id: i64,
    audio_len_secs: f64,
    chunk_size_secs: u32,
    current_state: &'static str,
    create_date: String,
    update_date: String,
    description: String,
    error_count: u32,
}

impl Transcription {
    /// Shows a job.
    pub(super) fn of(job: &Job, settings: &Transcriptions) -> Self {
        Self {
            id: job.id.0,
            creator_id: job.owner.0,
            audio_len_secs: job.audio_secs(),
            chunk_size_secs: job.chunk_limit_secs,
            current_state: public_state(job.state),
            create_date: date_time(job.created, settings),
            update_date: date_time(job.updated, settings),
            description: description(job),
            error_count: job.error_count,
        }
    }
}

/// Returns what a job is about: the beginning of its text; of one that failed, the reason, which
/// the document has no other place for.
fn description(job: &Job) -> String {
    failure(job).unwrap_or(&job.description).to_owned()
}

/// A job as external workers see it.
#[derive(Debug, Serialize)]
pub(super) struct WorkerView {
    transcription: Transcription,
}

impl WorkerView {
    /// Shows a job to a worker.
    pub(super) fn of(job: &Job, settings: &Transcriptions) -> Self {
        Self { transcription: Transcription::of(job, settings) }
    }
}

/// A chunk (`TranscriptionChunkResponse`).
#[derive(Debug, Serialize)]
pub(super) struct Chunk {
    id: u64,
    #[serde(rename = "chunk_order")]
    order: u32,
    #[serde(rename = "chunk_size_secs")]
    size_secs: u32,
    transcription: String,
}

impl Chunk {
    /// Shows a chunk of a job.
    pub(super) fn of(job: &Job, chunk: &Segments) -> Self {
        Self {
            id: chunk_id(job.id.0, chunk.chunk),
            order: chunk.chunk,
            size_secs: job.chunk_limit_secs,
            transcription: chunk.text(),
        }
    }
}

/// Returns an id of a chunk that never changes and is exact in JavaScript.
///
/// A chunk's identity is its job and its number; this surface wants one integer, so it gets 53 bits
/// of a hash of both.
fn chunk_id(job: i64, number: u32) -> u64 {
    let digest = Sha256::new().chain_update(job.to_be_bytes()).chain_update(number.to_be_bytes());
    let digest = digest.finalize();
    let high = digest.iter().take(8).fold(0, |bits, byte| (bits << 8) | u64::from(*byte));
    (high >> 11).max(1)
}

/// Writes an instant as RFC 3339 with six fraction digits; without `Z` for old clients.
fn date_time(at: Timestamp, settings: &Transcriptions) -> String {
    let format =
        if settings.naive_times { "%Y-%m-%dT%H:%M:%S.%6f" } else { "%Y-%m-%dT%H:%M:%S.%6fZ" };
    // Only an instant outside the years -9999 to 9999 has no text.
    let at = jiff::Timestamp::from_microsecond(at.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    at.strftime(format).to_string()
}

#[cfg(test)]
mod tests {
    use scribed_schemas::job::{Fault, FaultCode};

    use super::*;
    use crate::surface::OUR_FAULT;

    #[test]
    fn times_have_six_digits_and_a_zone_unless_old_clients_want_none() {
        let at = Timestamp(1_746_131_468_000_050);
        let naive = Transcriptions { naive_times: true, ..Transcriptions::default() };
        assert_eq!(date_time(at, &Transcriptions::default()), "2025-05-01T20:31:08.000050Z");
        assert_eq!(date_time(at, &naive), "2025-05-01T20:31:08.000050");
    }

    #[test]
    fn every_state_has_one_of_the_seven_words() {
        for state in JobState::ALL {
            assert!(STATES.contains(&public_state(state)), "{state:?}");
        }
    }

    #[test]
    fn a_failed_job_tells_its_owner_what_is_wrong_with_the_recording_and_nothing_of_the_host() {
        let mut job: Job = serde_json::from_value(serde_json::json!({
            "id": 1, "owner": 1, "name": "a", "media": null, "pipeline": "default", "options": {},
            "priority": "standard", "state": "processing_fail", "error_count": 1,
            "fault": {"code": "no_audio", "message": "the file holds no sound"}, "facts": null,
            "warnings": [], "progress_frames": 0, "ready_chunks": 1, "planned_chunks": null,
            "chunk_limit_secs": 30, "description": "one fish", "lease": null, "fence": 1,
            "not_before": 0, "created": 0, "updated": 0, "finished": 0
        }))
        .unwrap();
        assert_eq!(description(&job), "the file holds no sound");
        job.fault = Some(Fault { code: FaultCode::StageFailed, message: "/srv/x broke".into() });
        assert_eq!(description(&job), OUR_FAULT);
        job.state = JobState::CompletedPartially;
        assert_eq!(description(&job), "one fish");
    }

    #[test]
    fn ids_of_chunks_are_stable_distinct_and_exact_in_javascript() {
        let ids: std::collections::BTreeSet<u64> =
            (0..100).flat_map(|job| (0..100).map(move |n| chunk_id(job, n))).collect();
        assert_eq!(ids.len(), 10_000);
        assert!(ids.iter().all(|id| (1..1 << 53).contains(id)));
        assert_eq!(chunk_id(1, 0), chunk_id(1, 0));
    }
}
