//! A stage written against the C interface by hand, without any of the care that it asks for.

use std::{ffi::c_void, ptr, thread};

use scribed_abi::{
    AudioItem, ErrorBuf, Host, Item, Kind, LogLevel, MediaItem, Sink, Stage, StageDescriptor,
    Status, Str, slice::read_slice,
};

use crate::items;

const BAD_UTF8: [u8; 3] = [0xC3, 0x28, 0xFF];

/// Emits that a stage without manners makes after it was told that no more is wanted.
const TOO_MANY: usize = 1_000;

/// What stands behind `plugin_data`.
struct Liar {
    lie: String,
    emits: Kind,
    host: *const Host,
    /// Kept against the rules.
    sink: *const Sink,
}

/// Describes a liar from one kind to another.
pub(crate) const fn descriptor(id: &'static str, accepts: Kind, emits: Kind) -> StageDescriptor {
    StageDescriptor {
        id: Str::of(id),
        version: Str::of("0"),
        summary: Str::of("breaks its contract where it is told to"),
        config_schema: Some(config_schema),
        accepts,
        emits,
        flags: u64::MAX,
        create: Some(match emits {
            Kind::CHUNK => create_chunk,
            Kind::SEGMENTS => create_segments,
            Kind::DOCUMENT => create_document,
            _ => create_audio,
        }),
        extension: None,
    }
}

unsafe extern "C" fn config_schema() -> Str {
    Str::of(r#"{"type": "object", "properties": {"lie": {"type": "string"}}}"#)
}

/// Makes `create` for one kind of output, which it is not told.
macro_rules! create_for {
    ($name:ident, $kind:expr) => {
        unsafe extern "C" fn $name(
            host: *const Host,
            config: Str,
            created: *mut *mut Stage,
            error: *mut ErrorBuf,
        ) -> Status {
            // SAFETY: the daemon's promise, passed on.
            unsafe { create($kind, host, config, created, error) }
        }
    };
}

create_for!(create_audio, Kind::AUDIO);
create_for!(create_chunk, Kind::CHUNK);
create_for!(create_segments, Kind::SEGMENTS);
create_for!(create_document, Kind::DOCUMENT);

unsafe fn create(
    emits: Kind,
    host: *const Host,
    config: Str,
    created: *mut *mut Stage,
    error: *mut ErrorBuf,
) -> Status {
    // SAFETY: borrowed for this call.
    let config = unsafe { config.read() }.unwrap_or_default();
    // The option is the last text of the document: {"lie":"…"}.
    let lie = config.rsplit('"').nth(1).unwrap_or_default().to_owned();
    // SAFETY: borrowed for this call.
    if let Some(status) = unsafe { bad_answer(&lie, "create", error) } {
        return status;
    }
    let place = match lie.as_str() {
        "create stores null" => Some(ptr::null_mut()),
        "create stores misaligned" => Some(ptr::without_provenance_mut(1)),
        _ => None,
    };
    let no_process = lie == "create without process";
    let no_destroy = lie == "create without destroy";
    let liar = Liar { lie, emits, host, sink: ptr::null() };
    let data: *mut c_void = Box::into_raw(Box::new(liar)).cast();
    let stage = Box::into_raw(Box::new(Stage {
        plugin_data: data,
        process: (!no_process).then_some(process),
        flush: Some(flush),
        reset: Some(reset),
        destroy: (!no_destroy).then_some(destroy),
        extension: None,
    }));
    // SAFETY: the daemon's place, lent for this call.
    unsafe { created.write(place.unwrap_or(stage)) };
    Status::OK
}

unsafe extern "C" fn process(
    stage: *mut Stage,
    item: *const Item,
    sink: *const Sink,
    error: *mut ErrorBuf,
) -> Status {
    // SAFETY: made by `create`, one call at a time.
    let liar = unsafe { liar(stage) };
    // SAFETY: lent for this call.
    if let Some(status) = unsafe { bad_answer(&liar.lie, "process", error) } {
        return status;
    }
    liar.sink = sink;
    match liar.lie.as_str() {
        "many emits" => {
            for _ in 0..TOO_MANY {
                // SAFETY: lent for this call.
                let _ignored = unsafe { emit(liar, sink) };
            }
            Status::OK
        }
        "emit from a thread" => {
            let (sink, emits) = (sink.expose_provenance(), liar.emits);
            let other = thread::spawn(move || {
                let sink: *const Sink = ptr::with_exposed_provenance(sink);
                // SAFETY: against the rules, but the call that lent it is waiting.
                unsafe { emit_as(emits, "", sink) }
            });
            if other.join().is_err() { Status::FAILED } else { Status::OK }
        }
        "null arguments" => {
            // SAFETY: null where the rules ask for the daemon's own.
            unsafe { null_arguments(liar.host, sink) };
            Status::OK
        }
        "bad reports" => {
            // SAFETY: the daemon's host, alive until destroy.
            unsafe { bad_reports(liar.host) };
            Status::OK
        }
        "bad reads" => {
            // SAFETY: a media item, lent for this call.
            unsafe { bad_reads(item.cast()) }
        }
        "eats read errors" => {
            // SAFETY: a media item, lent for this call.
            unsafe { eats_read_errors(item.cast()) };
            // SAFETY: lent for this call.
            unsafe { emit(liar, sink) }
        }
        "never asks" => {
            // SAFETY: an audio item, lent for this call.
            let sum = unsafe { never_asks(item.cast()) };
            if sum.is_finite() { Status::OK } else { Status::FAILED }
        }
        "replaces functions" => {
            // SAFETY: the plugin's own struct.
            let own = unsafe { &mut *stage };
            own.process = None;
            own.destroy = None;
            Status::OK
        }
        // SAFETY: lent for this call.
        _ => unsafe { emit(liar, sink) },
    }
}

unsafe extern "C" fn flush(stage: *mut Stage, sink: *const Sink, error: *mut ErrorBuf) -> Status {
    // SAFETY: made by `create`, one call at a time.
    let liar = unsafe { liar(stage) };
    // SAFETY: lent for this call.
    if let Some(status) = unsafe { bad_answer(&liar.lie, "flush", error) } {
        return status;
    }
    // SAFETY: lent for this call.
    unsafe { emit(liar, sink) }
}

unsafe extern "C" fn reset(stage: *mut Stage, error: *mut ErrorBuf) -> Status {
    // SAFETY: made by `create`, one call at a time.
    let liar = unsafe { liar(stage) };
    // SAFETY: lent for this call.
    if let Some(status) = unsafe { bad_answer(&liar.lie, "reset", error) } {
        return status;
    }
    if liar.lie == "emit after return" {
        // SAFETY: against the rules; the daemon keeps it alive for exactly this case.
        let _ignored = unsafe { emit(liar, liar.sink) };
    }
    Status::OK
}

unsafe extern "C" fn destroy(stage: *mut Stage) {
    // SAFETY: made from a box by `create`, and called once.
    let stage = unsafe { Box::from_raw(stage) };
    // SAFETY: as above.
    let liar = unsafe { Box::from_raw(stage.plugin_data.cast::<Liar>()) };
    if liar.lie == "emit in destroy" && !liar.sink.is_null() {
        // SAFETY: against the rules; the daemon keeps it alive for exactly this case.
        let _ignored = unsafe { emit(&liar, liar.sink) };
    }
}

unsafe fn liar<'a>(stage: *mut Stage) -> &'a mut Liar {
    // SAFETY: made by `create`.
    let data = unsafe { (*stage).plugin_data };
    // SAFETY: as above, one call at a time.
    unsafe { &mut *data.cast::<Liar>() }
}

unsafe fn emit(liar: &Liar, sink: *const Sink) -> Status {
    // SAFETY: as the caller promises.
    unsafe { emit_as(liar.emits, &liar.lie, sink) }
}

unsafe fn emit_as(emits: Kind, lie: &str, sink: *const Sink) -> Status {
    // SAFETY: the sink is there as long as the instance.
    let Some(function) = (unsafe { (*sink).emit }) else { return Status::FAILED };
    // SAFETY: what the item claims is a lie that the daemon should find out before it reads.
    items::lend(emits, lie, |item| unsafe { function(sink, item) })
}

/// Answers a call in a bad way when the lie says so: "process answers 99".
unsafe fn bad_answer(lie: &str, call: &str, error: *mut ErrorBuf) -> Option<Status> {
    let how = lie.strip_prefix(call)?.strip_prefix(" answers ")?;
    let message = if how == "a long message" { "long ".repeat(10_000) } else { "why".to_owned() };
    // SAFETY: lent for this call; cut to the buffer.
    unsafe { ErrorBuf::write(error, &message) };
    // SAFETY: lent for this call.
    let buffer = unsafe { &mut *error };
    match how {
        "a long message" => buffer.len = message.len(),
        "an endless message" => buffer.len = usize::MAX,
        "a null message" => *buffer = ErrorBuf { ptr: ptr::null_mut(), capacity: 0, len: 9 },
        "a garbled message" => {
            // SAFETY: three bytes into the daemon's buffer.
            unsafe { ptr::copy_nonoverlapping(BAD_UTF8.as_ptr(), buffer.ptr, BAD_UTF8.len()) };
            buffer.len = BAD_UTF8.len();
        }
        "no message" => buffer.len = 0,
        status => return status.parse().ok().map(Status),
    }
    Some(Status::FAILED)
}

unsafe fn null_arguments(host: *const Host, sink: *const Sink) {
    // SAFETY: the daemon's host, alive until destroy.
    let functions = unsafe { &*host };
    let nothing = ptr::null();
    if let Some(log) = functions.log {
        // SAFETY: null, which the daemon has to notice.
        unsafe { log(nothing, LogLevel::INFO, Str::EMPTY) };
        // SAFETY: a null text with a length, which the daemon has to notice.
        unsafe { log(host, LogLevel(99), Str { ptr: ptr::null(), len: 3 }) };
    }
    if let Some(cancelled) = functions.cancelled {
        // SAFETY: null, which the daemon has to notice.
        assert!(unsafe { cancelled(nothing) }, "without a host everything is cancelled");
    }
    if let Some(report) = functions.report {
        // SAFETY: null, which the daemon has to notice.
        unsafe { report(nothing, Str::EMPTY, Str::EMPTY) };
    }
    if let Some(extension) = functions.extension {
        // SAFETY: null, which the daemon has to notice.
        unsafe { extension(nothing, Str { ptr: ptr::null(), len: 3 }) };
    }
    // SAFETY: the daemon's sink, lent for this call.
    if let Some(emit) = unsafe { (*sink).emit } {
        // SAFETY: null, which the daemon has to notice.
        let _ignored = unsafe { emit(ptr::null(), ptr::null()) };
    }
}

unsafe fn bad_reports(host: *const Host) {
    // SAFETY: the daemon's host, alive until destroy.
    let Some(report) = (unsafe { (*host).report }) else { return };
    let garbled = Str { ptr: BAD_UTF8.as_ptr(), len: BAD_UTF8.len() };
    let long = "x".repeat(2 << 20);
    let good = Str::of("{}");
    for (topic, json) in [
        (garbled, good),
        (Str::of("facts"), garbled),
        (Str::of("facts"), Str::of(&long)),
        (Str::of(&long), good),
        (Str { ptr: ptr::null(), len: 9 }, good),
        (Str::of("unheard-of"), good),
    ] {
        // SAFETY: what is wrong with them the daemon has to notice before it reads.
        unsafe { report(host, topic, json) };
    }
}

unsafe fn bad_reads(item: *const MediaItem) -> Status {
    // SAFETY: lent for this call.
    let Some(read_at) = (unsafe { (*item).read_at }) else { return Status::FAILED };
    let mut buffer = [0_u8; 4];
    let bytes = buffer.as_mut_ptr();
    for (item, bytes, len) in
        [(ptr::null(), bytes, 4), (item, ptr::null_mut(), 4), (item, bytes, usize::MAX)]
    {
        // SAFETY: what is wrong with them the daemon has to notice before it writes.
        if unsafe { read_at(item, 0, bytes, len) } >= 0 {
            return Status::FAILED;
        }
    }
    // SAFETY: nothing is asked for.
    let none = unsafe { read_at(item, 0, ptr::null_mut(), 0) };
    // SAFETY: four bytes are there; the place is past every end.
    let past = unsafe { read_at(item, u64::MAX, bytes, 4) };
    if none == 0 && past == 0 { Status::OK } else { Status::FAILED }
}

unsafe fn eats_read_errors(item: *const MediaItem) {
    let mut buffer = [0_u8; 4];
    // SAFETY: lent for this call.
    if let Some(read_at) = unsafe { (*item).read_at } {
        // SAFETY: four bytes are there.
        unsafe { read_at(item, 0, buffer.as_mut_ptr(), 4) };
    }
}

/// Works for a while without ever asking whether it is cancelled.
unsafe fn never_asks(item: *const AudioItem) -> f64 {
    // SAFETY: lent for this call.
    let audio = unsafe { &*item };
    // SAFETY: the daemon's promise of so many samples.
    let samples = unsafe { read_slice(audio.samples, audio.frames as usize) }.unwrap_or_default();
    (0..10_000).flat_map(|_| samples).map(|sample| f64::from(*sample)).sum()
}
