//! `scribed worker`: stages of a daemon, in a process of their own.

use std::os::fd::AsFd as _;
use std::process::ExitCode;

use anyhow::Context as _;

use crate::cli::Worker;
use crate::failure::Failure;

/// Serves until the daemon is gone.
///
/// # Errors
/// Standard input is no socket of a daemon.
pub(super) fn run(ask: Worker) -> Result<ExitCode, Failure> {
    let what = "serve as a worker; only a daemon starts one";
    let socket = std::io::stdin().as_fd().try_clone_to_owned().context(what)?;
    scribed_worker::serve(socket, ask.parent).context(what)?;
    Ok(ExitCode::SUCCESS)
}
