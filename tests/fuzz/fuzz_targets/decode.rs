//! Recordings of any kind.
#![no_main]

use std::panic;

use scribed_stage_decode::Decode;

libfuzzer_sys::fuzz_target!(
    init: {
        // libFuzzer would end at every panic. One inside Symphonia is fenced off by the stage, and no
        // finding; one that nobody catches still is, and one that only the SDK catches is a failure of
        // the stage, which the property does not allow.
        panic::set_hook(Box::new(|panic| {
            let of_symphonia = |file: &str| file.contains("/symphonia");
            if !panic.location().is_some_and(|place| of_symphonia(place.file())) {
                eprintln!("{panic}");
            }
        }));
    },
    |data: &[u8]| scribed_test_properties::decode::<Decode>(data)
);
