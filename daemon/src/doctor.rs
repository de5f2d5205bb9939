//! The doctor: looks at everything that a daemon on this host needs, and says of each what to do.
//!
//! `scribed check` says whether a daemon would start; this says whether it would do well.

use serde::Serialize;

pub mod machine;
pub mod services;

/// How something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// As it should be.
    Good,
    /// It works, and could be better.
    Fair,
    /// It does not work.
    Bad,
}

/// What was found of one thing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The thing.
    pub part: &'static str,
    /// How it is.
    pub verdict: Verdict,
    /// What was seen.
    pub seen: String,
    /// What to do; absent where there is nothing to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub todo: Option<String>,
}

impl Finding {
    /// Finds that something is as it should be.
    pub fn good(part: &'static str, seen: impl Into<String>) -> Self {
        Self { part, verdict: Verdict::Good, seen: seen.into(), todo: None }
    }

    /// Finds that something could be better.
    pub fn fair(part: &'static str, seen: impl Into<String>, todo: impl Into<String>) -> Self {
        Self { part, verdict: Verdict::Fair, seen: seen.into(), todo: Some(todo.into()) }
    }

    /// Finds that something does not work.
    pub fn bad(part: &'static str, seen: impl Into<String>, todo: impl Into<String>) -> Self {
        Self { part, verdict: Verdict::Bad, seen: seen.into(), todo: Some(todo.into()) }
    }
}

/// Writes a number of bytes for people.
fn bytes(count: u64) -> String {
    const MIB: u64 = 1 << 20;
    match count {
        0..MIB => format!("{} KiB", count >> 10),
        MIB..10_737_418_240 => format!("{} MiB", count >> 20),
        _ => format!("{} GiB", count >> 30),
    }
}
