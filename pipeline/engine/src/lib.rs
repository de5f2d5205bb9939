//! The engine: takes jobs from the store, runs the stages of their plan, and stores text chunk by chunk.
//!
//! It names no backend and no stage: it knows the traits [`Store`], [`MediaStore`], [`Bus`] and
//! [`StageRunner`], and plans that configuration wrote.
//!
//! # The life of a recording
//!
//! 1. Its bytes are stored, and [`Engine::submit`] makes a job of them. From here on it is durable.
//! 2. The scheduler claims it: a lease of 30 s under a new fence, renewed every 10 s.
//! 3. An attempt opens the recording. The *head* of its plan decodes and cuts it into chunks of at
//!    most 30 s of speech. They wait in a channel that holds no more than there are slots.
//! 4. A slot recognises a chunk, and its text is stored at once: first write wins, and readers see it.
//!    Chunks that an earlier attempt stored are cut again, since that is cheap, and not recognised again.
//! 5. When the head has ended and all chunks are stored the job is `completed`. Chunks that could not be
//!    recognised while those around them could are stored empty, with a warning each: then it is
//!    `completed_partially`.
//! 6. [`Engine::render`] makes documents of what is stored, at any time.
//!
//! 7. What becomes of it is published, where the bus has listeners: changes of state, chunks, text.
//! 8. When it has ended, whoever its submitter named is called; afterwards it is deleted, if that was
//!    asked for.
//!
//! What goes wrong on the way is sorted by kind: the recording's own fault ends the job, a
//! dependency that is away costs nothing, everything else gets three attempts, then a dead letter.
//!
//! # Who stops what
//!
//! | event | effect |
//! |---|---|
//! | [`Engine::cancel`] | the store's fence grows, the local [`CancelFlag`] trips, stages stop within their poll |
//! | the lease is lost | the same, found at the next renewal or store call |
//! | stop | no more claims; chunks in the recogniser are finished and stored; the job is handed back |
//! | drain time over | flags trip; the job is handed back |
//! | crash | the lease runs out; another attempt goes on after the last stored chunk |
//!
//! # The same history from the same seed
//!
//! Nothing here is left to chance: every `select!` is biased, and pauses vary by job and attempt. So
//! the simulation in `tests/simulation` can repeat what it found.
//!
//! [`Store`]: scribed_store::Store
//! [`MediaStore`]: scribed_media::MediaStore
//! [`Bus`]: scribed_bus::Bus
#![forbid(unsafe_code)]

pub mod calls;
pub mod cancel;
pub mod clock;
pub mod config;
pub mod dead_letter;
pub mod error;
pub mod findings;
pub mod plan;
pub mod runner;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod trace;

mod burial;
mod courier;
mod engine;
mod intake;
mod job;
mod measure;
mod orphans;
mod probe;
mod publisher;
mod pulse;
mod removal;
mod render;
mod retry;
mod room;
mod scheduler;
mod spans;

pub use calls::{CallForms, CallKey, Calls};
pub use cancel::CancelFlag;
pub use clock::{Clock, SystemClock};
pub use config::{AUTOMATIC_SLOTS, Callbacks, Config};
pub use engine::{Draft, Engine, Parts, Submission};
pub use error::{Error, ProbeError, RenderError, Result};
pub use findings::Findings;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub use intake::fuzzing;
pub use measure::count_from_zero;
pub use plan::CHUNK_LIMIT_SECS;
pub use plan::{PipelineConfig, PlanError, Plans, StageConfig};
pub use pulse::Loop;
pub use render::Rendered;
pub use room::Place;
pub use runner::{InProcess, StageRunner};
pub use scribed_outbound::{Call, Method, Outbound, check_header};
