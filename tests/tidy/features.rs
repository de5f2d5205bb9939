//! Features: with its tests and without, the workspace asks the same of every crate of theirs.
//!
//! Cargo resolves features for what one command builds. Where tests ask for more than the program
//! does, `cargo build` and `cargo test` build the same crate twice, and most of what stands on it: a
//! quarter of an hour on two cores. What is missing is asked for in `tests/Cargo.toml`.

use std::collections::BTreeSet;
use std::process::Command;

/// Finds crates that are built with other features where no tests are built.
fn other_without_tests(without: &str, with: &str) -> Vec<String> {
    let with = theirs(with);
    let other = theirs(without).into_iter().filter(|line| !with.contains(line));
    other.map(|line| format!("only without tests: {}", line.replace('|', " with "))).collect()
}

/// Returns the lines of a tree that are not about crates of the workspace, whose paths it shows.
fn theirs(tree: &str) -> BTreeSet<&str> {
    tree.lines().filter(|line| !line.is_empty() && !line.contains("(/")).collect()
}

/// Asks Cargo what it would build along such edges.
#[track_caller]
fn tree(edges: &str) -> String {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    cargo.args(["tree", "--offline", "--locked", "--workspace", "--no-dedupe", "--prefix", "none"]);
    let output =
        cargo.args(["--format", "{p}|{f}", "--edges", edges]).output().expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("names of crates are text")
}

#[test]
fn what_is_shared_is_built_once() {
    let (without, with) = (tree("normal"), tree("normal,dev"));
    assert!(theirs(&without).len() > 300, "this is not the whole tree");
    let findings = other_without_tests(&without, &with);
    assert!(findings.is_empty(), "{} findings:\n{}", findings.len(), findings.join("\n"));

    let less = |tree: &str| tree.replace(",test-util", "");
    let finding = other_without_tests(&less(&without), &with);
    assert!(finding.len() == 1 && finding[0].contains(" tokio v"), "{finding:?}");
    assert_eq!(other_without_tests("", &with), [""; 0], "tests may build more");
}
