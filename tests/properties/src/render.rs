//! Rendering: a script through a renderer, as the daemon drives it.

use scribed_plugin::kind::{DocumentKind, SegmentsKind};
use scribed_plugin::testing::{Driver, OwnedDocument};
use scribed_plugin::{Stage, StageError};

use crate::script::Script;

/// A stage that makes a document of a transcript.
pub trait Renderer: Stage<Accepts = SegmentsKind, Emits = DocumentKind> {}

impl<S: Stage<Accepts = SegmentsKind, Emits = DocumentKind>> Renderer for S {}

/// Renders a script; none where its options are refused, which is the only refusal there may be.
///
/// The same text gives the same document again, in an instance that was used before.
pub(crate) fn render<S: Renderer>(script: &Script) -> Option<OwnedDocument> {
    let mut driver = match Driver::<S>::open(&script.options) {
        Ok(driver) => driver,
        Err(StageError::InvalidConfig(_)) => return None,
        Err(other) => panic!("options are refused as {other:?}"),
    };
    let document = once(&mut driver, script);
    driver.reset().expect("a renderer can be used again");
    assert!(once(&mut driver, script) == document, "the second document is another one");
    Some(document)
}

fn once<S: Renderer>(driver: &mut Driver<S>, script: &Script) -> OwnedDocument {
    for chunk in &script.chunks {
        let early = driver.process(chunk).expect("a renderer takes every transcript");
        assert!(early.is_empty(), "a document came before the transcript's end");
    }
    let mut documents = driver.flush().expect("a renderer can write every transcript");
    assert_eq!(documents.len(), 1);
    documents.remove(0)
}
