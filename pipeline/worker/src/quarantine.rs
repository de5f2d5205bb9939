//! Quarantine: stages that crash again and again are put aside, so that they take no more jobs with
//! them; others go on.
//!
//! A crash counts against the stages that ran in the worker, once for each job, however often that is
//! tried; and a session that ends well takes back what was counted. So one hostile recording puts nothing
//! aside, and many among good ones do not either. A stage in quarantine has
//! a file in the state folder, so that operators see it, and release it by removing the file
//! (`scribed plugins release`). After a while one job may try it; when that goes well it is released.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use scribed_schemas::id::JobId;
use serde::{Deserialize, Serialize};

use crate::measure;

/// When a stage is put aside.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rule {
    /// Crashes of so many jobs in a row …
    pub(crate) crashes: u32,
    /// … within this time.
    pub(crate) window: Duration,
    /// After this one job may try.
    pub(crate) trial: Duration,
}

/// A stage in quarantine, as its file has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Id of the stage.
    pub stage: String,
    /// Why.
    pub why: String,
}

/// When jobs crashed in a stage, by its id.
type Crashes = BTreeMap<String, BTreeMap<JobId, Instant>>;

/// The quarantine of a host.
#[derive(Debug)]
pub(crate) struct Quarantine {
    folder: PathBuf,
    rule: Rule,
    crashes: Mutex<Crashes>,
}

impl Quarantine {
    pub(crate) fn new(folder: PathBuf, rule: Rule) -> Self {
        Self { folder, rule, crashes: Mutex::default() }
    }

    /// Returns the counts; a panic elsewhere cannot have left them half changed.
    fn crashes(&self) -> MutexGuard<'_, Crashes> {
        self.crashes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the stage that is in quarantine, if one of these is. When a trial is due, the caller
    /// makes it.
    pub(crate) fn closed<'a>(&self, stages: impl IntoIterator<Item = &'a str>) -> Option<Entry> {
        measure::quarantined(&self.folder);
        stages.into_iter().find_map(|stage| {
            let file = file(&self.folder, stage);
            let entry = read(&file)?;
            let age = fs::metadata(&file).and_then(|file| file.modified()).ok();
            let age = age.and_then(|at| SystemTime::now().duration_since(at).ok());
            if age.is_some_and(|age| age < self.rule.trial) {
                return Some(entry);
            }
            // One tries; the others find a fresh file.
            tracing::info!(stage, "one job tries a stage that is in quarantine");
            write(&self.folder, &entry).err().map(|_| entry)
        })
    }

    /// Counts a crash of a job against stages; puts them aside when there were too many.
    pub(crate) fn crashed<'a>(
        &self,
        stages: impl IntoIterator<Item = &'a str>,
        job: JobId,
        why: &str,
    ) {
        for stage in stages {
            let count = {
                let mut crashes = self.crashes();
                let jobs = crashes.entry(stage.to_owned()).or_default();
                jobs.insert(job, Instant::now());
                jobs.retain(|_, at| at.elapsed() < self.rule.window);
                jobs.len()
            };
            if count < self.rule.crashes as usize {
                continue;
            }
            // Who releases it wants to see whether it works now.
            self.crashes().remove(stage);
            let secs = self.rule.window.as_secs();
            let why = format!("{count} jobs crashed in it within {secs} s, the last: {why}");
            let entry = Entry { stage: stage.to_owned(), why };
            match write(&self.folder, &entry) {
                Ok(()) => {
                    measure::quarantined(&self.folder);
                    tracing::error!(
                        stage,
                        why = entry.why,
                        "put into quarantine; `scribed plugins release {stage}` releases it"
                    );
                }
                Err(error) => tracing::error!(stage, %error, "cannot be put into quarantine"),
            }
        }
    }

    /// Takes back what was counted, and releases what was on trial.
    pub(crate) fn went_well<'a>(&self, stages: impl IntoIterator<Item = &'a str>) {
        for stage in stages {
            self.crashes().remove(stage);
            if release(&self.folder, stage).is_ok_and(|was| was) {
                measure::quarantined(&self.folder);
                tracing::info!(stage, "released from quarantine: it works again");
            }
        }
    }
}

/// Lists what is in quarantine, in the order of the stages' ids.
///
/// # Errors
/// The folder cannot be read.
pub fn list(folder: &Path) -> io::Result<Vec<Entry>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut found = Vec::new();
    for entry in entries {
        found.extend(read(&entry?.path()));
    }
    found.sort_by(|one, other| one.stage.cmp(&other.stage));
    Ok(found)
}

/// Releases a stage; returns whether it was in quarantine.
///
/// # Errors
/// The file cannot be removed.
pub fn release(folder: &Path, stage: &str) -> io::Result<bool> {
    match fs::remove_file(file(folder, stage)) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Returns the file of a stage; an id may hold anything, a file name may not.
fn file(folder: &Path, stage: &str) -> PathBuf {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    let name: String = stage.chars().map(|c| if plain(c) { c } else { '_' }).collect();
    folder.join(format!("{name}.json"))
}

fn read(file: &Path) -> Option<Entry> {
    serde_json::from_slice(&fs::read(file).ok()?).ok()
}

fn write(folder: &Path, entry: &Entry) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let target = file(folder, &entry.stage);
    let half = target.with_extension("half");
    let mut written = fs::File::create(&half)?;
    written.write_all(&serde_json::to_vec_pretty(entry)?)?;
    fs::rename(half, target)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quarantine(folder: &Path, trial: Duration) -> Quarantine {
        let rule = Rule { crashes: 3, window: Duration::from_secs(60), trial };
        Quarantine::new(folder.join("quarantine"), rule)
    }

    #[test]
    fn crashes_in_a_row_close_a_stage_and_no_other() {
        let temp = tempfile::tempdir().unwrap();
        let quarantine = quarantine(temp.path(), Duration::from_secs(60));
        for job in 1..=2 {
            quarantine.crashed(["a"], JobId(job), "SIGSEGV");
        }
        quarantine.went_well(["a"]);
        for job in 1..=2 {
            quarantine.crashed(["a"], JobId(job), "SIGSEGV");
        }
        assert_eq!(quarantine.closed(["a", "b"]), None);
        quarantine.crashed(["a"], JobId(2), "SIGSEGV");
        assert_eq!(quarantine.closed(["a", "b"]), None, "one job again and again is one");
        quarantine.crashed(["a"], JobId(3), "SIGABRT");
        let entry = quarantine.closed(["b", "a"]).unwrap();
        assert!(entry.stage == "a" && entry.why.contains("SIGABRT"), "{entry:?}");
        assert_eq!(quarantine.closed(["b"]), None);
        assert_eq!(list(&quarantine.folder).unwrap(), [entry]);
    }

    #[test]
    fn an_operator_releases_a_stage() {
        let temp = tempfile::tempdir().unwrap();
        let quarantine = quarantine(temp.path(), Duration::from_secs(60));
        assert!(!release(&quarantine.folder, "a").unwrap());
        (0..3).for_each(|job| quarantine.crashed(["a"], JobId(job), "it exited with code 1"));
        assert!(release(&quarantine.folder, "a").unwrap());
        assert_eq!(quarantine.closed(["a"]), None);
        assert!(list(&quarantine.folder).unwrap().is_empty());
    }

    #[test]
    fn one_job_tries_again_after_a_while_and_its_success_releases() {
        let temp = tempfile::tempdir().unwrap();
        let quarantine = quarantine(temp.path(), Duration::ZERO);
        (0..3).for_each(|job| quarantine.crashed(["a"], JobId(job), "it exited with code 1"));
        assert_eq!(quarantine.closed(["a"]), None, "the trial is due at once");
        quarantine.went_well(["a"]);
        assert!(list(&quarantine.folder).unwrap().is_empty());
    }
}
