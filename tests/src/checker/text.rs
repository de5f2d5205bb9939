//! Text: every chunk once, and as it was read, and as the recording has it.

use std::collections::BTreeMap;

use scribed_schemas::job::JobState;
use scribed_schemas::transcript::Segments;

use super::evidence::{Evidence, Known};
use super::log::Said;
use super::{Findings, Kind};

pub(super) fn check(evidence: &Evidence, findings: &mut Findings) {
    for known in &evidence.jobs {
        numbers(known, findings);
    }
    for (id, texts) in evidence.expected() {
        if let Some(known) = evidence.jobs_by_number().get(&id) {
            against_recording(known, texts, findings);
        }
    }
    against_reads(evidence, findings);
}

/// Chunks are numbered from 0 without gap or double; a completed job has all that were planned.
fn numbers(known: &Known, findings: &mut Findings) {
    let (job, id) = (&known.job, known.job.id);
    let mut counts: BTreeMap<u32, u32> = BTreeMap::new();
    for chunk in &known.chunks {
        *counts.entry(chunk.chunk).or_default() += 1;
    }
    for (number, count) in counts.iter().filter(|(_, count)| **count > 1) {
        findings.add(Kind::DoubledChunk, format!("job {id} has chunk {number} {count} times"));
    }
    let planned = job.planned_chunks.filter(|_| job.state == JobState::Completed);
    let behind = known.stored.iter().max().map_or(0, |last| last + 1);
    for number in 0..planned.unwrap_or(0).max(job.ready_chunks) {
        if !counts.contains_key(&number) {
            findings.add(Kind::MissingChunk, format!("job {id} has no chunk {number}"));
        }
    }
    if let Some(planned) = planned.filter(|planned| *planned < behind) {
        let what = format!("job {id} was cut into {planned} chunks and has {behind}");
        findings.add(Kind::DoubledChunk, what);
    }
}

fn against_recording(known: &Known, texts: &[String], findings: &mut Findings) {
    let id = known.job.id;
    for (number, expected) in (0_u32..).zip(texts) {
        let chunk = known.chunks.iter().find(|chunk| chunk.chunk == number);
        match chunk.map(Segments::text) {
            None => findings.add(Kind::MissingChunk, format!("job {id} lacks chunk {number}")),
            Some(text) if text != *expected => {
                let what =
                    format!("job {id}, chunk {number}: {text:?} is stored, {expected:?} said");
                findings.add(Kind::ChangedText, what);
            }
            Some(_) => {}
        }
    }
    let beyond = known.chunks.iter().filter(|chunk| chunk.chunk as usize >= texts.len());
    for chunk in beyond {
        let what = format!("job {id} has chunk {} of {}", chunk.chunk, texts.len());
        findings.add(Kind::DoubledChunk, what);
    }
}

/// What a client has read stays, as long as its job does.
fn against_reads(evidence: &Evidence, findings: &mut Findings) {
    let (jobs, deleted) = (evidence.jobs_by_number(), evidence.deleted());
    for line in &evidence.said {
        let Said::Read { job, chunk, text } = &line.said else { continue };
        if deleted.contains(job) {
            continue;
        }
        let stored = jobs.get(job).and_then(|known| {
            let found = known.chunks.iter().find(|stored| stored.chunk == *chunk);
            found.map(Segments::text)
        });
        match stored {
            None => {
                let what = format!("job {job}, chunk {chunk} was read and is gone");
                findings.add(Kind::MissingChunk, what);
            }
            Some(stored) if stored != *text => {
                let what =
                    format!("job {job}, chunk {chunk}: {text:?} was read, {stored:?} is stored");
                findings.add(Kind::ChangedText, what);
            }
            Some(_) => {}
        }
    }
}
