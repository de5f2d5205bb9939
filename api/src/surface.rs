//! The documented APIs, one folder each.

pub(crate) mod transcriptions;
