//! Instances: running stages behind plain Rust calls.

use std::{panic::resume_unwind, ptr, sync::Arc};

use scribed_abi::{self as abi, ErrorBuf, Item, Sink, Str};

use crate::{
    CallError, HostContext, Input, Kind, Level, Status, Taker,
    context::HostSide,
    handshake::Offer,
    sink::{End, GatedSink},
};

/// Bytes of a message that a plugin may write.
const MESSAGE_BYTES: usize = 4_096;

type Process =
    unsafe extern "C" fn(*mut abi::Stage, *const Item, *const Sink, *mut ErrorBuf) -> abi::Status;
type Flush = unsafe extern "C" fn(*mut abi::Stage, *const Sink, *mut ErrorBuf) -> abi::Status;
type Reset = unsafe extern "C" fn(*mut abi::Stage, *mut ErrorBuf) -> abi::Status;
type Destroy = unsafe extern "C" fn(*mut abi::Stage);

/// A running stage. It may move between threads; dropping it destroys the stage, which may block
/// until the plugin's own threads have ended.
///
/// Calls block and belong on a thread of their own, never on an async one.
pub struct Instance {
    id: String,
    accepts: Kind,
    stage: *mut abi::Stage,
    functions: Functions,
    host: Arc<HostSide>,
    sink: Arc<GatedSink>,
    message: Vec<u8>,
    /// Why nothing but `destroy` may be called any more.
    poison: Option<Status>,
}

/// The functions of an instance, read once so that a plugin cannot change them later.
#[derive(Clone, Copy)]
struct Functions {
    process: Process,
    flush: Option<Flush>,
    reset: Option<Reset>,
    destroy: Destroy,
}

// SAFETY: the ABI lets an instance move between threads from call to call, and `&mut self` keeps
// calls one at a time.
unsafe impl Send for Instance {}

impl Instance {
    pub(crate) fn open(
        offer: &Offer,
        config: &serde_json::Value,
        context: Arc<dyn HostContext>,
    ) -> Result<Self, CallError> {
        let id = &offer.info.id;
        let host = HostSide::new(context);
        let config = config.to_string();
        let mut message = vec![0; MESSAGE_BYTES];
        let mut stage = ptr::null_mut();
        let (status, text) = with_message(&mut message, |error| {
            // SAFETY: all four live through the call, and the host until after `destroy`.
            unsafe { (offer.create)(host.host(), Str::of(&config), &raw mut stage, error) }
        });
        if let Some(status) = Status::from_abi(status) {
            return Err(failure(id, status, text));
        }
        let broken = |what: &str| failure(id, Status::Failed, format!("create {what}"));
        if stage.is_null() || !stage.is_aligned() {
            return Err(broken("answered OK without an instance"));
        }
        // SAFETY: not null and aligned, and the plugin's promise that an instance is there.
        let functions = unsafe { functions(stage) }.map_err(broken)?;
        let sink = GatedSink::new(offer.info.emits);
        let accepts = offer.info.accepts;
        Ok(Self { id: id.clone(), accepts, stage, functions, host, sink, message, poison: None })
    }

    /// Returns the id of the stage.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Tells whether the stage panicked or broke its contract; then every call fails and the
    /// instance is only good for dropping.
    pub fn is_poisoned(&self) -> bool {
        self.poison.is_some()
    }

    /// Gives the stage one item; `taker` gets what it emits, during this call.
    ///
    /// When `taker` breaks, the stage stops soon and that is no error: whoever broke knows why. A
    /// panic of `taker` goes on here, after the stage has returned.
    ///
    /// # Errors
    /// What the stage answers; [`Status::Failed`] when it breaks its contract or is given another kind
    /// than it accepts; [`Status::Unavailable`] when the recording could not be read.
    pub fn process(&mut self, input: Input<'_>, taker: &mut Taker<'_>) -> Result<(), CallError> {
        self.usable()?;
        if input.kind() != self.accepts {
            let what = format!("accepts {}, not {}", self.accepts, input.kind());
            return Err(failure(&self.id, Status::Failed, what));
        }
        let (stage, process, sink) = (self.stage, self.functions.process, &self.sink);
        let message = &mut self.message;
        let lent = input.lend(|item| {
            sink.open(taker, |sink| {
                with_message(message, |error| {
                    // SAFETY: all four live through the call, the only one on this instance.
                    unsafe { process(stage, item, sink, error) }
                })
            })
        });
        let ((answer, end), unread) =
            lent.map_err(|what| failure(&self.id, Status::Failed, what))?;
        let stopped = end.stopped;
        let ended = self.ended(answer, end);
        match unread {
            // A stage may take a read error for the end of the recording; then text would be missing.
            Some(error) if !stopped && !self.is_poisoned() && !cancelled(&ended) => {
                let what = format!("cannot read the recording: {error}");
                Err(failure(&self.id, Status::Unavailable, what))
            }
            _ => ended,
        }
    }

    /// Ends the stream; `taker` gets what was left.
    ///
    /// # Errors
    /// As [`process`](Self::process).
    pub fn flush(&mut self, taker: &mut Taker<'_>) -> Result<(), CallError> {
        self.usable()?;
        let Some(flush) = self.functions.flush else { return Ok(()) };
        let (stage, message) = (self.stage, &mut self.message);
        let (answer, end) = self.sink.open(taker, |sink| {
            with_message(message, |error| {
                // SAFETY: all three live through the call, the only one on this instance.
                unsafe { flush(stage, sink, error) }
            })
        });
        self.ended(answer, end)
    }

    /// Makes the stage forget the stream so far, before another one.
    ///
    /// # Errors
    /// What the stage answers; drop the instance then.
    pub fn reset(&mut self) -> Result<(), CallError> {
        self.usable()?;
        let Some(reset) = self.functions.reset else { return Ok(()) };
        let stage = self.stage;
        let answer = with_message(&mut self.message, |error| {
            // SAFETY: both live through the call, the only one on this instance.
            unsafe { reset(stage, error) }
        });
        let end = self.sink.shut();
        self.ended(answer, end)
    }

    fn usable(&self) -> Result<(), CallError> {
        let Some(poison) = self.poison else { return Ok(()) };
        let what = match poison {
            Status::Panicked => "it panicked in an earlier call",
            _ => "it broke its contract in an earlier call",
        };
        Err(failure(&self.id, poison, what.to_owned()))
    }

    /// Judges how a call ended.
    fn ended(&mut self, answer: (abi::Status, String), end: End) -> Result<(), CallError> {
        let (status, text) = answer;
        let status = Status::from_abi(status);
        if status == Some(Status::Panicked) {
            self.poison = status;
        }
        if let Some(panic) = end.panic {
            resume_unwind(panic);
        }
        if let Some(breach) = end.breach {
            self.poison.get_or_insert(Status::Failed);
            self.host.log(Level::Error, &format!("{} {breach}", self.id));
            return Err(failure(&self.id, Status::Failed, breach));
        }
        match status {
            None => Ok(()),
            Some(Status::Cancelled) if end.stopped => Ok(()),
            Some(status) => Err(failure(&self.id, status, text)),
        }
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        // SAFETY: once, after every other call; host and sink are freed after this.
        unsafe { (self.functions.destroy)(self.stage) };
    }
}

impl std::fmt::Debug for Instance {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Instance")
            .field("id", &self.id)
            .field("poison", &self.poison)
            .finish_non_exhaustive()
    }
}

/// Reads the functions of a new instance. Where one that is required is missing, the instance is
/// destroyed, or leaked if it cannot be.
///
/// # Safety
/// `stage` was stored by a `create` that answered OK, and nothing else is done with it.
unsafe fn functions(stage: *mut abi::Stage) -> Result<Functions, &'static str> {
    // SAFETY: as the caller promises.
    let abi::Stage { process, flush, reset, destroy, .. } = *unsafe { &*stage };
    let destroy = destroy.ok_or("made an instance without destroy")?;
    let Some(process) = process else {
        // SAFETY: nobody has called anything on it, nor will.
        unsafe { destroy(stage) };
        return Err("made an instance without process");
    };
    Ok(Functions { process, flush, reset, destroy })
}

/// Runs a call with a buffer for its message, of which the plugin controls nothing but the content.
fn with_message(
    buffer: &mut [u8],
    call: impl FnOnce(*mut ErrorBuf) -> abi::Status,
) -> (abi::Status, String) {
    let mut error = ErrorBuf::over(buffer);
    let status = call(&raw mut error);
    let len = error.len.min(buffer.len());
    if status == abi::Status::OK {
        return (status, String::new());
    }
    let text = String::from_utf8_lossy(buffer.get(..len).unwrap_or_default());
    let text = text.trim().replace(|c: char| c.is_control(), " ");
    let unknown = !(0..=abi::Status::LAST.0).contains(&status.0);
    let text = if unknown { format!("{text} (unknown status {})", status.0) } else { text };
    (status, text)
}

fn failure(stage: &str, status: Status, message: String) -> CallError {
    let message = if message.is_empty() { status.phrase().to_owned() } else { message };
    CallError { stage: stage.to_owned(), status, message }
}

fn cancelled(ended: &Result<(), CallError>) -> bool {
    ended.as_ref().is_err_and(|error| error.status == Status::Cancelled)
}
