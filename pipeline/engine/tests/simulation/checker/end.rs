//! The end: what must have become of everything once all is quiet.

use scribed_schemas::id::JobId;
use scribed_schemas::job::{Job, JobState};

use super::{Checker, Expected};
use crate::script::{Script, Verb};

impl Checker {
    /// Returns what is still under way, in words; nothing when all is quiet.
    pub(crate) fn unfinished(&self) -> Option<String> {
        let open = self.jobs.values().find(|job| !job.state.is_terminal());
        if let Some(job) = open {
            return Some(format!("job {} is {}: {job:?}", job.id, job.state.as_str()));
        }
        let lacks = |name: &&String| !self.named.contains_key(*name);
        let missing = self.expected.keys().find(lacks);
        let missing = missing.map(|name| format!("{name} has no job"));
        missing.or_else(|| self.jobs.values().find_map(|job| self.untold(job)))
    }

    /// Checks the end, with offsets as partition, end of the log, and committed.
    pub(crate) fn end(&mut self, ends: &[(i32, i64, i64)]) {
        for (partition, end, committed) in ends {
            if end != committed {
                let detail = format!("partition {partition} ends at {end}, committed {committed}");
                self.breaks("h", detail);
            }
        }
        for (partition, offset) in self.unburied() {
            let detail = format!("the bad event {partition}@{offset} has no dead letter");
            self.breaks("f", detail);
        }
        let untold: Vec<_> = self.jobs.values().filter_map(|job| self.untold(job)).collect();
        for detail in untold {
            self.breaks("i", detail);
        }
        let found: Vec<_> =
            self.expected.iter().filter_map(|(name, e)| self.verdict(name, e)).collect();
        for (letter, detail) in found {
            self.breaks(letter, detail);
        }
    }

    /// Returns what is wrong with how a submission ended.
    fn verdict(&self, name: &str, expected: &Expected) -> Option<(&'static str, String)> {
        let ids: Vec<JobId> = self.named.get(name).into_iter().flatten().copied().collect();
        let [id] = ids[..] else {
            return Some(("f", format!("{name} has {} jobs: {ids:?}", ids.len())));
        };
        if expected.told.is_some_and(|told| told != id) {
            return Some(("f", format!("{name} was told {:?}, its job is {id}", expected.told)));
        }
        let job = self.jobs.get(&id)?;
        if !job.state.is_terminal() {
            return Some(("h", format!("job {id} of {name} is {}", job.state.as_str())));
        }
        let detail = |why: &str| Some(("h", format!("{why}: {job:?} of {:?}", expected.script)));
        if self.cancelled.contains(&id) {
            let ends_so = matches!(job.state, JobState::Cancelled | JobState::CompletedPartially);
            let is_right = ends_so && (job.state == JobState::Cancelled) == (job.ready_chunks == 0);
            return if is_right { None } else { detail("a cancelled job ended otherwise") };
        }
        if self.lacks_letter(job) {
            return Some(("f", format!("the dead letter of job {id} is lost: {job:?}")));
        }
        self.outcome(job, &expected.script).and_then(detail)
    }

    /// Returns what is wrong with how a job ended that nobody cancelled.
    fn outcome(&self, job: &Job, script: &Script) -> Option<&'static str> {
        let texts = self.stored.range((job.id, 0)..=(job.id, u32::MAX));
        let gaps = texts.filter(|(_, text)| text.is_empty()).count();
        let told = job.warnings.iter().filter(|warning| warning.code == "chunk_given_up").count();
        let is_whole = job.ready_chunks == script.chunks();
        let never = script.lines.iter().filter(|line| line.verb == Verb::Refuse).count();
        if gaps > told {
            return Some("a gap without a warning");
        }
        match job.state {
            _ if script.is_clean() && job.state != JobState::Completed => {
                Some("nothing was in the way of this job")
            }
            _ if script.is_refused()
                && (job.state, job.error_count) != (JobState::ProcessingFail, 1) =>
            {
                Some("a refused recording fails at once")
            }
            JobState::Completed if !is_whole || gaps > 0 || never > 0 => {
                Some("a completed job has all its text")
            }
            JobState::Completed if job.planned_chunks != Some(script.chunks()) => {
                Some("a completed job knows how many chunks it has")
            }
            JobState::CompletedPartially if !is_whole || gaps == 0 => {
                Some("a partial job has a gap and is whole beside")
            }
            JobState::ProcessingFail if job.error_count == 0 || job.fault.is_none() => {
                Some("a failed job says why")
            }
            JobState::Cancelled => Some("nobody cancelled it"),
            _ => None,
        }
    }

    /// Returns whether a job whose attempts are used up lacks its dead letter.
    fn lacks_letter(&self, job: &Job) -> bool {
        let is_given_up = job.state == JobState::ProcessingFail
            && job.fault.as_ref().is_some_and(|fault| !fault.code.is_final());
        let id = format!("job:{}:{}", job.id, job.error_count);
        is_given_up && !self.letters.contains(&id)
    }
}
