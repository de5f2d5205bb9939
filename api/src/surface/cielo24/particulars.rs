//! Particulars: what this surface notes with a job to show it again; nothing else goes by it.

use scribed_schemas::job::Job;
use scribed_schemas::time::Timestamp;

/// The code of the language, as it was named.
pub(super) const LANGUAGE: &str = "language";
/// The code of the language that was asked for beside, which is the same.
pub(super) const TARGET_LANGUAGE: &str = "target_language";
/// The fidelity, as it was ordered.
pub(super) const FIDELITY: &str = "fidelity";
/// The hours that the order names.
pub(super) const TURNAROUND_HOURS: &str = "turnaround_hours";
/// The options of the order, as a JSON object.
pub(super) const OPTIONS: &str = "options";
/// Who asked for it, in the client's words.
pub(super) const REQUESTOR: &str = "requestor";
/// How many people speak, as far as the client knows.
pub(super) const EXPECTED_SPEAKERS: &str = "expected_speakers";
/// There when the job waited for its authorization.
pub(super) const HELD: &str = "held";
/// When it was ordered, in microseconds since 1970.
pub(super) const ORDERED: &str = "ordered";
/// What the names of custom metadata begin with.
pub(super) const CUSTOM_METADATA: &str = "custom_metadata.";

/// Returns what was noted under a name.
pub(super) fn noted<'a>(job: &'a Job, name: &str) -> Option<&'a str> {
    job.options.particulars.get(name).map(String::as_str)
}

/// Returns when a job was ordered on this surface.
pub(super) fn ordered(job: &Job) -> Option<Timestamp> {
    noted(job, ORDERED)?.parse().ok().map(Timestamp)
}

/// Returns the custom metadata of a job.
pub(super) fn custom_metadata(job: &Job) -> impl Iterator<Item = (&str, &str)> {
    let all = job.options.particulars.iter();
    all.filter_map(|(name, value)| Some((name.strip_prefix(CUSTOM_METADATA)?, value.as_str())))
}
