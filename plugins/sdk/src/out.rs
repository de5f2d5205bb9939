//! Out: where a stage puts what it makes.

use std::marker::PhantomData;

use scribed_abi::{Sink, Status};

use crate::{Result, StageError, kind::Emitted};

/// Takes the results of one call, in order.
///
/// It belongs to the thread of the call: results made on other threads are handed back there first.
pub struct Out<'a, K: Emitted> {
    sink: *const Sink,
    stopped: bool,
    borrow: PhantomData<(&'a Sink, K)>,
}

impl<K: Emitted> Out<'_, K> {
    /// Wraps the daemon's sink.
    ///
    /// # Safety
    /// `sink` must be null or valid as long as the result is used.
    pub(crate) unsafe fn new(sink: *const Sink) -> Self {
        Self { sink, stopped: false, borrow: PhantomData }
    }

    /// Hands one result on, without copying it; the next stage may run inside this call.
    ///
    /// # Errors
    /// [`StageError::Stopped`] when the daemon wants no more, [`StageError::Failed`] when it refuses
    /// the item. Pass both on with `?`.
    pub fn emit(&mut self, item: K::View<'_>) -> Result<()> {
        if self.stopped {
            return Err(StageError::Stopped);
        }
        let sink = self.sink;
        let status = K::write(item, &mut |item| {
            // SAFETY: null or valid, as promised to `new`.
            let emit = unsafe { sink.as_ref() }.and_then(|sink| sink.emit);
            // SAFETY: the sink is valid and the item lives through the call.
            emit.map_or(Status::FAILED, |emit| unsafe { emit(sink, item) })
        })?;
        match status {
            Status::OK => Ok(()),
            Status::CANCELLED => {
                self.stopped = true;
                Err(StageError::Stopped)
            }
            other => Err(StageError::Failed(format!(
                "the daemon refused an item with status {}; its log says why",
                other.0
            ))),
        }
    }
}

impl<K: Emitted> std::fmt::Debug for Out<'_, K> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Out").field("kind", &K::CODE).finish_non_exhaustive()
    }
}
