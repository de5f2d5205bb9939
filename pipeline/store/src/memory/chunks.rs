//! The text of jobs in memory, chunk by chunk.

use scribed_schemas::id::JobId;
use scribed_schemas::time::Timestamp;
use scribed_schemas::transcript::Segments;

use super::Tables;
use crate::error::{Error, ErrorKind, Result};
use crate::store::PutChunk;
use crate::transition;

impl Tables {
    /// Stores a chunk, first write wins.
    pub(super) fn put_chunk(
        &mut self,
        id: JobId,
        fence: i64,
        chunk: Segments,
        now: Timestamp,
    ) -> Result<PutChunk> {
        let Self { chunks, jobs, .. } = self;
        let attempt = format!("store chunk {} of job {id} with fence {fence}", chunk.chunk);
        let Some(job) = jobs.get_mut(&id) else {
            return Err(Error::new(ErrorKind::NotFound, attempt));
        };
        transition::check_fence(job, fence).map_err(|kind| Error::new(kind, attempt))?;
        if let Some(stored) = chunks.get(&(id, chunk.chunk)) {
            return Ok(transition::compared(stored, &chunk));
        }
        if chunk.chunk == 0 {
            job.description = transition::description(&chunk);
        }
        chunks.insert((id, chunk.chunk), transition::storable(chunk));
        while chunks.contains_key(&(id, job.ready_chunks)) {
            job.ready_chunks += 1;
        }
        job.updated = now;
        Ok(PutChunk::Stored)
    }

    /// Reads readable chunks in order.
    pub(super) fn chunks(&self, id: JobId, from: u32, limit: u32) -> Vec<Segments> {
        let ready = self.jobs.get(&id).map_or(0, |job| job.ready_chunks);
        let end = from.saturating_add(limit).min(ready).max(from);
        self.chunks.range((id, from)..(id, end)).map(|(_, chunk)| chunk.clone()).collect()
    }

    /// Lists the numbers of all stored chunks.
    pub(super) fn stored_chunks(&self, id: JobId) -> Vec<u32> {
        let of_job = self.chunks.range((id, 0)..=(id, u32::MAX));
        of_job.map(|((_, number), _)| *number).collect()
    }
}
