//! A context and a taker that remember what a stage did.

use std::{
    ops::ControlFlow,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use scribed_plugin_host::{CallError, HostContext, Input, Instance, Level, Output};
use scribed_schemas::audio::AudioBlock;

/// A context that listens, and is cancelled on demand.
#[derive(Default)]
pub(crate) struct Recorder {
    pub(crate) logs: Mutex<Vec<(Level, String)>>,
    pub(crate) reports: Mutex<Vec<(String, String)>>,
    pub(crate) cancelled: AtomicBool,
}

impl Recorder {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self::default())
    }

    pub(crate) fn log_text(&self) -> Vec<String> {
        self.logs.lock().expect("lock").iter().map(|(_, text)| text.clone()).collect()
    }
}

impl HostContext for Recorder {
    fn log(&self, level: Level, message: &str) {
        self.logs.lock().expect("lock").push((level, message.to_owned()));
    }

    fn cancelled(&self) -> bool {
        self.cancelled.load(Ordering::SeqCst)
    }

    fn report(&self, topic: &str, json: &str) {
        self.reports.lock().expect("lock").push((topic.to_owned(), json.to_owned()));
    }
}

/// A block of 16 samples at 8 kHz.
pub(crate) fn block(samples: &[f32; 16]) -> AudioBlock<'_> {
    AudioBlock { samples, channels: 1, sample_rate: 8_000, start_frame: 0, source_rate: 8_000 }
}

/// Gives one block of sound; returns how the call ended and how many items came out.
pub(crate) fn process(instance: &mut Instance) -> (Result<(), CallError>, usize) {
    let mut count = 0;
    let result = instance.process(Input::Audio(block(&[0.5; 16])), &mut |_: Output<'_>| {
        count += 1;
        ControlFlow::Continue(())
    });
    (result, count)
}
