//! The pass over a recording: the head cuts, the slots recognise, each text is stored at once.
//!
//! Everything here is one task; the stages run elsewhere. Memory holds the chunks in the channel, one
//! per slot, and one that the head has just made, however long the recording is.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use futures_util::stream::FuturesUnordered;
use futures_util::{Stream, StreamExt};
use scribed_schemas::job::FaultCode;
use scribed_store::FactsNote;
use tokio::sync::mpsc;

use super::slot::{MOST_SAMPLES, Slot, Trouble};
use super::tally::{Gap, Tally, recogniser_fault};
use super::{Attempt, Material, Stopped, Work, fault};
use crate::cancel::CancelFlag;
use crate::config::Config;
use crate::runner::{Chunk, Cut, Reason, RunError, Watch};
use crate::spans;

/// What the pass knows while it goes on.
#[derive(Debug)]
struct Pass {
    /// Chunks that need no work.
    stored: BTreeSet<u32>,
    /// Number of the next chunk.
    next: u32,
    tally: Tally,
    /// Whether chunks are still taken.
    is_open: bool,
    /// Stops the head alone.
    head: CancelFlag,
    /// What the head came to.
    cut: Option<Result<Cut, RunError>>,
    /// What the first fault makes of the work.
    failed: Option<Work>,
    /// Whether somebody said stop.
    is_stopped: bool,
}

impl Attempt {
    /// Works through the whole recording.
    pub(super) async fn pass(&self, material: Material<'_>) -> Work {
        let slots = Config::at_least_one(self.engine.config().slots());
        let Material { plan, options, recording, stored } = material;
        let runner = self.engine.runner();
        let (head, part) = (plan.head(&options), plan.recogniser(&options));
        let aside = [&head, &part].into_iter().find_map(|part| runner.set_aside(part));
        if let Some(error) = aside {
            return Work::failed(error.reason, error.fault());
        }
        let (sender, mut chunks) = mpsc::channel(slots);
        let mut pass = Pass {
            tally: Tally::new(&self.job, stored.len()),
            stored,
            next: 0,
            is_open: true,
            head: self.flag.child(),
            cut: None,
            failed: None,
            is_stopped: false,
        };
        let watch = Watch { cancel: pass.head.clone(), ..self.watch() };
        let cutting = runner.cut(head, recording, sender, watch);
        let mut cutting = std::pin::pin!(spans::cutting(cutting));
        let mut idle: Vec<Slot> = (0..slots).map(|_| Slot::default()).collect();
        let mut busy = FuturesUnordered::new();
        // Chunks that ended while the store was waited for.
        let mut ended = VecDeque::new();
        while pass.is_open || pass.cut.is_none() || !busy.is_empty() || !ended.is_empty() {
            if let Some((slot, chunk, came_of_it)) = ended.pop_front() {
                idle.push(slot);
                let taken = self.chunk_ended(&mut pass, &chunk, came_of_it);
                meanwhile(&mut busy, &mut ended, taken).await;
            } else {
                // `cutting` and `busy` live outside the loop; `recv` and the two flags are cancel safe.
                // Stops come first, so that nothing is begun after one; new chunks come last.
                tokio::select! {
                    biased;
                    () = self.stop.cancelled(), if !pass.is_stopped => pass.is_stopped = true,
                    () = self.flag.tripped(), if !pass.is_stopped => pass.is_stopped = true,
                    Some(chunk) = busy.next() => ended.push_back(chunk),
                    cut = &mut cutting, if pass.cut.is_none() => {
                        meanwhile(&mut busy, &mut ended, self.head_ended(&mut pass, cut)).await;
                    }
                    chunk = chunks.recv(), if pass.is_open && !idle.is_empty() => {
                        if let Some(chunk) = self.wanted(&mut pass, chunk) {
                            let mut slot = idle.pop().unwrap_or_default();
                            let part = &part;
                            busy.push(async move {
                                let came_of_it = self.work_on(&mut slot, part, &chunk).await;
                                (slot, chunk, came_of_it)
                            });
                        }
                    }
                }
            }
            if pass.is_over() {
                // The head may wait for room in the channel; without a receiver it ends.
                pass.is_open = false;
                pass.head.trip();
                chunks.close();
            }
        }
        self.result(pass).await
    }

    /// Takes what the head came to; what it learned of the recording is complete now.
    async fn head_ended(&self, pass: &mut Pass, cut: Result<Cut, RunError>) {
        if let Ok(Cut { chunks, frames }) = cut {
            let known = self.findings.now().facts;
            if let (Some(mut facts), Some(frames)) = (known, frames) {
                facts.frames = Some(frames);
                self.findings.facts(facts);
            }
            let planned_chunks = Some(chunks);
            let note = FactsNote { planned_chunks, ..FactsNote::default() };
            pass.is_stopped |= self.note(note).await.is_err();
        }
        pass.cut = Some(cut);
    }

    /// Returns a received chunk if there is work to do on it.
    fn wanted(&self, pass: &mut Pass, chunk: Option<Chunk>) -> Option<Arc<Chunk>> {
        let Some(chunk) = chunk else {
            pass.is_open = false;
            return None;
        };
        if chunk.number != pass.next || chunk.samples.len() > MOST_SAMPLES {
            let (number, samples) = (chunk.number, chunk.samples.len());
            let message =
                format!("chunk {number} of {samples} samples came where {} was due", pass.next);
            pass.failed.get_or_insert(Work::Faulted(fault(FaultCode::StageFailed, message)));
            return None;
        }
        pass.next += 1;
        if pass.stored.contains(&chunk.number) {
            self.progress.fetch_max(chunk.map.end(), Ordering::Relaxed);
            return None;
        }
        Some(Arc::new(chunk))
    }

    /// Takes what came of a chunk.
    async fn chunk_ended(
        &self,
        pass: &mut Pass,
        chunk: &Arc<Chunk>,
        came_of_it: Result<(), Trouble>,
    ) {
        match came_of_it {
            Ok(()) => {
                pass.tally.fine += 1;
                pass.is_stopped |= self.put_gaps(&mut pass.tally).await.is_err();
            }
            Err(Trouble::Stopped) => pass.is_stopped = true,
            Err(Trouble::Recogniser(error)) => {
                let gap = Gap {
                    number: chunk.number,
                    map: chunk.map.clone(),
                    fault: recogniser_fault(&error),
                };
                let config = self.engine.config();
                if let Err(fault) = pass.tally.give_up(gap, error.reason, &self.job, config) {
                    pass.failed.get_or_insert(Work::failed(error.reason, fault));
                }
            }
        }
    }

    /// Stores the gaps before a chunk that was fine.
    async fn put_gaps(&self, tally: &mut Tally) -> Result<(), Stopped> {
        for gap in std::mem::take(&mut tally.pending) {
            self.put_gap(&gap).await?;
            tally.gaps += 1;
        }
        Ok(())
    }

    /// Says what the pass came to.
    async fn result(&self, mut pass: Pass) -> Work {
        if let Some(failed) = pass.failed {
            return failed;
        }
        let cut = match pass.cut {
            Some(Err(error)) if !(pass.is_stopped && error.reason == Reason::Cancelled) => {
                return Work::failed(error.reason, error.fault());
            }
            Some(Ok(cut)) if !pass.is_stopped || cut.chunks == pass.next => cut,
            _ => return Work::Stopped,
        };
        if self.flag.is_tripped() {
            return Work::Stopped;
        }
        if cut.chunks != pass.next {
            let message = format!("{} chunks came where {} were told", pass.next, cut.chunks);
            return Work::Faulted(fault(FaultCode::StageFailed, message));
        }
        if pass.tally.fine == 0
            && let Some(gap) = pass.tally.pending.pop()
        {
            return Work::Faulted(gap.fault);
        }
        if self.put_gaps(&mut pass.tally).await.is_err() {
            return Work::Stopped;
        }
        let frames = self.findings.now().facts.and_then(|facts| facts.frames);
        self.progress.fetch_max(frames.unwrap_or(0), Ordering::Relaxed);
        Work::Done { gaps: pass.tally.gaps }
    }
}

/// Waits for a call of the store while the slots go on: one of them may be in the midst of a call that
/// this one has to wait for, and would never come to its end if nobody looked after it.
async fn meanwhile<B, T>(
    busy: &mut B,
    ended: &mut VecDeque<B::Item>,
    call: impl Future<Output = T>,
) -> T
where
    B: Stream + Unpin,
{
    let mut call = std::pin::pin!(call);
    loop {
        // The call is pinned outside the loop; what `next` returns is kept.
        tokio::select! {
            biased;
            answer = &mut call => return answer,
            Some(chunk) = busy.next() => ended.push_back(chunk),
        }
    }
}

impl Pass {
    /// Returns whether no more chunks are to be begun although there may be some.
    fn is_over(&self) -> bool {
        self.is_open && (self.is_stopped || self.failed.is_some())
    }
}
