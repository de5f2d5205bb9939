//! Chunks: the text of a job, in the partition of the job.
//!
//! A chunk is written together with what its job says of it, in one conditional batch: fence checked,
//! first write wins, and readable up to the first gap, all at once. A job of a day has 2,880 chunks of
//! a few KiB; a page is a slice of the partition, wherever it begins.

use scribed_schemas::id::JobId;
use scribed_schemas::time::Timestamp;
use scribed_schemas::transcript::Segments;

use super::CqlStore;
use super::failure::Failure;
use super::race::Race;
use super::row::{JobRow, from_json, to_json};
use crate::store::PutChunk;
use crate::transition;

impl CqlStore {
    /// Stores the text of one chunk.
    pub(super) async fn store_chunk(
        &self,
        id: JobId,
        fence: i64,
        chunk: Segments,
        now: Timestamp,
    ) -> Result<PutChunk, Failure> {
        let number = i64::from(chunk.chunk);
        let stored = transition::storable(chunk.clone());
        let segments = to_json(&stored)?;
        let _seat = self.seats.take("jobs", id).await;
        let mut race = Race::begin();
        loop {
            let (old, is_remembered) = self.look_at_job(id, &race).await?;
            if old.op == race.op {
                self.desk.put(old);
                return Ok(PutChunk::Stored);
            }
            let mut job = old.job()?;
            let verdict = transition::check_fence(&job, fence);
            if is_remembered && verdict.is_err() {
                self.desk.forget(id);
                continue;
            }
            verdict?;
            // What is at or behind the end is not there, by the very row that the condition names.
            if number < old.stored_end
                && let Some(earlier) = self.find_chunk(id, number).await?
            {
                if is_remembered {
                    self.desk.forget(id);
                    continue;
                }
                return Ok(transition::compared(&earlier, &chunk));
            }
            if number == 0 {
                job.description = transition::description(&chunk);
            }
            job.updated = now;
            let mut new = JobRow::of(&job, old.stored_end.max(number + 1), race.op)?;
            new.ready_chunks = self.ready_after(&old, number).await?;
            self.desk.forget(id);
            let answer = self.db.put_chunk(new.chunk_count(&old), (id.0, number, &segments)).await;
            if race.settled(answer).await? {
                self.desk.put(new);
                return Ok(PutChunk::Stored);
            }
        }
    }

    /// Returns how many chunks can be read once the one of a number is there too.
    ///
    /// Looks by an agreed read, as `find_chunk` does: a change whose writer died may have reached one
    /// replica only, which the row was read from and the chunk is not.
    async fn ready_after(&self, row: &JobRow, number: i64) -> Result<i64, Failure> {
        if number != row.ready_chunks {
            return Ok(row.ready_chunks);
        }
        let mut ready = number + 1;
        while ready < row.stored_end {
            let statement = &self.db.say.next_numbers;
            let next: Vec<(i64,)> = self.db.few(statement, (row.id, ready)).await?;
            let run = next.iter().zip(ready..).take_while(|((next,), ready)| next == ready).count();
            ready += i64::try_from(run).unwrap_or(0);
            if run < next.len() || next.is_empty() {
                break;
            }
        }
        Ok(ready)
    }

    /// Finds a chunk, readable or not.
    async fn find_chunk(&self, id: JobId, number: i64) -> Result<Option<Segments>, Failure> {
        let found: Option<(String,)> = self.db.row(&self.db.say.chunk, (id.0, number)).await?;
        found.map(|(segments,)| from_json(&segments)).transpose()
    }

    /// Reads readable chunks in order.
    pub(super) async fn read_chunks(
        &self,
        id: JobId,
        from: u32,
        limit: u32,
    ) -> Result<Vec<Segments>, Failure> {
        let begin = i64::from(from);
        let end = begin + i64::from(limit);
        let mut chunks: Vec<Result<Segments, Failure>> = Vec::new();
        let statement = &self.db.say.chunks;
        let mut next = begin;
        self.db
            .while_wanted(statement, (id.0, begin, end), |row: (i64, i64, String)| {
                let (number, ready, segments) = row;
                // Pages of one read may be of two moments; what is readable has no gaps in any.
                let readable = number < ready && number == next;
                if readable {
                    chunks.push(from_json(&segments));
                    next += 1;
                }
                readable
            })
            .await?;
        chunks.into_iter().collect()
    }

    /// Lists the numbers of all stored chunks in order.
    pub(super) async fn chunk_numbers(&self, id: JobId) -> Result<Vec<u32>, Failure> {
        let mut numbers = Vec::new();
        let statement = &self.db.say.chunk_numbers;
        self.db
            .while_wanted(statement, (id.0, 0_i64), |(number,): (i64,)| {
                numbers.extend(u32::try_from(number));
                true
            })
            .await?;
        Ok(numbers)
    }
}
