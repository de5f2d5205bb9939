//! A plugin that lies: every call answers an error, and this process lives on.

use std::{ops::ControlFlow, sync::atomic::Ordering};

use scribed_plugin_host::{CallError, Input, Instance, Output, Status};
use serde_json::json;

use crate::{
    plugins::{load_good, misbehaving},
    recorder::{Recorder, block, process},
};

const AUDIO: &str = "org.scribed.test.lies-audio";
const CHUNK: &str = "org.scribed.test.lies-chunk";
const SEGMENTS: &str = "org.scribed.test.lies-segments";
const DOCUMENT: &str = "org.scribed.test.lies-document";
const PANICS: &str = "org.scribed.test.panics";

fn try_open(id: &str, lie: &str) -> Result<Instance, CallError> {
    load_good(&misbehaving()).open(id, &json!({ "lie": lie }), Recorder::new())
}

#[track_caller]
fn open(id: &str, lie: &str) -> Instance {
    try_open(id, lie).unwrap_or_else(|error| panic!("{lie}: {error}"))
}

fn flush(instance: &mut Instance) -> Result<(), CallError> {
    instance.flush(&mut |_| ControlFlow::Continue(()))
}

/// Expects that creating fails with this status and a message that contains `expected`.
#[track_caller]
fn create_fails(id: &str, lie: &str, status: Status, expected: &str) {
    let error = try_open(id, lie).expect_err("creating fails");
    assert_eq!(error.status, status, "{error}");
    assert!(error.message.contains(expected), "{error}");
}

/// Expects that processing fails as a breach of contract, lets nothing through, and is the last call.
#[track_caller]
fn breaches(id: &str, lie: &str, expected: &str) {
    let mut instance = open(id, lie);
    let (result, count) = process(&mut instance);
    let error = result.expect_err("a breach is an error");
    assert_eq!((error.status, error.message.as_str()), (Status::Failed, expected), "{lie}");
    assert_eq!(count, 0, "{lie} reached the taker");
    assert!(instance.is_poisoned(), "{lie}");
    let (again, _) = process(&mut instance);
    assert_eq!(again.expect_err("poisoned").message, "it broke its contract in an earlier call");
}

#[test]
fn stages_that_are_told_no_lie_behave() {
    for id in [AUDIO, CHUNK, SEGMENTS, DOCUMENT] {
        let mut instance = open(id, "");
        assert_eq!(process(&mut instance), (Ok(()), 1), "{id}");
        assert_eq!(flush(&mut instance), Ok(()), "{id}");
        assert_eq!(instance.reset(), Ok(()), "{id}");
    }
}

#[test]
fn an_instance_that_is_none_is_refused() {
    let none = "create answered OK without an instance";
    create_fails(AUDIO, "create stores null", Status::Failed, none);
    create_fails(AUDIO, "create stores misaligned", Status::Failed, none);
    let without = |name: &str| format!("create made an instance without {name}");
    create_fails(AUDIO, "create without process", Status::Failed, &without("process"));
    create_fails(AUDIO, "create without destroy", Status::Failed, &without("destroy"));
}

#[test]
fn statuses_that_do_not_exist_count_as_failed() {
    for status in ["13", "99", "-1", "-2147483648", "2147483647"] {
        let unknown = format!("why (unknown status {status})");
        create_fails(AUDIO, &format!("create answers {status}"), Status::Failed, &unknown);
        let mut instance = open(AUDIO, &format!("process answers {status}"));
        let error = process(&mut instance).0.expect_err("failed");
        assert_eq!((error.status, error.message), (Status::Failed, unknown));
        assert!(!instance.is_poisoned(), "the daemon decides what to do with a failed instance");
    }
}

#[test]
fn every_status_arrives_with_its_message_from_every_call() {
    use Status::{
        Cancelled, DeviceFault, Failed, InvalidConfig, InvalidInput, NoAudio, NoDevice,
        OutOfMemory, OverLimit, Protected, Unavailable,
    };
    let known = [
        (1, InvalidConfig),
        (2, InvalidInput),
        (3, Unavailable),
        (4, Failed),
        (5, Cancelled),
        (7, OverLimit),
        (8, NoAudio),
        (9, Protected),
        (10, DeviceFault),
        (11, OutOfMemory),
        (12, NoDevice),
    ];
    for (code, status) in known {
        create_fails(AUDIO, &format!("create answers {code}"), status, "why");
        let expected = CallError { stage: AUDIO.to_owned(), status, message: "why".to_owned() };
        let mut instance = open(AUDIO, &format!("process answers {code}"));
        assert_eq!(process(&mut instance).0, Err(expected.clone()));
        let mut instance = open(AUDIO, &format!("flush answers {code}"));
        assert_eq!(flush(&mut instance), Err(expected.clone()));
        let mut instance = open(AUDIO, &format!("reset answers {code}"));
        assert_eq!(instance.reset(), Err(expected));
    }
}

#[test]
fn a_message_is_never_longer_than_the_buffer_and_always_text() {
    let message = |how: &str| {
        let mut instance = open(AUDIO, &format!("process answers {how}"));
        process(&mut instance).0.expect_err("failed").message
    };
    let long = message("a long message");
    assert!(long.len() <= 4_096 && long.starts_with("long long"), "{} bytes", long.len());
    assert!(message("an endless message").starts_with("why"));
    assert!(message("a null message").starts_with("why"), "the buffer stays the host's");
    assert_eq!(message("a garbled message"), "\u{FFFD}(\u{FFFD}");
    assert_eq!(message("no message"), "it failed");
    create_fails(AUDIO, "create answers an endless message", Status::Failed, "why");
}

#[test]
fn malformed_items_are_found_out() {
    let misplaced = "emitted an item that is null or misaligned";
    for id in [AUDIO, CHUNK, SEGMENTS, DOCUMENT] {
        breaches(id, "null item", misplaced);
        breaches(id, "misaligned item", misplaced);
    }
    breaches(AUDIO, "wrong kind", "emitted SEGMENTS but declares AUDIO");
    breaches(AUDIO, "unknown kind", "emitted kind 77 but declares AUDIO");
    breaches(AUDIO, "small item", "emitted AUDIO of 16 bytes, not 48");
    breaches(AUDIO, "huge item", "emitted AUDIO of 4294967295 bytes, not 48");
}

#[test]
fn malformed_audio_is_found_out() {
    let pointer = "emitted audio whose samples are null or misaligned";
    breaches(AUDIO, "null samples", pointer);
    breaches(AUDIO, "misaligned samples", pointer);
    breaches(AUDIO, "no channels", "emitted audio of 0 channels");
    breaches(AUDIO, "many channels", "emitted audio of 256 channels");
    breaches(AUDIO, "many frames", "emitted 4294967295 × 255 samples in one block");
    breaches(AUDIO, "no rate", "emitted samples at a rate of 0 Hz");
    breaches(AUDIO, "no source rate", "emitted samples at a rate of 0 Hz");
    breaches(AUDIO, "late start", "emitted audio at frame 9223372036854775807");
}

#[test]
fn malformed_chunks_are_found_out() {
    breaches(CHUNK, "null samples", "emitted a chunk whose samples are null or misaligned");
    breaches(CHUNK, "long chunk", "emitted a chunk of 480001 samples");
    breaches(CHUNK, "null spans", "emitted a chunk whose spans are null or misaligned");
    breaches(CHUNK, "many spans", "emitted a chunk of 4294967295 spans in 16 samples");
    let back = "emitted a chunk whose span 1 goes back in the recording";
    breaches(CHUNK, "backwards spans", back);
    breaches(CHUNK, "long span", "emitted a chunk whose span 0 is out of place in it");
    breaches(CHUNK, "no source rate", "emitted samples at a rate of 0 Hz");
}

#[test]
fn malformed_text_and_documents_are_found_out() {
    breaches(SEGMENTS, "null text", "emitted text that is null or not UTF-8");
    breaches(SEGMENTS, "bad text", "emitted text that is null or not UTF-8");
    breaches(SEGMENTS, "long text", "emitted text of 18446744073709551615 bytes");
    breaches(DOCUMENT, "null bytes", "emitted a document that is null");
    breaches(DOCUMENT, "many bytes", "emitted a document of 18446744073709551615 bytes");
    breaches(DOCUMENT, "no media type", "emitted a document of media type \"\"");
    let injection = "emitted a document of media type \"text/plain\\r\\nX: y\"";
    breaches(DOCUMENT, "header injection", injection);
    breaches(DOCUMENT, "path as extension", "emitted a document with extension \"../../x\"");
    breaches(DOCUMENT, "bad extension", "emitted an extension that is null or not UTF-8");
}

#[test]
fn an_emit_from_another_thread_is_found_out() {
    breaches(AUDIO, "emit from a thread", "emitted from another thread");
}

#[test]
fn an_emit_after_the_call_is_found_out() {
    let mut instance = open(AUDIO, "emit after return");
    assert_eq!(process(&mut instance), (Ok(()), 1));
    let error = instance.reset().expect_err("reset has no sink");
    assert_eq!(
        (error.status, error.message.as_str()),
        (Status::Failed, "emitted outside of a call")
    );
    assert!(instance.is_poisoned());
}

#[test]
fn an_emit_while_it_is_destroyed_goes_nowhere() {
    let mut instance = open(AUDIO, "emit in destroy");
    let (result, mut count) = process(&mut instance);
    assert_eq!((result, count), (Ok(()), 1));
    drop(instance);
    count += process(&mut open(AUDIO, "")).1;
    assert_eq!(count, 2, "another instance works");
}

#[test]
fn a_stage_that_goes_on_after_the_taker_had_enough_is_not_heard() {
    let mut instance = open(AUDIO, "many emits");
    let mut count = 0;
    let result = instance.process(Input::Audio(block(&[0.5; 16])), &mut |_: Output<'_>| {
        count += 1;
        if count == 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    assert_eq!((result, count), (Ok(()), 3));
}

#[test]
fn null_for_host_sink_and_text_is_survived() {
    let context = Recorder::new();
    let catalog = load_good(&misbehaving());
    let config = json!({ "lie": "null arguments" });
    let mut instance = catalog.open(AUDIO, &config, context.clone()).expect("opened");
    assert_eq!(process(&mut instance), (Ok(()), 0));
    assert_eq!(context.log_text(), ["(a log line that is not UTF-8)"]);
}

#[test]
fn reports_that_are_too_long_or_no_text_are_dropped() {
    let context = Recorder::new();
    let catalog = load_good(&misbehaving());
    let config = json!({ "lie": "bad reports" });
    let mut instance = catalog.open(AUDIO, &config, context.clone()).expect("opened");
    assert_eq!(process(&mut instance), (Ok(()), 0));
    let reports = context.reports.lock().expect("lock").clone();
    assert_eq!(reports, [("unheard-of".to_owned(), "{}".to_owned())]);
    assert_eq!(context.log_text().len(), 5, "each of the others is in the log");
}

#[test]
fn a_stage_that_never_asks_whether_it_is_cancelled_ends_when_it_ends() {
    let context = Recorder::new();
    let catalog = load_good(&misbehaving());
    let config = json!({ "lie": "never asks" });
    let mut instance = catalog.open(AUDIO, &config, context.clone()).expect("opened");
    context.cancelled.store(true, Ordering::SeqCst);
    assert_eq!(process(&mut instance), (Ok(()), 0));
}

#[test]
fn functions_that_are_replaced_later_are_not_looked_at() {
    let mut instance = open(AUDIO, "replaces functions");
    assert_eq!(process(&mut instance), (Ok(()), 0));
    assert_eq!(process(&mut instance), (Ok(()), 0));
}

/// Expects that a call panicked and that nothing but dropping is possible after it.
#[track_caller]
fn poisoned(instance: &mut Instance, result: Result<(), CallError>, place: &str) {
    let error = result.expect_err("it panicked");
    assert_eq!(error.status, Status::Panicked);
    assert_eq!(error.message, format!("panicked: told to, at {place}"));
    assert!(instance.is_poisoned());
    let later = [process(instance).0, flush(instance), instance.reset()];
    for error in later.map(|result| result.expect_err("poisoned")) {
        let earlier = "it panicked in an earlier call";
        assert_eq!((error.status, error.message.as_str()), (Status::Panicked, earlier));
    }
}

#[test]
fn a_panic_in_any_call_is_caught_in_the_plugin_and_poisons_the_instance() {
    create_fails(PANICS, "open", Status::Panicked, "panicked: told to, at Open");

    let mut instance = open(PANICS, "process");
    let (result, _) = process(&mut instance);
    poisoned(&mut instance, result, "Process");

    let mut instance = open(PANICS, "after_emit");
    let (result, count) = process(&mut instance);
    assert_eq!(count, 1, "what came before the panic was taken");
    poisoned(&mut instance, result, "AfterEmit");

    let mut instance = open(PANICS, "flush");
    let result = flush(&mut instance);
    poisoned(&mut instance, result, "Flush");

    let mut instance = open(PANICS, "reset");
    let result = instance.reset();
    poisoned(&mut instance, result, "Reset");
}

#[test]
fn a_panic_while_it_is_destroyed_is_caught_and_logged() {
    for lie in ["drop", "process_and_drop"] {
        let context = Recorder::new();
        let catalog = load_good(&misbehaving());
        let config = json!({ "lie": lie });
        let mut instance = catalog.open(PANICS, &config, context.clone()).expect("opened");
        assert_eq!(process(&mut instance).0.is_err(), lie == "process_and_drop");
        drop(instance);
        let logs = context.log_text();
        let last = logs.last().expect("logged");
        assert!(last.ends_with("while it was destroyed") && last.contains("panicked"), "{last}");
    }
    assert_eq!(process(&mut open(PANICS, "nowhere")), (Ok(()), 1), "the library still works");
}

#[test]
fn a_stage_of_the_sdk_refuses_an_option_that_it_does_not_know() {
    create_fails(PANICS, "elsewhere", Status::InvalidConfig, "unknown variant `elsewhere`");
    let catalog = load_good(&misbehaving());
    let open = |config| catalog.open(PANICS, &config, Recorder::new()).expect_err("refused");
    let error = open(json!({ "lie": "nowhere", "truth": 1 }));
    assert!(error.message.contains("unknown field `truth`"), "{error}");
    assert!(open(json!({})).message.contains("missing field `lie`"));
}
