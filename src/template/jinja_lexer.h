/* SPDX-License-Identifier: Apache-2.0 */
/* Source -> tokens, one at a time, with the white space rules of trim_blocks and lstrip_blocks. */
#ifndef TEMPLATE_JINJA_LEXER_H
#define TEMPLATE_JINJA_LEXER_H

#include "base/arena.h"
#include "base/status.h"
#include "template/jinja_value.h"

#define JINJA_NESTING_MAX 200 /* open brackets, blocks and parenthesised expressions */

enum jinja_token_type {
    TOKEN_EOF,
    TOKEN_DATA,
    TOKEN_VARIABLE_BEGIN,
    TOKEN_VARIABLE_END,
    TOKEN_BLOCK_BEGIN,
    TOKEN_BLOCK_END,
    TOKEN_NAME,
    TOKEN_STRING,
    TOKEN_NUMBER,
    TOKEN_OPERATOR,
};

struct jinja_token {
    uint8_t type;
    bool is_integer; /* of a number */
    uint32_t line, column;
    const char *text; /* name and operator: their text; data: what is written */
    size_t size;
    struct jinja_value value; /* string, number */
};

/* What to read next. */
enum jinja_lexer_mode { LEXER_ROOT, LEXER_VARIABLE, LEXER_BLOCK };

struct jinja_lexer {
    struct arena *arena;
    struct octet_error *err;
    const char *name; /* begins messages */
    const char *source;
    size_t size, position;
    enum jinja_lexer_mode mode;
    uint8_t pending; /* the token that follows a stretch of data */
    size_t pending_position;
    bool line_starting;
    char open[JINJA_NESTING_MAX];
    size_t open_count;
    size_t mark; /* line and column are those of this position */
    uint32_t line, column;
};

/*
 * source must live as long as the lexer. Newlines are normalised and one at the end is dropped.
 * Errors: OCTET_INPUT (not UTF-8), OCTET_MEMORY.
 */
octet_status jinja_lexer_init(struct jinja_lexer *lexer, const char *source, size_t size);

/* Errors: OCTET_INPUT, OCTET_LIMIT with name, line and column; OCTET_MEMORY. */
octet_status jinja_lexer_next(struct jinja_lexer *lexer, struct jinja_token *token);

/* "name:line:column: " and the message at a place of the source. */
octet_status jinja_lexer_fail(struct jinja_lexer *lexer, octet_status status, uint32_t line,
                              uint32_t column, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

/* A literal: text[0..size) as matched, quotes included. */
octet_status jinja_literal_string(struct jinja_lexer *lexer, const char *text, size_t size,
                                  struct jinja_token *token);
/* The length of the number at text, 0 when there is none; *is_integer says which kind. */
size_t jinja_literal_match_number(const char *text, size_t size, bool after_dot, bool *is_integer);
octet_status jinja_literal_number(struct jinja_lexer *lexer, const char *text, size_t size,
                                  struct jinja_token *token);

/* The length of the white space (as Python's \s) at the start, at the end of text. */
size_t jinja_space_prefix(const char *text, size_t size);
size_t jinja_space_suffix(const char *text, size_t size);

#endif
