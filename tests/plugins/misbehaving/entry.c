/*
 * An entry that is right, or wrong in the one place that a macro says: `cc -DMAJOR=2u …`.
 *
 * Everything that the handshake checks can be set from the command line. Nothing here ever runs,
 * except the function that returns the schema.
 */
#include "scribed_plugin.h"

#define TEXT(literal) {(const uint8_t *)(literal), sizeof(literal) - 1}
#define NO_TEXT {0, 0}
#define NULL_TEXT {0, 7}

#ifndef MAJOR
#define MAJOR SCRIBED_ABI_MAJOR
#endif
#ifndef MINOR
#define MINOR SCRIBED_ABI_MINOR
#endif
#ifndef COUNT
#define COUNT 1u
#endif
#ifndef STAGES
#define STAGES stages
#endif
#ifndef ID
#define ID TEXT("org.scribed.test.entry")
#endif
#ifndef VERSION
#define VERSION TEXT("1")
#endif
#ifndef SUMMARY
#define SUMMARY TEXT("does nothing")
#endif
#ifndef SCHEMA
#define SCHEMA TEXT("{}")
#endif
#ifndef SCHEMA_FUNCTION
#define SCHEMA_FUNCTION config_schema
#endif
#ifndef ACCEPTS
#define ACCEPTS SCRIBED_AUDIO
#endif
#ifndef EMITS
#define EMITS SCRIBED_AUDIO
#endif
#ifndef CREATE
#define CREATE create
#endif
#ifndef SYMBOL
#define SYMBOL scribed_entry
#endif

scribed_str config_schema(void);
scribed_str config_schema(void) {
    scribed_str schema = SCHEMA;
    return schema;
}

scribed_status create(const scribed_host *, scribed_str, scribed_stage **, scribed_error_buf *);
scribed_status create(const scribed_host *host, scribed_str config, scribed_stage **created,
                      scribed_error_buf *error) {
    (void)host, (void)config, (void)created, (void)error;
    return SCRIBED_UNAVAILABLE;
}

#define STAGE {ID, VERSION, SUMMARY, SCHEMA_FUNCTION, ACCEPTS, EMITS, 0, CREATE, 0}

/* Two of the same, for COUNT=2u. */
const scribed_stage_descriptor stages[] = {STAGE, STAGE};

#ifdef MISALIGNED
/* The symbol stands one byte into an object. */
char object[64] __attribute__((aligned(16)));
__asm__(".globl scribed_entry\n.type scribed_entry, %object\n.set scribed_entry, object + 1\n");
#else
extern const scribed_plugin_entry SYMBOL;
const scribed_plugin_entry SYMBOL = {{MAJOR, MINOR}, COUNT, 0, STAGES};
#endif
