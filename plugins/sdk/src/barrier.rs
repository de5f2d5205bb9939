//! The barrier: the one place that catches a panic.
//!
//! It stands inside the plugin because nothing else can: a panic that leaves an `extern "C"` function
//! ends the process, and one from another copy of the standard library cannot be caught at all.
//! Plugins built with `panic = "abort"` opt out of it.

use std::{
    any::Any,
    mem,
    panic::{AssertUnwindSafe, catch_unwind},
};

/// Runs `call`; a panic becomes its message.
///
/// The callers see to it that nothing broken by the panic is used again, hence no `UnwindSafe` bound.
pub(crate) fn catch<T>(call: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(call)).map_err(|payload| {
        let message = format!("panicked: {}", message(payload.as_ref()));
        // Forgotten, since dropping a payload of the stage's own type may panic again.
        mem::forget(payload);
        message
    })
}

fn message(payload: &(dyn Any + Send)) -> &str {
    payload
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| payload.downcast_ref::<&str>().copied())
        .unwrap_or("(no message)")
}

#[cfg(test)]
mod tests {
    use std::panic::panic_any;

    use super::*;

    struct PanicsInDrop;

    impl Drop for PanicsInDrop {
        fn drop(&mut self) {
            panic!("again");
        }
    }

    #[test]
    fn a_panic_becomes_its_message() {
        assert_eq!(catch(|| 7), Ok(7));
        assert_eq!(catch(|| panic!("plain")), Err::<(), _>("panicked: plain".to_owned()));
        assert_eq!(catch(|| panic!("{} and {}", 1, 2)), Err::<(), _>("panicked: 1 and 2".into()));
    }

    #[test]
    fn a_payload_that_panics_when_dropped_is_survived() {
        let caught = catch(|| panic_any(PanicsInDrop));
        assert_eq!(caught, Err::<(), _>("panicked: (no message)".to_owned()));
    }
}
