//! The cielo24 surface: whom it calls when a job has ended.

mod id;
mod notice;

pub(crate) use notice::notice;
