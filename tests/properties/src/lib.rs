//! Properties: what must hold of a stage, whatever bytes it is given.
//!
//! Each is a function of bytes that panics where the property does not hold. The fuzzer of
//! `tests/fuzz` calls it with whatever it thinks of, and the tests of each stage with the inputs that
//! the fuzzer kept ([`replay`]). Stages are type parameters, since no two may be linked into one
//! program.
//!
//! - [`decode()`]: a recording gives sound within the limits of the stage, or a refusal.
//! - [`text()`], [`json()`], [`captions()`], [`doc()`]: a document says what the transcript says, read back.
//! - `script`: how bytes become a transcript.
#![forbid(unsafe_code)]
#![expect(clippy::missing_panics_doc, reason = "a property panics where it does not hold")]

mod captions;
mod decode;
mod doc;
mod json;
mod kept;
mod render;
mod script;
mod text;

pub use captions::captions;
pub use decode::decode;
pub use doc::doc;
pub use json::json;
pub use kept::replay;
pub use text::text;
