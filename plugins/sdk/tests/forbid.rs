//! A stage crate may forbid `unsafe`: the exported symbol comes from the macro.

#![forbid(unsafe_code)]

use scribed_plugin::{
    prelude::*,
    testing::{self, Audio},
};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Config {}

struct Echo;

impl Stage for Echo {
    const ID: &'static str = "org.scribed.test.echo";
    const SUMMARY: &'static str = "hands audio through";
    type Config = Config;
    type Accepts = AudioKind;
    type Emits = AudioKind;

    fn open(_: Config, _: Host) -> Result<Self> {
        Ok(Self)
    }

    fn process(&mut self, block: AudioBlock<'_>, out: &mut Out<'_, AudioKind>) -> Result<()> {
        out.emit(block)
    }
}

export_stages!(Echo);

#[test]
fn a_stage_without_unsafe_code_runs() {
    let audio = Audio::mono(8_000, vec![0.25; 80]);
    let run = testing::run::<Echo>(serde_json::json!({}), [audio.clone()]).expect("it echoes");
    assert_eq!(run.items, [audio]);
}
