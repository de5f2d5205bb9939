//! A recogniser whose text is a pure function of the samples, and a cutter that needs no speech.
//!
//! Whoever has the recording can tell what its text must be, so a test can prove that no chunk was
//! lost, doubled or changed. [`cut`] makes chunks of one fixed length, [`recognise`] makes sixteen words
//! of each, [`words`] is the function from samples to words.

#![forbid(unsafe_code)]

mod cut;
mod recognise;
mod words;

pub use cut::Cutter;
pub use recognise::Recogniser;
pub use words::words_of;

scribed_plugin::export_stages!(cut::Cutter, recognise::Recogniser);
