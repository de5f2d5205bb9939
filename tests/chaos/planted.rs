//! The checker is checked: sound evidence passes, and each planted fault is found and named.

use std::collections::BTreeSet;

use scribed_bus::kafka::inspection::Position;
use scribed_bus::{Delivery, Message};
use scribed_schemas::event::{
    ChunkEvent, STATE_SCHEMA, STATES, StateEvent, TRANSCRIPT_SCHEMA, TRANSCRIPTS, UPLOADS,
};
use scribed_schemas::id::{AccountId, MediaId};
use scribed_schemas::job::{Fault, FaultCode, Job, JobOptions, JobState};
use scribed_schemas::media::Media;
use scribed_schemas::time::Timestamp;
use scribed_schemas::transcript::{Segment, Segments};
use scribed_tests::checker::{Evidence, Kind, Known, Line, Rules, Said, check};
use serde::Serialize;
use serde_json::json;

/// Chunks of each job.
const CHUNKS: u32 = 3;
/// Everything is insisted on.
const STRICT: Rules = Rules { announced: true, uncharged: true };

fn text(job: i64, chunk: u32) -> String {
    format!("text {chunk} of {job}")
}

fn segments(job: i64, chunk: u32) -> Segments {
    let at = i64::from(chunk) * 1_600;
    let segment = Segment {
        start: at,
        end: at + 1_600,
        text: text(job, chunk),
        words: Vec::new(),
        avg_log_prob: 0.0,
        no_speech_prob: 0.0,
        temperature: 0.0,
        flags: Vec::new(),
    };
    Segments { segments: vec![segment], ..Segments::empty(chunk, 16_000, at, at + 1_600) }
}

fn known(id: i64, upload: Option<&str>) -> Known {
    let media = Media {
        id: MediaId(id + 1_000),
        owner: AccountId(1),
        key: format!("events/{id}"),
        file_name: String::new(),
        content_type: String::new(),
        size: 64_044,
        created: Timestamp(0),
    };
    // By its document, so that what is added to jobs later need not be said here.
    let job: Job = serde_json::from_value(json!({
        "id": id,
        "owner": 1,
        "name": "a",
        "media": media.id,
        "pipeline": "default",
        "options": JobOptions { upload: upload.map(str::to_owned), ..JobOptions::default() },
        "priority": "standard",
        "state": "completed",
        "error_count": 0,
        "warnings": [],
        "progress_frames": 4_800,
        "ready_chunks": CHUNKS,
        "planned_chunks": CHUNKS,
        "chunk_limit_secs": 30,
        "description": "",
        "fence": 2,
        "not_before": 0,
        "created": 0,
        "updated": 0,
        "finished": 0,
    }))
    .unwrap();
    Known {
        job,
        owner: "maria".to_owned(),
        chunks: (0..CHUNKS).map(|chunk| segments(id, chunk)).collect(),
        stored: (0..CHUNKS).collect(),
        media: Some(media),
    }
}

fn record(topic: &str, place: (i32, i64), document: &impl Serialize) -> Delivery {
    let message = Message {
        key: b"maria".to_vec(),
        headers: vec![("content-type".to_owned(), b"application/json".to_vec())],
        payload: serde_json::to_vec(document).unwrap(),
        at: Timestamp(0),
    };
    Delivery { topic: topic.to_owned(), partition: place.0, offset: place.1, message }
}

/// Announces everything about a job, the first state twice.
fn announce(evidence: &mut Evidence, known: &Known) {
    let Known { job, .. } = known;
    let states = [JobState::Queued, JobState::InProgress, JobState::Completed];
    for (number, state) in [0, 0, 1, 2].into_iter().map(|number| (number, states[number])) {
        let event = StateEvent {
            schema: STATE_SCHEMA.to_owned(),
            id: format!("{}:state:{number}", job.id),
            job: job.id,
            upload: job.options.upload.clone(),
            owner: known.owner.clone(),
            reference: None,
            state,
            error: None,
            at: "2026-01-01T00:00:00Z".to_owned(),
        };
        let next = i64::try_from(evidence.states.len()).unwrap();
        evidence.states.push(record(STATES, (0, next), &event));
    }
    for chunk in &known.chunks {
        let next = i64::try_from(evidence.transcripts.len()).unwrap();
        evidence.transcripts.push(record(TRANSCRIPTS, (0, next), &ChunkEvent::of(job, chunk)));
    }
    let texts: Vec<_> = known.chunks.iter().map(Segments::text).collect();
    let event = json!({
        "schema": TRANSCRIPT_SCHEMA,
        "id": format!("{}:transcript", job.id),
        "job": job.id,
        "chunks": CHUNKS,
        "text": texts.join("\n\n"),
    });
    let next = i64::try_from(evidence.transcripts.len()).unwrap();
    evidence.transcripts.push(record(TRANSCRIPTS, (0, next), &event));
}

/// What the client of an upload says.
fn accepted(job: i64, key: Option<&str>, expected: Option<Vec<String>>) -> Said {
    let under = key.map(|key| ("maria".to_owned(), key.to_owned()));
    Said::Accepted { job, under, expected }
}

/// Two events that became jobs 10 and 11, one of them sent twice, one that is buried, an upload that
/// became job 12, and one that became job 13, also sent as an event under the same key.
fn sound() -> Evidence {
    let mut evidence = Evidence::default();
    for (id, upload) in [(10, Some("a")), (11, Some("b")), (12, None), (13, None)] {
        let known = known(id, upload);
        evidence.files.insert(format!("events/{id}"), 64_044);
        announce(&mut evidence, &known);
        evidence.jobs.push(known);
    }
    let event = |id| json!({"schema": "scribed.upload/1", "id": id, "owner": "maria"});
    evidence.uploads = vec![
        record(UPLOADS, (0, 0), &event("a")),
        record(UPLOADS, (0, 1), &event("a")),
        // A CloudEvent.
        record(UPLOADS, (1, 0), &json!({"id": "b", "data": {"owner": "maria"}})),
        record(UPLOADS, (1, 1), &json!({"media": {"key": "events/kept"}})),
        record(UPLOADS, (0, 2), &event("c")),
    ];
    evidence.files.insert("events/kept".to_owned(), 7);
    let mut letter = Delivery { offset: 0, ..evidence.uploads[3].clone() };
    for (name, value) in
        [("id", "x:1:1"), ("reason", "malformed"), ("partition", "1"), ("offset", "1")]
    {
        letter.message.headers.push((format!("scribed.dlq.{name}"), value.as_bytes().to_vec()));
    }
    evidence.letters.push(letter);
    let position = |partition, end| Position { partition, begin: 0, end, committed: Some(end) };
    evidence.positions = vec![
        position(0, 3),
        position(1, 2),
        Position { partition: 2, begin: 0, end: 0, committed: None },
    ];
    let expected = |job| Some((0..CHUNKS).map(|chunk| text(job, chunk)).collect());
    let sent = |id: &str, job| Said::Sent {
        id: id.to_owned(),
        owner: "maria".to_owned(),
        expected: expected(job),
    };
    let seen = |state, fence| Said::Seen { job: 10, state, fence };
    let offset = |committed| Said::Offset { partition: 0, committed };
    let said = [
        sent("a", 10),
        sent("a", 10),
        sent("b", 11),
        accepted(12, None, expected(12)),
        accepted(13, Some("c"), expected(13)),
        seen(JobState::InProgress, 1),
        offset(None),
        Said::Read { job: 10, chunk: 0, text: text(10, 0) },
        seen(JobState::InProgress, 2),
        offset(Some(1)),
        seen(JobState::Completed, 2),
        offset(Some(3)),
    ];
    evidence.said = said.map(|said| Line { at: 0, said }).into();
    evidence
}

/// Plants a fault and insists that it is found under its name, and nothing that it does not cause.
#[track_caller]
fn finds(kind: Kind, and: &[Kind], plant: impl FnOnce(&mut Evidence)) {
    let mut evidence = sound();
    plant(&mut evidence);
    let findings = check(&evidence, STRICT);
    let kinds: BTreeSet<Kind> = findings.iter().map(|finding| finding.kind).collect();
    assert!(kinds.contains(&kind), "{kind} was not found, but {findings:?}");
    let caused: BTreeSet<Kind> = and.iter().copied().chain([kind]).collect();
    assert!(kinds.is_subset(&caused), "a false alarm: {findings:?}");
}

#[test]
fn sound_evidence_raises_no_alarm() {
    assert_eq!(check(&sound(), STRICT), []);
}

#[test]
fn a_lost_event_is_found() {
    let announced = [Kind::FalseAnnouncement, Kind::OrphanedMedia];
    finds(Kind::LostEvent, &announced, |evidence| drop(evidence.jobs.remove(1)));
    finds(Kind::LostEvent, &[], |evidence| drop(evidence.uploads.remove(2)));
    finds(Kind::LostEvent, &[], |evidence| {
        evidence.said.push(Line { at: 0, said: accepted(99, None, None) });
    });
    // Without the key of job 13 nothing stands for the event.
    finds(Kind::LostEvent, &[], |evidence| {
        let unnamed = accepted(13, None, None);
        evidence.said.retain(|line| !matches!(line.said, Said::Accepted { job: 13, .. }));
        evidence.said.push(Line { at: 0, said: unnamed });
    });
    finds(Kind::LostEvent, &[Kind::OrphanedMedia], |evidence| evidence.letters.clear());
}

#[test]
fn a_job_that_is_deleted_is_not_missed_and_one_that_stays_is_found() {
    let deleted = |job| Line { at: 0, said: Said::Deleted { job } };
    let mut evidence = sound();
    for said in [
        accepted(14, None, Some(vec![text(14, 0)])),
        Said::Read { job: 14, chunk: 0, text: text(14, 0) },
    ] {
        evidence.said.push(Line { at: 0, said });
    }
    evidence.said.push(deleted(14));
    assert_eq!(check(&evidence, STRICT), []);
    finds(Kind::KeptJob, &[], |evidence| evidence.said.push(deleted(12)));
}

#[test]
fn an_event_that_became_two_jobs_is_found() {
    // Its text is that of its own recording, and not that of the event's first job.
    finds(Kind::DoubledEvent, &[Kind::ChangedText], |evidence| {
        let twin = known(14, Some("a"));
        announce(evidence, &twin);
        evidence.files.insert("events/14".to_owned(), 64_044);
        evidence.jobs.push(twin);
    });
    // The same key, by event and by upload.
    finds(Kind::DoubledEvent, &[Kind::ChangedText], |evidence| {
        let twin = known(14, Some("c"));
        announce(evidence, &twin);
        evidence.files.insert("events/14".to_owned(), 64_044);
        evidence.jobs.push(twin);
    });
}

#[test]
fn a_commit_past_an_open_job_is_found() {
    let caused = [Kind::Unfinished, Kind::MissingAnnouncement, Kind::ChangedEnd];
    finds(Kind::EarlyCommit, &caused, |evidence| {
        evidence.jobs[0].job.state = JobState::InProgress;
    });
}

#[test]
fn a_job_that_did_not_end_is_found() {
    finds(Kind::Unfinished, &[Kind::MissingAnnouncement], |evidence| {
        evidence.jobs[2].job.state = JobState::Queued;
    });
    finds(Kind::FailedJob, &[Kind::MissingAnnouncement], |evidence| {
        evidence.jobs[2].job.state = JobState::CompletedPartially;
    });
}

#[test]
fn a_missing_chunk_is_found() {
    finds(Kind::MissingChunk, &[Kind::FalseAnnouncement], |evidence| {
        drop(evidence.jobs[1].chunks.remove(1));
    });
    finds(Kind::MissingChunk, &[], |evidence| {
        evidence.jobs[1].job.planned_chunks = Some(CHUNKS + 1);
    });
}

#[test]
fn a_doubled_chunk_is_found() {
    finds(Kind::DoubledChunk, &[Kind::FalseAnnouncement], |evidence| {
        let again = evidence.jobs[1].chunks[1].clone();
        evidence.jobs[1].chunks.push(again);
    });
    finds(Kind::DoubledChunk, &[], |evidence| evidence.jobs[1].stored.push(CHUNKS));
}

#[test]
fn a_changed_text_is_found() {
    let caused = [Kind::FalseAnnouncement];
    finds(Kind::ChangedText, &caused, |evidence| {
        evidence.jobs[1].chunks[2].segments[0].text = "another".to_owned();
    });
    finds(Kind::ChangedText, &[], |evidence| {
        evidence.said.push(Line {
            at: 0,
            said: Said::Read { job: 12, chunk: 1, text: "read before".to_owned() },
        });
    });
}

#[test]
fn an_offset_that_stays_open_or_falls_is_found() {
    finds(Kind::OpenOffset, &[], |evidence| evidence.positions[1].end = 3);
    finds(Kind::FallenOffset, &[], |evidence| {
        evidence.said.push(Line { at: 0, said: Said::Offset { partition: 0, committed: Some(1) } });
    });
}

#[test]
fn an_end_that_changed_and_a_fence_that_fell_are_found() {
    let seen = |state, fence| Line { at: 0, said: Said::Seen { job: 12, state, fence } };
    finds(Kind::ChangedEnd, &[], |evidence| evidence.said.push(seen(JobState::Cancelled, 2)));
    finds(Kind::FallenFence, &[], |evidence| evidence.said.push(seen(JobState::InProgress, 3)));
}

#[test]
fn a_bad_dead_letter_is_found() {
    let header = |name: &str| format!("scribed.dlq.{name}");
    finds(Kind::BadLetter, &[], |evidence| {
        evidence.letters[0].message.headers.retain(|(name, _)| *name != header("reason"));
    });
    finds(Kind::BadLetter, &[Kind::OrphanedMedia], |evidence| {
        evidence.letters[0].message.payload[0] ^= 1;
    });
    finds(Kind::BadLetter, &[Kind::MissingAnnouncement, Kind::FailedJob], |evidence| {
        let job = &mut evidence.jobs[2].job;
        job.state = JobState::ProcessingFail;
        let message = "it panicked".to_owned();
        job.fault = Some(Fault { code: FaultCode::StagePanicked, message });
    });
}

#[test]
fn lost_and_orphaned_recordings_are_found() {
    finds(Kind::LostMedia, &[], |evidence| {
        evidence.files.remove("events/10");
    });
    finds(Kind::LostMedia, &[], |evidence| {
        evidence.files.insert("events/10".to_owned(), 1);
    });
    finds(Kind::OrphanedMedia, &[], |evidence| {
        evidence.files.insert("events/nobody".to_owned(), 1);
    });
}

#[test]
fn missing_and_false_announcements_are_found() {
    for number in [2, 3] {
        finds(Kind::MissingAnnouncement, &[], |evidence| drop(evidence.states.remove(number)));
    }
    for number in [0, 2, 3] {
        finds(Kind::MissingAnnouncement, &[], |evidence| drop(evidence.transcripts.remove(number)));
    }
    let changed = |evidence: &mut Evidence, number: usize| {
        let mut again = evidence.transcripts[number].clone();
        let text = String::from_utf8(again.message.payload).unwrap();
        again.message.payload = text.replace("text 1", "text 7").into_bytes();
        evidence.transcripts.push(again);
    };
    finds(Kind::FalseAnnouncement, &[], |evidence| changed(evidence, 1));
    finds(Kind::FalseAnnouncement, &[], |evidence| changed(evidence, 3));
}

#[test]
fn a_charged_attempt_is_found_where_nothing_was_to_blame() {
    finds(Kind::ChargedAttempt, &[], |evidence| evidence.jobs[0].job.error_count = 1);
}

#[test]
fn announcements_and_charges_are_looked_at_only_where_they_are_insisted_on() {
    let mut evidence = sound();
    evidence.states.clear();
    evidence.jobs[0].job.error_count = 1;
    assert_eq!(check(&evidence, Rules::default()), []);
}
