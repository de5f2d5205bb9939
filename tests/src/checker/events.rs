//! Events and jobs: each event one job or one dead letter, each job done, each offset committed.

use std::collections::BTreeSet;

use scribed_bus::Delivery;
use scribed_schemas::job::JobState;

use super::evidence::{
    Evidence, Known, identity, is_letter_header, letter_header, place_of_letter,
};
use super::log::Said;
use super::{Findings, Kind};

pub(super) fn check(evidence: &Evidence, findings: &mut Findings) {
    accepted(evidence, findings);
    done(evidence, findings);
    doubled(evidence, findings);
    ends(evidence, findings);
    offsets(evidence, findings);
    letters(evidence, findings);
}

/// What clients were told to be accepted must be there, unless they were told that it is deleted.
fn accepted(evidence: &Evidence, findings: &mut Findings) {
    let arrived: BTreeSet<_> = evidence.uploads.iter().filter_map(identity).collect();
    let (jobs, deleted) = (evidence.jobs_by_number(), evidence.deleted());
    for line in &evidence.said {
        match &line.said {
            Said::Sent { id, owner, .. } if !arrived.contains(&(owner.clone(), id.clone())) => {
                let what =
                    format!("event {id} of {owner} was acknowledged and is not in the topic");
                findings.add(Kind::LostEvent, what);
            }
            Said::Accepted { job, .. } if !jobs.contains_key(job) && !deleted.contains(job) => {
                let what = format!("job {job} was promised to its client and does not exist");
                findings.add(Kind::LostEvent, what);
            }
            Said::Deleted { job } if jobs.contains_key(job) => {
                let what = format!("job {job} was deleted, as its client was told, and is there");
                findings.add(Kind::KeptJob, what);
            }
            _ => {}
        }
    }
}

/// What is committed must have its job or its letter, and the job must be done.
fn done(evidence: &Evidence, findings: &mut Findings) {
    let (jobs, buried) = (evidence.jobs_of_events(), evidence.buried());
    for record in &evidence.uploads {
        let Delivery { partition, offset, .. } = record;
        if *offset >= committed(evidence, *partition) || buried.contains(&(*partition, *offset)) {
            continue;
        }
        let of_event = identity(record).and_then(|identity| jobs.get(&identity));
        let place = format!("the event at {partition}:{offset}");
        match of_event {
            None => findings.add(
                Kind::LostEvent,
                format!("{place} counts as done and has neither job nor dead letter"),
            ),
            Some(jobs) => {
                for known in jobs.iter().filter(|known| !known.job.state.is_terminal()) {
                    let state = known.job.state.as_str();
                    let what =
                        format!("{place} counts as done and its job {} is {state}", known.job.id);
                    findings.add(Kind::EarlyCommit, what);
                }
            }
        }
    }
}

/// Returns up to where a partition counts as done.
fn committed(evidence: &Evidence, partition: i32) -> i64 {
    let position = evidence.positions.iter().find(|position| position.partition == partition);
    position.and_then(|position| position.committed).unwrap_or(0)
}

fn doubled(evidence: &Evidence, findings: &mut Findings) {
    for ((owner, id), jobs) in evidence.jobs_of_events() {
        if jobs.len() > 1 {
            let numbers: Vec<_> = jobs.iter().map(|known| known.job.id.to_string()).collect();
            let what = format!("event {id} of {owner} became jobs {}", numbers.join(", "));
            findings.add(Kind::DoubledEvent, what);
        }
    }
}

/// Every job ends, and well where nothing is wrong with its recording.
fn ends(evidence: &Evidence, findings: &mut Findings) {
    let expected = evidence.expected();
    for Known { job, .. } in &evidence.jobs {
        let (id, state) = (job.id, job.state.as_str());
        if !job.state.is_terminal() {
            findings.add(Kind::Unfinished, format!("job {id} is {state}"));
        } else if job.state != JobState::Completed && expected.contains_key(&id.0) {
            let why = job.fault.as_ref().map_or("no fault is noted", |fault| &fault.message);
            findings.add(Kind::FailedJob, format!("job {id} is {state}: {why}"));
        }
    }
}

fn offsets(evidence: &Evidence, findings: &mut Findings) {
    for position in &evidence.positions {
        let (partition, end) = (position.partition, position.end);
        if position.begin < end && position.committed != Some(end) {
            let committed =
                position.committed.map_or_else(|| "nothing".to_owned(), |next| next.to_string());
            let what = format!("partition {partition} ends at {end}, committed is {committed}");
            findings.add(Kind::OpenOffset, what);
        }
    }
}

/// Dead letters say why, and are the events as they came; what was given up has one.
fn letters(evidence: &Evidence, findings: &mut Findings) {
    let mut jobs_with_letter = BTreeSet::new();
    for letter in &evidence.letters {
        let name = letter_header(letter, "id").unwrap_or_else(|| letter.offset.to_string());
        if letter_header(letter, "reason").is_none_or(|reason| reason.is_empty()) {
            findings.add(Kind::BadLetter, format!("letter {name} says no reason"));
        }
        jobs_with_letter.extend(letter_header(letter, "job"));
        let Some((partition, offset)) = place_of_letter(letter) else { continue };
        let at = |record: &&Delivery| (record.partition, record.offset) == (partition, offset);
        match evidence.uploads.iter().find(at) {
            None => {
                let what = format!("letter {name} is of {partition}:{offset}, where nothing is");
                findings.add(Kind::BadLetter, what);
            }
            Some(event) if !is_same(event, letter) => {
                findings.add(Kind::BadLetter, format!("letter {name} is not the event that came"));
            }
            Some(_) => {}
        }
    }
    for Known { job, .. } in &evidence.jobs {
        let given_up = job.fault.as_ref().is_some_and(|fault| !fault.code.is_final());
        let failed = job.state == JobState::ProcessingFail && given_up;
        if failed && !jobs_with_letter.contains(&job.id.to_string()) {
            findings.add(Kind::BadLetter, format!("job {} was given up without a letter", job.id));
        }
    }
}

/// Tells whether a letter has key, payload and headers of its event.
fn is_same(event: &Delivery, letter: &Delivery) -> bool {
    let headers = |record: &Delivery| {
        let kept = record.message.headers.iter().filter(|(name, _)| !is_letter_header(name));
        kept.cloned().collect::<Vec<_>>()
    };
    event.message.key == letter.message.key
        && event.message.payload == letter.message.payload
        && headers(event) == headers(letter)
}
