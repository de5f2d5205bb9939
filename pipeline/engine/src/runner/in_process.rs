//! Stages in this process, on blocking threads.
//!
//! The head of a job has a thread of its own for as long as it lasts; a recogniser and a renderer have
//! one during their calls. Stages are opened and closed on these threads too, since both may take long.
//! A stage that breaks memory takes the process with it; that is what worker processes are for.

use std::io;
use std::ops::ControlFlow;
use std::sync::Arc;

use async_trait::async_trait;
use scribed_media::MediaReader;
use scribed_plugin_host::{Catalog, Input, MediaInput, Output, ReadAt};
use scribed_schemas::chunk::ChunkBlock;
use scribed_schemas::transcript::Segments;
use tokio::sync::mpsc;

use super::chain::Chain;
use super::{
    Chunk, Cut, Document, Part, Reason, Recogniser, Recording, RunError, StageRunner, Watch,
};
use crate::plan::Plans;

/// Runs stages of a catalog in this process.
#[derive(Debug, Clone)]
pub struct InProcess {
    catalog: Catalog,
}

impl InProcess {
    /// Makes a runner over a catalog.
    pub const fn new(catalog: Catalog) -> Self {
        Self { catalog }
    }

    /// Opens every stage of every plan once, to see whether it accepts its options, and returns the
    /// refusals with the pipeline's name. Blocking; a recogniser reads its model.
    pub fn check_options(&self, plans: &Plans) -> Vec<(String, RunError)> {
        let mut refusals = Vec::new();
        for plan in plans.iter() {
            for call in plan.stages() {
                let part = Part { stages: vec![call], group: None };
                if let Err(error) = Chain::open(&self.catalog, &part, &Watch::default()) {
                    refusals.push((plan.name.clone(), error));
                }
            }
        }
        refusals
    }
}

#[async_trait]
impl StageRunner for InProcess {
    async fn cut(
        &self,
        head: Part,
        recording: Recording,
        chunks: mpsc::Sender<Chunk>,
        watch: Watch,
    ) -> Result<Cut, RunError> {
        let catalog = self.catalog.clone();
        blocking(&head.clone(), move || cut(&catalog, &head, &recording, &chunks, &watch)).await
    }

    async fn recogniser(&self, part: Part, watch: Watch) -> Result<Box<dyn Recogniser>, RunError> {
        let catalog = self.catalog.clone();
        let opened = part.clone();
        let chain = blocking(&part, move || Chain::open(&catalog, &opened, &watch)).await?;
        Ok(Box::new(OpenRecogniser { part, chain: Some(chain) }))
    }

    async fn render(
        &self,
        renderer: Part,
        text: mpsc::Receiver<Segments>,
        watch: Watch,
    ) -> Result<Document, RunError> {
        let catalog = self.catalog.clone();
        blocking(&renderer.clone(), move || render(&catalog, &renderer, text, &watch)).await
    }

    async fn probe(&self, first: Part, recording: Recording, watch: Watch) -> Result<(), RunError> {
        let catalog = self.catalog.clone();
        blocking(&first.clone(), move || probe(&catalog, &first, &recording, &watch)).await
    }
}

/// Cuts a recording.
fn cut(
    catalog: &Catalog,
    head: &Part,
    recording: &Recording,
    chunks: &mpsc::Sender<Chunk>,
    watch: &Watch,
) -> Result<Cut, RunError> {
    let mut chain = Chain::open(catalog, head, watch)?;
    let (mut count, mut wrong, mut is_unwanted) = (0, None, false);
    let mut take = |output: Output<'_>| {
        let Output::Chunk(chunk) = output else {
            wrong = Some(output.kind());
            return ControlFlow::Break(());
        };
        count += 1;
        is_unwanted = watch.cancel.is_tripped() || chunks.blocking_send(owned(&chunk)).is_err();
        if is_unwanted { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    with_media(recording, |media| chain.process(media, &mut |output| take(output)))?;
    chain.flush(&mut |output| take(output))?;
    if let Some(kind) = wrong {
        return Err(last_of(head, Reason::Failed, &format!("it emitted {kind} instead of CHUNK")));
    }
    if is_unwanted || watch.cancel.is_tripped() {
        return Err(last_of(head, Reason::Cancelled, "cancelled"));
    }
    Ok(Cut { chunks: count, frames: chain.audio_end() })
}

/// Looks at the beginning of a recording.
fn probe(
    catalog: &Catalog,
    first: &Part,
    recording: &Recording,
    watch: &Watch,
) -> Result<(), RunError> {
    let mut chain = Chain::open(catalog, first, watch)?;
    let mut has_emitted = false;
    let mut take = |_: Output<'_>| {
        has_emitted = true;
        ControlFlow::Break(())
    };
    with_media(recording, |media| chain.process(media, &mut |output| take(output)))?;
    if has_emitted { Ok(()) } else { chain.flush(&mut |_| ControlFlow::Break(())) }
}

/// Makes a document of text that comes chunk after chunk.
fn render(
    catalog: &Catalog,
    renderer: &Part,
    mut text: mpsc::Receiver<Segments>,
    watch: &Watch,
) -> Result<Document, RunError> {
    let mut chain = Chain::open(catalog, renderer, watch)?;
    let mut documents = Vec::new();
    let mut take = |output: Output<'_>| {
        if let Output::Document(document) = output {
            documents.push(Document {
                bytes: document.bytes.to_vec(),
                media_type: document.media_type.to_owned(),
                extension: document.extension.to_owned(),
            });
        }
        ControlFlow::Continue(())
    };
    while let Some(chunk) = text.blocking_recv() {
        if watch.cancel.is_tripped() {
            return Err(last_of(renderer, Reason::Cancelled, "cancelled"));
        }
        let json = serde_json::to_string(&chunk);
        let json = json.map_err(|e| last_of(renderer, Reason::Failed, &e.to_string()))?;
        chain.process(Input::Segments(&json), &mut |output| take(output))?;
    }
    chain.flush(&mut |output| take(output))?;
    let count = documents.len();
    match (documents.pop(), count) {
        (Some(document), 1) => Ok(document),
        _ => Err(last_of(renderer, Reason::Failed, &format!("it made {count} documents, not one"))),
    }
}

/// A recogniser whose stages wait between calls.
#[derive(Debug)]
struct OpenRecogniser {
    part: Part,
    /// Absent during a call, and after one that was dropped.
    chain: Option<Chain>,
}

#[async_trait]
impl Recogniser for OpenRecogniser {
    async fn recognise(&mut self, chunk: Arc<Chunk>) -> Result<Segments, RunError> {
        let Some(mut chain) = self.chain.take() else {
            return Err(last_of(&self.part, Reason::Failed, "an earlier call was broken off"));
        };
        let part = self.part.clone();
        let call = move || {
            let text = recognise(&mut chain, &part, &chunk);
            Ok((chain, text))
        };
        let (chain, text) = blocking(&self.part, call).await?;
        self.chain = Some(chain);
        text
    }
}

impl Drop for OpenRecogniser {
    fn drop(&mut self) {
        let Some(chain) = self.chain.take() else { return };
        // Closing may wait for threads of the plugin. Without a runtime there is no async thread to
        // spare. Nobody waits for the end: the stages are idle, and nothing depends on it.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn_blocking(move || drop(chain));
        }
    }
}

/// Recognises one chunk.
fn recognise(chain: &mut Chain, part: &Part, chunk: &Chunk) -> Result<Segments, RunError> {
    let mut texts = Vec::new();
    let block = ChunkBlock {
        number: chunk.number,
        samples: &chunk.samples,
        source_rate: chunk.map.source_rate,
        spans: &chunk.map.spans,
    };
    chain.process(Input::Chunk(block), &mut |output| {
        if let Output::Segments(json) = output {
            texts.push(serde_json::from_str(json));
        }
        ControlFlow::Continue(())
    })?;
    let count = texts.len();
    match (texts.pop(), count) {
        (Some(Ok(text)), 1) => Ok(text),
        (Some(Err(error)), 1) => {
            Err(last_of(part, Reason::Failed, &format!("its text is not valid: {error}")))
        }
        _ => Err(last_of(
            part,
            Reason::Failed,
            &format!("it made {count} texts of a chunk, not one"),
        )),
    }
}

/// Lends a recording to a stage.
fn with_media<T>(recording: &Recording, call: impl FnOnce(Input<'_>) -> T) -> T {
    let reader = Reader(recording.reader.as_ref());
    call(Input::Media(MediaInput {
        reader: &reader,
        len: recording.reader.len(),
        file_name: &recording.file_name,
        media_type: &recording.media_type,
    }))
}

/// The media store's reader as the plugin host knows it.
struct Reader<'a>(&'a dyn MediaReader);

impl ReadAt for Reader<'_> {
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        self.0.read_at(offset, buf)
    }
}

fn owned(chunk: &ChunkBlock<'_>) -> Chunk {
    Chunk { number: chunk.number, samples: chunk.samples.to_vec(), map: chunk.map() }
}

/// Makes an error in the name of the last stage of a part.
fn last_of(part: &Part, reason: Reason, message: &str) -> RunError {
    let stage = part.stages.last().map(|call| call.stage.as_str()).unwrap_or_default();
    RunError::new(stage, reason, message)
}

/// Runs work on a blocking thread.
async fn blocking<T: Send + 'static>(
    part: &Part,
    work: impl FnOnce() -> Result<T, RunError> + Send + 'static,
) -> Result<T, RunError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) if error.is_cancelled() => {
            Err(last_of(part, Reason::Cancelled, "the daemon is shutting down"))
        }
        Err(error) => Err(last_of(part, Reason::Panicked, &error.to_string())),
    }
}
