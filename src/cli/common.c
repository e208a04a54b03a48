/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/common.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/file.h"
#include "base/log.h"
#include "cli/terminal.h"
#include "cpu/topology.h"
#include "hub/hub.h"

#define LINE_BYTES_MAX ((size_t)64 << 20)
#define JSON_OUTPUT_MAX ((size_t)1 << 30)

void cli_find_model(struct args *args)
{
    if (!args_given(args, OPT_MODEL) || args->command->id == CMD_SERVE)
        return;
    const char *typed = args->values[OPT_MODEL].text;
    if (hub_find(typed, NULL, &args->found_model, NULL) == OCTET_OK)
        args->values[OPT_MODEL].text = args->found_model;
}

octet_status cli_model_path(const struct args *args, const char **out, struct octet_error *err)
{
    *out = args_text(args, OPT_MODEL, NULL);
    if (!*out)
        return error_set(err, OCTET_USAGE, "no checkpoint directory given; usage: octet %s %s",
                         args->command->name, args->command->synopsis);
    /* serve looks ids up itself; those that are in a cache were replaced by cli_find_model(). */
    if (args->command->id == CMD_SERVE || file_exists(*out))
        return OCTET_OK;
    char *folder;
    octet_status status = hub_find(*out, NULL, &folder, err);
    free(folder);
    return status;
}

int cli_threads(const struct args *args)
{
    struct cpu_topology topology;
    cpu_topology_detect(&topology);
    return (int)args_integer(args, OPT_THREADS, topology.cores_usable);
}

static octet_status refuse(const struct args *args, struct octet_error *err)
{
    int64_t ranks = args_integer(args, OPT_TENSOR_PARALLEL_SIZE, 1);
    if (ranks > 1)
        return error_set(err, OCTET_USAGE,
                         "--tensor-parallel-size %lld: octet runs on one rank so far; leave the "
                         "flag out or give 1 (octet inspect plans the memory of more)",
                         (long long)ranks);
    const char *quantization = args_text(args, OPT_QUANTIZATION, NULL);
    if (quantization && strcmp(quantization, "fp8") != 0)
        return error_set(
            err, OCTET_USAGE,
            "--quantization %s: octet reads FP8 and unquantised checkpoints; leave the "
            "flag out and the checkpoint says what it is",
            quantization);
    return OCTET_OK;
}

octet_status cli_runtime_options(const struct args *args, struct runtime_options *out,
                                 struct octet_error *err)
{
    runtime_options_init(out);
    if (args->command->id != CMD_SERVE) /* it has lines to say before */
        args_note_accepted(args);
    RETURN_IF_ERROR(cli_model_path(args, &out->model_path, err));
    if (args->command->id != CMD_INSPECT)
        RETURN_IF_ERROR(refuse(args, err));
    RETURN_IF_ERROR(runtime_parse_dtype(args_text(args, OPT_DTYPE, "auto"), &out->dtype, err));
    RETURN_IF_ERROR(runtime_parse_weight_dtype(args_text(args, OPT_WEIGHT_DTYPE, "auto"),
                                               &out->weight_dtype, err));
    out->tokenizer_path = args_text(args, OPT_TOKENIZER, NULL);
    out->threads = (int)args_integer(args, OPT_THREADS, 0);
    out->tensor_parallel_size = (int32_t)args_integer(args, OPT_TENSOR_PARALLEL_SIZE, 0);
    int64_t length = args_integer(args, OPT_MAX_MODEL_LEN, 0);
    if (args_given(args, OPT_MAX_MODEL_LEN) && length == 0)
        return error_set(err, OCTET_USAGE,
                         "--max-model-len: got 0, expected at least 1, or -1 "
                         "for the longest that fits");
    out->max_model_len = length > 0 ? (int32_t)length : 0;
    out->max_num_seqs = (int32_t)args_integer(args, OPT_MAX_NUM_SEQS, 0);
    out->max_num_batched_tokens = (int32_t)args_integer(args, OPT_MAX_NUM_BATCHED_TOKENS, 0);
    out->block_size = (int32_t)args_integer(args, OPT_BLOCK_SIZE, 0);
    out->kv_cache_memory_bytes = (uint64_t)args_integer(args, OPT_KV_CACHE_MEMORY_BYTES, 0);
    out->memory_fraction = args_number(args, OPT_GPU_MEMORY_UTILIZATION, 0);
    out->hf_overrides = args_text(args, OPT_HF_OVERRIDES, NULL);
    out->generation_config = args_text(args, OPT_GENERATION_CONFIG, NULL);
    out->cpu_mask = args_text(args, OPT_CPU_MASK, getenv("OCTET_CPU_MASK"));
    out->disable_prefix_cache = !args_flag(args, OPT_ENABLE_PREFIX_CACHING, true);
    out->disable_chunked_prefill = !args_flag(args, OPT_ENABLE_CHUNKED_PREFILL, true);
    out->seed = (uint64_t)args_integer(args, OPT_SEED, 0);
    return OCTET_OK;
}

bool cli_quiet_report(void *context, const char *what, uint64_t done, uint64_t total)
{
    (void)context;
    (void)what;
    (void)done;
    (void)total;
    return !terminal_interrupted;
}

static void show_plan(const struct args *args, const struct runtime *runtime)
{
    struct buffer text;
    buffer_init(&text, 1 << 16);
    if (runtime_plan_text(runtime_get_plan(runtime), &text))
        fputs(buffer_text(&text), stderr);
    buffer_free(&text);
    for (size_t i = 0; i < runtime_note_count(runtime); i++)
        terminal_note(stderr, runtime_note(runtime, i));
    struct sampling_params params;
    runtime_sampling_defaults(runtime, &params);
    if (args->command->id == CMD_INFER && params.temperature > 0 &&
        !args_given(args, OPT_TEMPERATURE))
        fprintf(stderr, "note: infer takes the most likely token each time unless --temperature "
                        "is given\n");
}

octet_status cli_open_runtime(const struct args *args, struct runtime **out,
                              struct octet_error *err)
{
    struct runtime_options options;
    RETURN_IF_ERROR(cli_runtime_options(args, &options, err));
    terminal_catch_interrupts();
    bool quiet = args_flag(args, OPT_QUIET, false);
    struct runtime *runtime = NULL;
    octet_status status = runtime_prepare(&options, &runtime, err);
    if (status != OCTET_OK)
        return status;
    status = cli_chat_template(args, runtime, err);
    if (status != OCTET_OK) {
        runtime_close(runtime);
        return status;
    }
    if (!quiet)
        show_plan(args, runtime);
    struct progress_bar bar;
    progress_bar_init(&bar, stderr, "B");
    bar.cancel_flag = &terminal_interrupted;
    struct progress progress = progress_bar_callback(&bar);
    if (quiet)
        progress.report = cli_quiet_report;
    status = runtime_load(runtime, &progress, err);
    if (!quiet)
        progress_bar_finish(&bar);
    if (status != OCTET_OK) {
        runtime_close(runtime);
        return status;
    }
    *out = runtime;
    return OCTET_OK;
}

void cli_sampling(const struct args *args, struct sampling_params *params)
{
    params->max_tokens = (int32_t)args_integer(args, OPT_MAX_TOKENS, 256);
    params->min_tokens = (int32_t)args_integer(args, OPT_MIN_TOKENS, params->min_tokens);
    params->temperature = args_number(args, OPT_TEMPERATURE, params->temperature);
    params->top_p = args_number(args, OPT_TOP_P, params->top_p);
    params->top_k = (int32_t)args_integer(args, OPT_TOP_K, params->top_k);
    params->min_p = args_number(args, OPT_MIN_P, params->min_p);
    params->repetition_penalty =
        args_number(args, OPT_REPETITION_PENALTY, params->repetition_penalty);
    params->presence_penalty = args_number(args, OPT_PRESENCE_PENALTY, params->presence_penalty);
    params->frequency_penalty = args_number(args, OPT_FREQUENCY_PENALTY, params->frequency_penalty);
    params->ignore_eos = args_flag(args, OPT_IGNORE_EOS, false);
    params->has_seed = true;
    params->seed = (uint64_t)args_integer(args, OPT_SEED, 0);
}

octet_status cli_chat_template(const struct args *args, struct runtime *runtime,
                               struct octet_error *err)
{
    const char *path = args_text(args, OPT_CHAT_TEMPLATE, NULL);
    if (!path)
        return OCTET_OK;
    struct buffer source;
    buffer_init(&source, 1 << 20);
    octet_status status = file_read_all(path, 1 << 20, &source, err);
    if (status == OCTET_OK)
        status = runtime_set_chat_template(runtime, buffer_text(&source), source.size, path, err);
    buffer_free(&source);
    return status;
}

bool line_reader_next(struct line_reader *reader, octet_status *status, struct octet_error *err)
{
    *status = OCTET_OK;
    errno = 0;
    ssize_t got = getline(&reader->line, &reader->capacity, reader->stream);
    if (got < 0) {
        if (ferror(reader->stream))
            *status = error_errno(err, errno, "read", reader->name);
        return false;
    }
    reader->number++;
    reader->length = (size_t)got;
    /* Editors on Windows begin UTF-8 files with a byte-order mark, which JSON does not allow. */
    if (reader->number == 1 && got >= 3 && memcmp(reader->line, "\xEF\xBB\xBF", 3) == 0) {
        reader->length -= 3;
        memmove(reader->line, reader->line + 3, reader->length + 1);
    }
    if (reader->length > LINE_BYTES_MAX) {
        *status = error_set(err, OCTET_LIMIT, "%s: line %llu has %zu bytes, at most %zu are read",
                            reader->name, (unsigned long long)reader->number, reader->length,
                            LINE_BYTES_MAX);
        return false;
    }
    if (reader->length && reader->line[reader->length - 1] == '\n')
        reader->line[--reader->length] = '\0';
    return true;
}

void line_reader_free(struct line_reader *reader)
{
    free(reader->line);
    *reader = (struct line_reader){0};
}

octet_status cli_read_stream(FILE *stream, const char *name, size_t limit, struct buffer *out,
                             struct octet_error *err)
{
    char chunk[1 << 16];
    size_t got;
    while ((got = fread(chunk, 1, sizeof chunk, stream)) > 0) {
        if (out->size + got > limit)
            return error_set(err, OCTET_LIMIT, "%s: more than %zu bytes", name, limit);
        if (!buffer_append(out, chunk, got))
            return error_memory(err, name, out->size + got);
    }
    if (ferror(stream))
        return error_errno(err, errno, "read", name);
    return OCTET_OK;
}

bool cli_set_counts(struct json *object, const struct cli_count *counts, size_t count)
{
    bool ok = object != NULL;
    for (size_t i = 0; ok && i < count; i++)
        ok = json_set(object, counts[i].key, json_new_integer((int64_t)counts[i].value));
    return ok;
}

octet_status cli_print_json_line(struct json *value, FILE *out, struct octet_error *err)
{
    struct buffer text;
    buffer_init(&text, JSON_OUTPUT_MAX);
    bool ok = value && json_dump(value, 0, &text) && buffer_append_char(&text, '\n');
    json_free(value);
    octet_status status = OCTET_OK;
    if (!ok)
        status = error_memory(err, "JSON output", text.size);
    else if (fwrite(text.data, 1, text.size, out) != text.size)
        status = error_errno(err, errno ? errno : EIO, "write", "output");
    buffer_free(&text);
    return status;
}
