//! P25: a backup that is made while work goes on has everything that was acknowledged before it began.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use scribed_tests::{Client, Daemon, Job, eventually, pass, say};

use crate::desk::{Accepted, Desk};
use crate::sound::recording;
use crate::{alone, form, sql};

/// Pause between two uploads.
const PAUSE: Duration = Duration::from_millis(250);
/// Jobs that there are before the first backup.
const HEAD_START: usize = 5;

#[test]
fn a_backup_in_the_midst_of_work_has_all_that_was_acknowledged_before() {
    let _alone = alone();
    let rounds = form(3, 20);
    // What was in work at the instant of the copy waits elsewhere for its lease.
    let leases = "[engine]\nlease_secs = 2\nrenew_secs = 1\n";
    let desk = Desk::new(Duration::from_millis(10), leases);
    let daemon = desk.setup().start();
    let client = daemon.client();
    let places = tempfile::tempdir().unwrap();
    let (accepted, stop) = (Mutex::new(Accepted::default()), AtomicBool::new(false));
    let mut figures = Vec::new();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for seed in 0.. {
                if stop.load(Ordering::Relaxed) {
                    return;
                }
                let mut one = Accepted::default();
                one.submit(&client, seed);
                accepted.lock().unwrap().0.append(&mut one.0);
                pass(PAUSE);
            }
        });
        // Whatever a round finds, the uploads come to an end.
        let ending = Ending(&stop);
        eventually("there are jobs", || {
            (accepted.lock().unwrap().0.len() >= HEAD_START).then_some(())
        });
        for round in 0..rounds {
            // The second and all that follow go where the first went: only what is new is copied.
            let place = places.path().join(if round == 0 { "once" } else { "again" });
            let before = Accepted(accepted.lock().unwrap().0.clone());
            let said =
                daemon.program().config(&desk.config()).run(["backup", place.to_str().unwrap()]);
            let said = said.code(0).err;
            assert!(!said.contains("is not there"), "{said}");
            restored(&desk, &client, &place, &before);
            let last = said.trim().lines().last().unwrap_or_default();
            figures.push(format!("{} acknowledged before; {last}", before.0.len()));
        }
        drop(ending);
    });
    let all = accepted.into_inner().unwrap();
    all.are_whole(&client);
    let place = places.path().display().to_string();
    say(&format!(
        "backup: {rounds} times during work, {} uploads in all, each restored elsewhere with all that was \
         acknowledged before, every recording and every text whole, integrity ok",
        all.0.len()
    ));
    for figure in [figures.first(), figures.last()].into_iter().flatten() {
        say(&format!("backup: {}", figure.replace(&place, "")));
    }
}

/// Starts a daemon on a copy of a backup, and insists that everything is there and goes on.
#[track_caller]
fn restored(desk: &Desk, client: &Client, place: &Path, before: &Accepted) {
    sql::is_whole(&place.join("scribed.db"));
    let there = contents(&place.join("media"));
    for (job, (seed, _)) in &before.0 {
        assert!(there.contains(&recording(*seed).0), "the recording of job {job} is there, whole");
    }
    let other: Daemon = desk.setup().start_on(place);
    let client = client.at(&other);
    for job in before.0.keys() {
        // Who was logged in still is, and nobody's job is another's.
        let _info = client.info(Job(*job));
    }
    before.are_whole(&client);
}

/// Reads every recording below a folder; what was being written is none.
fn contents(folder: &Path) -> BTreeSet<Vec<u8>> {
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.append(&mut contents(&path));
        } else {
            assert!(!path.display().to_string().contains('#'), "{}", path.display());
            found.insert(fs::read(path).unwrap());
        }
    }
    found
}

/// Stops the uploads when it is dropped.
struct Ending<'a>(&'a AtomicBool);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn a_folder_that_is_in_use_or_cannot_be_used_takes_no_backup() {
    let desk = Desk::new(Duration::ZERO, "");
    let daemon = desk.setup().start();
    let state = daemon.state().display().to_string();
    let refused = daemon.program().config(&desk.config()).run(["backup", &state]).code(2);
    refused.says("a daemon has run on").says("name a folder of backups");
    let refused = daemon.program().config(&desk.config()).run(["backup", "/proc/backup"]).code(2);
    refused.says("cannot write a backup to /proc/backup: ").says("name a folder that the user");
    let _info = daemon.client().get("/auth/info").status(200);
}
