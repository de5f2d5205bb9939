//! Worker processes seen from outside: whatever a recording does to the process in which it is worked
//! on, the daemon and all other jobs go on.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use rustix::process::{Pid, Signal, kill_process};
use scribed_tests::{Client, Daemon, Job, Setup, audio, eventually, is_long, say};
use serde_json::Value;

use crate::poison::{STALL_SECS, flat, shown, start, submit};
use crate::wire::Wire;

/// What each kind of poison does, by its number from 1, and the word that its owner or operator reads.
const POISONS: [(&str, &str); 8] = [
    ("writes where no memory is", "SEGV"),
    ("aborts", "ABRT"),
    ("panics", "told me to"),
    ("exits", "code 3"),
    ("spins", "nothing moved"),
    ("sleeps", "nothing moved"),
    ("leaks", "ABRT"),
    ("overwrites its heap", "signal"),
];
/// Good recordings, and poisonous ones of each kind among them; the same in the long form.
const MIXTURE: [(i16, usize); 2] = [(20, 1), (200, 10)];
/// Longest time without a worker that recognises, in seconds, as the median.
const BACK_SECS: f64 = 1.0;
/// Longest life past its deadline of a worker that stands still, in seconds.
const OVERDUE_SECS: f64 = 5.0;
/// Jobs in a row whose crash puts a stage into quarantine: the default.
const CRASHES: usize = 5;
/// How often a job that waits for a stage in quarantine is seen to ask for it.
const ASKED: usize = 3;
/// A line of the log that begins the life of a worker that recognises.
const READY: &str = "a worker is ready group=\"asr\"";
/// A line of the log that ends one.
const ENDED: &str = "a worker ended group=\"asr\"";

/// Returns the processes that a daemon has started.
fn workers(daemon: &Daemon) -> Vec<u32> {
    let children = format!("/proc/{0}/task", daemon.pid());
    let tasks = fs::read_dir(children).unwrap().map(|task| task.unwrap().path().join("children"));
    let children = tasks.filter_map(|file| fs::read_to_string(file).ok());
    children
        .flat_map(|all| all.split(' ').filter_map(|pid| pid.parse().ok()).collect::<Vec<_>>())
        .collect()
}

fn kill(pid: u32) {
    let pid = Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    kill_process(pid, Signal::KILL).unwrap();
}

fn exists(pid: u32) -> bool {
    PathBuf::from(format!("/proc/{pid}")).exists()
}

/// Returns the number of the worker that a line of the log is about.
fn pid(line: &str) -> Option<u32> {
    line.split("pid=").nth(1)?.split_whitespace().next()?.parse().ok()
}

/// Returns the time of the day of a line of the log, in seconds.
#[track_caller]
fn clock(line: &str) -> f64 {
    let clock = line.split(['T', 'Z']).nth(1).unwrap();
    clock.split(':').fold(0.0, |sum, part| sum * 60.0 + part.parse::<f64>().unwrap())
}

/// Returns the seconds between two times of the day, also over midnight.
fn between(earlier: f64, later: f64) -> f64 {
    (later - earlier).rem_euclid(86_400.0)
}

/// Reads from a log after how many seconds there was another recogniser each time that one had ended,
/// shortest first.
fn returns(log: &str) -> Vec<f64> {
    let (mut ended, mut returns) = (None, Vec::new());
    for line in log.lines() {
        if line.contains(ENDED) {
            ended = Some(clock(line));
        } else if line.contains(READY)
            && let Some(ended) = ended.take()
        {
            returns.push(between(ended, clock(line)));
        }
    }
    returns.sort_by(f64::total_cmp);
    returns
}

/// Reads from a log how many seconds past their deadline recognisers lived that stood still: at most,
/// as if each had stood still since it was ready. Shortest first.
fn overdue(log: &str) -> Vec<f64> {
    let (mut ready, mut overdue) = (BTreeMap::new(), Vec::new());
    for line in log.lines() {
        if line.contains(READY) {
            ready.insert(pid(line), clock(line));
        } else if line.contains(ENDED)
            && line.contains("nothing moved")
            && let Some(ready) = ready.get(&pid(line))
        {
            overdue.push(between(*ready, clock(line)) - f64::from(STALL_SECS));
        }
    }
    overdue.sort_by(f64::total_cmp);
    overdue
}

/// Insists on one dead letter of each job that was given up and of no other, with the reason and the
/// attempts that the job shows.
#[track_caller]
fn each_is_buried_once(daemon: &Daemon, given_up: &[(Job, Value)]) {
    let list = ["dead-letters", "list", "--json", "--limit", "1000"];
    let letters = eventually("each has its letter", || {
        let letters = daemon.program().run(list).code(0).json();
        letters.as_array().filter(|letters| letters.len() >= given_up.len()).cloned()
    });
    assert_eq!(letters.len(), given_up.len(), "{letters:?}");
    for (Job(id), shown) in given_up {
        let of_job: Vec<_> = letters.iter().filter(|letter| letter["job"] == *id).collect();
        let [letter] = of_job[..] else { panic!("{of_job:?} of {shown}") };
        let (told, fault) =
            (["reason", "detail", "attempts"].map(|name| &letter[name]), &shown["fault"]);
        assert_eq!(told, [&fault["code"], &fault["message"], &shown["error_count"]], "{shown}");
    }
    for letter in Wire::of_daemon(daemon).letters() {
        let payload: Value = serde_json::from_slice(&letter.message.payload).unwrap();
        assert_eq!(payload["schema"], "scribed.dead-job/1", "{payload}");
        let its_fault = |(Job(id), shown): &&(Job, Value)| {
            payload["job"]["id"] == *id && payload["fault"] == shown["fault"]
        };
        assert_eq!(given_up.iter().filter(its_fault).count(), 1, "{payload}");
    }
}

/// Prints how soon workers were back and how long those that stood still lived on; the long form has
/// bounds, the second one over a recording that spins and has its workers for itself.
#[track_caller]
fn times(daemon: &Daemon, client: &Client) {
    let log = daemon.log();
    let (returns, overdue_among_others) = (returns(&log), overdue(&log));
    let median = returns[returns.len() / 2];
    say(&format!(
        "poison: {} times a worker ended and another was ready after {median:.2} s (median), {:.2} s \
         at most; {} stood still and lived at most {:.2} s past their deadline",
        returns.len(),
        returns[returns.len() - 1],
        overdue_among_others.len(),
        overdue_among_others.last().copied().unwrap_or_default(),
    ));
    if !is_long() {
        return;
    }
    assert!(median <= BACK_SECS, "{returns:?}");
    let spinner = submit(client, "spins.wav", flat(5_000));
    assert_eq!(client.end_of(spinner), "processing_fail");
    let alone = overdue(&daemon.log()[log.len()..]);
    say(&format!("poison: alone, a spinner lived at most {alone:.2?} s past its deadlines"));
    // Who began before is not in this part of the log.
    assert!(alone.len() >= 2, "{alone:?}");
    assert!(alone.iter().all(|secs| *secs <= OVERDUE_SECS), "{alone:?}");
}

/// Each job is given up after its attempts: three, which is the default, but for a panic. That leaves its
/// worker alive and comes back as an error, the same for the same chunk, so it gets one more attempt and
/// fails the job when it comes again (`retry` of the engine).
#[test]
fn poisonous_recordings_stop_only_themselves() {
    let (mut daemon, _folder) = start("[workers]\nquarantine_crashes = 1000\n");
    let (pid, client) = (daemon.pid(), daemon.client());
    let mut poisons = Vec::new();
    let mut good = Vec::new();
    let (most, each) = MIXTURE[usize::from(is_long())];
    let mut poison = (1..).zip(POISONS).cycle().take(POISONS.len() * each);
    for number in 0..most {
        // Levels that are no thousands.
        good.push(submit(&client, "good.wav", flat(number * 100 + 50)));
        if let Some((kind, (what, reason))) = poison.next() {
            let level = kind * 1_000;
            poisons.push((submit(&client, &format!("{what}.wav"), flat(level)), what, reason));
        }
    }
    for job in &good {
        assert_eq!(client.end_of(*job), "completed");
        assert_eq!(client.chunks(*job).len(), 1);
    }
    let mut given_up = Vec::new();
    for (job, what, reason) in poisons {
        assert_eq!(client.end_of(job), "processing_fail", "{what}");
        let shown = shown(&daemon, job);
        let told = shown["fault"].to_string();
        assert!(told.contains(reason), "{what}: {told}");
        let attempts = if what == "panics" { 2 } else { 3 };
        assert_eq!(shown["error_count"], attempts, "{what}: {shown}");
        given_up.push((job, shown));
    }
    each_is_buried_once(&daemon, &given_up);
    say(&format!(
        "poison: {} jobs given up among {} good ones, each with one dead letter",
        given_up.len(),
        good.len()
    ));
    times(&daemon, &client);
    assert_eq!(daemon.pid(), pid);
    daemon.signal(Signal::TERM);
    assert_eq!(daemon.ended().code(), Some(0), "the very process that was started ends in order");
}

#[test]
fn a_stage_that_crashes_again_and_again_is_put_aside_until_it_is_released() {
    let (daemon, _folder) = start("");
    let client = daemon.client();
    // However often one job is tried, it is one.
    for _ in 1..CRASHES {
        let poison = submit(&client, "exits.wav", flat(4_000));
        assert_eq!(client.end_of(poison), "processing_fail");
    }
    daemon.program().run(["plugins", "list"]).code(0).says_not("quarantine");
    let last = submit(&client, "exits.wav", flat(4_000));
    eventually("it is put aside", || daemon.log().contains("put into quarantine").then_some(()));

    let seen = || [ENDED, READY].map(|line| daemon.log().matches(line).count());
    let before = seen();
    let waiting = submit(&client, "good.wav", flat(50));
    let stage = "org.scribed.test.poison";
    daemon
        .program()
        .run(["plugins", "list"])
        .code(0)
        .says("org.scribed.test.poison is in quarantine");
    let told = eventually("the job says what it waits for", || {
        let fault = shown(&daemon, waiting)["fault"].to_string();
        fault.contains("quarantine").then_some(fault)
    });
    assert!(told.contains("unavailable") && told.contains(stage), "{told}");
    assert_eq!(shown(&daemon, waiting)["error_count"], 0, "waiting costs nothing");
    // It asks again and again, and nobody starts a worker for it.
    let Job(id) = waiting;
    let asked = || {
        let (begins, whose) = ("work begins", format!("job={id} "));
        let log = daemon.log();
        log.lines().filter(|line| line.contains(begins) && line.contains(&whose)).count()
    };
    let first = asked();
    eventually("the job asks several times", || {
        assert_eq!(seen(), before, "no recogniser starts or ends meanwhile");
        (asked() >= first + ASKED).then_some(())
    });

    daemon.program().run(["plugins", "release", stage]).code(0).says("is released");
    assert_eq!(client.end_of(waiting), "completed");
    assert_eq!(client.end_of(last), "processing_fail");
    daemon.program().run(["plugins", "release", stage]).code(1).says("nothing is in quarantine");
}

#[test]
fn a_killed_worker_costs_a_repeat_and_nothing_else() {
    let daemon = Daemon::start();
    let client = daemon.client();
    let (file, recording) = audio::recording("11");
    let job = client.submit(&file);
    let before = client.chunks_from(job, 1);
    workers(&daemon).into_iter().for_each(kill);
    assert_eq!(client.end_of(job), "completed");
    let whole = client.chunks(job);
    assert_eq!(whole[..before.len()], before);
    assert!(scribed_tests::errors(&recording.text, &whole.join(" ")).within_percent(15));
}

#[test]
fn a_recogniser_that_hangs_while_nobody_needs_it_is_replaced() {
    let daemon = Setup::default().option("workers.canary_secs", 2).start();
    let recogniser = |log: &str| {
        let ready = log.lines().rfind(|line| line.contains("ready group=\"asr\""))?;
        ready.split("pid=").nth(1)?.trim().parse::<u32>().ok()
    };
    let stuck = recogniser(&daemon.log()).expect("it is ready before the daemon is");
    let pid = Pid::from_raw(i32::try_from(stuck).unwrap()).unwrap();
    kill_process(pid, Signal::STOP).unwrap();
    eventually("the log says so", || daemon.log().contains("its worker is replaced").then_some(()));
    eventually("it is gone", || (!exists(stuck)).then_some(()));
    let next =
        eventually("there is another", || recogniser(&daemon.log()).filter(|next| *next != stuck));
    assert!(exists(next));
    let client = daemon.client();
    let job = client.submit(&audio::recording("02").0);
    assert_eq!(client.end_of(job), "completed");
    assert_eq!(client.info(job)["error_count"], 0);
}

#[test]
fn no_worker_outlives_its_daemon() {
    let mut daemon = Daemon::start();
    let client = daemon.client();
    client.submit(&audio::recording("11").0);
    let workers = eventually("workers work", || {
        let workers = workers(&daemon);
        (workers.len() >= 2).then_some(workers)
    });
    daemon.kill();
    for worker in workers {
        eventually("a worker is gone", || (!exists(worker)).then_some(()));
    }
}

#[test]
fn a_worker_that_reads_recordings_is_locked_in() {
    let daemon = Daemon::start();
    let client = daemon.client();
    let job = client.submit(&audio::recording("02").0);
    assert_eq!(client.end_of(job), "completed");
    let log = daemon.log();
    let line =
        log.lines().find(|line| line.contains("a worker is ready") && line.contains("media"));
    let line = line.expect("a worker read the recording");
    let pid = line.split("pid=").nth(1).unwrap().split_whitespace().next().unwrap();
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        line.unwrap().trim_start_matches(':').trim().to_owned()
    };
    assert_eq!((field("NoNewPrivs").as_str(), field("Seccomp").as_str()), ("1", "2"));
    let limits = fs::read_to_string(format!("/proc/{pid}/limits")).unwrap();
    let limit = |name: &str| limits.lines().find(|line| line.starts_with(name)).unwrap().to_owned();
    assert!(limit("Max address space").contains(&(2_048_u64 << 20).to_string()), "{limits}");
    assert!(limit("Max core file size").contains(" 0 "), "{limits}");
    assert_eq!(
        fs::read(format!("/proc/{pid}/environ")).unwrap(),
        b"",
        "it is told nothing by the way"
    );
    // Beside its socket and standard streams it holds no file of the daemon's.
    let open = fs::read_dir(format!("/proc/{pid}/fd")).unwrap();
    let open: Vec<_> = open.filter_map(|fd| fs::read_link(fd.ok()?.path()).ok()).collect();
    let state = daemon.state().display().to_string();
    let files: Vec<_> = open.iter().filter(|file| file.starts_with(&state)).collect();
    assert!(files.iter().all(|file| file.ends_with("test.log")), "{open:?}");
}
