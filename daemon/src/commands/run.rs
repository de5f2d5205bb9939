//! `scribed run`: the daemon.

use std::process::ExitCode;

use super::{Session, runtime};
use crate::app::App;
use crate::failure::Failure;
use crate::lifecycle::Ending;

/// Runs the daemon until it is stopped.
///
/// # Errors
/// What cannot be used, why, and what to do.
pub(super) fn run(session: Session) -> Result<ExitCode, Failure> {
    let runtime = runtime()?;
    let app = App::build(session.settings.config, session.folder, runtime.handle())?;
    let ending = runtime.block_on(async { app.start().await?.run().await.map_err(Failure::from) });
    match ending? {
        Ending::Drained => Ok(ExitCode::SUCCESS),
        Ending::Broken => Ok(ExitCode::FAILURE),
        Ending::Cut => {
            // Stages may be in the middle of an inference; nobody waits for them any more.
            runtime.shutdown_background();
            std::process::exit(1);
        }
    }
}
