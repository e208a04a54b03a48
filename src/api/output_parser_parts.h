/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of the output parser; output_parser.h says what they do together. */
#ifndef API_OUTPUT_PARSER_PARTS_H
#define API_OUTPUT_PARSER_PARTS_H

#include "api/json_scanner.h"
#include "api/output_parser.h"

#define OUTPUT_TEXT_LIMIT ((size_t)64 << 20)
#define TOOL_NAME_MAX 256u

/* ---- Tags in text that comes in pieces (output_tags.c) ---- */

/* Finds the first of a few short texts, none of which is a part of another's beginning. */
struct tag_scan {
    const char *const *tags; /* ends with NULL */
    char held[24];           /* what may still become a tag */
    size_t held_size;
};
void tag_scan_init(struct tag_scan *scan, const char *const *tags);
/*
 * Take bytes up to and including the end of the first tag and append to out (NULL: drop) those that
 * can no longer be part of one. Returns how many were taken; *found is the tag's index or -1.
 */
size_t tag_scan_push(struct tag_scan *scan, const char *text, size_t size, struct buffer *out,
                     int *found);
/* The text ends: what was held is text. */
void tag_scan_flush(struct tag_scan *scan, struct buffer *out);

/* ---- Reasoning (reasoning_parser.c) ---- */

struct reasoning_parser {
    int state;
    bool seen;
    struct tag_scan tags;
    struct buffer held; /* white space and the beginning of a tag */
    size_t matched;     /* of the tag that held ends with */
};
void reasoning_parser_init(struct reasoning_parser *parser, const struct output_rules *rules);
void reasoning_parser_free(struct reasoning_parser *parser);
bool reasoning_parser_push(struct reasoning_parser *parser, const char *text, size_t size,
                           struct buffer *reasoning, struct buffer *content);
bool reasoning_parser_finish(struct reasoning_parser *parser, struct buffer *reasoning,
                             struct buffer *content);
bool reasoning_parser_active(const struct reasoning_parser *parser);

/* ---- Tool calls (tool_parser.c) ---- */

/* What a block says of a byte that it was given. */
enum block_result {
    BLOCK_MORE,
    BLOCK_END,     /* the byte was the block's last */
    BLOCK_RESTART, /* the byte was the last of another block's opening tag */
    BLOCK_NONE,    /* this is no call: the byte was not taken, and the block's text is content */
    BLOCK_FAILED,  /* out of memory */
};

struct hermes_block {
    int state;
    bool has_name, has_arguments;
    int key; /* whose value comes: an index into the keys, or -1 */
    struct json_scanner scanner;
    struct tag_scan tags;
    struct buffer token;     /* a key, a name, arguments that are a string or a scalar */
    struct buffer name;      /* decoded */
    struct buffer arguments; /* those that came before the name */
};

struct coder_block {
    int state;
    size_t matched; /* of "<function=" */
    size_t parameters;
    int type; /* of the parameter being read */
    bool nullable, first_byte;
    const struct json *properties;
    struct tag_scan tags;
    struct buffer token; /* a name, or a value that is not streamed */
    struct buffer shown; /* what the tags let pass */
};

struct tool_parser {
    struct output_rules rules;
    uint64_t id_seed;
    size_t calls; /* begun and not muted */
    bool in_block;
    bool begun;        /* this block has become a call */
    bool muted;        /* ... that is not shown */
    bool shows;        /* text outside blocks is content */
    bool content_seen; /* content other than white space was shown */
    struct tag_scan tags;
    struct buffer space; /* content that is white space so far */
    struct buffer block; /* the text of a block that has not become a call */
    struct buffer text;  /* scratch */
    struct hermes_block hermes;
    struct coder_block coder;
};
void tool_parser_init(struct tool_parser *parser, const struct output_rules *rules,
                      uint64_t id_seed);
void tool_parser_free(struct tool_parser *parser);
bool tool_parser_push(struct tool_parser *parser, const char *text, size_t size,
                      struct output_delta *delta);
bool tool_parser_finish(struct tool_parser *parser, struct output_delta *delta);

/* For the formats: the block becomes a call; more of its arguments. False when out of memory. */
bool tool_parser_begin(struct tool_parser *parser, const char *name, size_t size,
                       struct output_delta *delta);
bool tool_parser_arguments(struct tool_parser *parser, const char *text, size_t size,
                           struct output_delta *delta);
/* One byte of JSON as it may stand there: a control character inside a string is escaped. */
void tool_json_byte(char byte, bool in_string, struct buffer *out);
/* The same for a whole value. */
void tool_json_text(const char *text, size_t size, struct buffer *out);

/* ---- Formats (hermes_parser.c, qwen3_coder_parser.c) ---- */

void hermes_block_init(struct hermes_block *block);
void hermes_block_start(struct hermes_block *block);
void hermes_block_free(struct hermes_block *block);
enum block_result hermes_block_byte(struct tool_parser *parser, char byte,
                                    struct output_delta *delta);
/* The text ends inside the block. BLOCK_END: it is a call; BLOCK_NONE: it is content. */
enum block_result hermes_block_finish(struct tool_parser *parser, struct output_delta *delta);

void coder_block_init(struct coder_block *block);
/* opened: "<function=" has been read already. */
void coder_block_start(struct coder_block *block, bool opened);
void coder_block_free(struct coder_block *block);
enum block_result coder_block_byte(struct tool_parser *parser, char byte,
                                   struct output_delta *delta);
enum block_result coder_block_finish(struct tool_parser *parser, struct output_delta *delta);

#endif
