//! What a daemon makes when it starts on nothing, and what it logs.

use std::os::unix::fs::PermissionsExt;

use rustix::process::Signal;
use scribed_tests::audio::recording;
use scribed_tests::{Daemon, Setup};
use serde_json::{Value, json};

/// The secrets of a daemon.
const SECRETS: [&str; 5] =
    ["signing-key", "admin-token", "admin-password", "worker-token", "callback-key"];

#[test]
fn what_a_first_start_makes_is_said_and_is_for_its_owner_only() {
    let daemon = Daemon::start();
    let mut private = vec![daemon.state().join("scribed.db")];
    for name in SECRETS {
        private.push(daemon.state().join("secrets").join(name));
        assert!(daemon.log().contains(&format!("secrets/{name}")), "{name} is announced");
    }
    for file in private {
        let mode = file.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{}", file.display());
    }
    let listen = std::fs::read_to_string(daemon.state().join("listen")).unwrap();
    assert_eq!(format!("http://{}", listen.trim()), daemon.base());
}

#[test]
fn secrets_show_neither_in_logs_nor_in_listings() {
    let daemon = Daemon::start();
    daemon.client();
    let check = daemon.program().run(["check", "--json"]).code(0);
    for name in SECRETS {
        let secret = daemon.secret(name);
        assert!(!daemon.log().contains(&secret), "{name} is in the log");
        assert!(!check.out.contains(&secret), "{name} is in the check");
    }
}

#[test]
fn the_administrator_logs_in_with_the_password_of_the_state_folder() {
    let daemon = Daemon::shared();
    let client = daemon.client();
    let credentials = json!({"username": "admin", "password": daemon.secret("admin-password")});
    let tokens = client.post_json("/auth/login", &credentials).status(200).json();
    let admin = client.with_token(tokens["access_token"].as_str().unwrap());
    assert_eq!(admin.get("/auth/info").status(200).json()["role"], "admin");
}

#[test]
fn a_second_start_keeps_what_the_first_one_made() {
    let mut daemon = Daemon::start();
    let client = daemon.client();
    let password = daemon.secret("admin-password");
    daemon.signal(Signal::TERM);
    assert_eq!(daemon.ended().code(), Some(0));
    daemon.start_again();
    assert_eq!(daemon.secret("admin-password"), password);
    assert_eq!(daemon.log().matches("made a secret").count(), SECRETS.len());
    let again = client.at(&daemon);
    assert_eq!(again.get("/auth/info").status(200).json()["username"], json!(client.name));
}

#[test]
fn logs_are_structured_and_lines_of_a_job_carry_its_number() {
    let daemon = Setup::default().argument("--log-format").argument("json").start();
    let client = daemon.client();
    let job = client.submit(&recording("05").0);
    assert_eq!(client.end_of(job), "completed");
    let log = daemon.log();
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let ready = lines.iter().find(|line| line["message"] == "ready").unwrap();
    assert_eq!(format!("http://{}", ready["address"].as_str().unwrap()), daemon.base());
    let number = job.0.to_string();
    let of_job = lines.iter().filter(|line| {
        let field = &line["job"];
        field.as_str() == Some(&number) || field.as_i64() == Some(job.0)
    });
    assert!(of_job.count() >= 2, "{log}");
}
