//! Recordings that cannot be used, or only in part, and what their senders are told.

use scribed_tests::audio::{path, recording, silence};
use scribed_tests::{Client, Daemon, Job, errors, say};

/// What becomes of a bad file.
#[derive(Debug)]
enum Fate {
    /// 400 at the upload, with a sentence that has these words.
    Refused(String),
    /// `processing_fail`, with a sentence that has these words.
    Failed(String),
    /// Text, and the codes of its warnings.
    Read { text: String, warnings: Vec<String> },
}

/// Uploads a file and follows it to its end.
#[track_caller]
fn fate(daemon: &Daemon, client: &Client, name: &str) -> Fate {
    let bytes = std::fs::read(path("bad").join(name)).unwrap();
    let answer = client.upload_bytes(name, bytes);
    if answer.status == 400 {
        return Fate::Refused(answer.detail());
    }
    let job = Job(answer.status(200).json()["task_id"].as_i64().unwrap());
    let state = client.end_of(job);
    let id = job.0.to_string();
    let shown = daemon.program().run(["jobs", "show", &id, "--json"]).code(0).json();
    if state == "processing_fail" {
        let told = client.info(job)["description"].as_str().unwrap_or_default().to_owned();
        assert_eq!(shown["fault"]["message"], told);
        return Fate::Failed(told);
    }
    assert_eq!(state, "completed", "{name}: {shown}");
    let codes = shown["warnings"].as_array().unwrap().iter();
    let warnings = codes.map(|w| w["code"].as_str().unwrap_or_default().to_owned()).collect();
    Fate::Read { text: client.text(job), warnings }
}

#[test]
fn a_file_that_cannot_be_used_is_refused_with_a_sentence_that_says_why() {
    const FILES: [(&str, &str); 16] = [
        ("empty.wav", "empty"),
        ("one-byte.wav", ""),
        ("header-only.wav", ""),
        ("text.mp3", ""),
        ("noise.bin", ""),
        ("video-without-sound.mp4", "sound"),
        ("encrypted.mp4", "encrypted"),
        ("unknown-codec.mp4", "codec"),
        ("1-hz.wav", "1 Hz"),
        ("768-khz.wav", "768000 Hz"),
        ("4-billion-hz.wav", "Hz"),
        ("no-rate.wav", ""),
        ("32-channels.wav", "32 channels"),
        ("no-channels.wav", "channels"),
        ("50-ms.wav", "0.05"),
        ("truncated-no-index.m4a", ""),
    ];
    let daemon = Daemon::shared();
    let client = daemon.client();
    for (name, word) in FILES {
        let said = match fate(&daemon, &client, name) {
            Fate::Refused(said) => {
                let reason = said.strip_prefix("Invalid audio file: ");
                reason.unwrap_or_else(|| panic!("{name}: {said}")).to_owned()
            }
            Fate::Failed(said) => said,
            read @ Fate::Read { .. } => panic!("{name}: {read:?}"),
        };
        say(&format!("{name}: {said}"));
        assert!(said.contains(' ') && said.contains(word), "{name}: {said}");
    }
}

#[test]
fn what_can_be_read_of_a_broken_file_becomes_text_and_the_gap_is_told() {
    // Codes of warnings; those of a damaged place depend on what the decoder makes of it.
    const FILES: [(&str, &[&str]); 11] = [
        ("truncated.wav", &["truncated"]),
        ("truncated.flac", &["truncated"]),
        ("truncated.mp3", &["truncated"]),
        ("truncated.ogg", &["truncated"]),
        ("truncated.webm", &["truncated"]),
        ("truncated-faststart.mp4", &["truncated"]),
        ("damaged.aac", &["damaged", "truncated"]),
        ("damaged.flac", &["damaged", "truncated"]),
        ("damaged.mp3", &["damaged", "truncated"]),
        ("damaged.mp4", &["damaged", "truncated"]),
        ("damaged.ogg", &["damaged", "truncated"]),
    ];
    let daemon = Daemon::shared();
    let client = daemon.client();
    for (name, codes) in FILES {
        let Fate::Read { text, warnings } = fate(&daemon, &client, name) else {
            panic!("{name} can be read in part");
        };
        say(&format!("{name}: {warnings:?} {text}"));
        assert!(!text.is_empty(), "{name}");
        let told = warnings.iter().any(|warning| codes.contains(&warning.as_str()));
        assert!(told, "{name}: {warnings:?}");
    }
}

#[test]
fn a_recording_that_does_not_say_its_length_is_read_whole() {
    let (file, recording) = recording("01");
    let mut bytes = std::fs::read(file).unwrap();
    // Programs that stream to a pipe cannot know the two lengths of the header.
    bytes[4..8].fill(0xff);
    bytes[40..44].fill(0xff);
    let daemon = Daemon::shared();
    let client = daemon.client();
    let answer = client.upload_bytes("pipe.wav", bytes).status(200);
    let job = Job(answer.json()["task_id"].as_i64().unwrap());
    assert_eq!(client.end_of(job), "completed");
    let text = client.text(job);
    assert!(errors(&recording.text, &text).within_percent(15), "{text}");
}

#[test]
fn a_bad_file_leaves_nothing_behind() {
    let daemon = Daemon::start();
    let client = daemon.client();
    for name in ["empty.wav", "text.mp3", "encrypted.mp4"] {
        assert!(matches!(fate(&daemon, &client, name), Fate::Refused(_)), "{name}");
    }
    assert!(daemon.stored().is_empty(), "{:?}", daemon.stored());
    assert_eq!(client.get("/transcriptions").status(200).json()["total"], 0);
}

#[test]
fn ten_hours_of_silence_take_no_more_memory_than_a_minute() {
    let daemon = Daemon::start();
    let client = daemon.client();
    let run = |name: &str, seconds: u64| {
        let answer = client.upload_bytes(name, silence::flac(seconds)).status(200);
        let job = Job(answer.json()["task_id"].as_i64().unwrap());
        assert_eq!(client.end_of(job), "completed", "{name}");
        assert!(client.chunks(job).is_empty(), "{name}");
        daemon.peak_memory_kib()
    };
    let minute = run("minute.flac", 60);
    let day = run("day.flac", 10 * 3600);
    say(&format!("peak memory: {minute} KiB after a minute, {day} KiB after ten hours"));
    assert!(day * 10 <= minute * 11, "{minute} KiB grew to {day} KiB");
}
