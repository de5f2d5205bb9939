//! The commands that end by themselves: what they print, and their exit codes.

use std::fs;
use std::path::Path;

use scribed_tests::audio::{path, recording};
use scribed_tests::{Daemon, Program, Ran, errors};
use serde_json::{Value, json};
use tempfile::TempDir;

/// A place where nothing is yet.
struct Bench(TempDir);

impl Bench {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn program(&self) -> Program {
        Program::new(&self.0.path().join("state")).within(self.0.path())
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        self.program().run(arguments)
    }

    fn transcribe(&self, arguments: &[&str]) -> Ran {
        self.program().transcribe(arguments)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

fn file(number: &str) -> String {
    recording(number).0.display().to_string()
}

// --- transcribe -------------------------------------------------------------------------------

#[test]
fn transcribe_prints_the_text_and_says_how_fast_it_was() {
    let ran = Bench::new().transcribe(&[&file("02")]).code(0);
    assert!(errors(&recording("02").1.text, &ran.out).within_percent(15), "{}", ran.out);
    ran.says("02-short-us-male.wav: 7.5 s of audio in ").says("× real time");
    ran.says("the demo model serves");
}

#[test]
fn transcribe_tells_its_progress_in_plain_lines_where_there_is_no_terminal() {
    let ran = Bench::new().transcribe(&[&file("08")]).code(0);
    ran.says("08-news-m6-heldout.flac: ").says(" %, ").says(" left");
    assert!(!ran.err.contains('\u{1b}'), "no control characters: {:?}", ran.err);
}

#[test]
fn transcribe_makes_every_document() {
    let bench = Bench::new();
    for (format, begins) in [
        ("txt", "Thomas"),
        ("srt", "1\n00:00:"),
        ("vtt", "WEBVTT"),
        ("ttml", "<?xml"),
        ("json", "{"),
        ("docx", "PK"),
    ] {
        let ran = bench.transcribe(&[&file("02"), "-f", format, "-o", "out"]).code(0);
        assert_eq!(ran.out, "", "with a folder nothing is printed");
        let made = bench.path().join("out").join(format!("02-short-us-male.{format}"));
        let bytes = fs::read(made).unwrap();
        assert!(bytes.starts_with(begins.as_bytes()), "{format}");
    }
}

#[test]
fn transcribe_goes_on_after_a_file_that_cannot_be_read_and_fails_at_the_end() {
    let bad = path("bad/text.mp3").display().to_string();
    let ran = Bench::new().transcribe(&["none.wav", &bad, &file("05")]).code(1);
    ran.says("error: cannot transcribe none.wav: it cannot be read: No such file");
    ran.says(&format!("error: cannot transcribe {bad}: "));
    assert!(errors(&recording("05").1.text, &ran.out).within_percent(15), "{}", ran.out);
}

#[test]
fn transcribe_tells_what_is_missing_in_a_broken_file() {
    let bad = path("bad/truncated.flac").display().to_string();
    let ran = Bench::new().transcribe(&[&bad]).code(0);
    ran.says(&format!("warning: {bad}: "));
}

#[test]
fn transcribe_refuses_what_it_cannot_make_before_any_work() {
    let bench = Bench::new();
    let odd = bench.transcribe(&[&file("02"), "-f", "pdf"]).code(2);
    odd.says("makes no \"pdf\" document").says("docx, json, srt, ttml, txt, vtt");
    let both = bench.transcribe(&[&file("02"), &file("03"), "-f", "srt"]).code(2);
    both.says("hint: name a folder by --output");
    let none = bench.transcribe(&[&file("02"), "--pipeline", "fast"]).code(2);
    none.says("there is no pipeline \"fast\"");
}

// --- check ------------------------------------------------------------------------------------

#[test]
fn check_tells_every_option_with_its_origin() {
    let bench = Bench::new();
    let config = bench.path().join("my.toml");
    fs::write(&config, "engine.slots = 2").unwrap();
    let config = config.display().to_string();
    let program = || bench.program().env("SCRIBED_ENGINE__ATTEMPTS", "5");
    let ran = program().run(["check", "--config", &config]).code(0);
    ran.says("everything fits");
    let line = |key: &str| ran.out.lines().find(|line| line.starts_with(key)).unwrap().to_owned();
    assert!(line("engine.slots = 2").ends_with(&format!("# {config}")));
    assert!(line("engine.attempts = 5").ends_with("# SCRIBED_ENGINE__ATTEMPTS"));
    assert!(line("http.max_connections = 1024").ends_with("# default"));

    let report = program().run(["check", "--config", &config, "--json"]).code(0).json();
    assert_eq!(report["problems"], json!([]));
    assert_eq!(report["models"][0]["demo"], true);
    let options = report["options"].as_array().unwrap();
    let slots = options.iter().find(|option| option["key"] == "engine.slots").unwrap();
    assert_eq!((&slots["value"], &slots["origin"]), (&json!(2), &json!(config)));
    assert!(!bench.path().join("state").exists(), "a check makes nothing");
}

#[test]
fn check_tells_everything_that_does_not_fit() {
    let bench = Bench::new();
    let config = bench.path().join("my.toml");
    let text = "models.default = 'base'\n[[pipelines]]\nname = 'x'\n\
                stages = [{ use = 'org.scribed.vad' }, { use = 'org.scribed.whisper' }]";
    fs::write(&config, text).unwrap();
    let ran = bench.run(&["check", "--config", &config.display().to_string()]).code(2);
    ran.says("error: there is no speech model \"base\"");
    ran.says("error: pipeline \"x\": stage 1 org.scribed.vad accepts AUDIO");
    ran.says("2 problems: the daemon would not start");
}

#[test]
fn the_recogniser_is_told_how_many_chunks_it_gets_at_once() {
    let bench = Bench::new();
    let program = bench.program().env("SCRIBED_ENGINE__SLOTS", "600");
    program.run(["check"]).code(2).says("org.scribed.whisper").says("slots must be 1 to 512");
}

// --- plugins, model ---------------------------------------------------------------------------

#[test]
fn plugins_lists_stages_and_shows_their_options() {
    let bench = Bench::new();
    let ran = bench.run(&["plugins", "list"]).code(0);
    assert!(ran.out.starts_with("STAGE"), "{}", ran.out);
    for stage in ["decode", "resample", "vad", "whisper", "render-text", "render-doc"] {
        assert!(ran.out.contains(&format!("org.scribed.{stage} ")), "{stage}: {}", ran.out);
    }
    let listed = bench.run(&["plugins", "list", "--json"]).code(0).json();
    assert_eq!(listed["stages"].as_array().unwrap().len(), 8);
    assert_eq!(listed["refused"], json!([]));
    let shown = bench.run(&["plugins", "show", "org.scribed.decode"]).code(0);
    assert!(shown.out.contains("max_duration_secs   86400.0"), "{}", shown.out);
    let stage = bench.run(&["plugins", "show", "org.scribed.vad", "--json"]).code(0).json();
    assert_eq!((&stage["accepts"], &stage["emits"]), (&json!("AUDIO"), &json!("CHUNK")));
    let none = bench.run(&["plugins", "show", "org.scribed.vda"]).code(1);
    none.says("there is no stage \"org.scribed.vda\"").says("hint: there are: ");
}

#[test]
fn model_lists_what_is_installed_and_verifies_it() {
    let bench = Bench::new();
    let list = bench.run(&["model", "list", "--json"]).code(0).json();
    assert_eq!((&list[0]["name"], &list[0]["serves"]), (&json!("scribed-demo.en"), &json!(true)));
    let table = bench.run(&["model", "list"]).code(0);
    assert!(table.out.contains("scribed-demo.en"), "{}", table.out);
    let verified = bench.run(&["model", "verify"]).code(0);
    assert!(verified.out.contains("loads"), "{}", verified.out);
    bench.run(&["model", "verify", "base"]).code(1).says("there is no speech model \"base\"");
    fs::write(bench.path().join("bad.bin"), "only words").unwrap();
    bench.run(&["model", "verify", "./bad.bin"]).code(1).says("bad.bin");
}

// --- account, jobs ----------------------------------------------------------------------------

#[test]
fn accounts_are_made_listed_and_changed_beside_a_running_daemon() {
    let daemon = Daemon::start();
    let run = |arguments: &[&str]| daemon.program().run(arguments);
    let made = run(&["account", "create", "Operator", "--can-interact", "--json"]).code(0).json();
    let credentials = json!({"username": "Operator", "password": made["password"]});
    let client = daemon.client();
    let token = client.post_json("/auth/login", &credentials).status(200).json();
    let operator = client.with_token(token["access_token"].as_str().unwrap());
    let info = operator.get("/auth/info").status(200).json();
    assert_eq!((&info["can_interact"], &info["role"]), (&json!(true), &json!("user")));

    run(&["account", "set-role", "Operator", "admin"]).code(0);
    assert_eq!(operator.get("/auth/info").status(200).json()["role"], "admin");
    run(&["account", "set", "Operator", "--active", "false"]).code(0);
    assert_eq!(operator.get("/auth/info").status(401).detail(), "Your account is blocked");

    let all = run(&["account", "list", "--json"]).code(0).json();
    let names: Vec<&Value> = all.as_array().unwrap().iter().map(|one| &one["username"]).collect();
    assert!(names.contains(&&json!("admin")) && names.contains(&&json!("Operator")), "{names:?}");
    assert!(!all.to_string().contains("password"), "{all}");
    run(&["account", "create", "Operator"]).code(1).says("there is an account Operator already");
    run(&["account", "create", "x1"]).code(2).says("cannot be a name");
    run(&["account", "set", "Nobody", "--active", "true"]).code(1).says("no account Nobody");
}

#[test]
fn a_password_is_read_from_a_file_and_a_weak_one_is_refused() {
    let bench = Bench::new();
    let file = bench.path().join("password");
    fs::write(&file, "weak\n").unwrap();
    let create = ["account", "create", "Operator", "--password-file", "-"];
    bench.program().input(&file).run(create).code(2).says("that password is too weak");
    fs::write(&file, "Strong_enough1\n").unwrap();
    let made = bench.program().input(&file).run(create).code(0);
    assert_eq!(made.out, "", "a password that was given is not printed");
    bench.run(&["account", "list"]).code(0);
}

#[test]
fn jobs_are_listed_shown_and_cancelled_beside_a_running_daemon() {
    let daemon = Daemon::start();
    let run = |arguments: &[&str]| daemon.program().run(arguments);
    let client = daemon.client();
    let done = client.submit(&recording("05").0);
    assert_eq!(client.end_of(done), "completed");
    let long = client.submit(&recording("11").0);
    let id = long.0.to_string();
    run(&["jobs", "cancel", &id]).code(0).says(&format!("job {id} is "));
    let state = client.state(long);
    assert!(["cancelled", "completed_partially"].contains(&state.as_str()), "{state}");
    run(&["jobs", "cancel", &id]).code(1).says("had ended before");

    let all = run(&["jobs", "list", "--json"]).code(0).json();
    let ids: Vec<&Value> = all.as_array().unwrap().iter().map(|job| &job["id"]).collect();
    assert_eq!(ids, [&json!(long.0), &json!(done.0)], "newest first");
    let some = run(&["jobs", "list", "--state", "completed", "--owner", &client.name, "--json"]);
    assert_eq!(some.code(0).json()[0]["id"], done.0);
    let table = run(&["jobs", "list"]).code(0);
    assert!(table.out.contains("05-short-annie-heldout.wav"), "{}", table.out);

    let shown = run(&["jobs", "show", &done.0.to_string()]).code(0);
    assert!(shown.out.contains("state     completed"), "{}", shown.out);
    run(&["jobs", "show", "1"]).code(1).says("there is no job 1");
}

#[test]
fn what_needs_a_database_says_so_where_there_is_none() {
    let ran = Bench::new().run(&["jobs", "list"]).code(1);
    ran.says("there is no database").says("hint: start `scribed run` once");
}

// --- usage ------------------------------------------------------------------------------------

#[test]
fn wrong_usage_is_told_with_exit_code_2() {
    let bench = Bench::new();
    for arguments in
        [&["fly"][..], &["jobs", "show", "x"], &["transcribe"], &["account", "set", "A"]]
    {
        let ran = bench.run(arguments).code(2);
        assert!(ran.out.is_empty() && ran.err.starts_with("error: "), "{ran:?}");
    }
    let help = bench.run(&["--help"]).code(0);
    assert!(help.out.contains("transcribe"), "{}", help.out);
}
