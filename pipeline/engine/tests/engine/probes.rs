//! Looks at recordings before anybody is promised anything.

use std::sync::Arc;

use scribed_engine::testing::Bench;
use scribed_engine::{Config, Error, ProbeError};
use scribed_schemas::audio::MediaFacts;
use scribed_schemas::id::AccountId;
use scribed_schemas::job::FaultCode;
use scribed_store::MemoryStore;

async fn probe(bench: &Bench, script: &str) -> Result<Option<MediaFacts>, ProbeError> {
    let media = bench.record(AccountId(1), script).await;
    bench.engine.probe(&media.key, &media.file_name, &media.content_type).await
}

#[tokio::test]
async fn a_probe_tells_what_the_recording_is() {
    let facts = probe(&Bench::new(), "one\ntwo").await.expect("it is of use").expect("it shows");
    assert_eq!((facts.container.as_str(), facts.frames), ("script", Some(6 * 1_600)));
}

#[tokio::test]
async fn a_recording_of_no_use_is_refused_with_the_reason() {
    for (script, expected) in [
        ("!undecodable", FaultCode::Undecodable),
        ("!no-audio", FaultCode::NoAudio),
        ("!encrypted", FaultCode::Encrypted),
        ("!over-limit", FaultCode::OverLimit),
    ] {
        let refused = probe(&Bench::new(), script).await;
        let Err(ProbeError::Refused(fault)) = refused else {
            panic!("{script} must be refused: {refused:?}")
        };
        assert_eq!(fault.code, expected);
        assert!(!fault.message.starts_with("test."), "{} is for the owner", fault.message);
    }
}

#[tokio::test]
async fn what_does_not_show_within_the_allowed_bytes_is_left_open() {
    let config = Config { probe_bytes: 10, ..Config::default() };
    let bench = Bench::with(config, Arc::new(MemoryStore::new()));
    let facts = probe(&bench, "a line of more than ten bytes").await;
    assert_eq!(facts.expect("the limit is not the recording's fault"), None);
}

#[tokio::test]
async fn a_recording_that_is_not_there_cannot_be_probed() {
    let missing = Bench::new().engine.probe("recordings/1", "", "").await;
    assert!(matches!(missing, Err(ProbeError::Engine(Error::Media(_)))), "{missing:?}");
}
