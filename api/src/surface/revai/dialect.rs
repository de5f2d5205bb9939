//! Dialects: the two forms of the surface, and all that differs between them.

use std::time::Duration;

use warp::Filter;
use warp::filters::BoxedFilter;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// A form of the surface, told by its prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// `/revspeech/v1beta`, the documented one.
    V1Beta,
    /// `/speechtotext/v1`, which today's clients speak.
    V1,
}

impl Dialect {
    /// Both.
    pub(crate) const ALL: [Self; 2] = [Self::V1Beta, Self::V1];

    /// Returns the form that a path belongs to, if any.
    pub(crate) fn of(path: &str) -> Option<Self> {
        let is_below = |dialect: &Self| {
            let rest = path.strip_prefix(dialect.prefix());
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        Self::ALL.into_iter().find(is_below)
    }

    const fn prefix(self) -> &'static str {
        match self {
            Self::V1Beta => "/revspeech/v1beta",
            Self::V1 => "/speechtotext/v1",
        }
    }

    /// Matches the prefix.
    pub(super) fn base(self) -> BoxedFilter<()> {
        match self {
            Self::V1Beta => warp::path("revspeech").and(warp::path("v1beta")).boxed(),
            Self::V1 => warp::path("speechtotext").and(warp::path("v1")).boxed(),
        }
    }

    /// How far back lists of jobs go.
    pub(super) const fn window(self) -> Duration {
        match self {
            Self::V1Beta => DAY.saturating_mul(7),
            Self::V1 => DAY.saturating_mul(30),
        }
    }

    /// Longest metadata, in characters.
    pub(super) const fn longest_metadata(self) -> usize {
        match self {
            Self::V1Beta => 256,
            Self::V1 => 512,
        }
    }

    /// The title of a 401.
    pub(super) const fn denied(self) -> &'static str {
        match self {
            Self::V1Beta => "Authorization has been denied for this request",
            Self::V1 => "Authorization has been denied for this request.",
        }
    }

    /// Whether a client that accepts anything gets a transcript as JSON.
    pub(super) const fn has_default_format(self) -> bool {
        matches!(self, Self::V1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_belongs_to_the_form_whose_prefix_it_has() {
        assert_eq!(Dialect::of("/revspeech/v1beta"), Some(Dialect::V1Beta));
        assert_eq!(Dialect::of("/speechtotext/v1/jobs/7"), Some(Dialect::V1));
        for other in ["/speechtotext/v10/jobs", "/revspeech", "/", "/jobs", "/Speechtotext/v1"] {
            assert_eq!(Dialect::of(other), None, "{other}");
        }
    }
}
