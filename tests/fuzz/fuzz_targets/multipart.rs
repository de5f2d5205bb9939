//! Forms as they are uploaded.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| scribed_api::fuzzing::multipart(data));
