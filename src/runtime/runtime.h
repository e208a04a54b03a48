/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a model directory becomes an engine, once for every command:
 *
 *   runtime_prepare()  checkpoint, config, tokenizer, chat template, memory plan; reads headers
 * only runtime_load()     weights into the model, KV pool, engine runtime_submit(), runtime_step(),
 * generation_next()   text in, text out, many at once runtime_close()
 *
 * Either the caller drives the engine by runtime_step(), or runtime_start() gives it a thread and
 * any number of threads submit and read. Parts that a use does not need are optional: a directory
 * without tokenizer files takes ids; one without weights takes everything but loading.
 */
#ifndef RUNTIME_RUNTIME_H
#define RUNTIME_RUNTIME_H

#include "backend/backend.h"
#include "base/progress.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/model_config.h"
#include "engine/engine.h"
#include "tokenizer/tokenizer.h"

struct runtime;

/* Zero and NULL mean "automatic" unless stated. Strings are borrowed until runtime_prepare()
 * returns. */
struct runtime_options {
    const char *model_path;     /* required */
    const char *tokenizer_path; /* NULL: model_path */
    bool skip_tokenizer;        /* do not even look for tokenizer files */
    enum activation_dtype dtype;
    enum weight_dtype weight_dtype;
    int threads;                    /* 0: as many as the processors this process may use */
    const char *cpu_mask;           /* instruction sets to use (cpu/features.h); NULL: all */
    int32_t max_model_len;          /* 0: the smaller of the config's and what fits */
    int32_t tensor_parallel_size;   /* ranks to plan for; 0: 1. runtime_load takes one */
    int32_t max_num_seqs;           /* 0: 16 */
    int32_t max_num_batched_tokens; /* 0: 2048, and at least max_num_seqs */
    int32_t max_logit_rows;         /* 0: max_num_seqs, and at least 16 */
    int32_t block_size;             /* 0: 32 positions a KV block */
    uint64_t memory_limit_bytes;    /* 0: the cgroup's or the machine's */
    double memory_fraction;         /* of the limit that this process may fill; 0: 0.9 */
    uint64_t kv_cache_memory_bytes; /* 0: from the limit */
    const char *hf_overrides;       /* a JSON object that replaces keys of config.json */
    const char *generation_config;  /* "auto" (NULL too): the model's own; "vllm": neutral; else a
                                       directory or file */
    const char *override_generation_config; /* a JSON object over it */
    uint64_t seed;                          /* of requests without one */
    bool disable_prefix_cache;
    bool disable_chunked_prefill; /* max_num_batched_tokens 0 is then at least max_model_len */
    int32_t prefill_chunk;        /* most prompt tokens of one request in a step; 0: no limit */
    int32_t mixed_prefill_tokens; /* most prompt tokens of a step in which somebody decodes; 0: 256;
                                     < 0: no limit */
    int32_t long_prefill_token_threshold; /* 0: off. These three as in vLLM, except that */
    int32_t max_num_partial_prefills;     /* 0 is no limit */
    int32_t max_long_partial_prefills;    /* likewise */
    bool priority_scheduling;
    int32_t max_queued;        /* requests submitted and unfinished; 0: no limit */
    int64_t max_queued_tokens; /* prompt tokens submitted and never scheduled; 0: no limit */
    int32_t max_logprobs;      /* 0: 20; -1: vocab_size */
};
void runtime_options_init(struct runtime_options *options);

/*
 * "auto", "bfloat16", "float32", "float" (and, refused with a sentence, "half", "float16");
 * "auto", "fp8", "bfloat16", "float32". Errors: OCTET_USAGE naming the choices.
 */
octet_status runtime_parse_dtype(const char *text, enum activation_dtype *out,
                                 struct octet_error *err);
octet_status runtime_parse_weight_dtype(const char *text, enum weight_dtype *out,
                                        struct octet_error *err);

/* The memory plan, from headers alone. Bytes. */
struct runtime_plan {
    struct model_config config;
    uint64_t memory_limit;  /* what cgroup, machine or option allow this process */
    uint64_t memory_budget; /* memory_fraction of it, and no more than is free now */
    uint64_t weights;       /* resident, packed */
    uint64_t activations;   /* scratch of a step, RoPE tables, logits, sampler */
    uint64_t kv_bytes;      /* the pool */
    uint64_t kv_bytes_per_block;
    int32_t block_size, block_count;
    int64_t kv_tokens;        /* block_size * block_count */
    int32_t max_model_len;    /* resolved */
    int32_t config_model_len; /* what config.json (with overrides) allows */
    bool model_len_reduced;   /* max_model_len was automatic and is less than config_model_len */
    int32_t max_num_seqs, max_num_batched_tokens, max_logit_rows;
    int32_t prefill_chunk, mixed_prefill_tokens; /* resolved; 0: no further limit */
    bool chunked_prefill;
    int32_t ranks; /* the amounts above are those of each */
    int threads;
    int sampling_threads; /* that draw tokens, while the others rest */
    enum activation_dtype dtype;
    enum weight_dtype weight_dtype;
    double
        concurrency; /* sequences of full length that the pool holds: kv_tokens / max_model_len */
};

/*
 * Plan without a runtime (for `inspect`). Errors: those of model_config_parse and
 * model_plan_memory; OCTET_MEMORY when weights and one sequence of max_model_len do not fit: the
 * sentence has the amounts and the largest length that would.
 */
octet_status runtime_plan_make(const struct checkpoint *checkpoint,
                               const struct runtime_options *options, struct runtime_plan *out,
                               struct octet_error *err);
/* Several lines for people, each ended by '\n': "weights 1.2 GB ..., KV cache ... tokens, ...". */
bool runtime_plan_text(const struct runtime_plan *plan, struct buffer *out);

/*
 * Everything short of loading. Errors: those of checkpoint_open, tokenizer_open,
 * chat_template_compile and runtime_plan_make. Tokenizer files that are absent are no error until
 * text is asked for; a chat template that is wrong is an error here.
 */
octet_status runtime_prepare(const struct runtime_options *options, struct runtime **out,
                             struct octet_error *err);
/*
 * Without weights: tokenizer and chat template of a directory (`tokenize`, `render`). Errors:
 * OCTET_INPUT when there is no tokenizer.json, and those above.
 */
octet_status runtime_prepare_text(const char *directory, struct runtime **out,
                                  struct octet_error *err);
/* Load the weights; then the runtime can generate. OCTET_STATE when it has none or is loaded. */
octet_status runtime_load(struct runtime *runtime, const struct progress *progress,
                          struct octet_error *err);
/* prepare and load. */
octet_status runtime_open(const struct runtime_options *options, const struct progress *progress,
                          struct runtime **out, struct octet_error *err);
/* Generations must have been freed before. NULL is fine. */
void runtime_close(struct runtime *runtime);

/* Parts; NULL where the runtime has none. Owned by the runtime. */
const struct checkpoint *runtime_checkpoint(const struct runtime *runtime);
const struct runtime_plan *runtime_get_plan(const struct runtime *runtime);
const struct tokenizer *runtime_tokenizer(const struct runtime *runtime);
struct engine *runtime_engine(const struct runtime *runtime);
bool runtime_has_chat_template(const struct runtime *runtime);
/* Use this template instead of the checkpoint's. Errors: those of chat_template_compile, and the
 * old one stays. Not while requests run. */
octet_status runtime_set_chat_template(struct runtime *runtime, const char *source, size_t size,
                                       const char *name, struct octet_error *err);
/* Lines worth telling the user: what the checkpoint ignored, a reduced length, sampling defaults.
 */
size_t runtime_note_count(const struct runtime *runtime);
const char *runtime_note(const struct runtime *runtime, size_t index);

/* Sampling parameters of a request that states none: neutral, then generation_config's. */
void runtime_sampling_defaults(const struct runtime *runtime, struct sampling_params *params);
/* The end-of-text ids in use. */
const int32_t *runtime_eos_ids(const struct runtime *runtime, size_t *count);

/*
 * Render the chat template with `variables` ("messages", "tools", "add_generation_prompt",
 * "enable_thinking", ...); bos_token, eos_token and the like are added from the tokenizer.
 * Errors: OCTET_UNSUPPORTED without a template; those of chat_template_render.
 */
octet_status runtime_render_chat(const struct runtime *runtime, const struct json *variables,
                                 struct buffer *out, struct octet_error *err);

/* A request in text or in ids. Borrowed until runtime_submit() returns. */
struct generation_options {
    const char *prompt; /* with prompt_size; NULL: ids */
    size_t prompt_size;
    bool add_special_tokens;        /* BOS where the tokenizer adds one; false for rendered chats */
    enum special_mode special_mode; /* of added tokens inside the prompt */
    const int32_t *ids;
    size_t id_count;
    struct sampling_params sampling;
    const char *const *stop; /* strings at which text ends */
    size_t stop_count;
    bool include_stop;             /* keep the stop string, or the stop token's text, in the text */
    bool keep_special;             /* show the text of special tokens */
    uint64_t cache_salt;           /* 0: shared */
    void (*notify)(void *context); /* see request_set_notify */
    void *notify_context;
};
/* For prompts of text: add_special_tokens, SPECIAL_PARSE, the model's sampling defaults. */
void generation_options_init(const struct runtime *runtime, struct generation_options *options);

/* One token of a generation, or its end. Pointers live until the next call for this generation. */
struct generation_event {
    const char *text; /* what may be shown now: valid UTF-8, may be empty, NUL-terminated */
    size_t text_size;
    bool has_token; /* false: only the end (cancelled, error, held-back text) */
    struct token_event token;
    bool finished;
    enum finish_reason finish_reason;
    int32_t stop_token;      /* FINISH_STOP by a token; -1 */
    const char *stop_string; /* FINISH_STOP by a string; NULL */
    octet_status error;      /* FINISH_ERROR */
    const char *message;     /* its sentence; "" otherwise */
};

/* What a generation did, at any time. */
struct generation_summary {
    size_t prompt_tokens, cached_tokens, output_tokens;
    uint64_t preemptions;
    enum finish_reason finish_reason;
    double queue_s, ttft_s;  /* submission to first scheduling, to first token */
    double time_per_token_s; /* mean between tokens after the first; 0 with fewer than two */
    double total_s;          /* submission to end, or until the last token so far */
};

struct generation;

/* Errors: OCTET_STATE (not loaded), OCTET_UNSUPPORTED (text without tokenizer), those of
 * request_new and engine_submit. */
octet_status runtime_submit(struct runtime *runtime, const struct generation_options *options,
                            struct generation **out, struct octet_error *err);
/*
 * The next event if there is one; false when there is none yet, and after the one that is finished.
 * One thread at a time per generation. A stop string cancels the request behind it.
 */
bool generation_next(struct generation *generation, struct generation_event *event);
/* Wait for generation_next() to have something, at most timeout_ms (< 0: for ever); needs the
 * engine's thread. */
bool generation_wait(struct generation *generation, int64_t timeout_ms);
void generation_cancel(struct generation *generation);
void generation_summary(struct generation *generation, struct generation_summary *out);
const int32_t *generation_prompt_ids(const struct generation *generation, size_t *count);
/* See request_prompt_logprobs. */
const struct position_logprobs *generation_prompt_logprobs(struct generation *generation,
                                                           size_t *count);
/* Cancels what is not finished; notify is not called any more. NULL is fine. */
void generation_free(struct generation *generation);

/* One engine step by the calling thread. See engine_step. */
octet_status runtime_step(struct runtime *runtime, bool *worked, struct octet_error *err);
octet_status runtime_start(struct runtime *runtime, struct octet_error *err);
void runtime_stop(struct runtime *runtime, bool drain);

/*
 * Generate for `count` requests at once and hand over each event as it comes; the calling thread
 * drives the engine. A request that is refused gets one finished event with FINISH_ERROR.
 * on_event returns false to cancel everything (OCTET_CANCELLED after all have ended). summaries:
 * [count] or NULL. Other errors: OCTET_MEMORY, OCTET_STATE.
 */
octet_status runtime_generate(
    struct runtime *runtime, const struct generation_options *requests, size_t count,
    bool (*on_event)(void *context, size_t index, const struct generation_event *event),
    void *context, struct generation_summary *summaries, struct octet_error *err);

/*
 * Logits of every position of one sequence: row(context, position, logits [vocab_size]) returns
 * false to stop (OCTET_CANCELLED). The engine must be idle. Errors: those of engine_logits.
 */
octet_status runtime_logits(struct runtime *runtime, const int32_t *ids, size_t count,
                            bool (*row)(void *context, size_t position, const float *logits),
                            void *context, struct octet_error *err);

#endif
