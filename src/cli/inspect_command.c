/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>
#include "base/json.h"
#include "base/parse.h"
#include "checkpoint/summary.h"
#include "cli/command.h"
#include "cli/common.h"
#include "cli/terminal.h"

/* A number of config.json, or "not stated". */
static void print_number(struct table *table, const char *label, int64_t value)
{
    char text[32];
    table_cell(table, "%s", label);
    if (value < 0) {
        table_cell(table, " not stated");
    } else {
        format_count((uint64_t)value, text);
        table_cell(table, " %s", text);
    }
}

static void print_summary(const struct checkpoint_summary *summary)
{
    struct table *table = table_new(2);
    char parameters[32], tensors[32], bytes[32], bf16[32];
    format_count(summary->parameters, parameters);
    format_count(summary->tensors, tensors);
    format_bytes(summary->file_bytes, bytes);
    format_bytes(summary->converted_bytes, bf16);
    table_cell(table, "architecture");
    table_cell(table, " %s%s", summary->architecture,
               summary->runs ? "" : " (inspect, convert and verify only)");
    print_number(table, "layers", summary->layers);
    print_number(table, "hidden size", summary->hidden_size);
    print_number(table, "intermediate size", summary->intermediate_size);
    print_number(table, "heads", summary->heads);
    print_number(table, "KV heads", summary->kv_heads);
    print_number(table, "head dim", summary->head_dim);
    if (summary->experts >= 0)
        print_number(table, "experts", summary->experts);
    print_number(table, "vocabulary", summary->vocab_size);
    print_number(table, "longest sequence", summary->max_position_embeddings);
    if (summary->tied >= 0) {
        table_cell(table, "output head");
        table_cell(table, " %s", summary->tied ? "tied to the embedding" : "its own");
    }
    table_cell(table, "quantisation");
    table_cell(table, " %s", summary->quantization);
    table_cell(table, "becomes here");
    table_cell(table, " %s", summary->becomes);
    table_cell(table, "parameters");
    table_cell(table, " %s", parameters);
    table_cell(table, "files");
    table_cell(table, " %zu, %s tensors, %s (%s as BF16)", summary->files, tensors, bytes, bf16);
    table_print(table, stdout, "", false);
    table_free(table);
}

static void print_dtypes(const struct checkpoint_summary *summary)
{
    struct table *table = table_new(4);
    char elements[32], bytes[32];
    table_cell(table, "dtype");
    table_cell(table, "tensors");
    table_cell(table, "elements");
    table_cell(table, "bytes");
    for (int i = 0; i < DTYPE_COUNT; i++) {
        const struct summary_dtype *row = &summary->dtypes[i];
        if (row->tensors == 0)
            continue;
        format_count(row->elements, elements);
        format_bytes(row->bytes, bytes);
        table_cell(table, "%s", dtype_name((enum dtype)i));
        table_cell(table, "%zu", row->tensors);
        table_cell(table, "%s", elements);
        table_cell(table, "%s", bytes);
    }
    putchar('\n');
    table_print(table, stdout, "", true);
    table_free(table);
    for (size_t i = 0; i < summary->layout_count; i++) {
        const struct summary_layout *layout = &summary->layouts[i];
        char text[64];
        format_count(layout->scales, elements);
        printf("%s%zu FP8 weights with %s scales in %s (%s), %s scales\n", i ? "" : "\n",
               layout->tensors, summary_layout_text(layout, text), dtype_name(layout->dtype),
               layout->suffix, elements);
    }
}

static void print_tensors(const struct checkpoint *checkpoint)
{
    struct table *table = table_new(4);
    table_cell(table, "tensor");
    table_cell(table, "dtype");
    table_cell(table, "shape");
    table_cell(table, "file");
    for (size_t i = 0; i < checkpoint_tensor_count(checkpoint); i++) {
        const struct tensor *tensor = checkpoint_tensor(checkpoint, i);
        char shape[TENSOR_RANK_MAX * 22 + 4] = "[";
        size_t used = 1;
        for (int d = 0; d < tensor->rank; d++) {
            int wrote = snprintf(shape + used, sizeof shape - used, "%s%llu", d ? ", " : "",
                                 (unsigned long long)tensor->shape[d]);
            used += wrote > 0 ? (size_t)wrote : 0;
        }
        snprintf(shape + used, sizeof shape - used, "]");
        table_cell(table, "%s", tensor->name);
        table_cell(table, "%s", dtype_name(tensor->dtype));
        table_cell(table, "%s", shape);
        table_cell(table, "%s", checkpoint_file_name(checkpoint, tensor->file));
    }
    putchar('\n');
    table_print(table, stdout, "", true);
    table_free(table);
}

static struct json *plan_json(const struct runtime_plan *plan)
{
    struct json *out = json_new_object();
    const struct cli_count rows[] = {
        {"memory_limit_bytes", plan->memory_limit},
        {"memory_budget_bytes", plan->memory_budget},
        {"weights_bytes", plan->weights},
        {"activations_bytes", plan->activations},
        {"kv_cache_bytes", plan->kv_bytes},
        {"kv_cache_tokens", (uint64_t)plan->kv_tokens},
        {"block_size", (uint64_t)plan->block_size},
        {"max_model_len", (uint64_t)plan->max_model_len},
        {"max_num_seqs", (uint64_t)plan->max_num_seqs},
        {"max_num_batched_tokens", (uint64_t)plan->max_num_batched_tokens},
        {"tensor_parallel_size", (uint64_t)plan->ranks},
        {"threads", (uint64_t)plan->threads}};
    bool ok = json_set(out, "concurrency", json_new_real(plan->concurrency));
    ok = ok && cli_set_counts(out, rows, sizeof rows / sizeof rows[0]);
    if (!ok) {
        json_free(out);
        return NULL;
    }
    return out;
}

static void print_plan(const struct runtime_plan *plan)
{
    struct buffer text;
    buffer_init(&text, 1 << 16);
    if (runtime_plan_text(plan, &text))
        printf("\n%s", buffer_text(&text));
    buffer_free(&text);
}

/* The memory plan; a model that octet cannot run, or that does not fit, has a sentence instead. */
static octet_status make_plan(const struct args *args, const struct checkpoint *checkpoint,
                              const struct checkpoint_summary *summary, struct runtime_plan *plan,
                              struct octet_error *why)
{
    if (!summary->runs)
        return error_set(why, OCTET_UNSUPPORTED, "%s", summary->why_not);
    struct runtime_options options;
    RETURN_IF_ERROR(cli_runtime_options(args, &options, why));
    return runtime_plan_make(checkpoint, &options, plan, why);
}

static octet_status print_json(const struct checkpoint *checkpoint,
                               const struct checkpoint_summary *summary,
                               const struct runtime_plan *plan, octet_status planned,
                               const struct octet_error *why, struct octet_error *err)
{
    struct json *out = checkpoint_summary_json(summary), *notes = json_new_array();
    bool ok = out && notes;
    for (size_t i = 0; ok && i < checkpoint_note_count(checkpoint); i++)
        ok = json_push(notes, json_new_string(checkpoint_note(checkpoint, i)));
    if (ok && !json_get(out, "notes"))
        ok = json_set(out, "notes", notes);
    else
        json_free(notes);
    ok = ok &&
         (planned == OCTET_OK ? json_set(out, "memory_plan", plan_json(plan))
                              : json_set(out, "memory_plan_error", json_new_string(why->message)));
    if (!ok) {
        json_free(out);
        return error_memory(err, "summary", 0);
    }
    return cli_print_json_line(out, stdout, err);
}

octet_status command_inspect(const struct args *args, struct octet_error *err)
{
    const char *path;
    RETURN_IF_ERROR(cli_model_path(args, &path, err));
    struct checkpoint *checkpoint;
    RETURN_IF_ERROR(checkpoint_open(path, &checkpoint, err));
    struct checkpoint_summary summary;
    checkpoint_summarize(checkpoint, &summary);
    struct runtime_plan plan;
    struct octet_error why = {0};
    octet_status planned = make_plan(args, checkpoint, &summary, &plan, &why);
    octet_status status = OCTET_OK;
    if (planned == OCTET_USAGE) {
        status = error_set(err, OCTET_USAGE, "%s", why.message);
    } else if (args_flag(args, OPT_JSON, false)) {
        status = print_json(checkpoint, &summary, &plan, planned, &why, err);
    } else {
        print_summary(&summary);
        print_dtypes(&summary);
        for (size_t i = 0; i < checkpoint_note_count(checkpoint); i++)
            terminal_note(stdout, checkpoint_note(checkpoint, i));
        if (args_flag(args, OPT_TENSORS, false))
            print_tensors(checkpoint);
        if (planned == OCTET_OK)
            print_plan(&plan);
        else
            printf("\nno memory plan: %s\n", why.message);
    }
    checkpoint_close(checkpoint);
    return status;
}
