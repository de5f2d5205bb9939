//! The tally of an attempt: what came of its chunks, and which may be given up.
//!
//! A chunk is only given up while chunks around it are fine: a gap is stored once a later chunk
//! succeeded or the recording ended, and a row of failures is a fault of the job. So a broken model
//! never turns a recording into a row of gaps.

use scribed_schemas::audio::Warning;
use scribed_schemas::chunk::ChunkMap;
use scribed_schemas::job::{Fault, FaultCode, Job};

use crate::config::Config;
use crate::retry;
use crate::runner::{Reason, RunError};

/// The code of the warning that tells of a chunk that was given up.
pub(super) const GIVEN_UP: &str = "chunk_given_up";

/// What came of the chunks so far.
#[derive(Debug)]
pub(super) struct Tally {
    /// Chunks with a stored result, in all attempts.
    pub(super) fine: u32,
    /// Chunks that were given up and are stored as such, in all attempts.
    pub(super) gaps: u32,
    /// Chunks that failed since the last one that was fine; not stored.
    pub(super) pending: Vec<Gap>,
}

/// A chunk that could not be recognised.
#[derive(Debug, Clone)]
pub(super) struct Gap {
    pub(super) number: u32,
    pub(super) map: ChunkMap,
    pub(super) fault: Fault,
}

impl Tally {
    /// Starts with what earlier attempts stored.
    pub(super) fn new(job: &Job, stored: usize) -> Self {
        let given_up = job.warnings.iter().filter(|warning| warning.code == GIVEN_UP).count();
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Self {
            fine: count(stored.saturating_sub(given_up)),
            gaps: count(given_up),
            pending: Vec::new(),
        }
    }

    /// Keeps a failed chunk as a gap, or gives its fault back when the job must answer for it.
    pub(super) fn give_up(
        &mut self,
        gap: Gap,
        reason: Reason,
        job: &Job,
        config: &Config,
    ) -> Result<(), Fault> {
        let is_the_chunks_own = reason == Reason::InvalidInput
            || (gap.fault.code.is_charged()
                && !gap.fault.code.is_final()
                && retry::is_last(job, gap.fault.code, config));
        let row = u32::try_from(self.pending.len()).unwrap_or(u32::MAX);
        if !is_the_chunks_own || row >= config.gaps_in_a_row {
            return Err(gap.fault);
        }
        self.pending.push(gap);
        Ok(())
    }
}

impl Gap {
    /// Returns what the recording's owner is told.
    pub(super) fn warning(&self) -> Warning {
        Warning {
            code: GIVEN_UP.to_owned(),
            message: format!("chunk {} was given up: {}", self.number, self.fault.message),
            at_frame: Some(self.map.start()),
        }
    }
}

/// Returns the fault of a job whose recogniser failed.
///
/// A chunk is made by stages, so a recogniser that refuses one does not blame the recording.
pub(super) fn recogniser_fault(error: &RunError) -> Fault {
    let code = match error.reason {
        Reason::InvalidInput | Reason::OverLimit | Reason::NoAudio | Reason::Protected => {
            FaultCode::StageFailed
        }
        reason => reason.code(),
    };
    Fault { code, message: error.to_string() }
}
