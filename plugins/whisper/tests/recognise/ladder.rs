//! What happens to doubtful chunks, and that results repeat.

use scribed_plugin::testing::{self, Chunk, Driver};
use scribed_schemas::transcript::FlagReason;
use scribed_stage_whisper::Whisper;
use serde_json::json;

use crate::recordings::{options, samples};

#[test]
fn what_fails_every_attempt_is_kept_and_flagged_with_its_reason() {
    // No text is as likely as this asks for.
    let limit = json!({ "min_avg_log_prob": 1.0, "temperatures": [0.4] });
    let chunk = Chunk::of(samples("05-short-annie-heldout"));
    let mut driver = Driver::<Whisper>::open(&options(&limit)).unwrap();
    let first = driver.process(&chunk).unwrap();
    assert!(!first[0].text().is_empty());
    for segment in &first[0].segments {
        let flag = segment.flags.first().unwrap();
        assert_eq!((flag.reason, flag.limit), (FlagReason::LowLogProb, 1.0));
        assert!(flag.value <= 0.0);
    }
    // Beam search and sampling draw random numbers, and yet the same chunk gives the same text,
    // whatever the instance has done before.
    assert_eq!(driver.process(&chunk).unwrap(), first);
}

#[test]
fn a_text_that_passes_is_not_tried_again() {
    let chunk = Chunk::of(samples("04-short-awb"));
    let run = testing::run::<Whisper>(options(&json!({})), [chunk]).unwrap();
    assert!(run.items[0].segments.iter().all(|s| s.temperature == 0.0 && s.flags.is_empty()));
}

#[test]
fn a_chunk_is_recognised_alike_alone_and_after_another() {
    let chunk = Chunk::of(samples("04-short-awb"));
    let other = Chunk::of(samples("02-short-us-male"));
    let alone = testing::run::<Whisper>(options(&json!({})), [chunk.clone()]).unwrap().items;
    let mut driver = Driver::<Whisper>::open(&options(&json!({}))).unwrap();
    driver.process(&other).unwrap();
    assert_eq!(driver.process(&chunk).unwrap(), alone);
}

#[test]
fn weights_and_states_are_loaded_once() {
    let open = |changes| Driver::<Whisper>::open(&options(&changes)).unwrap();
    // An option that no other test uses, so that this model is loaded here.
    let changes = json!({ "flash_attn": true });
    let first = open(changes.clone());
    let loading = |driver: &Driver<Whisper>| {
        driver.logs().into_iter().filter(|(_, line)| line.contains("whisper_")).count()
    };
    assert!(loading(&first) > 10);
    drop(first);
    assert_eq!(loading(&open(changes)), 0);
}

#[test]
fn a_prompt_is_taken() {
    let changes = json!({ "prompt": "We need seven engineers before Friday." });
    let chunk = Chunk::of(samples("05-short-annie-heldout"));
    let run = testing::run::<Whisper>(options(&changes), [chunk]).unwrap();
    assert!(run.items[0].text().contains("call"), "{}", run.items[0].text());
}
