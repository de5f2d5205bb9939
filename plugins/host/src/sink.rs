//! The sink of an instance: open during one call, on one thread, and shut otherwise.
//!
//! It lives as long as the instance, not as long as the call, so that a plugin that emits after its
//! call has returned meets a shut gate and not freed memory.

use std::{
    any::Any,
    mem,
    ops::ControlFlow,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread::{self, ThreadId},
};

use scribed_abi::{self as abi, Item, Status};

use crate::{Kind, Output, Taker, check};

/// The daemon's side of a sink.
pub(crate) struct Gate {
    emits: Kind,
    state: Mutex<State>,
}

/// The C side of a sink; keeps the gate behind it alive.
pub(crate) struct GatedSink {
    sink: abi::Sink,
    gate: Arc<Gate>,
}

#[derive(Default)]
struct State {
    open: Option<Open>,
    end: End,
}

/// What happened at the gate during one call.
#[derive(Default)]
pub(crate) struct End {
    /// The taker wants no more.
    pub(crate) stopped: bool,
    /// How the plugin broke its contract first.
    pub(crate) breach: Option<String>,
    /// The taker panicked with this.
    pub(crate) panic: Option<Box<dyn Any + Send>>,
}

/// The call that the gate is open for.
#[derive(Clone, Copy)]
struct Open {
    thread: ThreadId,
    /// Points to a `&mut Taker` of the caller, who waits for the call.
    taker: *mut &'static mut Taker<'static>,
}

// SAFETY: the pointer is used only on the thread that opened the gate, while that waits.
unsafe impl Send for Open {}

// SAFETY: `sink` is read-only after `new` and its pointer leads to the gate, which has a lock.
unsafe impl Send for GatedSink {}
// SAFETY: as above.
unsafe impl Sync for GatedSink {}

impl GatedSink {
    pub(crate) fn new(emits: Kind) -> Arc<Self> {
        let gate = Arc::new(Gate { emits, state: Mutex::default() });
        let sink_data = Arc::as_ptr(&gate).cast_mut().cast();
        Arc::new(Self { sink: abi::Sink { sink_data, emit: Some(emit) }, gate })
    }

    /// Opens the gate for `call` and shuts it behind it.
    pub(crate) fn open<T>(
        &self,
        taker: &mut Taker<'_>,
        call: impl FnOnce(*const abi::Sink) -> T,
    ) -> (T, End) {
        let mut taker = taker;
        let open = Open { thread: thread::current().id(), taker: (&raw mut taker).cast() };
        // What happened at the shut gate since the last call stays, and counts for this one.
        self.gate.lock().open = Some(open);
        let done = call(&raw const self.sink);
        (done, self.shut())
    }

    /// Shuts the gate and returns what happened at it.
    pub(crate) fn shut(&self) -> End {
        mem::take(&mut *self.gate.lock()).end
    }
}

impl Gate {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// # Safety
    /// As [`check::output`].
    unsafe fn pass(&self, item: *const Item) -> Status {
        let open = match self.enter() {
            Ok(open) => open,
            Err(status) => return status,
        };
        let mut spans = Vec::new();
        // SAFETY: as the caller promises; the output ends in this function.
        let output = match unsafe { check::output(item, self.emits, &mut spans) } {
            Ok(output) => output,
            Err(breach) => return self.leave(open, |end| end.breach(breach)),
        };
        // SAFETY: the opener waits on this thread, and `enter` took the pointer for us alone.
        let taker = unsafe { &mut *open.taker };
        match take(*taker, output) {
            Ok(ControlFlow::Continue(())) => self.leave(open, |_| Status::OK),
            Ok(ControlFlow::Break(())) => self.leave(open, End::stop),
            Err(panic) => self.leave(open, |end| {
                end.panic = Some(panic);
                end.stop()
            }),
        }
    }

    /// Takes the caller's pointer out, so that an emit within an emit meets a shut gate.
    fn enter(&self) -> Result<Open, Status> {
        let mut state = self.lock();
        let Some(open) = state.open else {
            return Err(state.end.breach("emitted outside of a call".to_owned()));
        };
        if open.thread != thread::current().id() {
            return Err(state.end.breach("emitted from another thread".to_owned()));
        }
        if state.end.stopped {
            return Err(Status::CANCELLED);
        }
        state.open = None;
        Ok(open)
    }

    fn leave(&self, open: Open, end: impl FnOnce(&mut End) -> Status) -> Status {
        let mut state = self.lock();
        state.open = Some(open);
        end(&mut state.end)
    }
}

impl End {
    fn stop(&mut self) -> Status {
        self.stopped = true;
        Status::CANCELLED
    }

    fn breach(&mut self, breach: String) -> Status {
        self.breach.get_or_insert(breach);
        Status::INVALID_INPUT
    }
}

fn take(taker: &mut Taker<'_>, output: Output<'_>) -> thread::Result<ControlFlow<()>> {
    catch_unwind(AssertUnwindSafe(|| taker(output)))
}

unsafe extern "C" fn emit(sink: *const abi::Sink, item: *const Item) -> Status {
    // SAFETY: null, or the plugin hands back the sink that it was lent.
    let Some(sink) = (unsafe { sink.as_ref() }) else { return Status::FAILED };
    // SAFETY: `new` put it there, and it lives as long as the instance.
    let gate = unsafe { &*sink.sink_data.cast::<Gate>() };
    // SAFETY: what is behind the item is the plugin's promise.
    unsafe { gate.pass(item) }
}
