//! What the fuzzer of `tests/fuzz` kept, tried without it.

use scribed_stage_decode::Decode;
use scribed_test_properties as properties;

#[test]
fn kept_inputs_of_the_fuzzer_give_sound_or_are_refused() {
    properties::replay("decode", properties::decode::<Decode>);
}
