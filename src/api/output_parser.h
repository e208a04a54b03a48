/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A model's text as it comes -> reasoning, content, tool calls. One incremental parser serves
 * streams and whole answers, and what it says does not depend on how the text was cut: every state
 * changes at a byte, never at the end of a push.
 *
 * Reasoning (Qwen3's tags, vLLM's results; no white space is stripped anywhere):
 *  - "<think>", with nothing but white space before it, begins reasoning and is not shown;
 *  - "</think>" ends it: what follows is content, its line breaks included;
 *  - "<tool_call>" that is followed by white space and "{" or "<function" ends it too, and is
 *    content; a tag that is only talked about is not followed so;
 *  - tags mean nothing once content has begun, or when the start is REASONING_CLOSED.
 *
 * Tool calls, in content only. A block that begins with "<tool_call>" (qwen3_coder: or with
 * "<function=") is held back until it is a call, and is content if it never becomes one. It becomes
 * a call
 *  - hermes: when the name is known and the value of "arguments" has begun, in either order; or
 *    when the object ends with a name and without arguments, which are "{}" then;
 *  - qwen3_coder: at the ">" of "<function=NAME>".
 * From there on the arguments are passed on as they come, in the model's own spelling. A call that
 * was begun stays one:
 *  - control characters inside strings, which JSON forbids and models write, are escaped;
 *  - arguments that turn out to be no JSON are passed on as they are up to "</tool_call>", and
 *    those that the end of the text cuts short stay cut: a client must see that it cannot run them;
 *  - what stands between the end of the arguments and "</tool_call>" is ignored, and so is a
 *    missing "</tool_call>".
 * Arguments that are a JSON string are passed on decoded where that is a JSON object, and as the
 * string's own literal otherwise; null is "{}".
 *
 * Content is what comes before the first call, and blocks that are none; other text after the first
 * call is dropped, as is content before it that is white space only.
 */
#ifndef API_OUTPUT_PARSER_H
#define API_OUTPUT_PARSER_H

#include "base/buffer.h"
#include "base/json.h"
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
    /* The request's "tools", borrowed by the parser; NULL: none. qwen3_coder reads the types of
     * parameters there; those that it does not know are strings. */
    const struct json *tool_schemas;
};

/* A piece of a tool call. The first piece of a call has id and name and empty arguments; indexes
 * count from 0 without gaps. */
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
/* As clear, but the last piece of a tool call stays, as the first; there must be one. */
void output_delta_keep_last_piece(struct output_delta *delta);
void output_delta_free(struct output_delta *delta);

struct output_parser;
/* id_seed makes the tool calls' ids. Errors: OCTET_MEMORY. */
octet_status output_parser_new(const struct output_rules *rules, uint64_t id_seed,
                               struct output_parser **out, struct octet_error *err);
void output_parser_free(struct output_parser *parser); /* NULL is fine */
/* Append what is certain after this text. Text is UTF-8 that ends at a code point's border, and so
 * is all that comes out. False when out of memory: the parser is good for output_parser_free()
 * only. */
bool output_parser_push(struct output_parser *parser, const char *text, size_t size,
                        struct output_delta *delta);
/* At the end of the text: what was held back. */
bool output_parser_finish(struct output_parser *parser, struct output_delta *delta);
/* Tool calls begun so far; whether reasoning began (it may be empty); whether it is going on. */
size_t output_parser_tool_calls(const struct output_parser *parser);
bool output_parser_reasoning_seen(const struct output_parser *parser);
bool output_parser_in_reasoning(const struct output_parser *parser);

#endif
