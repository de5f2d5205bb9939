//! What may become of a job: owners, fences, states, charges.

use scribed_schemas::id::JobId;
use scribed_schemas::job::{Job, JobState};

use super::Checker;

impl Checker {
    /// Sees that a job was made.
    pub(crate) fn made(&mut self, job: &Job) {
        let of_name = self.named.entry(job.name.clone()).or_default();
        of_name.insert(job.id);
        if of_name.len() > 1 {
            let detail = format!("{} has {} jobs: {of_name:?}", job.name, of_name.len());
            self.breaks("f", detail);
        }
        if !self.expected.contains_key(&job.name) {
            self.breaks("f", format!("job {} was made of {}", job.id, job.name));
        }
        self.saw(job);
    }

    /// Sees that somebody claimed a job.
    pub(crate) fn claimed(&mut self, job: &Job, owner: (String, u32)) {
        let fence = job.fence;
        if let Some(before) = self.owners.insert((job.id, fence), owner.clone()) {
            let detail = format!("job {} fence {fence} is {before:?}'s and {owner:?}'s", job.id);
            self.breaks("a", detail);
        }
        let before = self.jobs.get(&job.id).map_or(0, |job| job.fence);
        if fence <= before {
            self.breaks("b", format!("job {} was claimed with {fence} after {before}", job.id));
        }
    }

    /// Sees that a write under a fence had an effect.
    pub(crate) fn wrote(&mut self, call: &str, id: JobId, fence: i64, by: &(String, u32)) {
        let owner = self.owners.get(&(id, fence));
        if owner != Some(by) {
            let detail = format!("{call} of job {id} fence {fence} by {by:?}, not {owner:?}");
            self.breaks("a", detail);
        }
        let Some(job) = self.jobs.get(&id) else { return };
        if job.fence != fence || job.state != JobState::InProgress {
            let detail = format!(
                "{call} of job {id} fence {fence} when it was {} under {}",
                job.state.as_str(),
                job.fence
            );
            self.breaks("a", detail);
        }
    }

    /// Sees a job as it is now.
    pub(crate) fn saw(&mut self, job: &Job) {
        let before = self.jobs.insert(job.id, job.clone());
        let now = (job.state, job.fence);
        if before.as_ref().is_none_or(|before| (before.state, before.fence) != now) {
            self.states.entry(job.id).or_default().push(job.state);
        }
        let Some(before) = before else { return };
        let id = job.id;
        if job.fence < before.fence {
            self.breaks("b", format!("job {id}: fence {} after {}", job.fence, before.fence));
        }
        if before.state.is_terminal() && !is_same_end(&before, job) {
            self.breaks("c", format!("job {id} had ended and changed: {before:?} to {job:?}"));
        }
        if job.ready_chunks != self.prefix(id) || job.ready_chunks < before.ready_chunks {
            let (ready, was, prefix) = (job.ready_chunks, before.ready_chunks, self.prefix(id));
            let detail = format!("job {id}: {ready} chunks after {was}, stored are {prefix}");
            self.breaks("d", detail);
        }
        let blame = self.blame.get(&id).copied().unwrap_or(0);
        if job.error_count < before.error_count || job.error_count > blame {
            let (now, was) = (job.error_count, before.error_count);
            let detail = format!("job {id}: charged {now} after {was}, own faults are {blame}");
            self.breaks("g", detail);
        }
    }

    /// Sees that a stage met a fault of a job's own.
    pub(crate) fn blamed(&mut self, id: JobId) {
        *self.blame.entry(id).or_insert(0) += 1;
    }

    /// Sees that a job was cancelled before it had ended.
    pub(crate) fn cancelled(&mut self, id: JobId) {
        self.cancelled.insert(id);
    }
}

/// Returns whether what ended is as it was.
fn is_same_end(before: &Job, now: &Job) -> bool {
    let end = |job: &Job| {
        let Job { state, fence, error_count, ready_chunks, finished, fault, .. } = job.clone();
        (state, fence, error_count, ready_chunks, finished, fault)
    };
    end(before) == end(now)
}
