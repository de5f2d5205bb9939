//! Planted faults: parts that break a promise, to see that the checker finds it.

/// A part that breaks one promise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Planted {
    /// The store gives a job that somebody works on to another, under the same fence.
    SharedLease,
    /// The store takes writes with an old fence.
    OldFence,
    /// The store shows a fence that is lower than before.
    FallingFence,
    /// The store shows a job that has ended as queued.
    RevivedJob,
    /// The store puts one text in the place of another.
    ReplacedChunk,
    /// The store shows chunks behind a gap.
    SkippedChunk,
    /// The store makes a second job of a repeated submission.
    SecondJob,
    /// The store charges what nobody can be blamed for.
    ChargedOutage,
    /// The bus commits what it delivers.
    EarlyCommit,
    /// The bus goes back behind what was committed.
    FallingOffset,
    /// The bus forgets an upload that it has taken.
    ForgottenEvent,
    /// The bus forgets a dead letter that it has taken.
    ForgottenLetter,
    /// The bus forgets news of a job that it has taken.
    ForgottenNews,
}

impl Planted {
    /// Every planted fault, with the invariants as which it may show.
    pub(crate) const ALL: [(Self, &'static [&'static str]); 13] = [
        (Self::SharedLease, &["a"]),
        (Self::OldFence, &["a"]),
        (Self::FallingFence, &["b"]),
        (Self::RevivedJob, &["c"]),
        (Self::ReplacedChunk, &["d"]),
        (Self::SkippedChunk, &["d"]),
        (Self::SecondJob, &["f"]),
        (Self::ChargedOutage, &["g"]),
        (Self::EarlyCommit, &["e"]),
        (Self::FallingOffset, &["e"]),
        (Self::ForgottenEvent, &["f"]),
        (Self::ForgottenLetter, &["e", "f"]),
        (Self::ForgottenNews, &["i"]),
    ];
}
