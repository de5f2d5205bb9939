//! Many promises at once: for backends whose consumers need seconds to begin.

use std::any::Any;
use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Mutex;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;

/// When a promise is taken for stuck. Far above what any needs on a busy machine.
const LIMIT: Duration = Duration::from_secs(240);

/// Promises that run at once.
#[derive(Debug)]
pub struct Together {
    runtime: Runtime,
    running: Mutex<BTreeMap<&'static str, JoinHandle<()>>>,
}

impl Together {
    /// Makes an empty set; panics when there can be no runtime.
    #[expect(clippy::new_without_default, reason = "it starts threads")]
    pub fn new() -> Self {
        let runtime = Builder::new_multi_thread().worker_threads(4).enable_all().build().unwrap();
        Self { runtime, running: Mutex::default() }
    }

    /// Starts a promise.
    pub fn run(&mut self, name: &'static str, promise: impl Future<Output = ()> + Send + 'static) {
        let limited = async move {
            let ended = tokio::time::timeout(LIMIT, promise).await;
            ended.unwrap_or_else(|_| panic!("no end within {LIMIT:?}"));
        };
        let handle = self.runtime.spawn(limited);
        self.running.get_mut().unwrap().insert(name, handle);
    }

    /// Waits for the end of a promise; panics with its words if it was broken.
    pub fn result(&self, name: &str) {
        let handle = self.running.lock().unwrap().remove(name).unwrap();
        if let Err(error) = self.runtime.block_on(handle) {
            panic!("{name}: {}", words(&*error.into_panic()));
        }
    }
}

/// Returns what a panic said.
fn words(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("it said nothing")
}
