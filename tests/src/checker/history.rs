//! History: what only grows never fell, and what is final never changed, in all that was seen.

use std::collections::BTreeMap;

use scribed_schemas::job::JobState;

use super::evidence::Evidence;
use super::log::Said;
use super::{Findings, Kind};

pub(super) fn check(evidence: &Evidence, findings: &mut Findings) {
    let mut offsets = BTreeMap::new();
    let mut jobs = BTreeMap::new();
    for line in &evidence.said {
        match line.said {
            Said::Offset { partition, committed } => {
                offset(&mut offsets, (partition, committed), findings);
            }
            Said::Seen { job: id, state, fence } => job(&mut jobs, id, (state, fence), findings),
            _ => {}
        }
    }
    for position in &evidence.positions {
        offset(&mut offsets, (position.partition, position.committed), findings);
    }
    for known in &evidence.jobs {
        job(&mut jobs, known.job.id.0, (known.job.state, known.job.fence), findings);
    }
}

fn offset(
    seen: &mut BTreeMap<i32, Option<i64>>,
    (partition, committed): (i32, Option<i64>),
    findings: &mut Findings,
) {
    let before = seen.entry(partition).or_default();
    if committed < *before {
        let what = format!("partition {partition} fell from {before:?} to {committed:?}");
        findings.add(Kind::FallenOffset, what);
    }
    *before = committed;
}

fn job(
    seen: &mut BTreeMap<i64, (JobState, i64)>,
    id: i64,
    now: (JobState, i64),
    findings: &mut Findings,
) {
    let Some((state, fence)) = seen.insert(id, now) else { return };
    if state.is_terminal() && state != now.0 {
        let what = format!("job {id} was {} and became {}", state.as_str(), now.0.as_str());
        findings.add(Kind::ChangedEnd, what);
    }
    if now.1 < fence {
        findings.add(Kind::FallenFence, format!("job {id} fell from {fence} to {}", now.1));
    }
}
