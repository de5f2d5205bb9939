//! The life of an instance of a decent plugin, which is written in C.

use std::{
    io,
    ops::ControlFlow,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, atomic::Ordering},
    thread,
};

use scribed_plugin_host::{
    CallError, Catalog, HostContext, Input, Instance, Level, MediaInput, Output, ReadAt, Status,
};
use scribed_schemas::audio::AudioBlock;
use serde_json::json;

use crate::{
    plugins::{c_echo, folder, load_good, misbehaving},
    recorder::{Recorder, block, process},
};

const ECHO: &str = "org.scribed.test.c-echo";

fn catalog() -> Catalog {
    // The folder may go: a library stays mapped.
    let folder = folder();
    c_echo(folder.path());
    load_good(folder.path())
}

fn open(context: Arc<Recorder>) -> Instance {
    catalog().open(ECHO, &json!({ "threshold": 0.1 }), context).expect("opened")
}

/// Hands a block through and checks that the same memory comes out.
fn echo(instance: &mut Instance, block: AudioBlock<'_>) -> Result<usize, CallError> {
    let mut count = 0;
    instance.process(Input::Audio(block), &mut |output| {
        let Output::Audio(out) = output else { panic!("{output:?} is no audio") };
        assert_eq!(out, block);
        assert_eq!(out.samples.as_ptr(), block.samples.as_ptr(), "nothing is copied on the way");
        count += 1;
        ControlFlow::Continue(())
    })?;
    Ok(count)
}

#[test]
fn sound_passes_a_gate_in_c_and_silence_does_not() {
    let context = Recorder::new();
    let mut gate = open(context.clone());
    let stereo = AudioBlock {
        samples: &[0.5, -0.5, 0.25, 0.0],
        channels: 2,
        sample_rate: 44_100,
        start_frame: 7,
        source_rate: 48_000,
    };
    assert_eq!(echo(&mut gate, stereo), Ok(1));
    assert_eq!(echo(&mut gate, block(&[0.01; 16])), Ok(0));
    assert_eq!(echo(&mut gate, block(&[-0.2; 16])), Ok(1));
    let mut nothing = |_: Output<'_>| -> ControlFlow<()> { panic!("nothing is left") };
    assert_eq!(gate.flush(&mut nothing), Ok(()));
    let reports = context.reports.lock().expect("lock").clone();
    assert_eq!(reports.len(), 1);
    assert_eq!(reports[0].0, "warning");
    assert!(reports[0].1.contains("quiet passages"), "{}", reports[0].1);
    drop(gate);
    let logs = context.logs.lock().expect("lock").clone();
    let expected = [(Level::Info, "gate open".into()), (Level::Debug, "destroyed".into())];
    assert_eq!(logs, expected);
}

#[test]
fn a_stage_in_rust_hands_borrowed_samples_on_without_copying_them() {
    let catalog = load_good(&misbehaving());
    let config = json!({ "lie": "nowhere" });
    let id = "org.scribed.test.panics";
    let mut stage = catalog.open(id, &config, Recorder::new()).expect("opened");
    assert_eq!(echo(&mut stage, block(&[0.5; 16])), Ok(1));
}

#[test]
fn reset_forgets_the_stream_before() {
    let context = Recorder::new();
    let mut gate = open(context.clone());
    assert_eq!(echo(&mut gate, block(&[0.0; 16])), Ok(0));
    assert_eq!(gate.reset(), Ok(()));
    assert_eq!(gate.flush(&mut |_| ControlFlow::Continue(())), Ok(()));
    assert!(context.reports.lock().expect("lock").is_empty(), "it remembers what it dropped");
}

#[test]
fn a_configuration_that_the_stage_refuses_says_why() {
    let catalog = catalog();
    let open = |config| catalog.open(ECHO, &config, Recorder::new()).expect_err("refused");
    let error = open(json!({ "threshold": 7 }));
    assert_eq!(error.status, Status::InvalidConfig);
    assert_eq!(error.to_string(), "org.scribed.test.c-echo: threshold is not between 0 and 1");
    assert_eq!(open(json!({ "limit": 1 })).status, Status::InvalidConfig);
}

#[test]
fn a_cancelled_stage_stops() {
    let context = Recorder::new();
    let mut gate = open(context.clone());
    context.cancelled.store(true, Ordering::SeqCst);
    let (result, count) = process(&mut gate);
    assert_eq!((result.expect_err("cancelled").status, count), (Status::Cancelled, 0));
    context.cancelled.store(false, Ordering::SeqCst);
    assert_eq!(process(&mut gate), (Ok(()), 1), "it is as good as before");
}

#[test]
fn a_taker_that_has_enough_stops_the_stage_without_an_error() {
    let mut gate = open(Recorder::new());
    let result = gate.process(Input::Audio(block(&[0.5; 16])), &mut |_| ControlFlow::Break(()));
    assert_eq!(result, Ok(()));
    assert_eq!(process(&mut gate), (Ok(()), 1), "the next call starts afresh");
}

#[test]
fn a_panic_of_the_taker_goes_on_after_the_stage_has_returned() {
    let mut gate = open(Recorder::new());
    let caught = catch_unwind(AssertUnwindSafe(|| {
        gate.process(Input::Audio(block(&[0.5; 16])), &mut |_| panic!("taker"))
    }));
    let payload = caught.expect_err("it panicked");
    assert_eq!(payload.downcast_ref::<&str>(), Some(&"taker"));
    assert_eq!(process(&mut gate), (Ok(()), 1), "the stage is not to blame");
}

#[test]
fn an_item_of_another_kind_is_not_handed_over() {
    let mut gate = open(Recorder::new());
    let error = gate.process(Input::Segments("{}"), &mut |_| ControlFlow::Continue(()));
    assert_eq!(
        error.expect_err("refused").to_string(),
        "org.scribed.test.c-echo: accepts AUDIO, not SEGMENTS"
    );
    assert_eq!(process(&mut gate), (Ok(()), 1));
}

#[test]
fn stages_chain_depth_first() {
    let catalog = catalog();
    let open = |config| catalog.open(ECHO, &config, Recorder::new()).expect("opened");
    let (mut first, mut second) = (open(json!({})), open(json!({ "threshold": 0.3 })));
    let mut passed = Vec::new();
    for level in [0.1, 0.5, 0.2, 0.9] {
        let samples = [level; 16];
        let result = first.process(Input::Audio(block(&samples)), &mut |output| {
            let Output::Audio(block) = output else { panic!("{output:?} is no audio") };
            let mut keep = |output: Output<'_>| {
                passed.extend(matches!(output, Output::Audio(_)).then_some(level));
                ControlFlow::Continue(())
            };
            second.process(Input::Audio(block), &mut keep).expect("the second works");
            ControlFlow::Continue(())
        });
        assert_eq!(result, Ok(()));
    }
    assert_eq!(passed, [0.5, 0.9]);
}

#[test]
fn an_instance_moves_between_threads() {
    let mut gate = open(Recorder::new());
    for _ in 0..3 {
        gate = thread::spawn(move || {
            assert_eq!(process(&mut gate), (Ok(()), 1));
            gate
        })
        .join()
        .expect("it works anywhere");
    }
}

/// A reader of a thousand zeros, or one that cannot.
enum Reader {
    Good,
    Fails,
    Panics,
}

impl ReadAt for Reader {
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        assert!(offset < 1_000, "nothing is asked for behind the end");
        assert!(offset + buf.len() as u64 <= 1_000, "nothing is asked for behind the end");
        match self {
            Self::Good => {
                buf.fill(0);
                Ok(buf.len())
            }
            Self::Fails => Err(io::Error::other("the disk is gone")),
            Self::Panics => panic!("reader"),
        }
    }
}

fn read_with(lie: &str, reader: &Reader) -> (Result<(), CallError>, usize) {
    let catalog = load_good(&misbehaving());
    let id = "org.scribed.test.lies-media";
    let mut stage = catalog.open(id, &json!({ "lie": lie }), Recorder::new()).expect("opened");
    let media = MediaInput { reader, len: 1_000, file_name: "a.wav", media_type: "" };
    let mut count = 0;
    let result = stage.process(Input::Media(media), &mut |_| {
        count += 1;
        ControlFlow::Continue(())
    });
    (result, count)
}

#[test]
fn reads_with_wrong_arguments_are_refused() {
    // The liar answers OK only when every bad read was refused and the good ones were not.
    assert_eq!(read_with("bad reads", &Reader::Good), (Ok(()), 0));
}

#[track_caller]
fn unread(reader: &Reader, expected: &str) {
    let (result, _) = read_with("eats read errors", reader);
    let error = result.expect_err("the recording is not whole");
    assert_eq!((error.status, error.message.as_str()), (Status::Unavailable, expected));
}

#[test]
fn a_recording_that_cannot_be_read_fails_the_call_even_if_the_stage_does_not_notice() {
    assert_eq!(read_with("eats read errors", &Reader::Good), (Ok(()), 1));
    unread(&Reader::Fails, "cannot read the recording: the disk is gone");
    unread(&Reader::Panics, "cannot read the recording: the reader panicked");
}

/// A context that panics whenever it is asked.
struct Hysteric;

impl HostContext for Hysteric {
    fn log(&self, _: Level, _: &str) {
        panic!("log");
    }

    fn cancelled(&self) -> bool {
        panic!("cancelled");
    }

    fn report(&self, _: &str, _: &str) {
        panic!("report");
    }
}

#[test]
fn a_panic_of_the_context_does_not_cross_the_plugin() {
    let mut gate = catalog().open(ECHO, &json!({}), Arc::new(Hysteric)).expect("opened");
    let (result, _) = process(&mut gate);
    assert_eq!(result.expect_err("cancelled").status, Status::Cancelled);
}
