//! Many hosts, one truth: daemons over a real Kafka and a real Cassandra.

use rustix::process::Signal;
use scribed_tests::audio::recording;
use scribed_tests::{Cluster, Daemon, Job, Setup, errors, eventually};
use serde_json::Value;

/// Leases short enough that the loss of a host is made up for within a test.
fn impatient(setup: Setup) -> Setup {
    setup.option("engine.lease_secs", 4).option("engine.renew_secs", 1)
}

/// Lists the jobs of a cluster as operators see them.
#[track_caller]
fn jobs(cluster: &Cluster) -> Vec<Value> {
    let listed = cluster.program().run(["jobs", "list", "--json"]).code(0).json();
    listed.as_array().cloned().unwrap_or_default()
}

fn is_working(daemon: &Daemon) -> bool {
    daemon.log().contains("work begins")
}

#[test]
fn any_host_answers_for_every_job_and_stops_it() {
    let Some(cluster) = Cluster::new("answers") else { return };
    let one = cluster.start();
    let client = one.client();
    let job = client.submit(&recording("11").0);
    let read = client.chunks_from(job, 1);

    let other = cluster.start();
    let there = client.at(&other);
    assert_eq!(there.chunks(job)[..read.len()], read);
    assert_eq!(there.info(job)["id"], job.0);
    drop(there.cancel(job).status(200));
    assert_eq!(client.end_of(job), "completed_partially");
    eventually("the first host stops", || {
        one.log().contains("the job was taken away").then_some(())
    });
    assert!(!is_working(&other), "the job was the first host's all the time");
}

#[test]
fn a_host_that_is_killed_loses_and_repeats_nothing() {
    let Some(cluster) = Cluster::new("killed") else { return };
    let mut first = impatient(cluster.setup()).start();
    let client = first.client();
    let (file, spoken) = recording("11");
    let job = client.submit(&file);
    let before = client.chunks_from(job, 2);

    let second = impatient(cluster.setup()).start();
    first.signal(Signal::KILL);
    first.ended();
    let client = client.at(&second);
    assert_eq!(client.end_of(job), "completed");
    let whole = client.chunks(job);
    assert_eq!(whole[..before.len()], before, "what was read stays");
    let errors = errors(&spoken.text, &whole.join(" "));
    assert!(errors.within_percent(15), "{errors}: {whole:?}");
    assert_eq!(client.info(job)["error_count"], 0);
}

#[test]
fn events_of_producers_become_text_on_whichever_host() {
    const RECORDINGS: [&str; 5] = ["01", "02", "03", "04", "05"];
    let Some(cluster) = Cluster::new("events") else { return };
    let mut hosts = [impatient(cluster.setup()).start(), impatient(cluster.setup()).start()];
    let client = hosts[0].client();
    let owner = client.get("/auth/info").status(200).json()["username"].clone();
    let owner = owner.as_str().unwrap().to_owned();
    let files = RECORDINGS.map(|number| recording(number).0.display().to_string());
    for (number, file) in RECORDINGS.iter().zip(&files) {
        let send = ["events", "send", "--owner", &owner, "--no-follow", "--id", number];
        // The same event twice is one job.
        cluster.program().run(send.iter().copied().chain([file.as_str()])).code(0);
        cluster.program().run(send.iter().copied().chain([file.as_str()])).code(0);
    }
    eventually("a host works", || hosts.iter().any(is_working).then_some(()));
    let killed = hosts.iter().position(is_working).unwrap();
    hosts[killed].signal(Signal::KILL);
    hosts[killed].ended();

    let client = client.at(&hosts[1 - killed]);
    let all = eventually("every event has its job", || {
        Some(jobs(&cluster)).filter(|jobs| jobs.len() >= RECORDINGS.len())
    });
    for job in &all {
        let job = Job(job["id"].as_i64().unwrap());
        assert_eq!(client.end_of(job), "completed");
    }
    let mut texts = all.iter().map(|job| client.text(Job(job["id"].as_i64().unwrap())));
    let texts = texts.by_ref().collect::<Vec<_>>();
    for number in RECORDINGS {
        let alone = cluster.program().transcribe([recording(number).0]).code(0).out;
        let alone = alone.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(texts.contains(&alone), "{number}: {alone}\nis not among {texts:?}");
    }
    assert_eq!(jobs(&cluster).len(), RECORDINGS.len(), "no event became two jobs");
}

#[test]
fn an_event_is_followed_to_its_text() {
    let Some(cluster) = Cluster::new("followed") else { return };
    let daemon = cluster.start();
    let client = daemon.client();
    let owner = client.get("/auth/info").status(200).json()["username"].clone();
    let (file, spoken) = recording("02");
    let owner = owner.as_str().unwrap();
    let send = ["events", "send", "--owner", owner, file.to_str().unwrap()];
    let followed = cluster.program().run(send).code(0);
    assert!(errors(&spoken.text, &followed.out).within_percent(15), "{}", followed.out);
    followed.says("is completed");
}
