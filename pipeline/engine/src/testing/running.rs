//! An engine at work.

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::engine::Engine;

/// An engine at work; dropping it is a hard stop.
#[derive(Debug)]
pub struct Running {
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Running {
    pub(super) fn new(engine: Engine) -> Self {
        let stop = CancellationToken::new();
        let token = stop.clone();
        Self { stop, task: tokio::spawn(async move { engine.run(token).await }) }
    }

    /// Tells the engine to stop, without waiting.
    pub fn begin_stop(&self) {
        self.stop.cancel();
    }

    /// Stops the engine and waits until it has drained.
    pub async fn stop(mut self) {
        self.stop.cancel();
        (&mut self.task).await.expect("the engine does not panic");
    }

    /// Stops the engine as a crash would, and waits until its tasks are gone.
    pub async fn crash(mut self) {
        self.task.abort();
        let ended = (&mut self.task).await;
        assert!(ended.is_err_and(|error| error.is_cancelled()), "the engine was at work");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}
