//! The C side of a stage: descriptor, vtable, and the macro that exports them.

use std::{
    any::TypeId,
    sync::{Mutex, PoisonError},
};

use scribed_abi::{self as abi, ErrorBuf, Item, Sink, StageDescriptor, Status, Str};

use crate::{Host, Level, Out, Result, Stage, StageError, barrier, kind::Kind};

pub use scribed_abi::{CURRENT, PluginEntry};

/// Exports stages from a plugin: `export_stages!(Gate, Echo);`, once in a crate.
///
/// The library then carries the data symbol `scribed_entry`. The crate itself needs no `unsafe` and
/// may forbid it.
#[macro_export]
macro_rules! export_stages {
    ($($stage:ty),+ $(,)?) => {
        const _: () = {
            static STAGES: &[$crate::StageDescriptor] = &[
                $($crate::export::descriptor::<$stage>(::core::env!("CARGO_PKG_VERSION"))),+
            ];

            #[unsafe(export_name = "scribed_entry")]
            static ENTRY: $crate::export::PluginEntry = $crate::export::entry(STAGES);
        };
    };
}

/// Describes the stages of one library.
pub const fn entry(stages: &'static [StageDescriptor]) -> PluginEntry {
    assert!(stages.len() <= abi::MAX_STAGES as usize, "too many stages for one library");
    #[expect(clippy::cast_possible_truncation, reason = "checked above")]
    let stage_count = stages.len() as u32;
    PluginEntry { abi: CURRENT, stage_count, reserved: 0, stages: stages.as_ptr() }
}

/// Describes one stage.
pub const fn descriptor<S: Stage>(version: &'static str) -> StageDescriptor {
    StageDescriptor {
        id: Str::of(S::ID),
        version: Str::of(version),
        summary: Str::of(S::SUMMARY),
        config_schema: Some(config_schema::<S>),
        accepts: S::Accepts::CODE,
        emits: <S::Emits as Kind>::CODE,
        flags: S::FLAGS,
        create: Some(create::<S>),
        extension: None,
    }
}

/// What stands behind `plugin_data` of an instance.
struct Instance<S> {
    stage: S,
    host: Attached,
    /// A panic left `stage` in a state that nobody may use any more.
    poisoned: bool,
}

/// A host that goes deaf when the instance ends, or when there never is one.
struct Attached(Host);

impl Drop for Attached {
    fn drop(&mut self) {
        self.0.detach();
    }
}

/// Answers the schema of a stage's options, made once and kept for the life of the process.
unsafe extern "C" fn config_schema<S: Stage>() -> Str {
    static MADE: Mutex<Vec<(TypeId, &'static str)>> = Mutex::new(Vec::new());
    barrier::catch(|| {
        let mut made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
        let stage = TypeId::of::<S>();
        if let Some((_, schema)) = made.iter().find(|(known, _)| *known == stage) {
            return Str::of(schema);
        }
        let schema = schemars::schema_for!(S::Config).as_value().to_string();
        let schema: &'static str = Box::leak(schema.into_boxed_str());
        made.push((stage, schema));
        Str::of(schema)
    })
    .unwrap_or(Str::EMPTY)
}

unsafe extern "C" fn create<S: Stage>(
    host: *const abi::Host,
    config: Str,
    created: *mut *mut abi::Stage,
    error: *mut ErrorBuf,
) -> Status {
    let result = barrier::catch(|| {
        if host.is_null() || created.is_null() {
            return Err(StageError::Failed("the daemon gave no host or no place".to_owned()));
        }
        // SAFETY: the text is borrowed for this call.
        let config = unsafe { config.read() };
        let config = parse::<S>(config.unwrap_or_default())?;
        // SAFETY: the host outlives the instance, which detaches when it ends, as does a failure.
        let host = Attached(unsafe { Host::attach(host) });
        let stage = S::open(config, host.0.clone())?;
        let vtable = vtable(Instance { stage, host, poisoned: false });
        // SAFETY: not null, and the daemon's to be written to during this call.
        unsafe { created.write(vtable) };
        Ok(())
    });
    // SAFETY: the buffer is null or the daemon's, lent for this call.
    unsafe { answer(result, error) }
}

fn parse<S: Stage>(config: &str) -> Result<S::Config> {
    serde_json::from_str(config).map_err(|error| StageError::InvalidConfig(error.to_string()))
}

fn vtable<S: Stage>(instance: Instance<S>) -> *mut abi::Stage {
    Box::into_raw(Box::new(abi::Stage {
        plugin_data: Box::into_raw(Box::new(instance)).cast(),
        process: Some(process::<S>),
        flush: Some(flush::<S>),
        reset: Some(reset::<S>),
        destroy: Some(destroy::<S>),
        extension: None,
    }))
}

unsafe extern "C" fn process<S: Stage>(
    stage: *mut abi::Stage,
    item: *const Item,
    sink: *const Sink,
    error: *mut ErrorBuf,
) -> Status {
    let call = |stage: &mut S| {
        let mut held = <S::Accepts as Kind>::Held::default();
        // SAFETY: the item is borrowed for this call, in which view and `held` end.
        let view = unsafe { S::Accepts::read(item, &mut held) }?;
        // SAFETY: the sink is borrowed for this call, in which `out` ends.
        let mut out = unsafe { Out::<S::Emits>::new(sink) };
        stage.process(view, &mut out)
    };
    // SAFETY: the daemon hands over what `create` made, in one call at a time.
    unsafe { with(stage, error, call) }
}

unsafe extern "C" fn flush<S: Stage>(
    stage: *mut abi::Stage,
    sink: *const Sink,
    error: *mut ErrorBuf,
) -> Status {
    let call = |stage: &mut S| {
        // SAFETY: the sink is borrowed for this call, in which `out` ends.
        let mut out = unsafe { Out::<S::Emits>::new(sink) };
        stage.flush(&mut out)
    };
    // SAFETY: the daemon hands over what `create` made, in one call at a time.
    unsafe { with(stage, error, call) }
}

unsafe extern "C" fn reset<S: Stage>(stage: *mut abi::Stage, error: *mut ErrorBuf) -> Status {
    // SAFETY: the daemon hands over what `create` made, in one call at a time.
    unsafe { with(stage, error, S::reset) }
}

unsafe extern "C" fn destroy<S: Stage>(stage: *mut abi::Stage) {
    if stage.is_null() {
        return;
    }
    // SAFETY: `vtable` made it from a box, and the daemon destroys an instance once.
    let stage = unsafe { Box::from_raw(stage) };
    // SAFETY: as above.
    let instance = unsafe { Box::from_raw(stage.plugin_data.cast::<Instance<S>>()) };
    let Instance { stage, host, .. } = *instance;
    if let Err(panic) = barrier::catch(|| drop(stage)) {
        host.0.log(Level::Error, &format!("{} {panic} while it was destroyed", S::ID));
    }
}

/// Runs one call on the instance behind `stage`, inside the barrier.
///
/// # Safety
/// `stage` is null or what `create` made for this `S`, and in no other call; `error` is null or valid.
unsafe fn with<S: Stage>(
    stage: *mut abi::Stage,
    error: *mut ErrorBuf,
    call: impl FnOnce(&mut S) -> Result<()>,
) -> Status {
    // SAFETY: null or valid, as the caller promises.
    let data = unsafe { stage.as_ref() }.map(|stage| stage.plugin_data.cast::<Instance<S>>());
    // SAFETY: made by `create`, and in no other call.
    let instance = data.and_then(|data| unsafe { data.as_mut() });
    let result = match instance {
        None => Ok(Err(StageError::Failed("the daemon gave no instance".to_owned()))),
        Some(instance) if instance.poisoned => Err("panicked in an earlier call".to_owned()),
        Some(instance) => {
            let result = barrier::catch(|| call(&mut instance.stage));
            instance.poisoned = result.is_err();
            result
        }
    };
    // SAFETY: as the caller promises.
    unsafe { answer(result, error) }
}

/// Turns the end of a call into a status and a message.
///
/// # Safety
/// `error` is null or valid.
unsafe fn answer(result: Result<Result<()>, String>, error: *mut ErrorBuf) -> Status {
    let (status, message) = match result {
        Ok(Ok(())) => return Status::OK,
        Ok(Err(failure)) => (failure.status(), failure.to_string()),
        Err(panic) => (Status::PANICKED, panic),
    };
    // SAFETY: as the caller promises; a message longer than the buffer is cut.
    unsafe { ErrorBuf::write(error, &message) };
    status
}
