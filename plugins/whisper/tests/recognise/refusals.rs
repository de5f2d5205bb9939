//! Options and models that cannot be used.

use std::{fs, path::Path};

use scribed_plugin::{
    StageError,
    testing::{self, Driver},
};
use scribed_stage_whisper::Whisper;
use serde_json::{Value, json};

use crate::recordings::options;

fn refusal(changes: &Value) -> String {
    match Driver::<Whisper>::open(&options(changes)).map(drop) {
        Err(StageError::InvalidConfig(message)) => message,
        other => panic!("{changes} gave {other:?}"),
    }
}

fn demo() -> Vec<u8> {
    fs::read(options(&json!({}))["model"].as_str().unwrap()).unwrap()
}

#[test]
fn a_model_that_cannot_be_used_is_refused_with_its_name_and_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let whole = demo();
    let cut = whole[..whole.len() - 1_000].to_vec();
    let early = whole[..30_000].to_vec();
    let mut layers = whole.clone();
    layers[20..24].copy_from_slice(&9_999_u32.to_le_bytes());
    let tensors = whole.windows(23).position(|w| w == b"encoder.positional_embe").unwrap();
    let mut renamed = whole.clone();
    renamed[tensors] = b'X';
    let mut dims = whole.clone();
    // Before the name: dimensions, length of the name, type, then the sizes of two dimensions.
    dims[tensors - 20..tensors - 16].copy_from_slice(&77_u32.to_le_bytes());
    let web: &[u8] = b"<!DOCTYPE html><html>Not found</html>";
    let pointer: &[u8] = b"version https://git-lfs.github.com/spec/v1\noid sha256:00";
    let cases: [(&str, &[u8], &str); 10] = [
        ("empty.bin", b"", "is empty"),
        ("text.bin", b"hello, this is not a model", "not a ggml file"),
        ("web.bin", web, "web page"),
        ("pointer.bin", pointer, "Git LFS pointer"),
        ("new.gguf", b"GGUF\x03\x00\x00\x00 and so on", "GGUF"),
        ("cut.bin", &cut, "cut off"),
        ("early.bin", &early, "cut off"),
        ("layers.bin", &layers, "n_audio_layer is 9999"),
        ("dims.bin", &dims, "damaged"),
        ("renamed.bin", &renamed, "not accepted by whisper.cpp"),
    ];
    for (name, content, reason) in cases {
        let path = folder.path().join(name);
        fs::write(&path, content).unwrap();
        let message = refusal(&json!({ "model": path }));
        assert!(message.contains(name) && message.contains(reason), "{name}: {message}");
        assert!(message.contains("give the path of"), "{name}: {message}");
    }
    let message = refusal(&json!({ "model": folder.path().join("none.bin") }));
    assert!(message.contains("none.bin does not exist"), "{message}");
    let message = refusal(&json!({ "model": folder.path() }));
    assert!(message.contains("folder"), "{message}");
    assert!(refusal(&json!({ "model": "" })).contains("scribed model list"));
}

#[test]
fn another_language_than_english_is_refused_by_an_english_model() {
    let message = refusal(&json!({ "language": "de" }));
    assert!(message.contains("\"de\"") && message.contains("multilingual"), "{message}");
}

#[test]
fn options_out_of_range_are_refused_by_name() {
    for (name, value) in [
        ("threads", json!(100_000)),
        ("slots", json!(0)),
        ("beam_size", json!(9)),
        ("best_of", json!(0)),
        ("temperatures", json!([0.2, 7.0])),
        ("max_repeats", json!(0)),
        ("prompt", json!("a\u{0}b")),
    ] {
        assert!(refusal(&json!({ name: value })).contains(name), "{name}");
    }
}

#[test]
fn the_schema_marks_what_the_daemon_fills_in() {
    let schema = testing::config_schema::<Whisper>();
    let properties = &schema["properties"];
    assert_eq!(properties["model"]["x-scribed-model"], true);
    assert_eq!(properties["slots"]["x-scribed-slots"], true);
    assert!(properties["use_gpu"]["x-scribed-gpu"].is_boolean(), "{properties}");
    for option in ["language", "prompt"] {
        assert_eq!(properties[option]["x-scribed-job-option"], true, "{option}");
    }
}

#[test]
fn the_demo_model_lies_beside_the_stage_with_its_papers() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("models");
    for name in ["README.md", "vocabulary.txt", "train/train.py", "train/grammar.py", "SHA256SUMS"]
    {
        assert!(folder.join(name).is_file(), "{name}");
    }
}
