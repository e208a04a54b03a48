/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>
#include "cli/command.h"
#include "cli/common.h"
#include "cli/output.h"
#include "cli/terminal.h"

struct logits_sink {
    struct cli_output output;
    int32_t vocab_size;
    octet_status status;
    struct octet_error failure; /* of writing; the engine only hears that rows are unwanted */
};

static bool write_row(void *context, size_t position, const float *logits)
{
    struct logits_sink *sink = context;
    (void)position;
    sink->status = cli_output_write(&sink->output, logits,
                                    (size_t)sink->vocab_size * sizeof *logits, &sink->failure);
    return sink->status == OCTET_OK && !terminal_interrupted;
}

static octet_status read_id_list(const char *text, struct token_ids *ids, struct octet_error *err)
{
    octet_status status;
    if (text[0] == '@') {
        struct buffer content;
        buffer_init(&content, (size_t)64 << 20);
        status = file_read_all(text + 1, (size_t)64 << 20, &content, err);
        if (status == OCTET_OK)
            status = cli_parse_ids(buffer_text(&content), content.size, text + 1, ids, err);
        buffer_free(&content);
    } else {
        status = cli_parse_ids(text, strlen(text), "--ids", ids, err);
    }
    if (status == OCTET_OK && ids->count == 0)
        status = error_set(err, OCTET_USAGE, "--ids: expected at least one token id");
    return status;
}

octet_status command_logits(const struct args *args, struct octet_error *err)
{
    const char *list = args_text(args, OPT_IDS, NULL), *path = args_text(args, OPT_OUT, NULL);
    if (!list || !path)
        return error_set(err, OCTET_USAGE, "%s is missing; usage: octet logits %s",
                         list ? "--out" : "--ids", args->command->synopsis);
    struct token_ids ids = {0};
    struct runtime *runtime = NULL;
    struct logits_sink sink = {.status = OCTET_OK};
    bool writing = false;
    octet_status status = read_id_list(list, &ids, err);
    if (status == OCTET_OK) {
        status = cli_output_open(path, &sink.output, err);
        writing = status == OCTET_OK;
    }
    if (status == OCTET_OK)
        status = cli_open_runtime(args, &runtime, err);
    if (status == OCTET_OK) {
        sink.vocab_size = (int32_t)runtime_get_plan(runtime)->config.vocab_size;
        status = runtime_logits(runtime, ids.ids, ids.count, write_row, &sink, err);
        if (status == OCTET_CANCELLED)
            status = sink.status != OCTET_OK
                         ? error_set(err, sink.status, "%s", sink.failure.message)
                         : error_set(err, OCTET_CANCELLED, "interrupted");
    }
    if (status == OCTET_OK)
        status = cli_output_commit(&sink.output, err);
    else if (writing)
        cli_output_abort(&sink.output);
    if (status == OCTET_OK && !args_flag(args, OPT_QUIET, false))
        fprintf(stderr, "%s: %zu rows of %d float32\n", path, ids.count, sink.vocab_size);
    runtime_close(runtime);
    token_ids_free(&ids);
    return status;
}
