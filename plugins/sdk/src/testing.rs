//! The test bench: drives a stage through its real vtable, as the daemon does.
//!
//! [`run`] is enough for most tests; [`Driver`] goes step by step, cancels, and stops early.
//!
//! ```
//! # use scribed_plugin::prelude::*;
//! use scribed_plugin::testing::{self, Audio};
//! # #[derive(Deserialize, JsonSchema)]
//! # struct Config {}
//! # struct Echo;
//! # impl Stage for Echo {
//! #     const ID: &'static str = "org.example.echo";
//! #     const SUMMARY: &'static str = "hands audio through";
//! #     type Config = Config;
//! #     type Accepts = AudioKind;
//! #     type Emits = AudioKind;
//! #     fn open(_: Config, _: Host) -> Result<Self> { Ok(Self) }
//! #     fn process(&mut self, block: AudioBlock<'_>, out: &mut Out<'_, AudioKind>) -> Result<()> {
//! #         out.emit(block)
//! #     }
//! # }
//! let second = Audio::mono(16_000, vec![0.0; 16_000]);
//! let run = testing::run::<Echo>(serde_json::json!({}), [second.clone()])?;
//! assert_eq!(run.items, [second]);
//! # Ok::<(), StageError>(())
//! ```

mod bench;
mod owned;

use std::{marker::PhantomData, ptr, sync::Arc};

use scribed_abi::{self as abi, ErrorBuf, Item, Sink, StageDescriptor, Status, Str};
use scribed_schemas::audio::{MediaFacts, Warning};

use self::bench::Bench;
pub use self::owned::{Audio, Chunk, Media, OwnedDocument, Testable};
use crate::{Level, Result, Stage, StageError, export};

/// What a stage did with some items.
#[derive(Debug, Clone, PartialEq)]
pub struct Run<O> {
    /// What it emitted, in order.
    pub items: Vec<O>,
    /// What it reported about the recording.
    pub facts: Vec<MediaFacts>,
    /// What it reported to the recording's owner.
    pub warnings: Vec<Warning>,
    /// What it logged.
    pub logs: Vec<(Level, String)>,
}

/// Opens a stage, gives it the items, ends the stream, and destroys it.
///
/// # Errors
/// The first error of any of those calls; a panic is `Failed("panicked: …")`.
#[expect(clippy::needless_pass_by_value, reason = "tests write `json!` in place")]
pub fn run<S>(
    config: serde_json::Value,
    items: impl IntoIterator<Item: Into<<S::Accepts as Testable>::Owned>>,
) -> Result<Run<<S::Emits as Testable>::Owned>>
where
    S: Stage<Accepts: Testable, Emits: Testable>,
{
    let mut driver = Driver::<S>::open(&config)?;
    let mut made = Vec::new();
    for item in items {
        made.extend(driver.process(&item.into())?);
    }
    made.extend(driver.flush()?);
    Ok(Run { items: made, facts: driver.facts(), warnings: driver.warnings(), logs: driver.logs() })
}

/// Returns the JSON Schema of a stage's options, as the daemon sees it.
///
/// # Panics
/// When the schema cannot be read, which fails the test that asks.
pub fn config_schema<S: Stage>() -> serde_json::Value {
    let descriptor = export::descriptor::<S>("0");
    let schema = descriptor.config_schema.map(|schema| {
        // SAFETY: pure, and its text is static.
        let text = unsafe { schema() };
        // SAFETY: as above.
        unsafe { text.read::<'static>() }.unwrap_or_default()
    });
    serde_json::from_str(schema.unwrap_or_default()).expect("the schema of a stage is JSON")
}

/// An instance of a stage behind its real vtable.
pub struct Driver<S: Stage> {
    stage: *mut abi::Stage,
    bench: Arc<Bench>,
    /// Items that the sink takes in each call before it wants no more.
    appetite: usize,
    borrow: PhantomData<S>,
}

impl<S: Stage<Accepts: Testable, Emits: Testable>> Driver<S> {
    /// Opens an instance.
    ///
    /// # Errors
    /// What [`Stage::open`] answers, and `InvalidConfig` when the options do not parse.
    pub fn open(config: &serde_json::Value) -> Result<Self> {
        let descriptor: StageDescriptor = export::descriptor::<S>("0");
        let bench = Bench::new();
        let mut stage = ptr::null_mut();
        let config = config.to_string();
        let create = descriptor.create.ok_or(StageError::Stopped)?;
        answer(|error| {
            // SAFETY: all four live through the call, and the bench until `destroy`.
            unsafe { create(bench.host(), Str::of(&config), &raw mut stage, error) }
        })?;
        Ok(Self { stage, bench, appetite: usize::MAX, borrow: PhantomData })
    }

    /// Gives one item; returns what was emitted.
    ///
    /// # Errors
    /// What [`Stage::process`] answers.
    pub fn process(
        &mut self,
        item: &<S::Accepts as Testable>::Owned,
    ) -> Result<Vec<<S::Emits as Testable>::Owned>> {
        let (result, made) = self.process_all(item);
        result.map(|()| made)
    }

    /// Gives one item; returns how the call ended and what was emitted until then.
    pub fn process_all(
        &mut self,
        item: &<S::Accepts as Testable>::Owned,
    ) -> (Result<()>, Vec<<S::Emits as Testable>::Owned>) {
        let stage = self.stage;
        // SAFETY: `create` made it; nobody writes to it.
        let process = unsafe { (*stage).process };
        self.call(|sink, error| {
            S::Accepts::lend(item, &mut |item| {
                // SAFETY: all four live through the call, which is the only one on this instance.
                process.map_or(Status::FAILED, |call| unsafe { call(stage, item, sink, error) })
            })
        })
    }

    /// Ends the stream; returns what was emitted.
    ///
    /// # Errors
    /// What [`Stage::flush`] answers.
    pub fn flush(&mut self) -> Result<Vec<<S::Emits as Testable>::Owned>> {
        let stage = self.stage;
        // SAFETY: `create` made it; nobody writes to it.
        let flush = unsafe { (*stage).flush };
        let (result, made) = self.call(|sink, error| {
            // SAFETY: all three live through the call, which is the only one on this instance.
            flush.map_or(Status::FAILED, |call| unsafe { call(stage, sink, error) })
        });
        result.map(|()| made)
    }

    /// Makes the instance forget the stream so far.
    ///
    /// # Errors
    /// What [`Stage::reset`] answers.
    pub fn reset(&mut self) -> Result<()> {
        let stage = self.stage;
        // SAFETY: `create` made it; nobody writes to it.
        let reset = unsafe { (*stage).reset };
        answer(|error| {
            // SAFETY: both live through the call, which is the only one on this instance.
            reset.map_or(Status::FAILED, |call| unsafe { call(stage, error) })
        })
    }

    /// Makes [`Host::cancelled`](crate::Host::cancelled) true from its `polls`-th answer on; 0 is at
    /// once.
    pub fn cancel_after(&self, polls: u64) {
        self.bench.cancel_after(polls);
    }

    /// Tells how often the stage has asked whether it is cancelled.
    pub fn polls(&self) -> u64 {
        self.bench.polls()
    }

    /// Makes the sink want no more in a call once it has taken so many items.
    pub fn stop_after(&mut self, items: usize) {
        self.appetite = items;
    }

    /// Returns what the stage reported about the recording.
    pub fn facts(&self) -> Vec<MediaFacts> {
        self.bench.reported(abi::host::TOPIC_FACTS)
    }

    /// Returns what it reported to the recording's owner.
    pub fn warnings(&self) -> Vec<Warning> {
        self.bench.reported(abi::host::TOPIC_WARNING)
    }

    /// Returns what it logged.
    pub fn logs(&self) -> Vec<(Level, String)> {
        self.bench.logs()
    }

    fn call(
        &mut self,
        call: impl FnOnce(*const Sink, *mut ErrorBuf) -> Status,
    ) -> (Result<()>, Vec<<S::Emits as Testable>::Owned>) {
        let mut taken = Taken::<S::Emits> { items: Vec::new(), appetite: self.appetite };
        let sink = Sink { sink_data: (&raw mut taken).cast(), emit: Some(take::<S::Emits>) };
        let result = answer(|error| call(&raw const sink, error));
        (result, taken.items)
    }
}

impl<S: Stage> Drop for Driver<S> {
    fn drop(&mut self) {
        // SAFETY: `create` made it; nobody writes to it.
        let destroy = unsafe { (*self.stage).destroy };
        if let Some(destroy) = destroy {
            // SAFETY: once, after every other call; the bench is dropped after this.
            unsafe { destroy(self.stage) };
        }
    }
}

/// What the sink of one call has taken.
struct Taken<K: Testable> {
    items: Vec<K::Owned>,
    appetite: usize,
}

unsafe extern "C" fn take<K: Testable>(sink: *const Sink, item: *const Item) -> Status {
    // SAFETY: `Driver::call` made both and waits for the call.
    let data = unsafe { (*sink).sink_data };
    // SAFETY: as above; a stage emits from one thread only.
    let taken = unsafe { &mut *data.cast::<Taken<K>>() };
    if taken.items.len() >= taken.appetite {
        return Status::CANCELLED;
    }
    let mut held = K::Held::default();
    // SAFETY: the item is the stage's, lent for this call.
    let Ok(view) = (unsafe { K::read(item, &mut held) }) else { return Status::INVALID_INPUT };
    taken.items.push(K::own(view));
    Status::OK
}

/// Runs a call with a message buffer; turns its end into a result.
fn answer(call: impl FnOnce(*mut ErrorBuf) -> Status) -> Result<()> {
    let mut text = vec![0_u8; 4096];
    let mut error = ErrorBuf::over(&mut text);
    let status = call(&raw mut error);
    let len = error.len;
    let message = String::from_utf8_lossy(text.get(..len).unwrap_or_default());
    StageError::from_status(status, message.into_owned())
}
