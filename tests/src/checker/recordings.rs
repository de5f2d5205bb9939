//! Recordings: every job has its own, whole, and none lies about that nobody needs.

use std::collections::BTreeSet;

use super::evidence::{Evidence, Known};
use super::{Findings, Kind};

pub(super) fn check(evidence: &Evidence, findings: &mut Findings) {
    for Known { job, media, .. } in &evidence.jobs {
        let (id, Some(number)) = (job.id, job.media) else { continue };
        let Some(media) = media else {
            findings.add(Kind::LostMedia, format!("job {id}: nothing is known of media {number}"));
            continue;
        };
        match evidence.files.get(&media.key) {
            None => {
                let what = format!("job {id}: the recording {} is gone", media.key);
                findings.add(Kind::LostMedia, what);
            }
            Some(size) if *size != media.size => {
                let what =
                    format!("job {id}: {} has {size} bytes instead of {}", media.key, media.size);
                findings.add(Kind::LostMedia, what);
            }
            Some(_) => {}
        }
    }
    let used: BTreeSet<&str> =
        evidence.jobs.iter().filter_map(|known| Some(known.media.as_ref()?.key.as_str())).collect();
    let named = keys_in_letters(evidence);
    for key in evidence.files.keys() {
        if !used.contains(key.as_str()) && !named.contains(key) {
            findings.add(Kind::OrphanedMedia, format!("no job has the recording {key}"));
        }
    }
}

/// Returns the recordings of buried events: they are kept, since their events may be sent again.
fn keys_in_letters(evidence: &Evidence) -> BTreeSet<String> {
    let key = |payload: &[u8]| {
        let event: serde_json::Value = serde_json::from_slice(payload).ok()?;
        event["media"]["key"].as_str().map(str::to_owned)
    };
    evidence.letters.iter().filter_map(|letter| key(&letter.message.payload)).collect()
}
