//! The programs under test: found beside the running test, built when they are missing.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The stages of the default pipeline, as their crates are called.
const STAGES: [&str; 8] = [
    "decode",
    "resample",
    "vad",
    "whisper",
    "render-text",
    "render-doc",
    "render-captions",
    "render-json",
];

/// Returns the root of the source tree.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the tests lie in the source tree")
}

/// Returns the folder that holds the program `scribed` and the plugins beside it.
pub fn folder() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        // A test is `target/<profile>/deps/<name>-<hash>`.
        let test = std::env::current_exe().expect("a running test has a path");
        let folder = test.ancestors().nth(2).expect("tests lie in a target folder").to_owned();
        if parts(&folder).iter().any(|part| !part.exists()) {
            build();
        }
        for part in parts(&folder) {
            assert!(part.exists(), "{} is missing: run `cargo build --workspace`", part.display());
        }
        folder
    })
}

/// Returns a configuration file for daemons that run side by side: each recognises on one thread, and
/// lets one address and one account log in as often as it likes.
///
/// The threads of one inference wait for each other in busy loops, so two that share a core with
/// another test lose more time than they save. And all tests have the same address.
pub fn config() -> &'static Path {
    static CONFIG: OnceLock<PathBuf> = OnceLock::new();
    CONFIG.get_or_init(|| {
        let manual = std::fs::read_to_string(root().join("deploy/scribed.toml"));
        let manual = manual.expect("the manual is there");
        let (_, pipelines) = manual.split_once("[[pipelines]]").expect("it has a pipeline");
        let plain = r#"{ use = "org.scribed.whisper" }"#;
        assert!(pipelines.contains(plain), "the pipeline recognises with its defaults");
        let alone = r#"{ use = "org.scribed.whisper", config = { threads = 1 } }"#;
        let file = folder().join("side-by-side.toml");
        let half = file.with_extension(std::process::id().to_string());
        let limits = "[limits]\naccount_tries_per_minute = 0\naddress_tries_per_minute = 0\n";
        let text = format!("{limits}[[pipelines]]{}", pipelines.replace(plain, alone));
        std::fs::write(&half, text).expect("the target folder can be written");
        std::fs::rename(&half, &file).expect("the target folder can be written");
        file
    })
}

/// Returns the path of a plugin of ours.
pub fn plugin(stage: &str) -> PathBuf {
    folder().join(format!("libscribed_stage_{}.so", stage.replace('-', "_")))
}

fn parts(folder: &Path) -> Vec<PathBuf> {
    let stage =
        |stage: &&str| folder.join(format!("libscribed_stage_{}.so", stage.replace('-', "_")));
    STAGES.iter().map(stage).chain([folder.join("scribed")]).collect()
}

fn build() {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    // All of it, since the features of what is shared depend on what is built together.
    cargo.current_dir(root()).args(["build", "--workspace"]);
    if !cfg!(debug_assertions) {
        cargo.arg("--release");
    }
    let built = cargo.status().expect("cargo runs");
    assert!(built.success(), "the daemon and its plugins do not build");
}

/// Returns the library of one of the tests' own plugins, such as `deterministic`.
///
/// # Panics
/// When it is not built.
#[track_caller]
pub fn library(name: &str) -> PathBuf {
    let library = folder().join(format!("libscribed_test_{name}.so"));
    assert!(library.exists(), "{} is missing: run `cargo build --workspace`", library.display());
    library
}
