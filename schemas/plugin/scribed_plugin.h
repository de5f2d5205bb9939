/*
 * scribed_plugin.h: the plugin ABI of scribed, version 1.
 *
 * This file is the specification. A plugin is a shared library that exports one data symbol,
 * `scribed_entry`, and may be written in any language that can follow C layouts. For Rust there is
 * the crate `scribed-plugin`, which needs no unsafe code.
 *
 * VERSIONS
 *   Within a major version no struct gains, loses or moves a member. The daemon refuses a plugin of
 *   another major version and accepts any minor one. Growth is by extensions, asked for by id, and
 *   by item structs, which may grow at the end because `size` tells. Readers ignore flag bits and
 *   refuse kinds that they do not know; unknown status codes count as SCRIBED_FAILED.
 *
 * OWNERSHIP
 *   1. Every pointer passed in a call is borrowed: valid until that call returns, not longer.
 *   2. Nobody frees, grows or keeps the other side's memory.
 *   3. `emit` copies what it wants to keep; the item is the stage's again when it returns.
 *   4. A scribed_stage belongs to the plugin and dies in `destroy`.
 *   5. A scribed_host is valid until `destroy` of its stage returns.
 *   6. The entry, its descriptors and the schema texts are static: valid and unchanged for ever.
 *
 * THREADS, by the tag on each function
 *   [control]  create and destroy. Called on any thread; destroy after all other calls returned.
 *   [stage]    process, flush, reset. Never two of them at once on one instance, but successive
 *              calls may come on different threads. They may block. Long work asks `cancelled` at
 *              least every 100 ms. `emit` is called on the thread that runs process or flush,
 *              before that call returns.
 *   [any]      Callable from every thread, also from several at once.
 *   A plugin may start threads; it joins them in destroy.
 *
 * PANICS AND EXCEPTIONS
 *   None may leave a function of this file. A plugin in a language that has them catches them
 *   inside and answers SCRIBED_PANICKED; after that only destroy is called.
 *
 * UNLOADING
 *   Never. To replace a plugin, restart the daemon.
 *
 * CALLS
 *   create, then process for each item in order, then flush at the end of the stream; reset before
 *   another stream; destroy. A failed create is followed by nothing.
 *
 * Positions are integer frames at a stated rate. Text is UTF-8 and not terminated.
 */
#ifndef SCRIBED_PLUGIN_H
#define SCRIBED_PLUGIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SCRIBED_ABI_MAJOR 1u
#define SCRIBED_ABI_MINOR 1u

/* === Slices ======================================================================= */

/* Text: UTF-8, not terminated, borrowed. `ptr` may be null where `len` is 0. */
typedef struct scribed_str {
    const uint8_t *ptr;
    size_t len;
} scribed_str;

/* Bytes, borrowed. `ptr` may be null where `len` is 0. */
typedef struct scribed_bytes {
    const uint8_t *ptr;
    size_t len;
} scribed_bytes;

/*
 * Memory of the host for the message of a failed call: one sentence for a person, without the name
 * of the stage. Write at most `capacity` bytes to `ptr` and set `len` to how many.
 */
typedef struct scribed_error_buf {
    uint8_t *ptr;
    size_t capacity;
    size_t len;
} scribed_error_buf;

/* === Status ======================================================================= */

/* How a call ended. */
typedef int32_t scribed_status;

enum {
    SCRIBED_OK = 0,
    /* The configuration is refused; the message names the option. */
    SCRIBED_INVALID_CONFIG = 1,
    /* This item is bad, e.g. undecodable. The job fails; the instance is fine. */
    SCRIBED_INVALID_INPUT = 2,
    /* Something that the stage needs is missing or busy. Tried again later. */
    SCRIBED_UNAVAILABLE = 3,
    /* The instance is broken. It is replaced and the job tried again. */
    SCRIBED_FAILED = 4,
    /* The stage saw `cancelled`, or `emit` answered this. */
    SCRIBED_CANCELLED = 5,
    /* The barrier inside the plugin caught a panic. Only destroy follows. */
    SCRIBED_PANICKED = 6,
    /* A configured limit of the recording is passed: length, channels, rate. The job fails. */
    SCRIBED_OVER_LIMIT = 7,
    /* The recording has no sound. The job fails. */
    SCRIBED_NO_AUDIO = 8,
    /* The recording is encrypted. The job fails. */
    SCRIBED_PROTECTED = 9,
    /* The device does not work any more in this process. The process is replaced, and the job goes
     * on there. Since 1.1. */
    SCRIBED_DEVICE_FAULT = 10,
    /* The device has no memory for this now. Tried again, with less at once. Since 1.1. */
    SCRIBED_OUT_OF_MEMORY = 11,
    /* There is no such device. Tried again later; never done by the processor instead. Since 1.1. */
    SCRIBED_NO_DEVICE = 12
};

/*
 * A library underneath a stage may end the process when its device fails. A stage that can have a
 * say in it exits with one of these codes, without running exit handlers; the daemon then treats
 * everything in the process as it treats the status of that name. Since 1.1.
 */
#define SCRIBED_EXIT_DEVICE_FAULT 81
#define SCRIBED_EXIT_OUT_OF_MEMORY 82
#define SCRIBED_EXIT_NO_DEVICE 83

/* === Items ======================================================================== */

/* What an item is. */
typedef uint32_t scribed_kind;

enum {
    SCRIBED_MEDIA = 1,    /* scribed_media_item; never emitted */
    SCRIBED_AUDIO = 2,    /* scribed_audio_item */
    SCRIBED_CHUNK = 3,    /* scribed_chunk_item */
    SCRIBED_SEGMENTS = 4, /* scribed_segments_item */
    SCRIBED_DOCUMENT = 5  /* scribed_document_item */
};

/* First member of every item. */
typedef struct scribed_item {
    uint32_t size;     /* bytes of the whole struct, at least those known here */
    scribed_kind kind; /* which struct it is */
    uint32_t flags;    /* 0 */
    uint32_t reserved; /* 0 */
} scribed_item;

/* A whole recording by random access. Kind MEDIA. */
typedef struct scribed_media_item scribed_media_item;
struct scribed_media_item {
    scribed_item item;
    void *media_data;       /* the host's own */
    uint64_t length;        /* bytes of the recording */
    scribed_str file_name;  /* a hint only, may be empty */
    scribed_str media_type; /* a hint only, may be empty */
    /*
     * [any] Reads at most `len` bytes from `offset` into `buf`, which stays the plugin's. Returns
     * the bytes read, 0 at the end, below 0 when the recording cannot be read; answer
     * SCRIBED_UNAVAILABLE then. Valid while the item is borrowed.
     */
    int64_t (*read_at)(const scribed_media_item *self, uint64_t offset, uint8_t *buf, size_t len);
};

#define SCRIBED_MAX_CHANNELS 255u

/* Contiguous interleaved samples in [-1, 1]. Kind AUDIO. */
typedef struct scribed_audio_item {
    scribed_item item;
    const float *samples; /* frames * channels values */
    uint32_t frames;
    uint32_t channels;    /* 1 to SCRIBED_MAX_CHANNELS */
    uint32_t sample_rate; /* of the samples, in Hz, at least 1 */
    uint32_t source_rate; /* of the recording, in Hz, at least 1 */
    int64_t start_frame;  /* position of the first frame, at sample_rate */
} scribed_audio_item;

/* One run of contiguous source audio inside a chunk. */
typedef struct scribed_span {
    uint32_t chunk_start; /* first sample inside the chunk, at 16 kHz */
    uint32_t chunk_len;   /* samples, at 16 kHz */
    int64_t source_start; /* first frame in the recording, at source_rate */
    int64_t source_len;   /* frames in the recording, at source_rate */
} scribed_span;

#define SCRIBED_MAX_CHUNK_SAMPLES 480000u /* 30 s */

/* 16 kHz mono samples in [-1, 1], and where they came from. Kind CHUNK. */
typedef struct scribed_chunk_item {
    scribed_item item;
    const float *samples;      /* sample_count values */
    uint32_t sample_count;     /* at most SCRIBED_MAX_CHUNK_SAMPLES */
    uint32_t number;           /* from 0 without gaps */
    uint32_t source_rate;      /* of the recording, in Hz, at least 1 */
    uint32_t span_count;       /* at most sample_count */
    const scribed_span *spans; /* in order, overlapping neither in chunk nor source */
} scribed_chunk_item;

/* Text with times. Kind SEGMENTS. */
typedef struct scribed_segments_item {
    scribed_item item;
    scribed_str json; /* a document of schema `scribed.segments/1` */
} scribed_segments_item;

/* A finished document. Kind DOCUMENT. */
typedef struct scribed_document_item {
    scribed_item item;
    scribed_bytes bytes;    /* the file's content */
    scribed_str media_type; /* printable ASCII, e.g. `text/plain; charset=utf-8` */
    scribed_str extension;  /* lower case letters and digits without the dot: `txt` */
} scribed_document_item;

/* === Sink ========================================================================= */

/* Takes what a stage makes, during one call of process or flush. Belongs to the host. */
typedef struct scribed_sink scribed_sink;
struct scribed_sink {
    void *sink_data; /* the host's own */
    /*
     * [stage] Takes one item of the declared kind; the host copies what it keeps, and the next
     * stage may run inside this call. SCRIBED_CANCELLED: no more is wanted, return that status
     * soon. Any other than SCRIBED_OK: the item was refused, and the host's log says why.
     */
    scribed_status (*emit)(const scribed_sink *self, const scribed_item *item);
};

/* === Host ========================================================================= */

enum {
    SCRIBED_LOG_ERROR = 1,
    SCRIBED_LOG_WARN = 2,
    SCRIBED_LOG_INFO = 3,
    SCRIBED_LOG_DEBUG = 4,
    SCRIBED_LOG_TRACE = 5
};

typedef struct scribed_abi_version {
    uint32_t major;
    uint32_t minor;
} scribed_abi_version;

/* The daemon's side of an instance. Belongs to the host; valid until destroy returns. */
typedef struct scribed_host scribed_host;
struct scribed_host {
    scribed_abi_version abi; /* what the daemon speaks */
    void *host_data;         /* the host's own */
    scribed_str name;        /* `scribed` */
    scribed_str version;
    /* [any] Writes one line to the log. The text stays the plugin's. */
    void (*log)(const scribed_host *self, uint32_t level, scribed_str message);
    /* [any] Tells whether to stop at once and answer SCRIBED_CANCELLED. Hands over no memory. */
    bool (*cancelled)(const scribed_host *self);
    /*
     * [any] Reports a JSON document; both texts stay the plugin's. Topics: `facts`, what is known
     * about the recording; `warning`, what its owner should know. Unknown topics are ignored.
     */
    void (*report)(const scribed_host *self, scribed_str topic, scribed_str json);
    /*
     * [any] Returns an extension by id, `scribed.<name>/<revision>` or
     * `<reverse.dns>.<name>/<revision>`, or null. It belongs to the host, valid as long as this.
     */
    const void *(*extension)(const scribed_host *self, scribed_str id);
};

/* === Stage ======================================================================== */

/* An instance. Allocated, owned and freed by the plugin; the host reads the functions once. */
typedef struct scribed_stage scribed_stage;
struct scribed_stage {
    void *plugin_data; /* the plugin's own */
    /*
     * [stage] Takes one item of the accepted kind and emits any number of the other. Item, sink and
     * buffer are borrowed for this call. Required.
     */
    scribed_status (*process)(scribed_stage *self, const scribed_item *item,
                              const scribed_sink *sink, scribed_error_buf *error);
    /*
     * [stage] The stream has ended: emits what is left. Sink and buffer are borrowed for this call.
     * Null: nothing ever is left.
     */
    scribed_status (*flush)(scribed_stage *self, const scribed_sink *sink,
                            scribed_error_buf *error);
    /*
     * [stage] Forgets the stream so far; a new one follows. The buffer is borrowed for this call.
     * Null: there is nothing to forget.
     */
    scribed_status (*reset)(scribed_stage *self, scribed_error_buf *error);
    /*
     * [control] Joins the plugin's threads and frees the instance, which nobody touches again.
     * Required; called once.
     */
    void (*destroy)(scribed_stage *self);
    /*
     * [any] Returns an extension by id, or null. It belongs to the plugin, valid until destroy.
     * The whole function may be null.
     */
    const void *(*extension)(const scribed_stage *self, scribed_str id);
};

/* === Descriptor and entry ========================================================= */

/* Bits of `flags`. */
#define SCRIBED_STATEFUL ((uint64_t)1 << 0)   /* output depends on earlier items */
#define SCRIBED_NEEDS_MONO ((uint64_t)1 << 1) /* accepts audio of one channel only */
#define SCRIBED_FIXED_RATE ((uint64_t)1 << 2) /* accepts audio at 16 kHz only */
#define SCRIBED_USES_GPU ((uint64_t)1 << 3)   /* holds memory of a graphics processor */
#define SCRIBED_MAY_BLOCK ((uint64_t)1 << 4)  /* may wait for more than the processor */

/*
 * One stage of a plugin. Static. Everything but the schema of its options can be read without
 * running plugin code.
 */
typedef struct scribed_stage_descriptor {
    scribed_str id;      /* reverse-DNS, lower case, at most 128 bytes; unique in a daemon */
    scribed_str version; /* for people */
    scribed_str summary; /* one line that says what it does */
    /*
     * [any] Returns the JSON Schema of the configuration, an object. The text is static and belongs
     * to the plugin. A function, since most languages make the schema from their types at run time;
     * it is pure, needs no instance, and answers the same each time. A property marked
     * `"x-scribed-job-option": true` is filled with the job's value of that name, one marked
     * `"x-scribed-model": true` with the path of the model, one marked `"x-scribed-slots": true`
     * with the number of chunks that are recognised at once.
     */
    scribed_str (*config_schema)(void);
    scribed_kind accepts;
    scribed_kind emits; /* not SCRIBED_MEDIA */
    uint64_t flags;
    /*
     * [control] Makes an instance from a JSON document and stores it through `created`. The host is
     * valid until destroy; text, place and buffer are borrowed for this call. The instance belongs
     * to the plugin. On any status but SCRIBED_OK nothing is stored and nothing is left behind.
     */
    scribed_status (*create)(const scribed_host *host, scribed_str config,
                             scribed_stage **created, scribed_error_buf *error);
    /*
     * [any] Returns a static extension of the stage by id, or null. It belongs to the plugin. The
     * whole function may be null.
     */
    const void *(*extension)(scribed_str id);
} scribed_stage_descriptor;

#define SCRIBED_MAX_STAGES 256u

/* What stands behind `scribed_entry`. Static. The first eight bytes keep their meaning for ever. */
typedef struct scribed_plugin_entry {
    scribed_abi_version abi; /* SCRIBED_ABI_MAJOR, SCRIBED_ABI_MINOR */
    uint32_t stage_count;    /* 1 to SCRIBED_MAX_STAGES */
    uint32_t reserved;       /* 0 */
    const scribed_stage_descriptor *stages;
} scribed_plugin_entry;

/* The one symbol that a plugin exports. */
extern const scribed_plugin_entry scribed_entry;

#ifdef __cplusplus
}
#endif

#endif
