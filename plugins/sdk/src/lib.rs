//! What a stage author imports: write a struct, implement [`Stage`], name it in [`export_stages!`].
//!
//! Safe Rust only; the C side is generated. This is a whole plugin:
//!
//! ```
//! //! Drops audio quieter than a threshold.
//! use scribed_plugin::prelude::*;
//!
//! /// Configuration of the gate.
//! #[derive(Deserialize, JsonSchema)]
//! #[serde(deny_unknown_fields)]
//! struct Config {
//!     /// Blocks whose loudest sample is below this are dropped, in dBFS.
//!     threshold_dbfs: f32,
//! }
//!
//! struct Gate(f32);
//!
//! impl Stage for Gate {
//!     const ID: &'static str = "com.example.gate";
//!     const SUMMARY: &'static str = "drops audio quieter than a threshold";
//!     type Config = Config;
//!     type Accepts = AudioKind;
//!     type Emits = AudioKind;
//!
//!     fn open(config: Config, _host: Host) -> Result<Self> {
//!         Ok(Self(10_f32.powf(config.threshold_dbfs / 20.0)))
//!     }
//!
//!     fn process(&mut self, block: AudioBlock<'_>, out: &mut Out<'_, AudioKind>) -> Result<()> {
//!         if block.samples.iter().any(|s| s.abs() >= self.0) { out.emit(block) } else { Ok(()) }
//!     }
//! }
//!
//! export_stages!(Gate);
//! # // The rest is its test, as it stands in `plugins/README.md`.
//! # use scribed_plugin::testing::{self, Audio};
//! # let loud = Audio::mono(16_000, vec![0.5; 160]);
//! # let quiet = Audio::mono(16_000, vec![0.001; 160]);
//! # let config = serde_json::json!({ "threshold_dbfs": -40.0 });
//! # let run = testing::run::<Gate>(config, [loud.clone(), quiet]).unwrap();
//! # assert_eq!(run.items, [loud]);
//! ```
//!
//! The crate is built as `crate-type = ["cdylib", "rlib"]` and depends on `scribed-plugin`, `serde`
//! and `schemars`. `plugins/README.md` walks through it.
//!
//! - [`Stage`]: what to implement, and when each method is called.
//! - [`kind`]: the kinds as types, and what a stage sees of each.
//! - [`Out`]: where results go. [`Host`]: log, cancel, report.
//! - [`StageError`]: how a call fails, and what the daemon does then.
//! - [`testing`]: drives a stage through its real vtable from a unit test.

#![deny(missing_docs)]
#![expect(unsafe_code, reason = "this crate carries the C side for every stage")]

mod barrier;
mod error;
#[doc(hidden)]
pub mod export;
mod host;
pub mod kind;
mod out;
pub mod prelude;
mod recording;
mod stage;
pub mod testing;

pub use error::{Result, StageError};
pub use host::{Host, Level};
pub use kind::Document;
pub use out::Out;
pub use recording::{Recording, RecordingReader};
pub use scribed_abi::{StageDescriptor, exit, flags};
pub use stage::Stage;
