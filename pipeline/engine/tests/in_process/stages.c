/*
 * A pipeline in C, small enough to know what must come out.
 *
 * A recording is raw bytes, each of which is a sample at 16 kHz: the byte over 256. The stages read it
 * in blocks of 100 ms, hold each block back until the next comes, cut chunks of two blocks, and spell a
 * chunk as `<first byte>x<samples>`. What is held back comes out at the end of the stream.
 *
 * The speller takes one option, {"lie": "<word>"}; see `spell`.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "scribed_plugin.h"

#define TEXT(literal) {(const uint8_t *)(literal), sizeof(literal) - 1}
#define RATE 16000
#define BLOCK 1600

typedef struct me {
    scribed_stage stage;
    const scribed_host *host;
    char lie[16];
    float held[2 * BLOCK];
    uint32_t held_count;
    int64_t held_start;
    uint32_t chunks;
    char text[4096];
} me;

static scribed_status fail(scribed_error_buf *error, scribed_status status, const char *message) {
    size_t len = strlen(message);
    error->len = len < error->capacity ? len : error->capacity;
    memcpy(error->ptr, message, error->len);
    return status;
}

static void report(me *self, const char *topic, const char *json) {
    scribed_str topic_text = {(const uint8_t *)topic, strlen(topic)};
    scribed_str json_text = {(const uint8_t *)json, strlen(json)};
    self->host->report(self->host, topic_text, json_text);
}

static scribed_status emit_audio(const scribed_sink *sink, const float *samples, uint32_t frames,
                                 int64_t start) {
    scribed_audio_item item = {
        .item = {.size = sizeof item, .kind = SCRIBED_AUDIO},
        .samples = samples,
        .frames = frames,
        .channels = 1,
        .sample_rate = RATE,
        .source_rate = RATE,
        .start_frame = start,
    };
    return sink->emit(sink, &item.item);
}

/* MEDIA to AUDIO. A recording that begins with '?' is refused. */
static scribed_status read_media(scribed_stage *stage, const scribed_item *item,
                                 const scribed_sink *sink, scribed_error_buf *error) {
    me *self = stage->plugin_data;
    const scribed_media_item *media = (const scribed_media_item *)item;
    uint8_t bytes[BLOCK];
    float samples[BLOCK];
    uint64_t at = 0;
    if (media->length == 0)
        return fail(error, SCRIBED_NO_AUDIO, "the file is empty");
    report(self, "facts",
           "{\"container\":\"raw\",\"codec\":\"bytes\",\"sample_rate\":16000,\"channels\":1,"
           "\"frames\":null}");
    report(self, "warning", "{\"code\":\"raw\",\"message\":\"it has no header\"}");
    for (;;) {
        if (self->host->cancelled(self->host))
            return SCRIBED_CANCELLED;
        int64_t read = media->read_at(media, at, bytes, sizeof bytes);
        if (read < 0)
            return fail(error, SCRIBED_UNAVAILABLE, "the recording cannot be read");
        if (read == 0)
            return SCRIBED_OK;
        if (at == 0 && bytes[0] == '?')
            return fail(error, SCRIBED_INVALID_INPUT, "the file begins with a question mark");
        for (int64_t i = 0; i < read; i++)
            samples[i] = (float)bytes[i] / 256.0f;
        scribed_status status = emit_audio(sink, samples, (uint32_t)read, (int64_t)at);
        if (status != SCRIBED_OK)
            return status;
        at += (uint64_t)read;
    }
}

/* AUDIO to AUDIO, one block late. */
static scribed_status hold_flush(scribed_stage *stage, const scribed_sink *sink,
                                 scribed_error_buf *error) {
    me *self = stage->plugin_data;
    uint32_t count = self->held_count;
    (void)error;
    self->held_count = 0;
    return count == 0 ? SCRIBED_OK : emit_audio(sink, self->held, count, self->held_start);
}

static scribed_status hold(scribed_stage *stage, const scribed_item *item, const scribed_sink *sink,
                           scribed_error_buf *error) {
    me *self = stage->plugin_data;
    const scribed_audio_item *audio = (const scribed_audio_item *)item;
    scribed_status status = hold_flush(stage, sink, error);
    memcpy(self->held, audio->samples, audio->frames * sizeof(float));
    self->held_count = audio->frames;
    self->held_start = audio->start_frame;
    return status;
}

/* AUDIO to CHUNK, two blocks each. */
static scribed_status cut_flush(scribed_stage *stage, const scribed_sink *sink,
                                scribed_error_buf *error) {
    me *self = stage->plugin_data;
    scribed_span span = {
        .chunk_len = self->held_count,
        .source_start = self->held_start,
        .source_len = self->held_count,
    };
    scribed_chunk_item item = {
        .item = {.size = sizeof item, .kind = SCRIBED_CHUNK},
        .samples = self->held,
        .sample_count = self->held_count,
        .number = self->chunks,
        .source_rate = RATE,
        .span_count = 1,
        .spans = &span,
    };
    (void)error;
    if (self->held_count == 0)
        return SCRIBED_OK;
    self->held_count = 0;
    self->chunks++;
    return sink->emit(sink, &item.item);
}

static scribed_status cut(scribed_stage *stage, const scribed_item *item, const scribed_sink *sink,
                          scribed_error_buf *error) {
    me *self = stage->plugin_data;
    const scribed_audio_item *audio = (const scribed_audio_item *)item;
    if (self->held_count == 0)
        self->held_start = audio->start_frame;
    memcpy(self->held + self->held_count, audio->samples, audio->frames * sizeof(float));
    self->held_count += audio->frames;
    return self->held_count > BLOCK ? cut_flush(stage, sink, error) : SCRIBED_OK;
}

static scribed_status emit_text(const scribed_sink *sink, const char *json) {
    scribed_segments_item item = {
        .item = {.size = sizeof item, .kind = SCRIBED_SEGMENTS},
        .json = {(const uint8_t *)json, strlen(json)},
    };
    return sink->emit(sink, &item.item);
}

/* CHUNK to SEGMENTS. Lies: `nothing`, `twice`, `noise` (no JSON), `number` (another chunk's). */
static scribed_status spell(scribed_stage *stage, const scribed_item *item, const scribed_sink *sink,
                            scribed_error_buf *error) {
    me *self = stage->plugin_data;
    const scribed_chunk_item *chunk = (const scribed_chunk_item *)item;
    int64_t start = chunk->spans[0].source_start;
    int64_t end = start + chunk->spans[0].source_len;
    int is_wrong = strcmp(self->lie, "number") == 0;
    int letter = (int)(chunk->samples[0] * 256.0f);
    if (letter == '!')
        return fail(error, SCRIBED_INVALID_INPUT, "it begins with an exclamation mark");
    /* A chunk of `~` takes for ever, as inference may. */
    while (letter == '~') {
        struct timespec moment = {0, 1000000};
        if (self->host->cancelled(self->host))
            return SCRIBED_CANCELLED;
        nanosleep(&moment, NULL);
    }
    snprintf(self->text, sizeof self->text,
             "{\"schema\":\"scribed.segments/1\",\"chunk\":%u,\"sample_rate\":%u,\"start\":%lld,"
             "\"end\":%lld,\"segments\":[{\"start\":%lld,\"end\":%lld,\"text\":\"%cx%u\","
             "\"avg_log_prob\":0,\"no_speech_prob\":0,\"temperature\":0}]}",
             chunk->number + (is_wrong ? 1u : 0u), chunk->source_rate, (long long)start,
             (long long)end, (long long)start, (long long)end, letter, chunk->sample_count);
    if (strcmp(self->lie, "nothing") == 0)
        return SCRIBED_OK;
    if (strcmp(self->lie, "noise") == 0)
        return emit_text(sink, "text");
    if (strcmp(self->lie, "twice") == 0)
        emit_text(sink, self->text);
    return emit_text(sink, self->text);
}

/* SEGMENTS to DOCUMENT: how many there were. */
static scribed_status count(scribed_stage *stage, const scribed_item *item, const scribed_sink *sink,
                            scribed_error_buf *error) {
    me *self = stage->plugin_data;
    (void)item, (void)sink, (void)error;
    self->chunks++;
    return SCRIBED_OK;
}

static scribed_status count_flush(scribed_stage *stage, const scribed_sink *sink,
                                  scribed_error_buf *error) {
    me *self = stage->plugin_data;
    scribed_str media_type = TEXT("text/plain");
    scribed_str extension = TEXT("txt");
    (void)error;
    int len = snprintf(self->text, sizeof self->text, "%u chunks", self->chunks);
    scribed_document_item item = {
        .item = {.size = sizeof item, .kind = SCRIBED_DOCUMENT},
        .bytes = {(const uint8_t *)self->text, (size_t)len},
        .media_type = media_type,
        .extension = extension,
    };
    return sink->emit(sink, &item.item);
}

static void destroy(scribed_stage *stage) {
    free(stage->plugin_data);
}

static scribed_status create(const scribed_host *host, scribed_str config, scribed_stage **created,
                             scribed_error_buf *error, scribed_stage functions) {
    char text[64] = "";
    me *self = calloc(1, sizeof *self);
    if (self == NULL)
        return fail(error, SCRIBED_UNAVAILABLE, "no memory");
    memcpy(text, config.ptr, config.len < sizeof text ? config.len : sizeof text - 1);
    if (strcmp(text, "{}") != 0 && sscanf(text, "{\"lie\":\"%15[a-z]\"}", self->lie) != 1) {
        free(self);
        return fail(error, SCRIBED_INVALID_CONFIG, "the only option is lie");
    }
    self->stage = functions;
    self->stage.plugin_data = self;
    self->stage.destroy = destroy;
    self->host = host;
    *created = &self->stage;
    return SCRIBED_OK;
}

#define CREATE(name, process_function, flush_function)                                             \
    static scribed_status create_##name(const scribed_host *host, scribed_str config,              \
                                        scribed_stage **created, scribed_error_buf *error) {       \
        scribed_stage functions = {.process = process_function, .flush = flush_function};          \
        return create(host, config, created, error, functions);                                    \
    }

CREATE(reader, read_media, NULL)
CREATE(holder, hold, hold_flush)
CREATE(cutter, cut, cut_flush)
CREATE(speller, spell, NULL)
CREATE(counter, count, count_flush)

static scribed_str config_schema(void) {
    scribed_str schema = TEXT("{\"type\":\"object\",\"properties\":{\"lie\":{\"type\":\"string\"}}}");
    return schema;
}

#define STAGE(name, in, out)                                                                       \
    {                                                                                              \
        .id = TEXT("org.scribed.test." #name), .version = TEXT("1.0"), .summary = TEXT("a " #name), \
        .config_schema = config_schema, .accepts = in, .emits = out, .create = create_##name,      \
    }

static const scribed_stage_descriptor stages[] = {
    STAGE(reader, SCRIBED_MEDIA, SCRIBED_AUDIO),
    STAGE(holder, SCRIBED_AUDIO, SCRIBED_AUDIO),
    STAGE(cutter, SCRIBED_AUDIO, SCRIBED_CHUNK),
    STAGE(speller, SCRIBED_CHUNK, SCRIBED_SEGMENTS),
    STAGE(counter, SCRIBED_SEGMENTS, SCRIBED_DOCUMENT),
};

const scribed_plugin_entry scribed_entry = {
    .abi = {SCRIBED_ABI_MAJOR, SCRIBED_ABI_MINOR},
    .stage_count = 5,
    .stages = stages,
};
