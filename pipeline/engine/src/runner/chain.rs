//! A chain: stages of one part in this process, called depth first.
//!
//! What a stage emits goes into the next stage while the first is still in its call, so nothing is
//! copied or queued between them, and the part holds one item of each kind at a time.

use std::ops::ControlFlow;
use std::sync::Arc;

use scribed_plugin_host::{CallError, Catalog, Input, Instance, Output, Taker};
use scribed_schemas::audio::convert_frames;

use super::context::Context;
use super::{Part, RunError, Watch};

/// Open stages, one behind the other.
#[derive(Debug)]
pub(super) struct Chain {
    links: Vec<Instance>,
    /// Frame of the recording at which the audio from the first stage ended so far.
    audio_end: Option<i64>,
}

/// The end of a chain: where the last stage's items go.
struct Tail<'a> {
    taker: &'a mut Taker<'a>,
    /// Whether the taker wants no more.
    is_closed: bool,
    audio_end: &'a mut Option<i64>,
}

impl Chain {
    /// Opens the stages of a part. Blocking.
    pub(super) fn open(catalog: &Catalog, part: &Part, watch: &Watch) -> Result<Self, RunError> {
        let mut links = Vec::with_capacity(part.stages.len());
        for call in &part.stages {
            let context = Context { stage: call.stage.clone(), watch: watch.clone() };
            links.push(catalog.open(&call.stage, &call.config, Arc::new(context))?);
        }
        Ok(Self { links, audio_end: None })
    }

    /// Gives one item to the first stage; what the last one emits goes to `taker`. Blocking.
    ///
    /// When `taker` breaks, the stages stop soon, and that is no error.
    pub(super) fn process<'a>(
        &'a mut self,
        input: Input<'_>,
        taker: &'a mut Taker<'a>,
    ) -> Result<(), RunError> {
        let mut tail = Tail { taker, is_closed: false, audio_end: &mut self.audio_end };
        Ok(process(&mut self.links, input, &mut tail, Depth::First)?)
    }

    /// Ends the stream: each stage in turn gives what it held back to those behind it. Blocking.
    pub(super) fn flush<'a>(&'a mut self, taker: &'a mut Taker<'a>) -> Result<(), RunError> {
        let mut tail = Tail { taker, is_closed: false, audio_end: &mut self.audio_end };
        let (mut rest, mut depth) = (self.links.as_mut_slice(), Depth::First);
        while let Some((link, behind)) = rest.split_first_mut() {
            hand_on(behind, &mut tail, depth, |taker| link.flush(taker))?;
            if tail.is_closed {
                break;
            }
            (rest, depth) = (behind, Depth::Behind);
        }
        Ok(())
    }

    /// Returns the frame of the recording at which its audio ended so far.
    pub(super) const fn audio_end(&self) -> Option<i64> {
        self.audio_end
    }
}

/// Where in a chain a call is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Depth {
    /// At the first stage, whose audio is the recording's own.
    First,
    Behind,
}

/// Gives an item to the first of `links`, and what it emits to the others.
fn process(
    links: &mut [Instance],
    input: Input<'_>,
    tail: &mut Tail<'_>,
    depth: Depth,
) -> Result<(), CallError> {
    match links.split_first_mut() {
        Some((link, behind)) => hand_on(behind, tail, depth, |taker| link.process(input, taker)),
        None => Ok(()),
    }
}

/// Calls a stage; what it emits goes into the stages behind it, or out of the chain.
fn hand_on(
    behind: &mut [Instance],
    tail: &mut Tail<'_>,
    depth: Depth,
    call: impl FnOnce(&mut Taker<'_>) -> Result<(), CallError>,
) -> Result<(), CallError> {
    let mut below = Ok(());
    let called = call(&mut |output| {
        if depth == Depth::First {
            tail.note(&output);
        }
        if behind.is_empty() {
            tail.is_closed = (tail.taker)(output).is_break();
        } else {
            below = process(behind, as_input(output), tail, Depth::Behind);
        }
        if below.is_err() || tail.is_closed {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    });
    // A stage behind explains why the one before it was stopped, not the reverse.
    below.and(called)
}

impl Tail<'_> {
    /// Notes how far the recording's audio goes.
    fn note(&mut self, output: &Output<'_>) {
        if let Output::Audio(block) = output {
            let frames = i64::try_from(block.frames()).unwrap_or(i64::MAX);
            let end = block.start_frame.saturating_add(frames);
            let end = convert_frames(end, block.sample_rate, block.source_rate);
            *self.audio_end = (*self.audio_end).max(Some(end));
        }
    }
}

fn as_input(output: Output<'_>) -> Input<'_> {
    match output {
        Output::Audio(block) => Input::Audio(block),
        Output::Chunk(chunk) => Input::Chunk(chunk),
        Output::Segments(json) => Input::Segments(json),
        Output::Document(document) => Input::Document(document),
    }
}
