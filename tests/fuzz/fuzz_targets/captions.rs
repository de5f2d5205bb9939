//! Transcripts as captions.
#![no_main]

use scribed_stage_render_captions::RenderCaptions;

libfuzzer_sys::fuzz_target!(|data: &[u8]| scribed_test_properties::captions::<RenderCaptions>(
    data
));
