//! Callbacks: who is to be called once a job is done, and what else is to follow it.
//!
//! The submitter names an address; when the job reaches a terminal state, what is to follow is written
//! with that very change, so a crash at any moment loses no call. It may call twice: each try is noted
//! before it is made, and a call that was answered is noted after.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::id::JobId;
use crate::job::Job;
use crate::time::Timestamp;

/// Somebody to be called when a job is done.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Callback {
    /// Where. It may hold a signature or a password, and is shown to nobody.
    pub url: String,
    /// What the call looks like.
    pub style: CallbackStyle,
    /// Headers that the submitter wants to see again, such as its own authorization; shown to nobody.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
}

impl std::fmt::Debug for Callback {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Callback").field("style", &self.style).finish_non_exhaustive()
    }
}

/// What a call looks like: that of the surface which took the job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallbackStyle {
    /// POST with our own state event.
    Scribed,
    /// POST with the job as Rev.ai's documented version shows it.
    RevaiV1beta,
    /// POST with the job as Rev.ai's present version shows it.
    RevaiV1,
    /// GET, with the job's names set into the URL, as cielo24 calls.
    Cielo24,
}

/// What is to follow a job that is done; kept with the job.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct FollowUp {
    /// Changes of this so far. A change names the number that it goes by, so of two only one happens.
    pub steps: u32,
    /// The call, if there is somebody to be called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivery: Option<Delivery>,
    /// When the job is to be deleted, once nobody is to be called any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delete_at: Option<Timestamp>,
}

impl FollowUp {
    /// Returns what is to follow a job that is done since `now`; none when nothing is.
    pub fn of(job: &Job, now: Timestamp) -> Option<Self> {
        let delivery = job.options.callback.as_ref().map(|_| Delivery::due_at(now));
        let delete_at = job.options.delete_after_secs.map(|secs| {
            let micros = i64::try_from(secs).unwrap_or(i64::MAX).saturating_mul(1_000_000);
            Timestamp(now.0.saturating_add(micros))
        });
        (delivery.is_some() || delete_at.is_some()).then_some(Self {
            steps: 0,
            delivery,
            delete_at,
        })
    }

    /// Returns when something is next to be done; none when nothing is, unless somebody asks for it.
    pub fn due(&self) -> Option<Timestamp> {
        match &self.delivery {
            Some(Delivery { state: DeliveryState::Pending, due, .. }) => Some(*due),
            _ => self.delete_at,
        }
    }

    /// Returns whether it is still of interest: something is to be done, or a call was given up.
    pub fn is_open(&self) -> bool {
        let given_up = |delivery: &Delivery| delivery.state == DeliveryState::Dead;
        self.due().is_some() || self.delivery.as_ref().is_some_and(given_up)
    }
}

/// A call and how far it got.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// Where it stands.
    pub state: DeliveryState,
    /// Tries so far, also one that is being made.
    pub attempts: u32,
    /// Not tried before this instant.
    pub due: Timestamp,
    /// When it was tried last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tried: Option<Timestamp>,
    /// Why the last try failed, in one sentence without the URL's query.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
}

impl Delivery {
    /// Returns a call that was not tried yet.
    pub const fn due_at(due: Timestamp) -> Self {
        Self { state: DeliveryState::Pending, attempts: 0, due, tried: None, failure: None }
    }

    /// Returns the id of the call of a job: the same in every try, so that a receiver can tell a repeat.
    pub fn id(job: JobId) -> String {
        format!("job-{job}")
    }
}

/// Where a call stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryState {
    /// To be tried, for the first time or again.
    Pending,
    /// It was answered with success.
    Delivered,
    /// Given up; `scribed callbacks retry` begins anew.
    Dead,
}
