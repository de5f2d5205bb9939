//! The fuzzer's door: what must hold of tokens and forms, whatever bytes they are made of.
#![cfg_attr(
    feature = "fuzzing",
    expect(clippy::missing_panics_doc, reason = "a property panics where it does not hold")
)]

mod forged;
mod form;

pub use forged::token;
pub use form::multipart;
