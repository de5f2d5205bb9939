//! The Rust structs and the C header are the same: sizes, alignments, offsets, and constants.
//!
//! A C program prints what its compiler makes of the header; the same lines come from Rust.

use std::{
    env,
    fmt::Write as _,
    fs,
    mem::{align_of, offset_of, size_of},
    path::{Path, PathBuf},
    process::Command,
};

use scribed_abi::{
    AbiVersion, AudioItem, Bytes, CURRENT, ChunkItem, DocumentItem, ErrorBuf, Host, Item, Kind,
    LogLevel, MAX_CHANNELS, MAX_CHUNK_SAMPLES, MAX_STAGES, MediaItem, PluginEntry, SegmentsItem,
    Sink, Span, Stage, StageDescriptor, Status, Str, exit, flags,
};

/// The C program and what it should print.
#[derive(Default)]
struct Sheet {
    c: String,
    expected: String,
}

impl Sheet {
    fn line(&mut self, name: &str, c: &str, rust: u64) {
        writeln!(self.c, "    printf(\"{name} %llu\\n\", (unsigned long long)({c}));")
            .expect("text grows");
        writeln!(self.expected, "{name} {rust}").expect("text grows");
    }
}

/// Notes size, alignment and each field's offset of a struct; every field has to be named.
macro_rules! layout {
    ($sheet:ident, $rust:ident = $c:literal { $($field:ident),+ $(,)? }) => {
        // Refuses to compile when a field is missing here.
        let _ = |value: $rust| {
            let $rust { $($field: _),+ } = value;
        };
        $sheet.line($c, concat!("sizeof(", $c, ")"), size_of::<$rust>() as u64);
        $sheet.line(
            concat!($c, " alignment"),
            concat!("_Alignof(", $c, ")"),
            align_of::<$rust>() as u64,
        );
        $($sheet.line(
            concat!($c, ".", stringify!($field)),
            concat!("offsetof(", $c, ", ", stringify!($field), ")"),
            offset_of!($rust, $field) as u64,
        );)+
    };
}

macro_rules! constants {
    ($sheet:ident: $($c:literal = $rust:expr),+ $(,)?) => {
        $($sheet.line($c, $c, u64::from($rust));)+
    };
}

fn structs(sheet: &mut Sheet) {
    layout!(sheet, AbiVersion = "scribed_abi_version" { major, minor });
    layout!(sheet, Str = "scribed_str" { ptr, len });
    layout!(sheet, Bytes = "scribed_bytes" { ptr, len });
    layout!(sheet, ErrorBuf = "scribed_error_buf" { ptr, capacity, len });
    layout!(sheet, PluginEntry = "scribed_plugin_entry" { abi, stage_count, reserved, stages });
    layout!(sheet, StageDescriptor = "scribed_stage_descriptor" {
        id, version, summary, config_schema, accepts, emits, flags, create, extension,
    });
    layout!(sheet, Stage = "scribed_stage" {
        plugin_data, process, flush, reset, destroy, extension,
    });
    layout!(sheet, Host = "scribed_host" {
        abi, host_data, name, version, log, cancelled, report, extension,
    });
    layout!(sheet, Sink = "scribed_sink" { sink_data, emit });
    layout!(sheet, Item = "scribed_item" { size, kind, flags, reserved });
    layout!(sheet, MediaItem = "scribed_media_item" {
        item, media_data, length, file_name, media_type, read_at,
    });
    layout!(sheet, AudioItem = "scribed_audio_item" {
        item, samples, frames, channels, sample_rate, source_rate, start_frame,
    });
    layout!(sheet, Span = "scribed_span" { chunk_start, chunk_len, source_start, source_len });
    layout!(sheet, ChunkItem = "scribed_chunk_item" {
        item, samples, sample_count, number, source_rate, span_count, spans,
    });
    layout!(sheet, SegmentsItem = "scribed_segments_item" { item, json });
    layout!(sheet, DocumentItem = "scribed_document_item" { item, bytes, media_type, extension });
}

fn status(status: Status) -> u32 {
    u32::try_from(status.0).expect("no code is negative")
}

fn exit_code(code: i32) -> u32 {
    u32::try_from(code).expect("no code is negative")
}

fn values(sheet: &mut Sheet) {
    constants!(sheet:
        "sizeof(scribed_status)" = 4_u32,
        "sizeof(scribed_kind)" = 4_u32,
        "SCRIBED_ABI_MAJOR" = CURRENT.major,
        "SCRIBED_ABI_MINOR" = CURRENT.minor,
        "SCRIBED_OK" = status(Status::OK),
        "SCRIBED_INVALID_CONFIG" = status(Status::INVALID_CONFIG),
        "SCRIBED_INVALID_INPUT" = status(Status::INVALID_INPUT),
        "SCRIBED_UNAVAILABLE" = status(Status::UNAVAILABLE),
        "SCRIBED_FAILED" = status(Status::FAILED),
        "SCRIBED_CANCELLED" = status(Status::CANCELLED),
        "SCRIBED_PANICKED" = status(Status::PANICKED),
        "SCRIBED_OVER_LIMIT" = status(Status::OVER_LIMIT),
        "SCRIBED_NO_AUDIO" = status(Status::NO_AUDIO),
        "SCRIBED_PROTECTED" = status(Status::PROTECTED),
        "SCRIBED_DEVICE_FAULT" = status(Status::DEVICE_FAULT),
        "SCRIBED_OUT_OF_MEMORY" = status(Status::OUT_OF_MEMORY),
        "SCRIBED_NO_DEVICE" = status(Status::NO_DEVICE),
        "SCRIBED_EXIT_DEVICE_FAULT" = exit_code(exit::DEVICE_FAULT),
        "SCRIBED_EXIT_OUT_OF_MEMORY" = exit_code(exit::OUT_OF_MEMORY),
        "SCRIBED_EXIT_NO_DEVICE" = exit_code(exit::NO_DEVICE),
        "SCRIBED_MEDIA" = Kind::MEDIA.0,
        "SCRIBED_AUDIO" = Kind::AUDIO.0,
        "SCRIBED_CHUNK" = Kind::CHUNK.0,
        "SCRIBED_SEGMENTS" = Kind::SEGMENTS.0,
        "SCRIBED_DOCUMENT" = Kind::DOCUMENT.0,
        "SCRIBED_LOG_ERROR" = LogLevel::ERROR.0,
        "SCRIBED_LOG_WARN" = LogLevel::WARN.0,
        "SCRIBED_LOG_INFO" = LogLevel::INFO.0,
        "SCRIBED_LOG_DEBUG" = LogLevel::DEBUG.0,
        "SCRIBED_LOG_TRACE" = LogLevel::TRACE.0,
        "SCRIBED_STATEFUL" = flags::STATEFUL,
        "SCRIBED_NEEDS_MONO" = flags::NEEDS_MONO,
        "SCRIBED_FIXED_RATE" = flags::FIXED_RATE,
        "SCRIBED_USES_GPU" = flags::USES_GPU,
        "SCRIBED_MAY_BLOCK" = flags::MAY_BLOCK,
        "SCRIBED_MAX_CHANNELS" = MAX_CHANNELS,
        "SCRIBED_MAX_CHUNK_SAMPLES" = MAX_CHUNK_SAMPLES,
        "SCRIBED_MAX_STAGES" = MAX_STAGES,
    );
}

fn header_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../schemas/plugin")
}

/// Starts the C compiler with every warning an error.
fn compiler() -> Command {
    let mut compiler = Command::new(env::var_os("CC").unwrap_or_else(|| "cc".into()));
    compiler.args(["-std=c11", "-Wall", "-Wextra", "-Wpedantic", "-Werror"]);
    compiler
}

#[track_caller]
fn succeeds(mut command: Command) -> String {
    let output = command.output().expect("a C compiler is installed");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("printed text")
}

#[test]
fn rust_and_c_agree_on_every_layout() {
    let mut sheet = Sheet::default();
    structs(&mut sheet);
    values(&mut sheet);
    let includes = "#include <stdio.h>\n#include \"scribed_plugin.h\"\n";
    let program = format!("{includes}int main(void) {{\n{}    return 0;\n}}\n", sheet.c);
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("layout");
    fs::create_dir_all(&folder).expect("created");
    let (source, binary) = (folder.join("layout.c"), folder.join("layout"));
    fs::write(&source, program).expect("written");

    let mut compile = compiler();
    compile.arg("-I").arg(header_folder()).arg("-o").arg(&binary).arg(&source);
    succeeds(compile);
    assert_eq!(succeeds(Command::new(&binary)), sheet.expected);
}

#[test]
fn the_header_stands_alone() {
    let mut compile = compiler();
    compile.args(["-fsyntax-only", "-x", "c"]).arg(header_folder().join("scribed_plugin.h"));
    succeeds(compile);
}

#[test]
fn every_function_of_the_header_has_a_thread_tag() {
    let header = fs::read_to_string(header_folder().join("scribed_plugin.h")).expect("read");
    let lines: Vec<&str> = header.lines().collect();
    let functions = lines.iter().enumerate().filter(|(_, line)| line.contains("(*"));
    let mut count = 0;
    for (index, line) in functions {
        let opening = lines[..index].iter().rposition(|line| line.contains("/*"));
        let comment = lines[opening.expect("a comment")..index].join(" ");
        let tagged = ["[control]", "[stage]", "[any]"].iter().any(|tag| comment.contains(tag));
        assert!(tagged, "no thread tag on {line}");
        count += 1;
    }
    assert_eq!(count, 14, "functions in the header");
}
