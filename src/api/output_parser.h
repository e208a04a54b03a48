/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A model's text as it comes -> reasoning, content, tool calls. One incremental parser serves
 * streams and whole answers, and what it says does not depend on how the text was cut.
 */
#ifndef API_OUTPUT_PARSER_H
#define API_OUTPUT_PARSER_H

#include "base/buffer.h"
#include "base/status.h"

enum reasoning_format { REASONING_NONE, REASONING_QWEN3 };
enum tool_format { TOOLS_NONE, TOOLS_HERMES, TOOLS_QWEN3_CODER };

/* Where the model begins, read from the tail of the rendered prompt. */
enum reasoning_start {
    REASONING_UNKNOWN, /* a leading "<think>" begins reasoning, anything else is content */
    REASONING_OPEN,    /* the prompt ends with "<think>\n": reasoning until "</think>" */
    REASONING_CLOSED,  /* the prompt ends with "</think>\n\n", or thinking is off: content */
};

struct output_rules {
    enum reasoning_format reasoning;
    enum reasoning_start start;
    enum tool_format tools;   /* TOOLS_NONE: tool call tags are content */
    bool parallel_tool_calls; /* false: only the first call is kept */
};

/* A piece of a tool call. The first piece of a call has id and name and empty arguments. */
struct tool_delta {
    int32_t index;
    bool begins;
    char id[48]; /* "chatcmpl-tool-" and 32 hexadecimal digits */
    char *name;  /* begins: owned by the delta */
    struct buffer arguments;
};

/* What one push added. */
struct output_delta {
    struct buffer reasoning, content;
    struct tool_delta *tools;
    size_t tool_count, tool_capacity;
};
void output_delta_init(struct output_delta *delta);
void output_delta_clear(struct output_delta *delta); /* memory of buffers kept */
void output_delta_free(struct output_delta *delta);

struct output_parser;
/* id_seed makes the tool calls' ids. Errors: OCTET_MEMORY. */
octet_status output_parser_new(const struct output_rules *rules, uint64_t id_seed,
                               struct output_parser **out, struct octet_error *err);
void output_parser_free(struct output_parser *parser); /* NULL is fine */
/* Text is UTF-8 that ends at a code point's border. False when out of memory. */
bool output_parser_push(struct output_parser *parser, const char *text, size_t size,
                        struct output_delta *delta);
/* At the end of the text: what was held back. */
bool output_parser_finish(struct output_parser *parser, struct output_delta *delta);
/* Tool calls begun so far; whether reasoning was seen; whether it is still going on. */
size_t output_parser_tool_calls(const struct output_parser *parser);
bool output_parser_reasoning_seen(const struct output_parser *parser);
bool output_parser_in_reasoning(const struct output_parser *parser);

#endif
