//! Transcripts as Word documents.
#![no_main]

use scribed_stage_render_doc::RenderDoc;

libfuzzer_sys::fuzz_target!(|data: &[u8]| scribed_test_properties::doc::<RenderDoc>(data));
