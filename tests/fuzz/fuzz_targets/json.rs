//! Transcripts as JSON.
#![no_main]

use scribed_stage_render_json::RenderJson;

libfuzzer_sys::fuzz_target!(|data: &[u8]| scribed_test_properties::json::<RenderJson>(data));
