//! Exports: the stored text of a job as a document.
//!
//! The text is read page by page and fed to the renderer as it comes, so an export of a long recording
//! holds a few pages and the document, never all chunks.

use scribed_schemas::id::JobId;
use scribed_schemas::job::{Job, JobState};
use scribed_schemas::transcript::Segments;
use tokio::sync::mpsc;
use tracing::Instrument as _;

use crate::engine::Engine;
use crate::error::{Error, RenderError};
use crate::plan::Options;
use crate::runner::{Document, Part, Watch};
use crate::spans;

/// Chunks that are read from the store at once.
const PAGE: u32 = 100;

/// Chunks that wait for the renderer.
const CHUNKS_AHEAD: usize = 16;

/// A document, ready to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    /// The file's bytes.
    pub bytes: Vec<u8>,
    /// Its content type.
    pub media_type: String,
    /// Its file name extension, without a dot.
    pub extension: String,
}

/// What becomes of each chunk on its way to the renderer; what is stored stays as it is.
type Change = fn(&mut Segments);

impl Engine {
    /// Makes a document of the text of a job as far as it is readable now.
    ///
    /// # Errors
    /// Says why there is none.
    ///
    /// # Cancel safety
    /// Cancel safe: nothing is changed.
    pub async fn render(&self, job: JobId, format: &str) -> Result<Rendered, RenderError> {
        self.render_changed(job, format, |_| ()).await
    }

    /// Does as [`render`](Self::render), of a text that is changed before it is drawn: whatever the
    /// format, the document has the changed text.
    ///
    /// # Errors
    /// Says why there is none.
    ///
    /// # Cancel safety
    /// Cancel safe: nothing is changed that is stored.
    pub async fn render_changed(
        &self,
        job: JobId,
        format: &str,
        change: fn(&mut Segments),
    ) -> Result<Rendered, RenderError> {
        let span = spans::rendering(job, format);
        let rendered = make(self, job, format, change).instrument(span.clone()).await;
        if let Ok(document) = &rendered {
            spans::rendered(&span, document);
        }
        rendered
    }
}

async fn make(
    engine: &Engine,
    id: JobId,
    format: &str,
    change: Change,
) -> Result<Rendered, RenderError> {
    let job = engine.store().job(id).await?.ok_or(RenderError::NoSuchJob(id))?;
    let plan = engine.plans().plan(Some(&job.pipeline))?;
    let part = plan.renderer(format, &options(engine, &job).await?);
    let part = part.ok_or_else(|| RenderError::NoSuchFormat {
        asked: format.to_owned(),
        known: plan.formats().map(str::to_owned).collect(),
    })?;
    let is_done = matches!(job.state, JobState::Completed | JobState::CompletedPartially);
    if job.ready_chunks == 0 && !is_done {
        return Err(RenderError::NoText(id));
    }
    let Document { bytes, media_type, extension } = draw(engine, &job, part, change).await?;
    Ok(Rendered { bytes, media_type, extension })
}

/// Collects what a renderer may want to know of a job.
async fn options(engine: &Engine, job: &Job) -> Result<Options, Error> {
    let mut options = Options::of(job);
    if let Some(owner) = engine.store().account(job.owner).await? {
        options.set("owner", owner.username);
    }
    Ok(options)
}

/// Runs the renderer and feeds it.
async fn draw(engine: &Engine, job: &Job, part: Part, change: Change) -> Result<Document, Error> {
    // The semaphore is never closed, so the only other answer cannot come.
    let _permit = engine.shared.renders.acquire().await.ok();
    let watch = Watch { job: Some(job.id), ..Watch::default() };
    let _stops_with_us = watch.cancel.trip_on_drop();
    let (pages, text) = mpsc::channel(CHUNKS_AHEAD);
    let drawing = engine.runner().render(part, text, watch);
    let (fed, drawn) = tokio::join!(feed(engine, job, pages, change), drawing);
    // A page that could not be read explains a document that could not be made, not the reverse.
    fed?;
    Ok(drawn?)
}

/// Sends the readable chunks in order; ends early, without error, when nobody listens any more.
async fn feed(
    engine: &Engine,
    job: &Job,
    pages: mpsc::Sender<Segments>,
    change: Change,
) -> Result<(), scribed_store::Error> {
    let mut next = 0;
    while next < job.ready_chunks {
        let limit = PAGE.min(job.ready_chunks - next);
        let page = engine.store().chunks(job.id, next, limit).await?;
        if page.is_empty() {
            break;
        }
        for mut chunk in page {
            next = chunk.chunk + 1;
            change(&mut chunk);
            if pages.send(chunk).await.is_err() {
                return Ok(());
            }
        }
    }
    Ok(())
}
