//! The GPU: whether it is there, and how it fails.
//!
//! whisper.cpp works on the processor where it finds no GPU, and says so in a log line only; whoever
//! bought a GPU does not want that, so it is insisted on. When a call of the GPU's driver fails, ggml
//! aborts the process; it is ended with an exit code of the plugin ABI instead, which tells the daemon
//! why.

use std::sync::atomic::{AtomicBool, Ordering};

use scribed_plugin::{exit, prelude::*};

use crate::ffi;

/// Whether the driver of a device has said that its memory is used up.
static IS_USED_UP: AtomicBool = AtomicBool::new(false);

/// Insists on the GPU of a number, from 0.
///
/// # Errors
/// [`StageError::NoDevice`] with how many there are and what to do.
pub(crate) fn insist(number: u32) -> Result<()> {
    let found = ffi::count_gpus();
    if u64::from(number) < found as u64 {
        return Ok(());
    }
    Err(StageError::NoDevice(format!(
        "gpu_device {number} is missing: {found} GPUs are seen here; look at the driver \
         (`scribed doctor`), or set use_gpu = false to work on the processor"
    )))
}

/// Looks at an error line of ggml, which tells more than the abort after it.
pub(crate) fn heard_error(line: &str) {
    if line.to_ascii_lowercase().contains("out of memory") {
        IS_USED_UP.store(true, Ordering::SeqCst);
    }
}

/// Returns the exit code for the message of an abort; none where no device is to blame.
pub(crate) fn cause(message: &str) -> Option<i32> {
    // Each backend of ggml names itself: "CUDA error", "ROCm error", "MUSA error".
    let of_device = ["CUDA error", "ROCm error", "MUSA error", "vk::", "Vulkan", "ggml_metal"];
    if !of_device.iter().any(|words| message.contains(words)) {
        return None;
    }
    let is_used_up = IS_USED_UP.load(Ordering::SeqCst);
    Some(if is_used_up { exit::OUT_OF_MEMORY } else { exit::DEVICE_FAULT })
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    /// Names the message with which a child of the test is to abort.
    const MESSAGE: &str = "SCRIBED_TEST_ABORTS_WITH";

    #[test]
    fn a_missing_gpu_is_refused_and_never_replaced_by_the_processor() {
        let refused = insist(99).expect_err("nobody has a hundred");
        let StageError::NoDevice(text) = refused else { panic!("{refused:?}") };
        assert!(text.contains("gpu_device 99 is missing") && text.contains("use_gpu"), "{text}");
    }

    /// Ends the process where it was started to do so; otherwise it does nothing.
    #[test]
    fn child() {
        let Ok(message) = std::env::var(MESSAGE) else { return };
        let (line, message) = message.split_once('|').expect("a line and a message");
        heard_error(line);
        ffi::abort(message);
    }

    #[test]
    fn a_process_whose_device_failed_ends_with_the_cause() {
        let ends_with = |message: &str| {
            let mut child = Command::new(std::env::current_exe().expect("this test"));
            child.args(["--exact", "device::tests::child"]).env(MESSAGE, message);
            child.output().expect("it runs").status.code()
        };
        assert_eq!(ends_with("an illegal address|CUDA error"), Some(81));
        assert_eq!(ends_with("CUDA error: out of memory|CUDA error"), Some(82));
        assert_eq!(ends_with("out of memory|GGML_ASSERT(x) failed"), None, "a plain abort");
    }
}
