//! The trait that a stage implements.

use schemars::JsonSchema;
use serde::de::DeserializeOwned;

use crate::{
    Host, Out, Result,
    kind::{Emitted, Kind},
};

/// One step of a pipeline, from one kind of item to another.
///
/// An instance serves one stream at a time: `open`, then `process` for each item in order, then
/// `flush`; `reset` before another stream. It is never in two calls at once but may move between
/// threads from call to call. It never runs on an async thread, so it may block; long work asks
/// [`Host::cancelled`] at least every 100 ms.
pub trait Stage: Send + Sized + 'static {
    /// Identity in reverse-DNS form, lower case, at most 128 bytes; what pipelines name.
    const ID: &'static str;

    /// One line for people that says what the stage does.
    const SUMMARY: &'static str;

    /// Capabilities: bits of [`flags`](crate::flags).
    const FLAGS: u64 = 0;

    /// The options, each documented, with its unit in its name.
    ///
    /// A property with the schema extension `"x-scribed-job-option": true` is filled with the job's
    /// value of that name; one with `"x-scribed-model": true` with the path of the model; one with
    /// `"x-scribed-slots": true` with the number of chunks that are recognised at once.
    type Config: DeserializeOwned + JsonSchema;

    /// What the stage takes.
    type Accepts: Kind;

    /// What it makes.
    type Emits: Emitted;

    /// Makes an instance: checks the options, loads what it needs.
    ///
    /// # Errors
    /// [`StageError::InvalidConfig`](crate::StageError::InvalidConfig) names the option that is
    /// wrong; `Unavailable` something that is missing, e.g. a model.
    fn open(config: Self::Config, host: Host) -> Result<Self>;

    /// Takes one item and emits any number of results.
    ///
    /// # Errors
    /// See [`StageError`](crate::StageError) for what each lets the daemon do. Errors of
    /// [`Out::emit`] are passed on with `?`.
    fn process(
        &mut self,
        item: <Self::Accepts as Kind>::View<'_>,
        out: &mut Out<'_, Self::Emits>,
    ) -> Result<()>;

    /// Ends the stream: emits what is left.
    ///
    /// # Errors
    /// As [`process`](Self::process).
    fn flush(&mut self, out: &mut Out<'_, Self::Emits>) -> Result<()> {
        let _ = out;
        Ok(())
    }

    /// Forgets the stream so far; the next item starts a new one.
    ///
    /// # Errors
    /// Any error makes the daemon replace the instance.
    fn reset(&mut self) -> Result<()> {
        Ok(())
    }
}
