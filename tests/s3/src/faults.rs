//! What was asked for, and what goes wrong next.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use s3s::{S3Result, s3_error};
use tokio::sync::watch;

/// What clients ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Operation {
    /// An object, or a range of it.
    Get,
    /// What is known of an object.
    Head,
    /// An object in one request.
    Put,
    /// The end of an object.
    Delete,
    /// The names of objects.
    List,
    /// The beginning of an upload in parts.
    Begin,
    /// A part of one.
    Part,
    /// Its completion.
    Complete,
    /// Its end without an object.
    Abort,
    /// The uploads that have not ended.
    Unfinished,
}

/// What goes wrong with one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The answer is 500, and nothing was done.
    Internal,
    /// The answer is 503, and nothing was done.
    SlowDown,
    /// The answer is 403, and nothing was done.
    Denied,
    /// It was done, and the answer is 500.
    Lost,
    /// The connection is cut in the middle of the body.
    Cut,
    /// There is no answer until [`S3Server::release`](crate::S3Server::release).
    Held,
}

/// An upload in parts that has not ended.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Upload {
    /// Key of the object to be.
    pub(crate) key: String,
    /// Its name.
    pub(crate) id: String,
    /// When it was begun.
    pub(crate) begun: SystemTime,
}

/// Counts and plans, shared by the server and its tests.
#[derive(Debug)]
pub(crate) struct Script {
    state: Mutex<State>,
    /// Whether held requests stay held.
    holding: watch::Sender<bool>,
}

#[derive(Debug, Default)]
struct State {
    counts: BTreeMap<Operation, usize>,
    plans: BTreeMap<Operation, VecDeque<Fault>>,
    is_out: bool,
    uploads: Vec<Upload>,
    /// Parts on their way, and the most there were.
    parts: (usize, usize),
}

impl Default for Script {
    fn default() -> Self {
        Self { state: Mutex::default(), holding: watch::Sender::new(true) }
    }
}

impl Script {
    /// Counts a request and lets it in, with the fault that its answer is to have.
    pub(crate) async fn admit(&self, operation: Operation) -> S3Result<Option<Fault>> {
        let (is_out, fault) = {
            let mut state = self.state();
            *state.counts.entry(operation).or_default() += 1;
            let fault = state.plans.get_mut(&operation).and_then(VecDeque::pop_front);
            (state.is_out, fault)
        };
        match fault {
            _ if is_out => Err(s3_error!(ServiceUnavailable)),
            Some(Fault::Internal) => Err(s3_error!(InternalError)),
            Some(Fault::SlowDown) => Err(s3_error!(SlowDown)),
            Some(Fault::Denied) => Err(s3_error!(AccessDenied, "Access Denied")),
            Some(Fault::Held) => {
                // It only ends when the server does, and then nobody waits.
                self.holding.subscribe().wait_for(|is_holding| !is_holding).await.ok();
                Ok(None)
            }
            after => Ok(after),
        }
    }

    pub(crate) fn counts(&self) -> BTreeMap<Operation, usize> {
        self.state().counts.clone()
    }

    pub(crate) fn plan(&self, operation: Operation, faults: impl IntoIterator<Item = Fault>) {
        self.state().plans.entry(operation).or_default().extend(faults);
    }

    pub(crate) fn set_outage(&self, is_on: bool) {
        self.state().is_out = is_on;
    }

    pub(crate) fn release(&self) {
        self.holding.send_replace(false);
    }

    pub(crate) fn part_begins(&self) -> PartOnItsWay<'_> {
        let mut state = self.state();
        state.parts.0 += 1;
        state.parts.1 = state.parts.1.max(state.parts.0);
        PartOnItsWay(self)
    }

    pub(crate) fn most_parts_at_once(&self) -> usize {
        self.state().parts.1
    }

    pub(crate) fn begun(&self, key: String, id: String) {
        self.state().uploads.push(Upload { key, id, begun: SystemTime::now() });
    }

    pub(crate) fn ended(&self, id: &str) {
        self.state().uploads.retain(|upload| upload.id != id);
    }

    /// Returns the uploads that have not ended, by key and name.
    pub(crate) fn unfinished(&self) -> Vec<Upload> {
        let mut uploads = self.state().uploads.clone();
        uploads.sort();
        uploads
    }

    pub(crate) fn backdate(&self, by: Duration) {
        for upload in &mut self.state().uploads {
            upload.begun -= by;
        }
    }

    /// Returns the state; a panic elsewhere cannot have left it half changed.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A part on its way, until it is dropped.
#[derive(Debug)]
pub(crate) struct PartOnItsWay<'a>(&'a Script);

impl Drop for PartOnItsWay<'_> {
    fn drop(&mut self) {
        self.0.state().parts.0 -= 1;
    }
}
