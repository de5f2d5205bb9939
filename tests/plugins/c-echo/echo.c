/*
 * A stage in C: hands audio on, and drops blocks that are quieter than a threshold.
 *
 * It proves that the header is all that a plugin needs. Options: {"threshold": 0.01}, the lowest peak
 * that is handed on, 0 by default.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "scribed_plugin.h"

#define TEXT(literal) {(const uint8_t *)(literal), sizeof(literal) - 1}

typedef struct gate {
    scribed_stage stage;
    const scribed_host *host;
    float threshold;
    uint64_t dropped;
} gate;

static scribed_status fail(scribed_error_buf *error, scribed_status status, const char *message) {
    size_t len = strlen(message);
    if (error != NULL) {
        error->len = len < error->capacity ? len : error->capacity;
        memcpy(error->ptr, message, error->len);
    }
    return status;
}

static void say(const scribed_host *host, uint32_t level, const char *message) {
    scribed_str text = {(const uint8_t *)message, strlen(message)};
    host->log(host, level, text);
}

static scribed_status process(scribed_stage *self, const scribed_item *item,
                              const scribed_sink *sink, scribed_error_buf *error) {
    gate *me = self->plugin_data;
    const scribed_audio_item *audio = (const scribed_audio_item *)item;
    if (item->kind != SCRIBED_AUDIO || item->size < sizeof *audio)
        return fail(error, SCRIBED_FAILED, "the item is no audio");
    if (me->host->cancelled(me->host))
        return SCRIBED_CANCELLED;
    float peak = 0.0f;
    size_t count = (size_t)audio->frames * audio->channels;
    for (size_t i = 0; i < count; i++)
        peak = fmaxf(peak, fabsf(audio->samples[i]));
    if (peak >= me->threshold)
        return sink->emit(sink, item);
    me->dropped++;
    return SCRIBED_OK;
}

static scribed_status flush(scribed_stage *self, const scribed_sink *sink,
                            scribed_error_buf *error) {
    static const char warning[] =
        "{\"code\":\"quiet\",\"message\":\"quiet passages were left out\"}";
    gate *me = self->plugin_data;
    scribed_str topic = TEXT("warning");
    scribed_str json = TEXT(warning);
    (void)sink, (void)error;
    if (me->dropped > 0)
        me->host->report(me->host, topic, json);
    return SCRIBED_OK;
}

static scribed_status reset(scribed_stage *self, scribed_error_buf *error) {
    gate *me = self->plugin_data;
    (void)error;
    me->dropped = 0;
    return SCRIBED_OK;
}

static void destroy(scribed_stage *self) {
    gate *me = self->plugin_data;
    say(me->host, SCRIBED_LOG_DEBUG, "destroyed");
    free(me);
}

/* Finds the one option; enough JSON for one number. */
static int read_threshold(scribed_str config, float *threshold) {
    static const char key[] = "\"threshold\":";
    char text[256];
    if (config.len >= sizeof text)
        return 0;
    memcpy(text, config.ptr, config.len);
    text[config.len] = '\0';
    *threshold = 0.0f;
    const char *found = strstr(text, key);
    if (found == NULL)
        return strcmp(text, "{}") == 0;
    char *end = NULL;
    *threshold = strtof(found + sizeof key - 1, &end);
    return end != found + sizeof key - 1;
}

static scribed_status create(const scribed_host *host, scribed_str config, scribed_stage **created,
                             scribed_error_buf *error) {
    float threshold;
    if (!read_threshold(config, &threshold))
        return fail(error, SCRIBED_INVALID_CONFIG, "the only option is threshold, a number");
    if (threshold < 0.0f || threshold > 1.0f)
        return fail(error, SCRIBED_INVALID_CONFIG, "threshold is not between 0 and 1");
    gate *me = calloc(1, sizeof *me);
    if (me == NULL)
        return fail(error, SCRIBED_UNAVAILABLE, "no memory");
    me->stage = (scribed_stage){
        .plugin_data = me,
        .process = process,
        .flush = flush,
        .reset = reset,
        .destroy = destroy,
    };
    me->host = host;
    me->threshold = threshold;
    say(host, SCRIBED_LOG_INFO, "gate open");
    *created = &me->stage;
    return SCRIBED_OK;
}

static scribed_str config_schema(void) {
    scribed_str schema = TEXT(
        "{\"type\":\"object\",\"additionalProperties\":false,\"properties\":{\"threshold\":"
        "{\"type\":\"number\",\"minimum\":0,\"maximum\":1,\"default\":0,"
        "\"description\":\"Lowest peak that is handed on.\"}}}");
    return schema;
}

static const scribed_stage_descriptor stages[] = {{
    .id = TEXT("org.scribed.test.c-echo"),
    .version = TEXT("1.0"),
    .summary = TEXT("drops audio quieter than a threshold"),
    .config_schema = config_schema,
    .accepts = SCRIBED_AUDIO,
    .emits = SCRIBED_AUDIO,
    .create = create,
}};

const scribed_plugin_entry scribed_entry = {
    .abi = {SCRIBED_ABI_MAJOR, SCRIBED_ABI_MINOR},
    .stage_count = 1,
    .stages = stages,
};
