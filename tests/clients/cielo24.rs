//! Clients of cielo24: make a job, give it its recording, order, read and delete it.
//!
//! The vendor's generated client is in no package registry; its requests are tried in the tests of the
//! API, as they were measured.

use std::process::Command;

use scribed_tests::{Setup, audio, build, discretion};

use crate::desk;
use crate::installed::{self, skipped};

/// The password of every account of the harness.
const PASSWORD: &str = "Secret_123";

#[test]
fn the_client_of_the_package_index_works_with_files_and_urls() {
    let files = build::root().join("tests/clients/cielo24");
    let (setup, client) = (files.join("setup.txt"), files.join("client.txt"));
    let python = match installed::old_python(&setup, &client) {
        Ok(python) => python,
        Err(why) => return skipped("cielo24 1.0.15", &why),
    };
    let host = desk::start();
    let daemon = host.allowed(Setup::default()).start();
    let name = daemon.client().username();
    let key = daemon.program().run(["account", "api-key", "create", &name]).code(0);
    discretion::hide(key.out.trim());
    let mut command = Command::new(python);
    command.env("PYTHONDONTWRITEBYTECODE", "1").arg(files.join("client.py"));
    command.args([daemon.base(), &name, PASSWORD, key.out.trim()]);
    command.arg(audio::recording("02").0).arg(host.url(desk::RECORDING));
    if let Err(said) = installed::ran(&mut command) {
        panic!("{said}\n{}", daemon.log());
    }
}
