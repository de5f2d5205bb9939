//! Callbacks: what whoever is told of the end of a job hears, in the forms of the surfaces that took it.

use scribed_engine::{Call, CallForms};
use scribed_schemas::callback::{Callback, CallbackStyle};
use scribed_schemas::job::Job;

use crate::surface::revai::Dialect;
use crate::surface::{cielo24, revai};

/// The forms of calls of every documented API.
#[derive(Debug, Clone, Copy, Default)]
pub struct SurfaceForms;

impl CallForms for SurfaceForms {
    fn form(&self, job: &Job, callback: &Callback) -> Option<Call> {
        match callback.style {
            // The engine's own.
            CallbackStyle::Scribed => None,
            CallbackStyle::RevaiV1beta => revai::notice(job, callback, Dialect::V1Beta),
            CallbackStyle::RevaiV1 => revai::notice(job, callback, Dialect::V1),
            CallbackStyle::Cielo24 => Some(cielo24::notice(job, callback)),
        }
    }
}
