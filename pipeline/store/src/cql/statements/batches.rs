//! Batches: several statements that are one change of one partition.

use scylla::statement::batch::{Batch, BatchStatement, BatchType};

use super::{Profiles, Statements};

impl Statements {
    /// Returns a chunk, and what its job says of it, as one change of one partition.
    ///
    /// Both databases take a condition on static columns beside a plain insert, as long as all is in
    /// one partition; the condition covers the whole.
    pub(in super::super) fn put_chunk(&self, profiles: &Profiles) -> Batch {
        let halves = [&self.save_chunk_count, &self.add_chunk];
        let halves = halves.map(|half| BatchStatement::PreparedStatement(half.clone()));
        // One partition needs no log, and a condition makes it atomic anyway.
        let mut batch = Batch::new_with_statements(BatchType::Unlogged, halves.into());
        batch.set_execution_profile_handle(Some(profiles.change.clone()));
        batch
    }

    /// Returns the deletion of some chunks of one job, as one change of one partition; as
    /// [`put_chunk`](Self::put_chunk).
    pub(in super::super) fn remove_chunks(&self, profiles: &Profiles, chunks: usize) -> Batch {
        let touch = BatchStatement::PreparedStatement(self.touch_job.clone());
        let chunk = BatchStatement::PreparedStatement(self.remove_chunk.clone());
        let statements = std::iter::once(touch).chain(std::iter::repeat_n(chunk, chunks));
        let mut batch = Batch::new_with_statements(BatchType::Unlogged, statements.collect());
        batch.set_execution_profile_handle(Some(profiles.change.clone()));
        batch
    }
}
