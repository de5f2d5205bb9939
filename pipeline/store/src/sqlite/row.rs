//! Rows: how the shapes of scribed-schemas stand in tables.

use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, Type, ValueRef};
use rusqlite::{Connection, OptionalExtension, Row, named_params};
use scribed_schemas::account::{Account, Role};
use scribed_schemas::id::{AccountId, JobId, MediaId};
use scribed_schemas::job::{Awaits, Job, JobState, Lease, Priority};
use scribed_schemas::media::Media;
use scribed_schemas::time::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// A value that stands in its column as a JSON document.
pub(super) struct Json<T>(pub(super) T);

impl<T: Serialize> ToSql for Json<T> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        let text = serde_json::to_string(&self.0);
        let text = text.map_err(|e| rusqlite::Error::ToSqlConversionFailure(e.into()))?;
        Ok(text.into())
    }
}

impl<T: DeserializeOwned> FromSql for Json<T> {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let parsed = serde_json::from_slice(value.as_bytes()?);
        parsed.map(Self).map_err(|e| FromSqlError::Other(e.into()))
    }
}

/// Reads an account; the columns by name.
pub(super) fn account(row: &Row<'_>) -> rusqlite::Result<Account> {
    Ok(Account {
        id: AccountId(row.get("id")?),
        username: row.get("username")?,
        password_hash: row.get("password_hash")?,
        role: word(row, "role", Role::parse)?,
        active: row.get("active")?,
        can_interact: row.get("can_interact")?,
        holds_jobs: row.get("holds_jobs")?,
        password_epoch: row.get("password_epoch")?,
        created: Timestamp(row.get("created")?),
        updated: Timestamp(row.get("updated")?),
    })
}

/// Writes an account over the one of its id.
pub(super) fn save_account(db: &Connection, account: &Account) -> rusqlite::Result<usize> {
    db.prepare_cached(
        "UPDATE accounts SET password_hash = :password_hash, role = :role, active = :active,
            can_interact = :can_interact, holds_jobs = :holds_jobs,
            password_epoch = :password_epoch, updated = :updated
         WHERE id = :id",
    )?
    .execute(named_params! {
        ":id": account.id.0,
        ":password_hash": account.password_hash,
        ":role": account.role.as_str(),
        ":active": account.active,
        ":can_interact": account.can_interact,
        ":holds_jobs": account.holds_jobs,
        ":password_epoch": account.password_epoch,
        ":updated": account.updated.0,
    })
}

/// Reads a recording.
pub(super) fn media(row: &Row<'_>) -> rusqlite::Result<Media> {
    let size: i64 = row.get("size")?;
    Ok(Media {
        id: MediaId(row.get("id")?),
        owner: AccountId(row.get("owner")?),
        key: row.get("key")?,
        file_name: row.get("file_name")?,
        content_type: row.get("content_type")?,
        size: u64::try_from(size).unwrap_or(0),
        created: Timestamp(row.get("created")?),
    })
}

/// Reads a job.
pub(super) fn job(row: &Row<'_>) -> rusqlite::Result<Job> {
    let (holder, until) = (row.get("lease_holder")?, row.get("lease_until")?);
    let lease = match (holder, until) {
        (Some(holder), Some(until)) => Some(Lease { holder, until: Timestamp(until) }),
        _ => None,
    };
    Ok(Job {
        id: JobId(row.get("id")?),
        owner: AccountId(row.get("owner")?),
        name: row.get("name")?,
        media: row.get::<_, Option<i64>>("media")?.map(MediaId),
        pipeline: row.get("pipeline")?,
        options: row.get::<_, Json<_>>("options")?.0,
        priority: if row.get("priority")? { Priority::Standard } else { Priority::Priority },
        state: word(row, "state", JobState::parse)?,
        error_count: row.get("error_count")?,
        fault: row.get::<_, Option<Json<_>>>("fault")?.map(|json| json.0),
        facts: row.get::<_, Option<Json<_>>>("facts")?.map(|json| json.0),
        warnings: row.get::<_, Json<_>>("warnings")?.0,
        progress_frames: row.get("progress_frames")?,
        ready_chunks: row.get("ready_chunks")?,
        planned_chunks: row.get("planned_chunks")?,
        chunk_limit_secs: row.get("chunk_limit_secs")?,
        description: row.get("description")?,
        lease,
        fence: row.get("fence")?,
        not_before: Timestamp(row.get("not_before")?),
        created: Timestamp(row.get("created")?),
        updated: Timestamp(row.get("updated")?),
        finished: row.get::<_, Option<i64>>("finished")?.map(Timestamp),
        outbox: row.get::<_, Option<Json<_>>>("outbox")?.map(|json| json.0),
        awaits: row.get::<_, Option<Json<_>>>("awaits")?.map(|json| json.0).unwrap_or_default(),
        follow_up: row.get::<_, Option<Json<_>>>("follow_up")?.map(|json| json.0),
    })
}

/// Finds a job.
pub(super) fn find_job(db: &Connection, id: JobId) -> rusqlite::Result<Option<Job>> {
    db.prepare_cached("SELECT * FROM jobs WHERE id = ?1")?.query_row([id.0], job).optional()
}

/// Adds a job.
pub(super) fn insert_job(db: &Connection, job: &Job) -> rusqlite::Result<usize> {
    let (holder, until) = lease(job);
    db.prepare_cached(
        "INSERT INTO jobs (id, owner, name, media, pipeline, options, priority, state, error_count,
            fault, facts, warnings, progress_frames, ready_chunks, planned_chunks, chunk_limit_secs,
            description, lease_holder, lease_until, fence, not_before, created, updated, finished,
            outbox, has_news, awaits, follow_up, follow_up_due)
         VALUES (:id, :owner, :name, :media, :pipeline, :options, :priority, :state, :error_count,
            :fault, :facts, :warnings, :progress_frames, :ready_chunks, :planned_chunks,
            :chunk_limit_secs, :description, :lease_holder, :lease_until, :fence, :not_before,
            :created, :updated, :finished, :outbox, :has_news, :awaits, :follow_up,
            :follow_up_due)",
    )?
    .execute(named_params! {
        ":id": job.id.0,
        ":owner": job.owner.0,
        ":name": job.name,
        ":media": job.media.map(|media| media.0),
        ":pipeline": job.pipeline,
        ":options": Json(&job.options),
        ":priority": job.priority == Priority::Standard,
        ":state": job.state.as_str(),
        ":error_count": job.error_count,
        ":fault": job.fault.as_ref().map(Json),
        ":facts": job.facts.as_ref().map(Json),
        ":warnings": Json(&job.warnings),
        ":progress_frames": job.progress_frames,
        ":ready_chunks": job.ready_chunks,
        ":planned_chunks": job.planned_chunks,
        ":chunk_limit_secs": job.chunk_limit_secs,
        ":description": job.description,
        ":lease_holder": holder,
        ":lease_until": until,
        ":fence": job.fence,
        ":not_before": job.not_before.0,
        ":created": job.created.0,
        ":updated": job.updated.0,
        ":finished": job.finished.map(|at| at.0),
        ":outbox": job.outbox.as_ref().map(Json),
        ":has_news": job.has_news(),
        ":awaits": awaits(job),
        ":follow_up": job.follow_up.as_ref().map(Json),
        ":follow_up_due": follow_up_due(job),
    })
}

/// Writes what may change in a job over the row of its id.
pub(super) fn save_job(db: &Connection, job: &Job) -> rusqlite::Result<usize> {
    let (holder, until) = lease(job);
    db.prepare_cached(
        "UPDATE jobs SET media = :media, options = :options, priority = :priority, state = :state,
            error_count = :error_count, fault = :fault, facts = :facts, warnings = :warnings,
            progress_frames = :progress_frames, ready_chunks = :ready_chunks,
            planned_chunks = :planned_chunks, description = :description,
            lease_holder = :lease_holder, lease_until = :lease_until, fence = :fence,
            not_before = :not_before, updated = :updated, finished = :finished,
            outbox = :outbox, has_news = :has_news, awaits = :awaits, follow_up = :follow_up,
            follow_up_due = :follow_up_due
         WHERE id = :id",
    )?
    .execute(named_params! {
        ":id": job.id.0,
        ":media": job.media.map(|media| media.0),
        ":options": Json(&job.options),
        ":priority": job.priority == Priority::Standard,
        ":state": job.state.as_str(),
        ":error_count": job.error_count,
        ":fault": job.fault.as_ref().map(Json),
        ":facts": job.facts.as_ref().map(Json),
        ":warnings": Json(&job.warnings),
        ":progress_frames": job.progress_frames,
        ":ready_chunks": job.ready_chunks,
        ":planned_chunks": job.planned_chunks,
        ":description": job.description,
        ":lease_holder": holder,
        ":lease_until": until,
        ":fence": job.fence,
        ":not_before": job.not_before.0,
        ":updated": job.updated.0,
        ":finished": job.finished.map(|at| at.0),
        ":outbox": job.outbox.as_ref().map(Json),
        ":has_news": job.has_news(),
        ":awaits": awaits(job),
        ":follow_up": job.follow_up.as_ref().map(Json),
        ":follow_up_due": follow_up_due(job),
    })
}

/// Returns what a job waits for as its column.
fn awaits(job: &Job) -> Option<Json<Awaits>> {
    (!job.awaits.is_nothing()).then_some(Json(job.awaits))
}

/// Returns when something is next to follow as its column.
fn follow_up_due(job: &Job) -> Option<i64> {
    let open = job.follow_up.as_ref().filter(|follow_up| follow_up.is_open());
    open.map(|follow_up| follow_up.due().map_or(i64::MAX, |due| due.0))
}

/// Returns a lease as its two columns.
fn lease(job: &Job) -> (Option<&str>, Option<i64>) {
    job.lease.as_ref().map(|lease| (lease.holder.as_str(), lease.until.0)).unzip()
}

/// Reads a column that holds one of a closed list of words.
pub(super) fn word<T>(
    row: &Row<'_>,
    column: &str,
    parse: fn(&str) -> Option<T>,
) -> rusqlite::Result<T> {
    let stored: String = row.get(column)?;
    parse(&stored).ok_or_else(|| {
        let index = row.as_ref().column_index(column).unwrap_or(0);
        let unknown = format!("{column} holds the unknown word {stored:?}");
        rusqlite::Error::FromSqlConversionFailure(index, Type::Text, unknown.into())
    })
}
