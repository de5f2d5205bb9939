//! Announcements: every state change, chunk and transcript was published, and says what the store says.
//!
//! At least once each: a repeat has the same id and the same content.

use std::collections::BTreeMap;

use scribed_bus::Delivery;
use scribed_schemas::event::{ChunkEvent, StateEvent};
use scribed_schemas::job::JobState;
use scribed_schemas::transcript::Segments;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::evidence::{Evidence, Known};
use super::{Findings, Kind};

pub(super) fn check(evidence: &Evidence, findings: &mut Findings) {
    let states = by_id(&evidence.states, findings);
    let texts = by_id(&evidence.transcripts, findings);
    let jobs = evidence.jobs_by_number();
    for (id, event) in states.iter().chain(&texts) {
        if !event["job"].as_i64().is_some_and(|job| jobs.contains_key(&job)) {
            let what = format!("{id} was published of a job that does not exist");
            findings.add(Kind::FalseAnnouncement, what);
        }
    }
    for known in &evidence.jobs {
        states_of(known, &states, findings);
        chunks_of(known, &texts, findings);
        transcript_of(known, &texts, findings);
    }
}

/// Returns the events of a topic by their id; repeats must be equal.
fn by_id(records: &[Delivery], findings: &mut Findings) -> BTreeMap<String, Value> {
    let mut found = BTreeMap::new();
    for record in records {
        let place = format!("{}:{}:{}", record.topic, record.partition, record.offset);
        let event: Value = serde_json::from_slice(&record.message.payload).unwrap_or_default();
        let Some(id) = event["id"].as_str().map(str::to_owned) else {
            findings.add(Kind::FalseAnnouncement, format!("the event at {place} has no id"));
            continue;
        };
        if found.get(&id).is_some_and(|earlier| *earlier != event) {
            let what = format!("{id} was published with different contents");
            findings.add(Kind::FalseAnnouncement, what);
        }
        found.insert(id, event);
    }
    found
}

/// States are numbered without a gap, end with the state of the job, and nothing follows an end.
fn states_of(known: &Known, events: &BTreeMap<String, Value>, findings: &mut Findings) {
    let id = known.job.id;
    let prefix = format!("{id}:state:");
    let mut states = BTreeMap::new();
    for (name, event) in events.range(prefix.clone()..) {
        let Some(number) = name.strip_prefix(&prefix) else { break };
        match (number.parse::<u32>(), read::<StateEvent>(event)) {
            (Ok(number), Some(event)) => drop(states.insert(number, event.state)),
            _ => findings.add(Kind::FalseAnnouncement, format!("{name} cannot be read")),
        }
    }
    let Some((last, end)) = states.iter().next_back() else {
        findings.add(Kind::MissingAnnouncement, format!("no state of job {id} was published"));
        return;
    };
    for number in (0..*last).filter(|number| !states.contains_key(number)) {
        findings.add(Kind::MissingAnnouncement, format!("{prefix}{number} was not published"));
    }
    if *end != known.job.state {
        let (said, is) = (end.as_str(), known.job.state.as_str());
        // A later one that is missing looks the same.
        let what = format!("the last state of job {id} that was published is {said}, it is {is}");
        findings.add(Kind::MissingAnnouncement, what);
    }
    for (number, state) in states.range(..*last).filter(|(_, state)| state.is_terminal()) {
        let what = format!("{prefix}{number} is {}, and another follows", state.as_str());
        findings.add(Kind::FalseAnnouncement, what);
    }
}

fn chunks_of(known: &Known, events: &BTreeMap<String, Value>, findings: &mut Findings) {
    for chunk in &known.chunks {
        let name = format!("{}:chunk:{}", known.job.id, chunk.chunk);
        let Some(event) = events.get(&name) else {
            findings.add(Kind::MissingAnnouncement, format!("{name} was not published"));
            continue;
        };
        let same = |event: ChunkEvent| event.chunk == chunk.chunk && event.text == chunk.text();
        if !read(event).is_some_and(same) {
            findings.add(Kind::FalseAnnouncement, format!("{name} is not what is stored"));
        }
    }
    let prefix = format!("{}:chunk:", known.job.id);
    let stored = |number: &str| known.stored.iter().any(|stored| stored.to_string() == number);
    for (name, _) in events.range(prefix.clone()..) {
        let Some(number) = name.strip_prefix(&prefix) else { break };
        if !stored(number) {
            findings.add(Kind::FalseAnnouncement, format!("{name} is not stored"));
        }
    }
}

fn transcript_of(known: &Known, events: &BTreeMap<String, Value>, findings: &mut Findings) {
    let name = format!("{}:transcript", known.job.id);
    let Some(event) = events.get(&name) else {
        if matches!(known.job.state, JobState::Completed | JobState::CompletedPartially) {
            findings.add(Kind::MissingAnnouncement, format!("{name} was not published"));
        }
        return;
    };
    let texts: Vec<String> = known.chunks.iter().map(Segments::text).collect();
    let has_all = event["chunks"].as_u64() == Some(texts.len() as u64);
    // A text that is longer than an event may be is left out.
    let is_same = event.get("text").is_none_or(|text| *text == texts.join("\n\n"));
    if !has_all || !is_same {
        findings.add(Kind::FalseAnnouncement, format!("{name} is not what is stored"));
    }
}

fn read<T: DeserializeOwned>(event: &Value) -> Option<T> {
    serde_json::from_value(event.clone()).ok()
}
