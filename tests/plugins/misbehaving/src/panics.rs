//! A stage that panics where it is told to.

use scribed_plugin::prelude::*;

/// Where to panic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Place {
    /// In no place.
    Nowhere,
    /// While it is opened.
    Open,
    /// When it gets an item.
    Process,
    /// After it has emitted one.
    AfterEmit,
    /// At the end of the stream.
    Flush,
    /// Before another stream.
    Reset,
    /// While it is destroyed.
    Drop,
    /// In process, and again while it is destroyed.
    ProcessAndDrop,
}

/// Options of the stage.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    /// Where to panic.
    lie: Place,
}

/// The stage.
pub(crate) struct Panics {
    place: Place,
    host: Host,
}

impl Panics {
    fn at(&self, places: &[Place]) {
        assert!(!places.contains(&self.place), "told to, at {:?}", self.place);
    }
}

impl Stage for Panics {
    const ID: &'static str = "org.scribed.test.panics";
    const SUMMARY: &'static str = "panics where it is told to";
    type Config = Config;
    type Accepts = AudioKind;
    type Emits = AudioKind;

    fn open(config: Config, host: Host) -> Result<Self> {
        let stage = Self { place: config.lie, host };
        stage.at(&[Place::Open]);
        Ok(stage)
    }

    fn process(&mut self, block: AudioBlock<'_>, out: &mut Out<'_, AudioKind>) -> Result<()> {
        self.at(&[Place::Process, Place::ProcessAndDrop]);
        out.emit(block)?;
        self.at(&[Place::AfterEmit]);
        Ok(())
    }

    fn flush(&mut self, _: &mut Out<'_, AudioKind>) -> Result<()> {
        self.at(&[Place::Flush]);
        Ok(())
    }

    fn reset(&mut self) -> Result<()> {
        self.at(&[Place::Reset]);
        Ok(())
    }
}

impl Drop for Panics {
    fn drop(&mut self) {
        self.host.log(Level::Debug, "dropped");
        self.at(&[Place::Drop, Place::ProcessAndDrop]);
    }
}
