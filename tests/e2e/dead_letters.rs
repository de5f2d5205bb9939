//! What was given up is listed, shown, retried and dropped, on every bus alike.

use scribed_tests::audio::{Recording, recording};
use scribed_tests::{Cluster, Daemon, Program, Ran, errors, eventually};
use serde_json::Value;

use crate::wire::{Wire, event};

/// A daemon, with the bus between it and the world.
struct Place {
    wire: Wire,
    daemon: Daemon,
    cluster: Option<Cluster>,
}

impl Place {
    /// One machine with nothing else.
    fn alone() -> Self {
        let daemon = Daemon::start();
        Self { wire: Wire::of_daemon(&daemon), daemon, cluster: None }
    }

    /// A host of a cluster.
    fn in_cluster(name: &str) -> Option<Self> {
        let cluster = Cluster::new(name)?;
        let (wire, daemon) = (Wire::of_cluster(&cluster), cluster.start());
        Some(Self { wire, daemon, cluster: Some(cluster) })
    }

    fn program(&self) -> Program {
        self.cluster.as_ref().map_or_else(|| self.daemon.program(), Cluster::program)
    }

    /// Runs `scribed dead-letters`.
    #[track_caller]
    fn letters<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> Ran {
        self.program().run(["dead-letters"].into_iter().chain(arguments))
    }

    /// Lists what is open, or what an option adds, newest first.
    #[track_caller]
    fn listed(&self, options: &[&str]) -> Vec<Value> {
        let line = ["list", "--json"].iter().chain(options).copied();
        let listed = self.letters(line).code(0).json();
        listed.as_array().unwrap().clone()
    }

    /// Waits until so many letters are open.
    #[track_caller]
    fn until(&self, count: usize) -> Vec<Value> {
        eventually("letters are listed", || {
            Some(self.listed(&[])).filter(|letters| letters.len() == count)
        })
    }
}

fn text<'a>(letter: &'a Value, member: &str) -> &'a str {
    letter[member].as_str().unwrap_or_else(|| panic!("{member} of {letter}"))
}

/// An event without an owner is given up, looked at, sent back in vain, and then with success.
#[track_caller]
fn an_event_is_mended_and_becomes_text(place: &Place) {
    let (file, Recording { text: spoken, .. }) = recording("01");
    let mut event = event("take-1", "newcomer", &std::fs::read(file).unwrap());
    event["name"] = "an interview".into();
    // White space and a key of no text: what is shown and sent back is what came.
    let payload = serde_json::to_vec_pretty(&event).unwrap();
    place.wire.send([0xff, 1], payload.clone());

    let letter = place.until(1).remove(0);
    let id = text(&letter, "id").to_owned();
    assert_eq!(text(&letter, "reason"), "no_such_owner");
    assert!(text(&letter, "detail").contains("newcomer"), "{letter}");
    assert_eq!((&letter["topic"], &letter["attempts"]), (&"scribed.uploads".into(), &1.into()));
    assert!(id.ends_with(&format!(":{}:{}", letter["partition"], letter["offset"])), "{letter}");
    assert_eq!(place.letters(["show", &id, "--raw"]).code(0).bytes, payload);
    let shown = place.letters(["show", &id, "--json"]).code(0).json();
    assert_eq!(shown["key"]["hex"], "ff01");
    assert_eq!(shown["headers"][0]["name"], "trace");
    assert_eq!(shown["headers"][0]["value"]["hex"], "fe00");
    let table = place.letters(["list"]).code(0);
    assert!(table.out.contains(&id) && table.out.contains("no_such_owner"), "{}", table.out);
    let shown = place.letters(["show", &id]).code(0);
    assert!(shown.out.contains("trace: 0xfe00"), "{}", shown.out);

    // Nothing was mended: it comes back, and its attempts count on.
    place.letters(["retry", &id]).code(0).says("retried 1 of 1");
    let again = eventually("it is given up again", || {
        place.listed(&[]).into_iter().find(|letter| letter["attempts"] == 2)
    });
    assert_eq!(place.listed(&[]).len(), 1, "the first letter is done with");
    assert_eq!(again["first_seen"], letter["first_seen"]);
    place.letters(["retry", &id]).code(1).says("it was retried by");

    place.program().run(["account", "create", "newcomer", "--can-interact"]).code(0);
    place.letters(["retry", "--reason", "no_such_owner"]).code(0).says("retried 1 of 1");
    let job = eventually("its job is completed", || {
        let jobs = place.program().run(["jobs", "list", "--json"]).code(0).json();
        jobs.as_array().unwrap().iter().find(|job| job["state"] == "completed").cloned()
    });
    assert_eq!((&job["owner"], &job["name"]), (&"newcomer".into(), &"an interview".into()));
    let errors = errors(&spoken, text(&job, "description"));
    assert!(errors.within_percent(15), "{errors}: {job}");
    assert!(place.listed(&[]).is_empty());
    let settled = place.listed(&["--settled"]);
    assert_eq!(settled.len(), 2);
    assert!(settled.iter().all(|letter| letter["settled"]["action"] == "retried"));
    // What was done with can still be looked at.
    assert_eq!(place.letters(["show", &id, "--raw"]).code(0).bytes, payload);
}

/// Letters are dropped one by one and by their reason.
#[track_caller]
fn dropped_ones_vanish(place: &Place) {
    for number in 0..5 {
        place.wire.send("", format!("damaged {number}"));
    }
    let letters = place.until(5);
    assert!(letters.iter().all(|letter| letter["reason"] == "malformed"));
    let [id, other] = [0, 1].map(|index| text(&letters[index], "id"));
    place.letters(["drop", id]).code(2).says("--yes");
    assert_eq!(place.listed(&[]).len(), 5, "nothing was dropped");
    place.letters(["drop", id, other, "--yes"]).code(0).says("dropped 2 of 2");
    let left = place.listed(&[]);
    assert_eq!(left, letters[2..]);
    place.letters(["drop", id, "--yes"]).code(1).says("it was dropped by");

    assert_eq!(place.listed(&["--limit", "2"]), letters[2..4]);
    assert_eq!(place.listed(&["--limit", "2", "--skip", "2"]), letters[4..]);
    assert!(place.listed(&["--reason", "no_such_owner"]).is_empty());
    place.letters(["list", "--limit", "2"]).code(0).says("1 to 2 of 3");
    place.letters(["drop", "--reason", "no_such_owner", "--yes"]).code(0).says("0 of 0");
    place.letters(["drop", "--reason", "malformed", "--yes"]).code(0).says("dropped 3 of 3");
    assert!(place.listed(&[]).is_empty());
}

#[track_caller]
fn unknown_ids_are_told(place: &Place) {
    for line in [&["show", "nonsense"][..], &["retry", "nonsense"], &["drop", "nonsense", "--yes"]]
    {
        let told = place.letters(line.iter().copied()).code(1);
        told.says("there is no dead letter nonsense").says("scribed dead-letters list");
    }
    place.letters(["retry"]).code(2);
    place.letters(["retry", "--all"]).code(0).says("retried 0 of 0");
}

#[test]
fn letters_are_handled_on_one_machine() {
    let place = Place::alone();
    unknown_ids_are_told(&place);
    dropped_ones_vanish(&place);
    // What was dropped is there for those who ask for it, but does not count here.
    let place = Place::alone();
    an_event_is_mended_and_becomes_text(&place);
}

#[test]
fn letters_are_handled_on_a_cluster() {
    let Some(place) = Place::in_cluster("letters") else { return };
    unknown_ids_are_told(&place);
    an_event_is_mended_and_becomes_text(&place);
    dropped_ones_vanish(&place);
}
