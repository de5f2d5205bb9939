//! Deletion: a job with everything that belongs to it, in one transaction.

use rusqlite::Connection;
use scribed_schemas::id::JobId;

use super::failure::Failure;
use super::row;
use crate::store::Deleted;
use crate::transition;

/// Deletes a job that is done; its chunks and its key go with it by themselves.
pub(super) fn delete(db: &Connection, id: JobId) -> Result<Deleted, Failure> {
    let Some(job) = row::find_job(db, id)? else { return Ok(Deleted::Missing) };
    if let Some(why) = transition::undeletable(&job) {
        return Ok(why);
    }
    db.prepare_cached("DELETE FROM jobs WHERE id = ?1")?.execute([id.0])?;
    if let Some(media) = job.media {
        db.prepare_cached("DELETE FROM media WHERE id = ?1")?.execute([media.0])?;
    }
    Ok(Deleted::Gone)
}
