//! Tokens as callers present them.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| scribed_api::fuzzing::token(data));
