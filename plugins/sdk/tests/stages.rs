//! Stages of every kind, driven through their real vtables.

#![forbid(unsafe_code)]

use std::{
    io::{Read, Seek, SeekFrom},
    sync::Mutex,
    thread,
};

use scribed_plugin::{
    prelude::*,
    testing::{self, Audio, Chunk, Driver, Media, OwnedDocument},
};
use serde_json::json;

/// Makes a stage of a function, from one kind to another.
macro_rules! stage {
    ($name:ident: $accepts:ty => $emits:ty, $process:expr) => {
        struct $name(Host);

        impl Stage for $name {
            const ID: &'static str = "org.scribed.test.stage";
            const SUMMARY: &'static str = "for one test";
            type Config = Config;
            type Accepts = $accepts;
            type Emits = $emits;

            fn open(_: Config, host: Host) -> Result<Self> {
                Ok(Self(host))
            }

            fn process(
                &mut self,
                item: <$accepts as Kind>::View<'_>,
                out: &mut Out<'_, $emits>,
            ) -> Result<()> {
                let process: fn(
                    &Host,
                    <$accepts as Kind>::View<'_>,
                    &mut Out<'_, $emits>,
                ) -> Result<()> = $process;
                process(&self.0, item, out)
            }
        }
    };
}

/// Options of the stages here.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct Config {
    /// How often, in times.
    count: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self { count: 2 }
    }
}

fn chunk() -> Chunk {
    Chunk {
        number: 3,
        samples: vec![0.1, 0.2, 0.3],
        source_rate: 48_000,
        spans: vec![
            Span { chunk_start: 0, chunk_len: 1, source_start: 9, source_len: 3 },
            Span { chunk_start: 1, chunk_len: 2, source_start: 90, source_len: 6 },
        ],
    }
}

stage!(Chunks: ChunkKind => ChunkKind, |_, chunk, out| out.emit(chunk));

#[test]
fn a_chunk_arrives_and_leaves_whole() {
    let run = testing::run::<Chunks>(json!({}), [chunk()]).expect("it echoes");
    assert_eq!(run.items, [chunk()]);
}

stage!(Texts: SegmentsKind => SegmentsKind, |_, segments, out| out.emit(segments));

#[test]
fn text_arrives_and_leaves_whole() {
    let mut text = Segments::empty(1, 8_000, 10, 20);
    text.language = Some("en".to_owned());
    let run = testing::run::<Texts>(json!({}), [text.clone()]).expect("it echoes");
    assert_eq!(run.items, [text]);
}

stage!(Documents: DocumentKind => DocumentKind, |_, document, out| out.emit(document));

#[test]
fn a_document_arrives_and_leaves_whole() {
    let document = OwnedDocument {
        bytes: b"hello".to_vec(),
        media_type: "text/plain".to_owned(),
        extension: "txt".to_owned(),
    };
    let run = testing::run::<Documents>(json!({}), [document.clone()]).expect("it echoes");
    assert_eq!(run.items, [document]);
}

stage!(Reads: MediaKind => DocumentKind, |_, recording, out| {
    let fault = |error: std::io::Error| StageError::Unavailable(error.to_string());
    let mut reader = recording.reader();
    let mut bytes = Vec::new();
    reader.seek(SeekFrom::Start(2)).map_err(fault)?;
    reader.read_to_end(&mut bytes).map_err(fault)?;
    assert_eq!(reader.seek(SeekFrom::End(-1)).map_err(fault)?, recording.len() - 1);
    let mut last = [0; 4];
    assert_eq!(reader.read(&mut last).map_err(fault)?, 1);
    assert!(reader.seek(SeekFrom::Current(-100)).is_err());
    bytes.push(last[0]);
    let extension = recording.file_name();
    out.emit(Document { bytes: &bytes, media_type: recording.media_type(), extension })
});

#[test]
fn a_recording_is_read_at_any_place() {
    let mut media = Media::of("0123456789");
    media.file_name = "name".to_owned();
    media.media_type = "audio/x".to_owned();
    let run = testing::run::<Reads>(json!({}), [media.clone()]).expect("it reads");
    assert_eq!(run.items[0].bytes, b"234567899");
    assert_eq!((&*run.items[0].media_type, &*run.items[0].extension), ("audio/x", "name"));
    media.fails_from = Some(5);
    let error = testing::run::<Reads>(json!({}), [media]).expect_err("it cannot read");
    let expected = StageError::Unavailable("the daemon cannot read the recording".to_owned());
    assert_eq!(error, expected);
}

stage!(Shared: MediaKind => AudioKind, |host, recording, _| {
    let read = || {
        let mut byte = [0];
        assert_eq!(recording.read_at(1, &mut byte).ok(), Some(1));
        host.log(Level::Info, &format!("{}", byte[0]));
    };
    thread::scope(|scope| {
        scope.spawn(read);
        scope.spawn(read);
    });
    Ok(())
});

#[test]
fn recording_and_host_are_used_from_several_threads() {
    let run = testing::run::<Shared>(json!({}), [Media::of([7, 8])]).expect("it reads");
    assert_eq!(run.logs, [(Level::Info, "8".to_owned()), (Level::Info, "8".to_owned())]);
}

stage!(Reports: AudioKind => AudioKind, |host, block, _| {
    host.facts(&MediaFacts { channels: block.channels, ..MediaFacts::default() });
    host.warning(&Warning { code: "x".into(), message: "y".into(), at_frame: Some(3) });
    host.log(Level::Warn, "careful");
    Ok(())
});

fn sound() -> Audio {
    Audio::mono(16_000, [0.5; 4])
}

#[test]
fn facts_warnings_and_logs_arrive() {
    let run = testing::run::<Reports>(json!({}), [sound()]).expect("it reports");
    assert_eq!(run.facts[0].channels, 1);
    assert_eq!(run.warnings[0].at_frame, Some(3));
    assert_eq!(run.logs, [(Level::Warn, "careful".to_owned())]);
}

stage!(Polls: AudioKind => AudioKind, |host, _, _| {
    for _ in 0..100 {
        if host.cancelled() {
            return Err(StageError::Cancelled);
        }
    }
    Ok(())
});

#[test]
fn a_stage_is_cancelled_at_the_poll_that_the_test_says() {
    let mut driver = Driver::<Polls>::open(&json!({})).expect("opened");
    driver.cancel_after(99);
    assert_eq!(driver.process(&sound()), Err(StageError::Cancelled));
    assert_eq!(driver.polls(), 100);
    driver.cancel_after(100);
    assert_eq!(driver.process(&sound()), Ok(vec![]));
}

stage!(Twice: AudioKind => AudioKind, |_, block, out| {
    out.emit(block)?;
    out.emit(block)
});

#[test]
fn a_sink_that_wants_no_more_stops_the_stage() {
    let mut driver = Driver::<Twice>::open(&json!({})).expect("opened");
    driver.stop_after(1);
    let (result, made) = driver.process_all(&sound());
    assert_eq!((result, made), (Err(StageError::Cancelled), vec![sound()]));
}

stage!(Stubborn: AudioKind => AudioKind, |_, block, out| {
    let answers: Vec<_> = (0..3).map(|_| out.emit(block)).collect();
    assert_eq!(answers, [Ok(()), Err(StageError::Stopped), Err(StageError::Stopped)]);
    Ok(())
});

#[test]
fn emit_answers_stopped_again_and_again() {
    let mut driver = Driver::<Stubborn>::open(&json!({})).expect("opened");
    driver.stop_after(1);
    assert_eq!(driver.process(&sound()), Ok(vec![sound()]));
}

stage!(Panics: AudioKind => AudioKind, |_, _, _| panic!("on purpose"));

#[test]
fn a_panic_is_an_error_and_poisons_the_instance() {
    let mut driver = Driver::<Panics>::open(&json!({})).expect("opened");
    let failed = |text: &str| StageError::Failed(text.to_owned());
    assert_eq!(driver.process(&sound()), Err(failed("panicked: on purpose")));
    assert_eq!(driver.flush(), Err(failed("panicked in an earlier call")));
    assert_eq!(driver.reset(), Err(failed("panicked in an earlier call")));
}

#[test]
fn options_are_parsed_strictly_and_described() {
    let open = |config| Driver::<Twice>::open(&config).map(drop);
    assert_eq!(open(json!({ "count": 3 })), Ok(()));
    let Err(StageError::InvalidConfig(message)) = open(json!({ "cuont": 3 })) else {
        panic!("taken")
    };
    assert!(message.contains("unknown field `cuont`"), "{message}");
    let schema = testing::config_schema::<Twice>();
    assert_eq!(schema["properties"]["count"]["description"], "How often, in times.");
    assert_eq!(schema, testing::config_schema::<Twice>(), "it is the same each time");
}

static KEPT: Mutex<Option<Host>> = Mutex::new(None);

stage!(Keeps: AudioKind => AudioKind, |host, _, _| {
    *KEPT.lock().expect("lock") = Some(host.clone());
    Ok(())
});

#[test]
fn a_host_that_was_kept_too_long_is_deaf_and_cancelled() {
    testing::run::<Keeps>(json!({}), [sound()]).expect("it keeps the host");
    let host = KEPT.lock().expect("lock").take().expect("kept");
    assert!(host.cancelled());
    host.log(Level::Error, "nobody hears this");
}

stage!(Fails: AudioKind => AudioKind, |_, block, _| {
    let message = || "because".to_owned();
    Err(match block.channels {
        1 => StageError::InvalidConfig(message()),
        2 => StageError::InvalidInput(message()),
        3 => StageError::OverLimit(message()),
        4 => StageError::NoAudio(message()),
        5 => StageError::Protected(message()),
        6 => StageError::Unavailable(message()),
        7 => StageError::Failed(message()),
        9 => StageError::DeviceFault(message()),
        10 => StageError::OutOfMemory(message()),
        11 => StageError::NoDevice(message()),
        _ => StageError::Cancelled,
    })
});

#[test]
fn every_error_crosses_the_vtable_and_comes_back() {
    let fail = |channels| {
        let audio = Audio { channels, ..Audio::mono(8_000, [0.0; 8]) };
        testing::run::<Fails>(json!({}), [audio]).expect_err("it fails")
    };
    assert_eq!(fail(1), StageError::InvalidConfig("because".to_owned()));
    assert_eq!(fail(2), StageError::InvalidInput("because".to_owned()));
    assert_eq!(fail(3), StageError::OverLimit("because".to_owned()));
    assert_eq!(fail(4), StageError::NoAudio("because".to_owned()));
    assert_eq!(fail(5), StageError::Protected("because".to_owned()));
    assert_eq!(fail(6), StageError::Unavailable("because".to_owned()));
    assert_eq!(fail(7), StageError::Failed("because".to_owned()));
    assert_eq!(fail(8), StageError::Cancelled);
    assert_eq!(fail(9), StageError::DeviceFault("because".to_owned()));
    assert_eq!(fail(10), StageError::OutOfMemory("because".to_owned()));
    assert_eq!(fail(11), StageError::NoDevice("because".to_owned()));
}
