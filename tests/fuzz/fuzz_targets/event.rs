//! Upload events as they come from the bus.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| scribed_engine::fuzzing::event(data));
