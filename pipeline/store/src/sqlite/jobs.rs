//! Jobs, their recordings and their text in tables.
//!
//! Every change reads the job's row, applies a [`transition`], and writes the row back, inside the
//! writer's transaction.

use rusqlite::{Connection, OptionalExtension, Row, named_params};
use scribed_schemas::id::{AccountId, JobId, MediaId};
use scribed_schemas::job::Job;
use scribed_schemas::media::Media;
use scribed_schemas::outbox::Told;
use scribed_schemas::time::Timestamp;
use scribed_schemas::transcript::Segments;

use super::failure::Failure;
use super::queries::{
    ACTIVE, CHUNKS, COUNT_CLAIMABLE, COUNT_LOST, FIRST_CLAIMABLE, FIRST_LOST, HELD, NUMBERS,
    OLDEST_CLAIMABLE, OLDEST_LOST, PAGE_OF_ALL, PAGE_OF_OWNER, SINCE, UNTOLD,
};
use super::row::{self, Json};
use crate::error::ErrorKind;
use crate::store::{
    Backlog, ClaimRequest, FactsNote, JobPage, NewJob, Outcome, PutChunk, Submitted,
};
use crate::transition;

/// Records a recording; a repeat changes nothing.
pub(super) fn create_media(db: &Connection, media: &Media) -> Result<(), Failure> {
    db.prepare_cached(
        "INSERT INTO media (id, owner, key, file_name, content_type, size, created)
         VALUES (:id, :owner, :key, :file_name, :content_type, :size, :created)
         ON CONFLICT (id) DO NOTHING",
    )?
    .execute(named_params! {
        ":id": media.id.0,
        ":owner": media.owner.0,
        ":key": media.key,
        ":file_name": media.file_name,
        ":content_type": media.content_type,
        ":size": i64::try_from(media.size).unwrap_or(i64::MAX),
        ":created": media.created.0,
    })?;
    Ok(())
}

/// Finds a recording.
pub(super) fn media(db: &Connection, id: MediaId) -> Result<Option<Media>, Failure> {
    let mut statement = db.prepare_cached("SELECT * FROM media WHERE id = ?1")?;
    Ok(statement.query_row([id.0], row::media).optional()?)
}

/// Creates a job unless its submission came before.
pub(super) fn submit(db: &Connection, new: &NewJob) -> Result<Submitted, Failure> {
    if let Some(earlier) = earlier(db, new)? {
        return Ok(earlier);
    }
    if let Some(job) = row::find_job(db, new.id)? {
        return Ok(transition::repeated(job, new)?);
    }
    if new.one_active {
        let active = db.prepare_cached(ACTIVE)?.query_row([new.owner.0], |row| row.get(0));
        if let Some(active) = active.optional()? {
            return Ok(Submitted::ActiveJob(JobId(active)));
        }
    }
    let job = transition::submitted(new);
    if let Some(media) = &new.media {
        create_media(db, media)?;
    }
    row::insert_job(db, &job)?;
    if let Some(name) = &new.idempotency {
        db.prepare_cached(
            "INSERT INTO submissions (owner, key, fingerprint, job) VALUES (?1, ?2, ?3, ?4)",
        )?
        .execute((new.owner.0, &name.key, &name.fingerprint, job.id.0))?;
    }
    Ok(Submitted::Created(job))
}

/// Finds what the caller's key stands for.
fn earlier(db: &Connection, new: &NewJob) -> Result<Option<Submitted>, Failure> {
    let Some(name) = &new.idempotency else {
        return Ok(None);
    };
    let found = db
        .prepare_cached("SELECT fingerprint, job FROM submissions WHERE owner = ?1 AND key = ?2")?
        .query_row((new.owner.0, &name.key), |row| {
            Ok((row.get::<_, String>(0)?, JobId(row.get(1)?)))
        })
        .optional()?;
    let Some((fingerprint, id)) = found else {
        return Ok(None);
    };
    if !name.agrees_with(&fingerprint) {
        return Ok(Some(Submitted::Conflict));
    }
    Ok(row::find_job(db, id)?.map(Submitted::Existing))
}

/// Lists jobs, newest first; page and total are of one moment.
pub(super) fn list(
    db: &Connection,
    owner: Option<AccountId>,
    offset: u64,
    limit: u32,
) -> Result<JobPage, Failure> {
    let moment = db.unchecked_transaction()?;
    let offset = i64::try_from(offset).unwrap_or(i64::MAX);
    let (total, jobs): (i64, Vec<Job>) = match owner {
        Some(owner) => (
            moment
                .prepare_cached("SELECT coalesce(sum(jobs), 0) FROM job_counts WHERE owner = ?1")?
                .query_row([owner.0], |row| row.get(0))?,
            moment
                .prepare_cached(PAGE_OF_OWNER)?
                .query_map((limit, offset, owner.0), row::job)?
                .collect::<Result<_, _>>()?,
        ),
        None => (
            moment
                .prepare_cached("SELECT coalesce(sum(jobs), 0) FROM job_counts")?
                .query_row([], |row| row.get(0))?,
            moment
                .prepare_cached(PAGE_OF_ALL)?
                .query_map((limit, offset), row::job)?
                .collect::<Result<_, _>>()?,
        ),
    };
    Ok(JobPage { total: u64::try_from(total).unwrap_or(0), jobs })
}

/// Lists jobs of an owner behind the last one seen, newest first.
pub(super) fn list_since(
    db: &Connection,
    owner: AccountId,
    since: Timestamp,
    behind: Option<(Timestamp, JobId)>,
    limit: u32,
) -> Result<Vec<Job>, Failure> {
    let (created, id) = behind.map_or((i64::MAX, i64::MAX), |(created, id)| (created.0, id.0));
    let mut statement = db.prepare_cached(SINCE)?;
    let jobs = statement.query_map((owner.0, since.0, created, id, limit), row::job)?;
    Ok(jobs.collect::<Result<_, _>>()?)
}

/// Counts the jobs that a claim could take.
pub(super) fn backlog(db: &Connection, now: Timestamp, limit: u32) -> Result<Backlog, Failure> {
    let count = |query| -> Result<u32, Failure> {
        Ok(db.prepare_cached(query)?.query_row((now.0, limit), |row| row.get(0))?)
    };
    let waiting = count(COUNT_CLAIMABLE)?.saturating_add(count(COUNT_LOST)?).min(limit);
    let mut submitted = Vec::new();
    for is_standard in [false, true] {
        let mut oldest = db.prepare_cached(OLDEST_CLAIMABLE)?;
        let oldest = oldest.query_row((now.0, is_standard), |row| row.get(0)).optional()?;
        submitted.extend(oldest.map(Timestamp));
    }
    let mut lost = db.prepare_cached(OLDEST_LOST)?;
    let lost = lost.query_row([now.0], |row| row.get::<_, Option<i64>>(0))?;
    submitted.extend(lost.map(Timestamp));
    Ok(Backlog { waiting, oldest: submitted.into_iter().min() })
}

/// Takes the next eligible job.
pub(super) fn claim(db: &Connection, claim: &ClaimRequest) -> Result<Option<Job>, Failure> {
    let place = |row: &Row<'_>| {
        Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?, JobId(row.get::<_, i64>(2)?)))
    };
    let first = |query| db.prepare_cached(query)?.query_row([claim.now.0], place).optional();
    let (claimable, lost) = (first(FIRST_CLAIMABLE)?, first(FIRST_LOST)?);
    match claimable.into_iter().chain(lost).min() {
        Some((_, _, id)) => claim_job(db, id, claim),
        None => Ok(None),
    }
}

/// Takes one job if it is eligible.
pub(super) fn claim_job(
    db: &Connection,
    id: JobId,
    claim: &ClaimRequest,
) -> Result<Option<Job>, Failure> {
    let found = row::find_job(db, id)?;
    let Some(mut job) = found.filter(|job| transition::is_eligible(job, claim.now)) else {
        return Ok(None);
    };
    transition::claimed(&mut job, claim);
    row::save_job(db, &job)?;
    Ok(Some(job))
}

/// Changes a job whose lease the caller holds, and returns it.
pub(super) fn change_leased(
    db: &Connection,
    id: JobId,
    fence: i64,
    change: impl FnOnce(&mut Job),
) -> Result<Job, Failure> {
    let mut job = row::find_job(db, id)?.ok_or(ErrorKind::NotFound)?;
    transition::check_fence(&job, fence)?;
    change(&mut job);
    row::save_job(db, &job)?;
    Ok(job)
}

/// Notes what is known of a recording, and stores one that was fetched.
pub(super) fn note(db: &Connection, id: JobId, fence: i64, note: FactsNote) -> Result<(), Failure> {
    // First the row that the job will refer to; what is refused is rolled back with it.
    if let Some(media) = &note.media {
        create_media(db, media)?;
    }
    change_leased(db, id, fence, |job| transition::noted(job, note)).map(drop)
}

/// Hands back what a holder has.
pub(super) fn release_holder(
    db: &Connection,
    holder: &str,
    now: Timestamp,
) -> Result<u64, Failure> {
    let mut statement = db.prepare_cached(HELD)?;
    let held = statement.query_map([holder], row::job)?.collect::<Result<Vec<Job>, _>>()?;
    for mut job in held.iter().cloned() {
        transition::finished(&mut job, Outcome::Released, now);
        row::save_job(db, &job)?;
    }
    Ok(held.len() as u64)
}

/// Stores a chunk, first write wins.
pub(super) fn put_chunk(
    db: &Connection,
    id: JobId,
    fence: i64,
    chunk: Segments,
    now: Timestamp,
) -> Result<PutChunk, Failure> {
    let mut job = row::find_job(db, id)?.ok_or(ErrorKind::NotFound)?;
    transition::check_fence(&job, fence)?;
    let stored = db
        .prepare_cached("SELECT segments FROM chunks WHERE job = ?1 AND number = ?2")?
        .query_row((id.0, chunk.chunk), |row| row.get::<_, Json<Segments>>(0))
        .optional()?;
    if let Some(Json(stored)) = stored {
        return Ok(transition::compared(&stored, &chunk));
    }
    if chunk.chunk == 0 {
        job.description = transition::description(&chunk);
    }
    let chunk = transition::storable(chunk);
    db.prepare_cached("INSERT INTO chunks (job, number, segments) VALUES (?1, ?2, ?3)")?
        .execute((id.0, chunk.chunk, Json(&chunk)))?;
    let mut statement = db.prepare_cached(NUMBERS)?;
    for number in statement.query_map((id.0, job.ready_chunks), |row| row.get::<_, u32>(0))? {
        if number? != job.ready_chunks {
            break;
        }
        job.ready_chunks += 1;
    }
    job.updated = now;
    row::save_job(db, &job)?;
    Ok(PutChunk::Stored)
}

/// Reads readable chunks in order.
pub(super) fn chunks(
    db: &Connection,
    id: JobId,
    from: u32,
    limit: u32,
) -> Result<Vec<Segments>, Failure> {
    let mut statement = db.prepare_cached(CHUNKS)?;
    let end = from.saturating_add(limit);
    let found = statement.query_map((id.0, from, end), |row| row.get::<_, Json<Segments>>(0))?;
    Ok(found.map(|chunk| chunk.map(|json| json.0)).collect::<Result<_, _>>()?)
}

/// Lists the numbers of all stored chunks.
pub(super) fn stored_chunks(db: &Connection, id: JobId) -> Result<Vec<u32>, Failure> {
    let mut statement = db.prepare_cached(NUMBERS)?;
    let numbers = statement.query_map((id.0, 0), |row| row.get(0))?;
    Ok(numbers.collect::<Result<_, _>>()?)
}

/// Cancels a job unless it is terminal.
pub(super) fn cancel(db: &Connection, id: JobId, now: Timestamp) -> Result<Option<Job>, Failure> {
    let mut job = row::find_job(db, id)?.ok_or(ErrorKind::NotFound)?;
    if !transition::cancelled(&mut job, now) {
        return Ok(None);
    }
    row::save_job(db, &job)?;
    Ok(Some(job))
}

/// Notes what was published about a job.
pub(super) fn told(db: &Connection, id: JobId, told: Told) -> Result<(), Failure> {
    if let Some(mut job) = row::find_job(db, id)?
        && transition::told(&mut job, told)
    {
        row::save_job(db, &job)?;
    }
    Ok(())
}

/// Lists jobs of which nobody tells the news.
pub(super) fn untold(
    db: &Connection,
    before: Timestamp,
    after: Option<JobId>,
    limit: u32,
) -> Result<Vec<JobId>, Failure> {
    let after = after.map_or(i64::MIN, |job| job.0);
    let mut statement = db.prepare_cached(UNTOLD)?;
    let ids = statement.query_map((after, before.0, limit), |row| row.get(0).map(JobId))?;
    Ok(ids.collect::<Result<_, _>>()?)
}
