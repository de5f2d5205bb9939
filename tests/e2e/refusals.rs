//! What keeps the daemon from starting, and what it says then.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use scribed_tests::build::{plugin, root};
use scribed_tests::{Daemon, Program, Ran};
use tempfile::TempDir;

/// The demo model.
const MODEL: &str = "plugins/whisper/models/ggml-scribed-demo.en.bin";

/// A daemon that is not to start.
struct Bench {
    folder: TempDir,
    variables: Vec<(&'static str, String)>,
}

impl Bench {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), variables: Vec::new() }
    }

    fn with(mut self, name: &'static str, value: impl AsRef<Path>) -> Self {
        self.variables.push((name, value.as_ref().display().to_string()));
        self
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        let program = Program::new(&self.path("state")).env("SCRIBED_HTTP__LISTEN", "127.0.0.1:0");
        let set = |program: Program, (name, value): &(&str, String)| program.env(name, value);
        self.variables.iter().fold(program, set).run(arguments)
    }

    /// Insists that the daemon does not start, and says these words.
    #[track_caller]
    fn refused(&self, words: &[&str]) {
        let ran = self.run(&["run"]).code(2);
        for words in words {
            ran.says(words);
        }
        assert_eq!(ran.out, "", "a refusal is no data");
        assert!(!self.path("state/listen").exists());
    }

    /// Makes a plugin folder with one library of a name and mode.
    fn plugins(&self, name: &str, content: &[u8], mode: u32) -> PathBuf {
        let folder = self.path("plugins");
        fs::create_dir(&folder).unwrap();
        let file = folder.join(name);
        fs::write(&file, content).unwrap();
        fs::set_permissions(file, Permissions::from_mode(mode)).unwrap();
        folder
    }
}

/// Names a plugin folder as an option's value.
fn list(folder: &Path) -> String {
    format!("[\"{}\"]", folder.display())
}

#[test]
fn a_plugin_that_everybody_may_write_to_is_refused() {
    let bench = Bench::new();
    let library = fs::read(plugin("render-text")).unwrap();
    let folder = bench.plugins("open.so", &library, 0o666);
    let bench = bench.with("SCRIBED_PLUGINS__FOLDERS", list(&folder));
    bench.refused(&["plugins/open.so", "may be written to by everybody", "chmod go-w"]);
}

#[test]
fn a_plugin_that_is_no_library_is_refused() {
    let bench = Bench::new();
    let folder = bench.plugins("words.so", b"these are words", 0o644);
    let bench = bench.with("SCRIBED_PLUGINS__FOLDERS", list(&folder));
    bench.refused(&["plugins/words.so", "cannot be loaded", "rebuild it"]);
}

#[test]
fn a_plugin_of_another_abi_is_refused_with_both_versions() {
    let bench = Bench::new();
    let folder = bench.path("plugins");
    fs::create_dir(&folder).unwrap();
    let compiled = Command::new("cc")
        .args(["-shared", "-fPIC", "-DMAJOR=7u", "-I"])
        .args([root().join("schemas/plugin"), root().join("tests/plugins/misbehaving/entry.c")])
        .arg("-o")
        .arg(folder.join("seven.so"))
        .status();
    assert!(compiled.unwrap().success());
    let bench = bench.with("SCRIBED_PLUGINS__FOLDERS", list(&folder));
    bench.refused(&["plugins/seven.so", "the plugin speaks ABI 7.", "this daemon 1.x"]);
}

#[test]
fn a_plugin_with_another_content_than_pinned_is_refused() {
    let bench = Bench::new();
    let config = bench.path("pins.toml");
    let pin = "0".repeat(64);
    fs::write(&config, format!("plugins.pins.\"libscribed_stage_vad.so\" = \"{pin}\"")).unwrap();
    let ran = bench.run(&["run", "--config", config.to_str().unwrap()]).code(2);
    ran.says("libscribed_stage_vad.so").says(&format!("{pin} is pinned"));
}

#[test]
fn a_missing_model_is_refused_with_the_places_that_were_looked_at() {
    Bench::new().with("SCRIBED_MODELS__DEFAULT", "base.en").refused(&[
        "there is no speech model \"base.en\"",
        "ggml-base.en.bin",
        "state/models",
    ]);
    Bench::new()
        .with("SCRIBED_MODELS__DEFAULT", "/nowhere/ggml-base.bin")
        .refused(&["there is no speech model /nowhere/ggml-base.bin"]);
}

#[test]
fn a_damaged_model_is_refused() {
    let whole = fs::read(root().join(MODEL)).unwrap();
    for (name, content) in [("cut.bin", &whole[..whole.len() / 2]), ("words.bin", b"only words")] {
        let bench = Bench::new();
        let file = bench.path(name);
        fs::write(&file, content).unwrap();
        bench.with("SCRIBED_MODELS__DEFAULT", &file).refused(&[
            "org.scribed.whisper",
            name,
            "hint: ",
        ]);
    }
}

#[test]
fn a_configuration_with_a_mistake_is_refused() {
    let bench = Bench::new();
    let config = bench.path("my.toml");
    for (text, said) in [
        ("[http]\nlisen = 'x'", "unknown key `http.lisen`"),
        ("engine.slots = 'two'", "`engine.slots`"),
        ("not toml at all", "line 1"),
        ("[[pipelines]]\nname = 'x'\nstages = [{ use = 'org.scribed.vda' }]", "org.scribed.vda"),
    ] {
        fs::write(&config, text).unwrap();
        let ran = bench.run(&["run", "--config", config.to_str().unwrap()]).code(2);
        ran.says(said);
    }
    bench.run(&["run", "--config", "/nowhere.toml"]).code(2).says("cannot read /nowhere.toml");
    let bench = bench.with("SCRIBED_ENGINE__SLOT", "1");
    bench.refused(&["unknown key `engine.slot` in SCRIBED_ENGINE__SLOT", "slots"]);
}

#[test]
fn a_pipeline_whose_neighbours_do_not_fit_is_refused() {
    let bench = Bench::new();
    let config = bench.path("my.toml");
    let stages = "{ use = 'org.scribed.decode' }, { use = 'org.scribed.whisper' }";
    fs::write(&config, format!("[[pipelines]]\nname = 'x'\nstages = [{stages}]")).unwrap();
    let ran = bench.run(&["run", "--config", config.to_str().unwrap()]).code(2);
    ran.says("stage 2 org.scribed.whisper accepts CHUNK but org.scribed.decode emits AUDIO");
}

#[test]
fn an_option_that_a_stage_does_not_know_is_refused() {
    let bench = Bench::new();
    let config = bench.path("my.toml");
    let text = fs::read_to_string(root().join("deploy/scribed.toml")).unwrap();
    let vad = "{ use = \"org.scribed.vad\" }";
    assert!(text.contains(vad));
    let wrong = "{ use = \"org.scribed.vad\", config = { loudness = 3 } }";
    fs::write(&config, text.replace(vad, wrong)).unwrap();
    let ran = bench.run(&["run", "--config", config.to_str().unwrap()]).code(2);
    ran.says("stage 3 org.scribed.vad").says("loudness");
}

#[test]
fn a_state_folder_that_cannot_be_used_is_refused() {
    let unwritable = Program::new(Path::new("/proc/scribed")).run(["run"]).code(2);
    unwritable.says("cannot use the state folder /proc/scribed").says("--state-dir");
    let file = tempfile::NamedTempFile::new().unwrap();
    let no_folder = Program::new(file.path()).run(["run"]).code(2);
    no_folder.says(&file.path().display().to_string());
}

#[test]
fn a_second_daemon_on_a_state_folder_is_refused_and_the_first_goes_on() {
    let daemon = Daemon::start();
    let second = daemon.program().env("SCRIBED_HTTP__LISTEN", "127.0.0.1:0").run(["run"]).code(2);
    let state = daemon.state().display().to_string();
    second.says(&format!("process {} uses {state}", daemon.pid()));
    let client = daemon.client();
    assert_eq!(client.get("/").status(200).json()["database"], true);
    assert!(daemon.state().join("listen").exists());
}

#[test]
fn an_address_that_is_taken_is_refused() {
    let daemon = Daemon::start();
    let address = daemon.base().trim_start_matches("http://").to_owned();
    let bench = Bench::new();
    let ran = bench.run(&["run", "--listen", &address]).code(2);
    ran.says(&format!("cannot listen on {address}")).says("port 0 takes a free one");
}

#[test]
fn a_secret_that_others_can_read_is_refused() {
    let mut daemon = Daemon::start();
    daemon.signal(rustix::process::Signal::TERM);
    daemon.ended();
    let secret = daemon.state().join("secrets/admin-token");
    fs::set_permissions(secret, Permissions::from_mode(0o644)).unwrap();
    daemon.program().run(["run"]).code(2).says("others can read the secret").says("chmod 600");
}

#[test]
fn a_database_that_is_none_is_refused_and_left_as_it_is() {
    let bench = Bench::new();
    let state = bench.path("state");
    fs::create_dir(&state).unwrap();
    fs::write(state.join("scribed.db"), "this is no database at all, only words").unwrap();
    bench.refused(&["scribed.db"]);
    let left = fs::read_to_string(state.join("scribed.db")).unwrap();
    assert_eq!(left, "this is no database at all, only words");
}
