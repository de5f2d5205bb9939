//! Removal: a job goes for good, with its text and its recording.
//!
//! The bytes go first and the rows last: whatever a crash leaves is still a job, and a repeat completes
//! the work. Nobody needs the bytes of a job that is done.

use scribed_schemas::id::JobId;
use scribed_store::Deleted;

use crate::engine::Engine;
use crate::error::Result;

/// See [`Engine::remove`].
pub(crate) async fn remove(engine: &Engine, id: JobId) -> Result<Deleted> {
    let store = engine.store();
    let Some(job) = store.job(id).await? else { return Ok(Deleted::Missing) };
    if !job.state.is_terminal() {
        return Ok(Deleted::Open);
    }
    if job.has_news() {
        return Ok(Deleted::Untold);
    }
    if let Some(media) = job.media
        && let Some(media) = store.media(media).await?
        && media.goes_with_its_job()
    {
        engine.media().delete(&media.key).await?;
    }
    Ok(store.delete_job(id).await?)
}
