/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The memory plan: weights and the scratch of a step are what the model says they are; the KV pool
 * gets what is left of the limit, up to what max_num_seqs sequences of full length could use.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/checked.h"
#include "base/json.h"
#include "base/parse.h"
#include "cpu/topology.h"
#include "runtime/runtime_internal.h"

#define DEFAULT_NUM_SEQS 16
#define DEFAULT_BATCHED_TOKENS 2048
#define DEFAULT_BLOCK_SIZE 32
/* A chunk that long keeps every core busy, and a step with it lasts about a second at 250 tokens a
 * second, which is as long as a stream should stand still. */
#define DEFAULT_MIXED_PREFILL 256
#define DEFAULT_FRACTION 0.9
/* Logits of a step that scores prompts: as many rows as fit here. */
#define LOGITS_BYTES ((uint64_t)32 << 20)
#define LOGIT_ROWS_MAX 256

/* More would wait for memory instead of each other; each has scratch of four floats a token id. */
#define SAMPLING_THREADS_MAX 8

/* Text tables, threads, stacks, the program itself. */
#define OVERHEAD_BYTES ((uint64_t)48 << 20)

struct planner {
    const struct checkpoint *checkpoint;
    const struct runtime_options *options;
    struct runtime_plan *plan;
};

static octet_status read_config(const struct planner *planner, struct octet_error *err)
{
    struct json *overrides = NULL;
    const char *text = planner->options->hf_overrides;
    octet_status status = OCTET_OK;
    if (text)
        status =
            json_parse(text, strlen(text), RUNTIME_JSON_LIMIT, "--hf-overrides", &overrides, err);
    if (status == OCTET_INPUT) { /* an option's text, not a file's */
        status = OCTET_USAGE;
        if (err)
            err->status = status;
    }
    if (overrides && json_type(overrides) != JSON_TYPE_OBJECT)
        status = error_set(err, OCTET_USAGE, "--hf-overrides: expected a JSON object, found %s",
                           json_type_name(json_type(overrides)));
    if (status == OCTET_OK)
        status = model_config_parse(checkpoint_config(planner->checkpoint), overrides,
                                    "config.json", &planner->plan->config, err);
    json_free(overrides);
    return status;
}

static octet_status check_counts(const struct runtime_options *options, struct octet_error *err)
{
    const struct {
        const char *name;
        int64_t value;
    } counts[] = {{"threads", options->threads},
                  {"max_model_len", options->max_model_len},
                  {"max_num_seqs", options->max_num_seqs},
                  {"max_num_batched_tokens", options->max_num_batched_tokens},
                  {"block_size", options->block_size},
                  {"max_logit_rows", options->max_logit_rows},
                  {"prefill_chunk", options->prefill_chunk},
                  {"long_prefill_token_threshold", options->long_prefill_token_threshold},
                  {"max_num_partial_prefills", options->max_num_partial_prefills},
                  {"max_long_partial_prefills", options->max_long_partial_prefills},
                  {"max_queued", options->max_queued},
                  {"max_queued_tokens", options->max_queued_tokens}};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        if (counts[i].value < 0)
            return error_set(err, OCTET_USAGE, "%s is %" PRId64 "; it cannot be negative",
                             counts[i].name, counts[i].value);
    }
    if (options->memory_fraction < 0 || options->memory_fraction > 1)
        return error_set(err, OCTET_USAGE,
                         "the memory fraction is %g; it must be in (0, 1], or 0 for %g",
                         options->memory_fraction, DEFAULT_FRACTION);
    return OCTET_OK;
}

static int32_t default_rows(const struct runtime_plan *plan)
{
    uint64_t rows = LOGITS_BYTES / ((uint64_t)plan->config.vocab_size * sizeof(float));
    if (rows > LOGIT_ROWS_MAX)
        rows = LOGIT_ROWS_MAX;
    if (rows < 16)
        rows = 16;
    return rows < (uint64_t)plan->max_num_seqs ? plan->max_num_seqs : (int32_t)rows;
}

static octet_status resolve_model_len(const struct planner *planner, struct octet_error *err)
{
    const struct runtime_options *options = planner->options;
    struct runtime_plan *plan = planner->plan;
    plan->config_model_len = plan->config.max_position_embeddings < INT32_MAX / 2
                                 ? (int32_t)plan->config.max_position_embeddings
                                 : INT32_MAX / 2;
    plan->max_model_len = options->max_model_len ? options->max_model_len : plan->config_model_len;
    if (plan->max_model_len > plan->config_model_len)
        return error_set(err, OCTET_USAGE,
                         "max_model_len is %d and config.json's max_position_embeddings is %d; "
                         "ask for no more, or scale RoPE with --hf-overrides "
                         "(\"rope_scaling\" and \"max_position_embeddings\")",
                         plan->max_model_len, plan->config_model_len);
    return OCTET_OK;
}

/* What a step may hold. */
static octet_status resolve_step(const struct planner *planner, struct octet_error *err)
{
    const struct runtime_options *options = planner->options;
    struct runtime_plan *plan = planner->plan;
    int32_t automatic = DEFAULT_BATCHED_TOKENS;
    if (automatic < plan->max_num_seqs)
        automatic = plan->max_num_seqs;
    plan->chunked_prefill = !options->disable_chunked_prefill;
    if (!plan->chunked_prefill && automatic < plan->max_model_len)
        automatic = plan->max_model_len;
    plan->max_num_batched_tokens =
        options->max_num_batched_tokens ? options->max_num_batched_tokens : automatic;
    plan->prefill_chunk = options->prefill_chunk;
    plan->mixed_prefill_tokens =
        options->mixed_prefill_tokens ? options->mixed_prefill_tokens : DEFAULT_MIXED_PREFILL;
    if (plan->mixed_prefill_tokens < 0)
        plan->mixed_prefill_tokens = 0;
    if (plan->max_num_batched_tokens < plan->max_num_seqs)
        return error_set(err, OCTET_USAGE,
                         "max_num_batched_tokens (%d) must be greater than or equal to "
                         "max_num_seqs (%d)",
                         plan->max_num_batched_tokens, plan->max_num_seqs);
    if (!plan->chunked_prefill && plan->max_num_batched_tokens < plan->max_model_len)
        return error_set(err, OCTET_USAGE,
                         "max_num_batched_tokens (%d) is smaller than max_model_len (%d). Without "
                         "chunked prefill a prompt has to fit into one step. Please increase "
                         "max_num_batched_tokens or decrease max_model_len.",
                         plan->max_num_batched_tokens, plan->max_model_len);
    return OCTET_OK;
}

/* Counts that were left to us. */
static octet_status resolve_counts(const struct planner *planner, struct octet_error *err)
{
    const struct runtime_options *options = planner->options;
    struct runtime_plan *plan = planner->plan;
    RETURN_IF_ERROR(check_counts(options, err));
    struct cpu_topology topology;
    cpu_topology_detect(&topology);
    plan->threads = options->threads ? options->threads : topology.cores_usable;
    plan->sampling_threads =
        plan->threads < SAMPLING_THREADS_MAX ? plan->threads : SAMPLING_THREADS_MAX;
    plan->ranks = options->tensor_parallel_size > 1 ? options->tensor_parallel_size : 1;
    plan->dtype = options->dtype;
    plan->weight_dtype = options->weight_dtype;
    plan->block_size = options->block_size ? options->block_size : DEFAULT_BLOCK_SIZE;
    plan->max_num_seqs = options->max_num_seqs ? options->max_num_seqs : DEFAULT_NUM_SEQS;
    RETURN_IF_ERROR(resolve_model_len(planner, err));
    RETURN_IF_ERROR(resolve_step(planner, err));
    plan->max_logit_rows = options->max_logit_rows ? options->max_logit_rows : default_rows(plan);
    if (plan->max_logit_rows > plan->max_num_batched_tokens)
        plan->max_logit_rows = plan->max_num_batched_tokens;
    if (plan->max_logit_rows < plan->max_num_seqs)
        plan->max_logit_rows = plan->max_num_seqs;
    return OCTET_OK;
}

static void find_budget(const struct planner *planner)
{
    const struct runtime_options *options = planner->options;
    struct runtime_plan *plan = planner->plan;
    double fraction = options->memory_fraction > 0 ? options->memory_fraction : DEFAULT_FRACTION;
    struct cpu_memory memory;
    cpu_memory_detect(&memory);
    plan->memory_limit = options->memory_limit_bytes ? options->memory_limit_bytes : memory.limit;
    if (plan->memory_limit == 0)
        plan->memory_limit = (uint64_t)1 << 62; /* a system that does not say */
    plan->memory_budget = (uint64_t)((double)plan->memory_limit * fraction);
    if (!options->memory_limit_bytes && memory.usable > 0 && memory.usable < plan->memory_budget)
        plan->memory_budget = memory.usable;
}

/* Weights, activations and bytes of a block when sequences reach max_model_len. */
static octet_status measure(const struct planner *planner, int32_t max_model_len,
                            struct octet_error *err)
{
    struct runtime_plan *plan = planner->plan;
    const struct model_options model = {
        .dtype = plan->dtype,
        .weight_dtype = plan->weight_dtype,
        .ranks = plan->ranks,
        .threads = plan->threads,
        .cpu_mask = planner->options->cpu_mask,
        .max_model_len = max_model_len,
        .max_batch_tokens = plan->max_num_batched_tokens,
        .max_batch_sequences = plan->max_num_seqs,
        .max_logit_rows = plan->max_logit_rows,
        .block_size = plan->block_size,
        .block_count = 1,
    };
    struct model_memory memory;
    RETURN_IF_ERROR(model_plan_memory(planner->checkpoint, &plan->config, &model, &memory, err));
    uint64_t vocab = (uint64_t)plan->config.vocab_size;
    uint64_t tables =
        (uint64_t)plan->max_num_seqs * ((uint64_t)max_model_len / (uint64_t)plan->block_size + 1);
    plan->weights = memory.weights;
    plan->activations = memory.activations + OVERHEAD_BYTES + tables * sizeof(int32_t) +
                        vocab * sizeof(float) *
                            ((uint64_t)plan->max_logit_rows + 4 * (uint64_t)plan->sampling_threads);
    plan->kv_bytes_per_block = memory.kv_per_block;
    return OCTET_OK;
}

static uint64_t blocks_of(const struct runtime_plan *plan, int64_t positions)
{
    return div_ceil_u64((uint64_t)positions, (uint64_t)plan->block_size);
}

/* Bytes left for the pool after `measure`. */
static uint64_t pool_bytes(const struct planner *planner)
{
    const struct runtime_plan *plan = planner->plan;
    uint64_t fixed = plan->weights + plan->activations;
    uint64_t left = plan->memory_budget > fixed ? plan->memory_budget - fixed : 0;
    uint64_t asked = planner->options->kv_cache_memory_bytes;
    return asked && asked < left ? asked : left;
}

static octet_status fits(const struct planner *planner, int32_t max_model_len, bool *out,
                         struct octet_error *err)
{
    RETURN_IF_ERROR(measure(planner, max_model_len, err));
    *out = pool_bytes(planner) / planner->plan->kv_bytes_per_block >=
           blocks_of(planner->plan, max_model_len);
    return OCTET_OK;
}

/* The largest length of which one sequence fits; 0: none. */
static octet_status largest_length(const struct planner *planner, int32_t *out,
                                   struct octet_error *err)
{
    int32_t low = 0, high = planner->plan->max_model_len;
    while (low < high) {
        int32_t middle = low + (high - low + 1) / 2;
        bool fit = false;
        RETURN_IF_ERROR(fits(planner, middle, &fit, err));
        if (fit)
            low = middle;
        else
            high = middle - 1;
    }
    *out = low;
    return OCTET_OK;
}

/* What --kv-cache-memory-bytes is too small for; OCTET_OK when it is not the reason. */
static octet_status refuse_pool(const struct planner *planner, int32_t wanted, int32_t largest,
                                struct octet_error *err)
{
    const struct runtime_plan *plan = planner->plan;
    uint64_t given = planner->options->kv_cache_memory_bytes;
    uint64_t needed = plan->kv_bytes_per_block * blocks_of(plan, wanted);
    char need_text[32], pool[32];
    if (given == 0 || given >= needed)
        return OCTET_OK;
    format_bytes(given, pool);
    if (largest == 0) {
        format_bytes(plan->kv_bytes_per_block, need_text);
        return error_set(err, OCTET_MEMORY,
                         "--kv-cache-memory-bytes: %s holds no block of %d positions, which takes "
                         "%s; give more, or leave the flag out and the KV cache takes what is left",
                         pool, plan->block_size, need_text);
    }
    format_bytes(needed, need_text);
    return error_set(
        err, OCTET_MEMORY,
        "max_model_len %d does not fit: the KV cache of one such sequence takes %s and "
        "--kv-cache-memory-bytes allows %s; the largest max_model_len that fits is %d",
        wanted, need_text, pool, largest);
}

static octet_status refuse(const struct planner *planner, int32_t largest, struct octet_error *err)
{
    struct runtime_plan *plan = planner->plan;
    int32_t wanted = planner->options->max_model_len ? planner->options->max_model_len : 1;
    char weights[32], activations[32], kv[32], budget[32], limit[32];
    RETURN_IF_ERROR(measure(planner, wanted, err));
    RETURN_IF_ERROR(refuse_pool(planner, wanted, largest, err));
    format_bytes(plan->weights, weights);
    format_bytes(plan->activations, activations);
    format_bytes(plan->kv_bytes_per_block * blocks_of(plan, wanted), kv);
    format_bytes(plan->memory_budget, budget);
    format_bytes(plan->memory_limit, limit);
    if (largest == 0)
        return error_set(err, OCTET_MEMORY,
                         "the model does not fit: weights %s and activations %s, and %s of the "
                         "limit of %s may be used; free memory, raise the limit, or lower "
                         "--max-num-batched-tokens (%d)",
                         weights, activations, budget, limit, plan->max_num_batched_tokens);
    return error_set(err, OCTET_MEMORY,
                     "max_model_len %d does not fit: weights %s, activations %s and the KV cache "
                     "of one such sequence %s, and %s of the limit of %s may be used; the largest "
                     "max_model_len that fits is %d",
                     wanted, weights, activations, kv, budget, limit, largest);
}

static octet_status size_pool(const struct planner *planner, struct octet_error *err)
{
    struct runtime_plan *plan = planner->plan;
    bool fit = false;
    RETURN_IF_ERROR(fits(planner, plan->max_model_len, &fit, err));
    if (!fit) {
        int32_t largest = 0;
        RETURN_IF_ERROR(largest_length(planner, &largest, err));
        /* A context below one block is of no use to anybody. */
        if (planner->options->max_model_len || largest < plan->block_size)
            return refuse(planner, planner->options->max_model_len ? largest : 0, err);
        plan->max_model_len = largest;
        plan->model_len_reduced = true;
        RETURN_IF_ERROR(measure(planner, largest, err));
    }
    uint64_t want = blocks_of(plan, plan->max_model_len) * (uint64_t)plan->max_num_seqs;
    uint64_t have = pool_bytes(planner) / plan->kv_bytes_per_block;
    uint64_t most = (uint64_t)(INT32_MAX / plan->block_size);
    uint64_t count = have < want ? have : want;
    plan->block_count = (int32_t)(count < most ? count : most);
    plan->kv_bytes = (uint64_t)plan->block_count * plan->kv_bytes_per_block;
    plan->kv_tokens = (int64_t)plan->block_count * plan->block_size;
    plan->concurrency = (double)plan->kv_tokens / plan->max_model_len;
    return OCTET_OK;
}

octet_status runtime_plan_make(const struct checkpoint *checkpoint,
                               const struct runtime_options *options, struct runtime_plan *out,
                               struct octet_error *err)
{
    const struct planner planner = {checkpoint, options, out};
    memset(out, 0, sizeof *out);
    RETURN_IF_ERROR(read_config(&planner, err));
    RETURN_IF_ERROR(resolve_counts(&planner, err));
    find_budget(&planner);
    return size_pool(&planner, err);
}

bool runtime_plan_text(const struct runtime_plan *plan, struct buffer *out)
{
    char weights[32], activations[32], kv[32], total[32], budget[32], limit[32], tokens[32];
    format_bytes(plan->weights, weights);
    format_bytes(plan->activations, activations);
    format_bytes(plan->kv_bytes, kv);
    format_bytes(plan->weights + plan->activations + plan->kv_bytes, total);
    format_bytes(plan->memory_budget, budget);
    format_bytes(plan->memory_limit, limit);
    format_count((uint64_t)plan->kv_tokens, tokens);
    if (plan->ranks > 1)
        buffer_printf(out, "memory plan of each of %d ranks: ", plan->ranks);
    else
        buffer_append_str(out, "memory plan: ");
    buffer_printf(out, "%s of %s that may be used (limit %s)\n", total, budget, limit);
    buffer_printf(out, "  weights       %10s\n", weights);
    buffer_printf(out, "  activations   %10s  %d tokens a step, %d rows of logits\n", activations,
                  plan->max_num_batched_tokens, plan->max_logit_rows);
    buffer_printf(out, "  KV cache      %10s  %s tokens in %d blocks of %d\n", kv, tokens,
                  plan->block_count, plan->block_size);
    buffer_printf(out, "  max_model_len %10d  %.2f such sequences fit at once, max_num_seqs %d%s\n",
                  plan->max_model_len, plan->concurrency, plan->max_num_seqs,
                  plan->model_len_reduced ? " (reduced to what fits)" : "");
    return !buffer_failed(out);
}
