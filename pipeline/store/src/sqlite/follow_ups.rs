//! What jobs wait for before they may be worked on, and what follows those that are done.

use rusqlite::{Connection, OptionalExtension};
use scribed_schemas::callback::Delivery;
use scribed_schemas::id::JobId;
use scribed_schemas::job::Job;
use scribed_schemas::time::Timestamp;

use super::failure::Failure;
use super::jobs::create_media;
use super::queries::FOLLOW_UPS;
use super::row;
use crate::error::ErrorKind;
use crate::store::{Supplied, Supply};
use crate::transition;

/// Gives a job something that it waits for.
pub(super) fn supply(
    db: &Connection,
    id: JobId,
    supply: &Supply,
    now: Timestamp,
) -> Result<Supplied, Failure> {
    let mut job = row::find_job(db, id)?.ok_or(ErrorKind::NotFound)?;
    if let Supply::Media { key: Some(name), .. } = supply {
        let other = db
            .prepare_cached("SELECT job FROM submissions WHERE owner = ?1 AND key = ?2")?
            .query_row((job.owner.0, &name.key), |row| Ok(JobId(row.get(0)?)))
            .optional()?;
        if let Some(other) = other.filter(|other| *other != id) {
            return Ok(Supplied::Taken(other));
        }
    }
    if !transition::supplied(&mut job, supply, now) {
        return Ok(Supplied::Left(job));
    }
    if let Supply::Media { media, key, .. } = supply {
        create_media(db, media)?;
        if let Some(name) = key {
            db.prepare_cached(
                "INSERT INTO submissions (owner, key, fingerprint, job) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT (owner, key) DO NOTHING",
            )?
            .execute((job.owner.0, &name.key, &name.fingerprint, id.0))?;
        }
    }
    row::save_job(db, &job)?;
    Ok(Supplied::Changed(job))
}

/// Notes how far the call of a job got.
pub(super) fn note_delivery(
    db: &Connection,
    id: JobId,
    step: u32,
    delivery: &Delivery,
) -> Result<Option<Job>, Failure> {
    let Some(mut job) = row::find_job(db, id)? else { return Ok(None) };
    if !transition::delivered(&mut job, step, delivery) {
        return Ok(None);
    }
    row::save_job(db, &job)?;
    Ok(Some(job))
}

/// Lists jobs with something that is to follow.
pub(super) fn list(
    db: &Connection,
    due: Option<Timestamp>,
    after: Option<JobId>,
    limit: u32,
) -> Result<Vec<JobId>, Failure> {
    let after = after.map_or(i64::MIN, |id| id.0);
    // The highest number stands for what is never due by itself.
    let due = due.map_or(i64::MAX, |due| due.0.min(i64::MAX - 1));
    let mut statement = db.prepare_cached(FOLLOW_UPS)?;
    let ids = statement.query_map((after, due, limit), |row| Ok(JobId(row.get(0)?)))?;
    Ok(ids.collect::<Result<_, _>>()?)
}
