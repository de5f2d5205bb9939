//! How the daemon is: asked by probes over HTTP, and told to a service manager that listens.

use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use rustix::process::Signal;
use scribed_tests::audio::recording;
use scribed_tests::{Daemon, Setup, build, eventually, say};
use serde_json::Value;

/// Asks for a path of the daemon's probes.
pub(super) fn probe(daemon: &Daemon, path: &str) -> (u16, String) {
    let told = eventually("the address of probes is logged", || {
        let log = daemon.log();
        let line = log.lines().find(|line| line.contains("answers probes"))?;
        Some(line.split("address=").nth(1)?.split_whitespace().next()?.to_owned())
    });
    let answer = reqwest::blocking::get(format!("http://{told}{path}")).unwrap();
    (answer.status().as_u16(), answer.text().unwrap())
}

fn report(daemon: &Daemon, path: &str) -> (u16, Value) {
    let (status, body) = probe(daemon, path);
    (status, serde_json::from_str(&body).unwrap())
}

/// A daemon that answers probes.
pub(super) fn setup() -> Setup {
    Setup::default().variable("SCRIBED_HEALTH__LISTEN", "127.0.0.1:0")
}

#[test]
fn probes_tell_whether_the_daemon_lives_and_serves() {
    let daemon = setup().start();
    let (status, report) = report(&daemon, "/livez");
    assert_eq!((status, &report["live"]), (200, &Value::Bool(true)), "{report}");
    let names: Vec<&str> =
        report["parts"].as_array().unwrap().iter().map(|p| p["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["intake", "scheduler", "courier", "store", "media"]);
    eventually("it is ready", || (probe(&daemon, "/readyz").0 == 200).then_some(()));
    assert_eq!(probe(&daemon, "/elsewhere").0, 404);
}

#[test]
fn a_daemon_that_drains_is_alive_and_not_ready() {
    let mut daemon = setup().option("engine.drain_timeout_secs", 20).start();
    let client = daemon.client();
    let job = client.submit(&recording("11").0);
    client.chunks_from(job, 1);
    // Probes are answered to the last, so whoever asks meanwhile learns both.
    let address = daemon.log();
    let address = address.split("address=").nth(1).unwrap().split_whitespace().next().unwrap();
    let base = format!("http://{address}");
    daemon.signal(Signal::TERM);
    let seen = eventually("it is not ready any more", || {
        let answer = reqwest::blocking::get(format!("{base}/readyz")).ok()?;
        (answer.status() == 503).then(|| answer.json::<Value>().unwrap())
    });
    assert_eq!((&seen["live"], &seen["phase"]), (&Value::Bool(true), &"draining".into()));
    assert_eq!(daemon.ended().code(), Some(0));
}

#[test]
fn metrics_follow_the_work() {
    let daemon = setup().start();
    let client = daemon.client();
    let job = client.submit(&recording("02").0);
    assert_eq!(client.end_of(job), "completed");
    let (status, metrics) = probe(&daemon, "/metrics");
    assert_eq!(status, 200);
    let cores = std::thread::available_parallelism().unwrap();
    for line in [
        r#"scribed_jobs_ended_total{state="completed"} 1"#,
        "scribed_chunk_seconds_count 1",
        &format!("scribed_slots {}", cores.get().min(4)),
        "scribed_slots_busy 0",
        r#"scribed_workers{group="asr"} 1"#,
        "scribed_jobs_waiting 0",
        "# TYPE scribed_chunk_seconds histogram",
        "# HELP scribed_jobs_ended_total Attempts of this host",
    ] {
        assert!(metrics.contains(line), "{line} is missing in:\n{metrics}");
    }
    assert!(metrics.contains(r#"scribed_http_requests_total{status="2xx"}"#), "{metrics}");
    let secret = daemon.secret("admin-token");
    assert!(!metrics.contains(&secret));
}

/// A service manager that listens.
struct Systemd {
    socket: UnixDatagram,
    path: PathBuf,
    _folder: tempfile::TempDir,
}

impl Systemd {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        Self { socket, path, _folder: folder }
    }

    /// Waits for the next message, as lines.
    fn hear(&self) -> Vec<String> {
        let mut bytes = [0; 4096];
        let length = self.socket.recv(&mut bytes).expect("the daemon says something");
        let message = String::from_utf8(bytes[..length].to_vec()).unwrap();
        message.lines().map(str::to_owned).collect()
    }

    /// Waits for a message with a line.
    fn hear_of(&self, line: &str) -> Vec<String> {
        loop {
            let message = self.hear();
            if message.iter().any(|said| said.starts_with(line)) {
                return message;
            }
        }
    }
}

#[test]
fn systemd_is_told_of_the_beginning_the_life_and_the_end() {
    let systemd = Systemd::new();
    let mut daemon = Setup::default()
        .variable("NOTIFY_SOCKET", systemd.path.display().to_string())
        .variable("WATCHDOG_USEC", "2000000")
        .start();
    let ready = systemd.hear_of("READY=1");
    let address = daemon.base().trim_start_matches("http://").to_owned();
    assert!(ready.contains(&format!("STATUS=serving on {address}")), "{ready:?}");
    // Fed at half its time, and again.
    systemd.hear_of("WATCHDOG=1");
    systemd.hear_of("WATCHDOG=1");

    let client = daemon.client();
    let job = client.submit(&recording("11").0);
    client.chunks_from(job, 1);
    daemon.signal(Signal::TERM);
    let stopping = systemd.hear_of("STOPPING=1");
    assert!(stopping.iter().any(|line| line.starts_with("EXTEND_TIMEOUT_USEC=")), "{stopping:?}");
    assert_eq!(daemon.ended().code(), Some(0));
}

#[test]
fn a_daemon_whose_database_is_stuck_is_not_called_alive() {
    let systemd = Systemd::new();
    let daemon = setup()
        .variable("NOTIFY_SOCKET", systemd.path.display().to_string())
        .variable("WATCHDOG_USEC", "2000000")
        .option("health.silence_secs", 8)
        .option("store.sqlite.busy_timeout_ms", 600_000)
        .start();
    systemd.hear_of("WATCHDOG=1");
    // Whoever holds the write lock of the database keeps everything waiting.
    let database = rusqlite_lock(&daemon.state().join("scribed.db"));
    let stuck = eventually("it is not live any more", || {
        let (status, report) = report(&daemon, "/livez");
        (status == 503).then_some(report)
    });
    assert_eq!(stuck["live"], false, "{stuck}");
    eventually("the log says so", || {
        daemon.log().contains("the watchdog is not fed").then_some(())
    });
    drop(database);
    eventually("it lives again", || (report(&daemon, "/livez").0 == 200).then_some(()));
}

/// Holds the write lock of a database, until the returned process ends.
fn rusqlite_lock(database: &Path) -> Locked {
    let program = format!(
        "import sqlite3, sys\n\
         db = sqlite3.connect({:?}, timeout=60, isolation_level=None)\n\
         db.execute('BEGIN IMMEDIATE')\n\
         print('locked', flush=True)\n\
         sys.stdin.read()\n",
        database.display().to_string()
    );
    let mut child = Command::new("python3")
        .args(["-c", &program])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let out = child.stdout.take().unwrap();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(out), &mut line).unwrap();
    assert_eq!(line, "locked\n");
    Locked(child)
}

struct Locked(std::process::Child);

impl Drop for Locked {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        self.0.wait().expect("the lock ends");
    }
}

/// The most that `systemd-analyze security` may say of the unit, of 10.
const EXPOSURE: f64 = 2.0;

#[test]
fn the_unit_is_sound_and_leaves_little_open() {
    let units = build::root().join("deploy/systemd");
    let folder = tempfile::tempdir().unwrap();
    let unit = std::fs::read_to_string(units.join("scribed.service")).unwrap();
    let gpu = std::fs::read_to_string(units.join("scribed.service.d/gpu.conf")).unwrap();
    for (name, drop_in) in [("cpu", None), ("gpu", Some(gpu))] {
        let place = folder.path().join(name);
        let unit_file = place.join("scribed.service");
        std::fs::create_dir_all(place.join("scribed.service.d")).unwrap();
        // What the unit starts need not be installed here.
        let program = build::folder().join("scribed").display().to_string();
        std::fs::write(&unit_file, unit.replace("/usr/bin/scribed", &program)).unwrap();
        if let Some(drop_in) = drop_in {
            std::fs::write(place.join("scribed.service.d/gpu.conf"), drop_in).unwrap();
        }
        let analyze = |arguments: &[&str]| {
            let mut command = Command::new("systemd-analyze");
            command.args(arguments).arg(&unit_file);
            let ran = command.env("SYSTEMD_UNIT_PATH", format!("{}:", place.display())).output();
            ran.expect("systemd-analyze is installed")
        };
        let verified = analyze(&["verify", "--man=no", "--recursive-errors=no"]);
        let said = String::from_utf8_lossy(&verified.stderr).into_owned();
        // Settings of systemd 254 are passed over by older ones, which say so.
        let faults: Vec<&str> = said.lines().filter(|line| !line.contains("'Restart")).collect();
        assert!(faults.is_empty(), "{name}: {faults:#?}");
        let judged = analyze(&["security", "--offline=true", "--no-pager"]);
        let said = String::from_utf8_lossy(&judged.stdout).into_owned();
        let score = said.lines().find_map(|line| line.split("scribed.service: ").nth(1));
        let score = score.unwrap_or_else(|| panic!("{said}{judged:?}"));
        say(&format!("systemd-analyze security, {name}: {score}"));
        let score: f64 = score.split(' ').next().unwrap().parse().unwrap();
        assert!(score <= EXPOSURE, "{name}: {score}");
    }
}

#[test]
fn the_doctor_says_of_each_part_whether_it_is_well_and_what_to_do() {
    let daemon = Daemon::start();
    let ran = daemon.program().run(["doctor"]).code(0);
    for part in ["processor", "memory", "devices", "state folder", "room"] {
        assert!(ran.out.contains(part), "{part} is missing in {}", ran.out);
    }
    assert!(ran.out.contains(&format!("one answers on {}", &daemon.base()["http://".len()..])));
    ran.says("nothing is bad");

    let findings = daemon
        .program()
        .env("SCRIBED_STORE__BACKEND", "cql")
        .env("SCRIBED_STORE__CQL__CONTACT_POINTS", r#"["127.0.0.1:9"]"#)
        .run(["doctor", "--json"])
        .code(2)
        .json();
    let of = |part: &str| {
        let findings = findings.as_array().unwrap().iter();
        findings.filter(|finding| finding["part"] == part).cloned().collect::<Vec<_>>()
    };
    let database = &of("database")[0];
    assert_eq!(database["verdict"], "bad", "{database}");
    assert!(database["todo"].is_string(), "{database}");
    assert_eq!(of("configuration")[0]["verdict"], "bad", "a bus of one host does not fit");
}
