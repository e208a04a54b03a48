/* SPDX-License-Identifier: Apache-2.0 */
/* What several commands share: options -> runtime options, opening with a progress bar, prompts. */
#ifndef CLI_COMMON_H
#define CLI_COMMON_H

#include "cli/args.h"
#include "runtime/runtime.h"

/* The id of a cached model, given as DIR, becomes its folder (not for serve, which keeps the id as
 * the model's name). Anything else stays as it is. */
void cli_find_model(struct args *args);

/* OCTET_USAGE when DIR (or --model) is missing; errors of hub_find(). */
octet_status cli_model_path(const struct args *args, const char **out, struct octet_error *err);

/* --threads, or the cores that this process may use. */
int cli_threads(const struct args *args);

/* Engine flags -> options; refuses what octet cannot do, with the reason. Borrows args' strings. */
octet_status cli_runtime_options(const struct args *args, struct runtime_options *out,
                                 struct octet_error *err);

/* Plan on standard error, then load behind a progress bar; --quiet shows neither. */
octet_status cli_open_runtime(const struct args *args, struct runtime **out,
                              struct octet_error *err);

/* Sampling flags over the model's defaults. stops borrow args. */
void cli_sampling(const struct args *args, struct sampling_params *params);

/* --chat-template FILE put in place of the runtime's own; nothing when it is not given. */
octet_status cli_chat_template(const struct args *args, struct runtime *runtime,
                               struct octet_error *err);

/*
 * Lines of a stream, each at most 64 MiB: *line is the reader's and lives until the next call.
 * Returns false at the end and on errors (*status).
 */
struct line_reader {
    FILE *stream;
    const char *name;
    char *line;
    size_t capacity, length;
    uint64_t number; /* of the line just read, from 1 */
};
bool line_reader_next(struct line_reader *reader, octet_status *status, struct octet_error *err);
void line_reader_free(struct line_reader *reader);

/* All of a stream, at most limit bytes. */
octet_status cli_read_stream(FILE *stream, const char *name, size_t limit, struct buffer *out,
                             struct octet_error *err);

/* "1,2,3", "[1, 2, 3]" or ids separated by white space; name begins the error message. */
octet_status cli_parse_ids(const char *text, size_t size, const char *name, struct token_ids *out,
                           struct octet_error *err);

/* A progress callback that draws nothing and still answers to Ctrl-C. */
bool cli_quiet_report(void *context, const char *what, uint64_t done, uint64_t total);

/* Set each key of an object to its number; false: out of memory. */
struct cli_count {
    const char *key;
    uint64_t value;
};
bool cli_set_counts(struct json *object, const struct cli_count *counts, size_t count);

/* Print a JSON value as one line; frees it. */
octet_status cli_print_json_line(struct json *value, FILE *out, struct octet_error *err);

#endif
