//! Clients of Rev.ai: submit, look, read and delete, and what they make of refusals.

use std::path::{Path, PathBuf};
use std::process::Command;

use scribed_tests::{Setup, audio, build, discretion};

use crate::desk;
use crate::installed::{self, skipped};

/// The forms of the surface.
const DOCUMENTED: &str = "/revspeech/v1beta";
const CURRENT: &str = "/speechtotext/v1";

fn files() -> PathBuf {
    build::root().join("tests/clients/revai")
}

/// Runs a program that drives a client, on an account of its own.
#[track_caller]
fn drive(command: &mut Command, prefix: &str) {
    let host = desk::start();
    let daemon = host.allowed(Setup::default()).start();
    let name = daemon.client().username();
    let key = daemon.program().run(["account", "api-key", "create", &name]).code(0);
    discretion::hide(key.out.trim());
    let arguments = [daemon.base(), key.out.trim(), prefix];
    command.args(arguments).arg(audio::recording("02").0).arg(host.url(desk::RECORDING));
    if let Err(said) = installed::ran(command) {
        panic!("{prefix}: {said}");
    }
}

fn python(python: &Path, program: &str) -> Command {
    let mut command = Command::new(python);
    command.env("PYTHONDONTWRITEBYTECODE", "1").arg(files().join(program));
    command
}

#[test]
fn the_newest_python_client_works_in_both_forms() {
    match installed::python(&files().join("current.txt")) {
        Ok(with_client) => {
            for prefix in [CURRENT, DOCUMENTED] {
                drive(&mut python(&with_client, "current.py"), prefix);
            }
        }
        Err(why) => skipped("rev_ai 2.21.0", &why),
    }
}

#[test]
fn the_first_python_client_works_in_the_documented_form() {
    match installed::python(&files().join("first.txt")) {
        Ok(with_client) => drive(&mut python(&with_client, "first.py"), DOCUMENTED),
        Err(why) => skipped("rev_ai 0.0.3", &why),
    }
}

#[test]
fn the_javascript_client_works_in_both_forms() {
    match installed::node(&files()) {
        Ok(folder) => {
            for prefix in [CURRENT, DOCUMENTED] {
                let mut node = Command::new("node");
                node.env("NODE_PATH", folder.join("node_modules"));
                drive(node.arg(files().join("client.js")), prefix);
            }
        }
        Err(why) => skipped("revai-node-sdk 3.8.5", &why),
    }
}
