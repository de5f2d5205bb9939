//! What the fuzzer of `tests/fuzz` kept, tried without it.

use scribed_stage_render_doc::RenderDoc;
use scribed_test_properties as properties;

#[test]
fn kept_inputs_of_the_fuzzer_are_written_and_read_back() {
    properties::replay("doc", properties::doc::<RenderDoc>);
}
