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
    let Session { settings, folder, traces } = session;
    let runtime = runtime()?;
    let app = App::build(settings.config, folder, runtime.handle())?;
    let ending = runtime.block_on(async { app.start().await?.run().await.map_err(Failure::from) });
    let ending = ending?;
    if ending != Ending::Cut {
        // Everything that is traced has ended.
        drop(traces);
    }
    match ending {
        Ending::Drained => Ok(ExitCode::SUCCESS),
        Ending::Broken => Ok(ExitCode::FAILURE),
        Ending::Cut => {
            // Stages may be in the middle of an inference; nobody waits for them any more.
            runtime.shutdown_background();
            std::process::exit(1);
        }
    }
}
