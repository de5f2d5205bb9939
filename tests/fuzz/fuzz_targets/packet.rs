//! Packets between the daemon and its workers, both ways.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| scribed_worker::fuzzing::packet(data));
