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
use super::row::{self, Json};
use crate::error::ErrorKind;
use crate::store::{
    Backlog, ClaimRequest, FactsNote, JobPage, NewJob, Outcome, PutChunk, Submitted,
};
use crate::transition;

/// The first claimable job; reads one entry of `jobs_claimable` and those before it that wait.
pub(super) const FIRST_CLAIMABLE: &str = "SELECT priority, created, id FROM jobs
     WHERE state IN ('queued', 'processing_error') AND not_before <= ?1
     ORDER BY priority, created, id LIMIT 1";

/// The first job whose lease has run out; reads those entries of `jobs_leased`.
pub(super) const FIRST_LOST: &str = "SELECT priority, created, id FROM jobs
     WHERE state = 'in_progress' AND lease_until <= ?1
     ORDER BY priority, created, id LIMIT 1";

/// How many jobs could be claimed, of the first ?2; reads `jobs_claimable` alone.
pub(super) const COUNT_CLAIMABLE: &str = "SELECT count(*) FROM (SELECT 1 FROM jobs
     WHERE state IN ('queued', 'processing_error') AND not_before <= ?1
     ORDER BY priority, created, id LIMIT ?2)";

/// How many leases have run out, of the first ?2; reads those entries of `jobs_leased`.
pub(super) const COUNT_LOST: &str = "SELECT count(*) FROM (SELECT 1 FROM jobs
     WHERE state = 'in_progress' AND lease_until <= ?1 LIMIT ?2)";

/// When the oldest claimable job of a priority was submitted; reads as [`FIRST_CLAIMABLE`] does.
pub(super) const OLDEST_CLAIMABLE: &str = "SELECT created FROM jobs
     WHERE state IN ('queued', 'processing_error') AND not_before <= ?1 AND priority = ?2
     ORDER BY created, id LIMIT 1";

/// When the oldest job whose lease has run out was submitted; reads those entries of `jobs_leased`.
///
/// The `+` keeps SQLite from walking all jobs by age until it finds one
/// (<https://sqlite.org/optoverview.html> §1).
pub(super) const OLDEST_LOST: &str = "SELECT min(+created) FROM jobs
     WHERE state = 'in_progress' AND lease_until <= ?1";

/// The jobs that a holder has; reads the entries of `jobs_leased`, which are as many as run.
pub(super) const HELD: &str =
    "SELECT * FROM jobs WHERE state = 'in_progress' AND lease_until IS NOT NULL
       AND lease_holder = ?1";

/// A page of all jobs; passes over what comes before it in `jobs_by_created` alone.
///
/// CROSS JOIN keeps SQLite from beginning with the table (<https://sqlite.org/optoverview.html>
/// §7.3).
pub(super) const PAGE_OF_ALL: &str = "SELECT jobs.* FROM
     (SELECT id FROM jobs ORDER BY created DESC, id DESC LIMIT ?1 OFFSET ?2) AS page
     CROSS JOIN jobs ON jobs.id = page.id ORDER BY jobs.created DESC, jobs.id DESC";

/// A page of one owner's jobs; passes over what comes before it in `jobs_by_owner` alone.
pub(super) const PAGE_OF_OWNER: &str = "SELECT jobs.* FROM
     (SELECT id FROM jobs WHERE owner = ?3 ORDER BY created DESC, id DESC LIMIT ?1 OFFSET ?2)
     AS page
     CROSS JOIN jobs ON jobs.id = page.id ORDER BY jobs.created DESC, jobs.id DESC";

/// Jobs of owner ?1 since ?2, behind the instant ?3 and the id ?4; walks `jobs_by_owner` from there.
pub(super) const SINCE: &str = "SELECT * FROM jobs
     WHERE owner = ?1 AND created >= ?2 AND (created, id) < (?3, ?4)
     ORDER BY created DESC, id DESC LIMIT ?5";

/// Jobs behind ?1 with news since ?2 or longer that nobody works on.
pub(super) const UNTOLD: &str = "SELECT id FROM jobs
     WHERE has_news = 1 AND state <> 'in_progress' AND id > ?1 AND updated <= ?2
     ORDER BY id LIMIT ?3";

/// Jobs behind ?1 with something that is to follow and is due at ?2; reads those entries of
/// `jobs_follow_up` and sorts them, since few are due and many may be open.
pub(super) const FOLLOW_UPS: &str = "SELECT id FROM jobs INDEXED BY jobs_follow_up
     WHERE follow_up_due IS NOT NULL AND follow_up_due <= ?2 AND id > ?1 ORDER BY id LIMIT ?3";

/// The newest job of an owner that is not done.
pub(super) const ACTIVE: &str = "SELECT id FROM jobs WHERE owner = ?1 AND finished IS NULL
     ORDER BY created DESC, id DESC LIMIT 1";

/// Readable chunks from ?2, before ?3.
pub(super) const CHUNKS: &str = "SELECT segments FROM chunks
     WHERE job = ?1 AND number >= ?2
       AND number < min(?3, (SELECT ready_chunks FROM jobs WHERE id = ?1))
     ORDER BY number";

/// The numbers of stored chunks from ?2 on; reads the key index alone.
pub(super) const NUMBERS: &str =
    "SELECT number FROM chunks WHERE job = ?1 AND number >= ?2 ORDER BY number";

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

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns how SQLite would run a statement, one line a step.
    fn plan(statement: &str) -> String {
        let mut db = Connection::open_in_memory().unwrap();
        super::super::schema::migrate(&mut db).unwrap();
        let mut explained = db.prepare(&format!("EXPLAIN QUERY PLAN {statement}")).unwrap();
        let unbound = vec![rusqlite::types::Null; explained.parameter_count()];
        let unbound = rusqlite::params_from_iter(unbound);
        let steps = explained.query_map(unbound, |row| row.get::<_, String>("detail")).unwrap();
        steps.map(Result::unwrap).collect::<Vec<_>>().join("\n")
    }

    #[track_caller]
    fn check(statement: &str, index: &str) {
        let plan = plan(statement);
        assert!(plan.contains(index), "{statement}\n{plan}");
        // A scan is fine where it walks a narrow index in order and stops at a limit.
        let scans =
            plan.lines().filter(|step| step.contains("SCAN jobs") || step.contains("SCAN chunks"));
        for scan in scans {
            assert!(scan.contains("USING COVERING INDEX"), "{statement}\n{plan}");
        }
    }

    #[test]
    fn no_statement_reads_a_whole_table() {
        check(FIRST_CLAIMABLE, "USING COVERING INDEX jobs_claimable");
        check(FIRST_LOST, "USING INDEX jobs_leased (lease_until<?)");
        check(COUNT_CLAIMABLE, "USING COVERING INDEX jobs_claimable");
        check(OLDEST_CLAIMABLE, "USING COVERING INDEX jobs_claimable (priority=?)");
        check(COUNT_LOST, "INDEX jobs_leased (lease_until<?)");
        check(OLDEST_LOST, "USING INDEX jobs_leased (lease_until<?)");
        check(HELD, "USING INDEX jobs_leased");
        check(PAGE_OF_ALL, "USING COVERING INDEX jobs_by_created");
        check(PAGE_OF_OWNER, "USING COVERING INDEX jobs_by_owner (owner=?)");
        check(SINCE, "USING INDEX jobs_by_owner (owner=? AND created>? AND created<?)");
        check(UNTOLD, "USING INDEX jobs_untold (id>?)");
        check(FOLLOW_UPS, "USING COVERING INDEX jobs_follow_up (follow_up_due");
        check(ACTIVE, "USING INDEX jobs_open (owner=?)");
        check(CHUNKS, "(job=? AND number>? AND number<?)");
        check(NUMBERS, "USING COVERING INDEX sqlite_autoindex_chunks_1 (job=? AND number>?)");
    }

    #[test]
    fn claims_need_no_sorting() {
        let plan = plan(FIRST_CLAIMABLE);
        assert!(!plan.contains("TEMP B-TREE"), "{plan}");
    }
}
