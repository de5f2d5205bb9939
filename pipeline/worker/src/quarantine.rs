//! Quarantine: stages that crash again and again are put aside, so that they take no more jobs with
//! them; others go on.
//!
//! A crash counts against the stages that ran in the worker, once for each job, however often that is
//! tried; and a session that ends well takes back what was counted. So one hostile recording puts nothing
//! aside, and many among good ones do not either. A stage in quarantine has
//! a file in the state folder, so that operators see it, and release it by removing the file
//! (`scribed plugins release`). After a while one job may try it; when that goes well it is released.
//! So it is when the daemon starts with another version of its plugin.
//!
//! Only jobs count, in either direction. A probe reads the beginning of a recording and a canary sings to
//! nobody: that they went well says nothing about the recordings on which the stage crashed, and a trial
//! would be wasted on them. A crash in a probe is not counted since the job that follows crashes as well.

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
    /// What its plugin was like, see [`version`]; absent where that is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plugin: Option<String>,
}

/// When jobs crashed in a stage, by its id.
type Crashes = BTreeMap<String, BTreeMap<JobId, Instant>>;

/// The quarantine of a host.
#[derive(Debug)]
pub(crate) struct Quarantine {
    folder: PathBuf,
    rule: Rule,
    /// What the plugins are like, by stage. As at the start: what is put in their place later is not what
    /// the workers have loaded.
    plugins: BTreeMap<String, String>,
    crashes: Mutex<Crashes>,
}

impl Quarantine {
    /// Opens the quarantine, and releases stages whose plugin is another one by now.
    pub(crate) fn new(folder: PathBuf, rule: Rule, plugins: BTreeMap<String, String>) -> Self {
        let quarantine = Self { folder, rule, plugins, crashes: Mutex::default() };
        for Entry { stage, plugin, .. } in list(&quarantine.folder).unwrap_or_default() {
            let is_another =
                plugin.zip(quarantine.plugins.get(&stage)).is_some_and(|(was, is)| was != *is);
            if is_another && release(&quarantine.folder, &stage).is_ok_and(|was| was) {
                tracing::info!(stage, "released from quarantine: its plugin is another version");
            }
        }
        quarantine
    }

    /// Returns the counts; a panic elsewhere cannot have left them half changed.
    fn crashes(&self) -> MutexGuard<'_, Crashes> {
        self.crashes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the stage that is in quarantine, if one of these is.
    pub(crate) fn holds<'a>(&self, stages: impl IntoIterator<Item = &'a str>) -> Option<Entry> {
        measure::quarantined(&self.folder);
        stages.into_iter().find_map(|stage| read(&file(&self.folder, stage)))
    }

    /// Returns the stage that is in quarantine and whose trial is not due yet, if one of these is.
    pub(crate) fn closed<'a>(&self, stages: impl IntoIterator<Item = &'a str>) -> Option<Entry> {
        measure::quarantined(&self.folder);
        stages.into_iter().find_map(|stage| {
            let file = file(&self.folder, stage);
            let entry = read(&file)?;
            let age = fs::metadata(&file).and_then(|file| file.modified()).ok();
            let age = age.and_then(|at| SystemTime::now().duration_since(at).ok());
            age.is_some_and(|age| age < self.rule.trial).then_some(entry)
        })
    }

    /// Asks whether these stages may run, for a job or for none; returns the stage that may not. When a
    /// trial is due, the job makes it.
    pub(crate) fn enter<'a>(
        &self,
        mut stages: impl Iterator<Item = &'a str> + Clone,
        job: Option<JobId>,
    ) -> Option<Entry> {
        // Nothing is tried where another stage would not let the job pass.
        if let Some(entry) = self.closed(stages.clone()) {
            return Some(entry);
        }
        // The probe of an upload passes when a trial is due, else there might never be a job to make it.
        job.and_then(|_| {
            stages.find_map(|stage| {
                let entry = read(&file(&self.folder, stage))?;
                // One tries; the others find a fresh file.
                tracing::info!(stage, "one job tries a stage that is in quarantine");
                write(&self.folder, &entry).err().map(|_| entry)
            })
        })
    }

    /// Counts a crash of a job against stages; puts them aside when there were too many.
    pub(crate) fn crashed<'a>(
        &self,
        stages: impl IntoIterator<Item = &'a str>,
        job: Option<JobId>,
        why: &str,
    ) {
        let Some(job) = job else { return };
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
            let plugin = self.plugins.get(stage).cloned();
            let entry = Entry { stage: stage.to_owned(), why, plugin };
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

    /// Takes back what was counted, and releases what was on trial, when a job went well.
    pub(crate) fn went_well<'a>(
        &self,
        stages: impl IntoIterator<Item = &'a str>,
        job: Option<JobId>,
    ) {
        if job.is_none() {
            return;
        }
        for stage in stages {
            self.crashes().remove(stage);
            if release(&self.folder, stage).is_ok_and(|was| was) {
                measure::quarantined(&self.folder);
                tracing::info!(stage, "released from quarantine: it works again");
            }
        }
    }
}

/// Returns what tells a plugin from other versions of it: the version that it gives itself, which its maker
/// may forget to raise, and the length and age of its library. None where that cannot be looked at.
pub(crate) fn version(given: &str, library: &Path) -> Option<String> {
    let library = fs::metadata(library).ok()?;
    let changed = library.modified().ok()?.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    let (secs, nanos) = (changed.as_secs(), changed.subsec_nanos());
    Some(format!("{given}, {} bytes, changed at {secs}.{nanos:09}", library.len()))
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
        let path = entry?.path();
        // A crash may leave one that is half written: no stage is closed by it, and none released.
        if path.extension().is_some_and(|end| end == "json") {
            found.extend(read(&path));
        }
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

    const HOUR: Duration = Duration::from_secs(3_600);
    const A: [&str; 1] = ["a"];

    fn quarantine(folder: &Path, trial: Duration) -> Quarantine {
        started(folder, trial, [("a", "1")])
    }

    /// The quarantine of a daemon that starts with plugins of these versions.
    fn started<const N: usize>(
        folder: &Path,
        trial: Duration,
        plugins: [(&str, &str); N],
    ) -> Quarantine {
        let rule = Rule { crashes: 3, window: Duration::from_secs(60), trial };
        let plugins = plugins.map(|(stage, version)| (stage.to_owned(), version.to_owned()));
        Quarantine::new(folder.join("quarantine"), rule, plugins.into())
    }

    /// A job that crashed nowhere.
    const OTHER: Option<JobId> = Some(JobId(9));

    fn enter<const N: usize>(quarantine: &Quarantine, stages: [&str; N]) -> Option<Entry> {
        quarantine.enter(stages.into_iter(), OTHER)
    }

    fn crash(quarantine: &Quarantine, stage: &str, job: i64, why: &str) {
        quarantine.crashed([stage], Some(JobId(job)), why);
    }

    /// Puts a stage into quarantine.
    fn close(quarantine: &Quarantine, stage: &str) {
        (0..3).for_each(|job| crash(quarantine, stage, job, "it exited with code 1"));
        assert!(quarantine.holds([stage]).is_some());
    }

    /// Lets a stage have been in quarantine, or on trial, for so long.
    fn age(quarantine: &Quarantine, stage: &str, age: Duration) {
        let file = fs::File::options().write(true).open(file(&quarantine.folder, stage)).unwrap();
        file.set_modified(SystemTime::now() - age).unwrap();
    }

    #[test]
    fn crashes_in_a_row_close_a_stage_and_no_other() {
        let temp = tempfile::tempdir().unwrap();
        let quarantine = quarantine(temp.path(), HOUR);
        for job in 1..=2 {
            crash(&quarantine, "a", job, "SIGSEGV");
        }
        quarantine.went_well(A, OTHER);
        for job in 1..=2 {
            crash(&quarantine, "a", job, "SIGSEGV");
        }
        assert_eq!(enter(&quarantine, ["a", "b"]), None);
        crash(&quarantine, "a", 2, "SIGSEGV");
        assert_eq!(enter(&quarantine, ["a", "b"]), None, "one job again and again is one");
        crash(&quarantine, "a", 3, "SIGABRT");
        let entry = enter(&quarantine, ["b", "a"]).unwrap();
        assert!(entry.stage == "a" && entry.why.contains("SIGABRT"), "{entry:?}");
        assert_eq!(enter(&quarantine, ["b"]), None);
        assert_eq!(list(&quarantine.folder).unwrap(), [entry]);
    }

    #[test]
    fn an_operator_releases_a_stage() {
        let temp = tempfile::tempdir().unwrap();
        let quarantine = quarantine(temp.path(), HOUR);
        assert!(!release(&quarantine.folder, "a").unwrap());
        close(&quarantine, "a");
        assert!(release(&quarantine.folder, "a").unwrap());
        assert_eq!(enter(&quarantine, A), None);
        assert!(list(&quarantine.folder).unwrap().is_empty());
    }

    #[test]
    fn one_job_tries_again_after_a_while_and_its_success_releases() {
        let temp = tempfile::tempdir().unwrap();
        let quarantine = quarantine(temp.path(), HOUR);
        close(&quarantine, "a");
        assert!(quarantine.closed(A).is_some() && enter(&quarantine, A).is_some());
        age(&quarantine, "a", HOUR);
        assert_eq!(quarantine.closed(A), None, "to ask whether it is due is no trial");
        assert_eq!(enter(&quarantine, A), None, "the trial is due");
        assert!(quarantine.closed(A).is_some() && enter(&quarantine, A).is_some(), "one tries");
        quarantine.went_well(A, OTHER);
        assert_eq!(enter(&quarantine, A), None);
        assert!(list(&quarantine.folder).unwrap().is_empty());
    }

    #[test]
    fn no_trial_is_spent_on_a_job_that_another_stage_stops() {
        let temp = tempfile::tempdir().unwrap();
        let quarantine = quarantine(temp.path(), HOUR);
        close(&quarantine, "a");
        close(&quarantine, "b");
        age(&quarantine, "a", HOUR);
        assert_eq!(enter(&quarantine, ["a", "b"]).unwrap().stage, "b");
        assert_eq!(enter(&quarantine, A), None, "the trial is still due");
    }

    #[test]
    fn another_version_of_its_plugin_releases_a_stage() {
        let temp = tempfile::tempdir().unwrap();
        let before = started(temp.path(), HOUR, [("a", "1")]);
        close(&before, "a");
        close(&before, "b");
        let held = |plugins| {
            let entries = list(&started(temp.path(), HOUR, plugins).folder).unwrap();
            entries.into_iter().map(|entry| entry.stage).collect::<Vec<_>>()
        };
        assert_eq!(held([("a", "1"), ("b", "1")]), ["a", "b"], "of b nothing was known");
        assert_eq!(held([("c", "1"), ("b", "1")]), ["a", "b"], "what is gone is no other version");
        assert_eq!(held([("a", "2"), ("b", "2")]), ["b"]);
    }

    #[test]
    fn a_library_that_was_replaced_is_another_version() {
        let temp = tempfile::tempdir().unwrap();
        let library = temp.path().join("libstage.so");
        assert_eq!(version("1.0", &library), None);
        fs::write(&library, "code").unwrap();
        let first = version("1.0", &library);
        assert!(first.is_some());
        assert_eq!(version("1.0", &library), first);
        assert_ne!(version("1.1", &library), first);
        fs::write(&library, "more code").unwrap();
        assert_ne!(version("1.0", &library), first);
    }

    #[test]
    fn what_is_no_job_counts_in_no_direction() {
        let temp = tempfile::tempdir().unwrap();
        let quarantine = quarantine(temp.path(), HOUR);
        let probe = || quarantine.enter(A.into_iter(), None);
        for job in 1..=2 {
            crash(&quarantine, "a", job, "SIGSEGV");
        }
        quarantine.crashed(A, None, "SIGSEGV");
        assert_eq!(probe(), None, "a crash in a probe counts nothing");
        quarantine.went_well(A, None);
        crash(&quarantine, "a", 3, "SIGSEGV");
        assert!(enter(&quarantine, A).is_some(), "a probe that went well pardons nothing");
        assert!(probe().is_some(), "no trial is due");
        age(&quarantine, "a", HOUR);
        assert_eq!(probe(), None, "an upload is looked at, so that its job can make the trial");
        quarantine.went_well(A, None);
        assert_eq!(list(&quarantine.folder).unwrap().len(), 1, "nor does it release");
        assert_eq!(enter(&quarantine, A), None, "the trial is left to a job");
    }
}
