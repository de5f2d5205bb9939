//! Transcripts as plain text.
#![no_main]

use scribed_stage_render_text::RenderText;

libfuzzer_sys::fuzz_target!(|data: &[u8]| scribed_test_properties::text::<RenderText>(data));
