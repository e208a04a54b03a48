/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one table of commands and options. Parsing, --help, the manual page and the shells'
 * completions all read it, so that they cannot disagree. Names and defaults are vLLM's where vLLM
 * has the option.
 */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum command_id {
    CMD_INFER,
    CMD_CHAT,
    CMD_CONVERT,
    CMD_INSPECT,
    CMD_VERIFY,
    CMD_TOKENIZE,
    CMD_DETOKENIZE,
    CMD_RENDER,
    CMD_LOGITS,
    CMD_BENCH,
    CMD_COLLECT_ENV,
    CMD_COMPLETION,
    CMD_COUNT
};

enum option_id {
    /* what to run */
    OPT_MODEL,
    OPT_TOKENIZER,
    OPT_PROMPT,
    OPT_PROMPTS,
    OPT_OUTPUT,
    OPT_CHAT,
    OPT_SYSTEM_PROMPT,
    OPT_ENABLE_THINKING,
    OPT_CHAT_TEMPLATE,
    OPT_IDS,
    OPT_OUT,
    /* sampling */
    OPT_MAX_TOKENS,
    OPT_MIN_TOKENS,
    OPT_TEMPERATURE,
    OPT_TOP_P,
    OPT_TOP_K,
    OPT_MIN_P,
    OPT_REPETITION_PENALTY,
    OPT_PRESENCE_PENALTY,
    OPT_FREQUENCY_PENALTY,
    OPT_SEED,
    OPT_STOP,
    OPT_IGNORE_EOS,
    OPT_GENERATION_CONFIG,
    /* engine */
    OPT_DTYPE,
    OPT_WEIGHT_DTYPE,
    OPT_MAX_MODEL_LEN,
    OPT_MAX_NUM_SEQS,
    OPT_MAX_NUM_BATCHED_TOKENS,
    OPT_BLOCK_SIZE,
    OPT_KV_CACHE_MEMORY_BYTES,
    OPT_GPU_MEMORY_UTILIZATION,
    OPT_THREADS,
    OPT_CPU_MASK,
    OPT_HF_OVERRIDES,
    OPT_TENSOR_PARALLEL_SIZE,
    OPT_QUANTIZATION,
    OPT_DEVICE,
    OPT_LOAD_FORMAT,
    OPT_ENFORCE_EAGER,
    OPT_TRUST_REMOTE_CODE,
    OPT_ENABLE_CHUNKED_PREFILL,
    /* convert, verify, inspect */
    OPT_OUTPUT_DIR,
    OPT_MAX_SHARD_SIZE,
    OPT_DRY_RUN,
    OPT_OVERWRITE,
    OPT_VERIFY,
    OPT_CONVERTED,
    OPT_TENSORS,
    /* tokenize, detokenize, render */
    OPT_JSONL,
    OPT_PARSE_SPECIAL,
    OPT_SPLIT_SPECIAL,
    OPT_ADD_SPECIAL_TOKENS,
    OPT_SKIP_SPECIAL,
    OPT_STREAM,
    /* everywhere */
    OPT_QUICK,
    OPT_JSON,
    OPT_QUIET,
    OPT_HELP,
    OPT_COUNT
};

enum option_kind {
    KIND_FLAG,   /* --name, --no-name */
    KIND_STRING, /* any text */
    KIND_LIST,   /* repeatable text */
    KIND_CHOICE, /* one of `choices`, separated by '|' */
    KIND_INT,
    KIND_NUMBER,
    KIND_SIZE, /* 8192, 8k, 8K, 4G, 5GB */
};

enum option_group { GROUP_INPUT, GROUP_SAMPLING, GROUP_ENGINE, GROUP_OUTPUT, GROUP_COUNT };

struct option_spec {
    enum option_id id;
    const char *name;    /* "max-model-len"; "_" is accepted for "-" */
    const char *aliases; /* other spellings, separated by spaces, dashes included: "-tp --tp" */
    enum option_kind kind;
    enum option_group group;
    const char *value;   /* how help names the argument: "N"; NULL for flags */
    const char *choices; /* KIND_CHOICE */
    double min, max;     /* KIND_INT, KIND_NUMBER, KIND_SIZE */
    const char *preset;  /* the default as help says it; NULL where there is none */
    const char *help;
    uint32_t commands; /* 1u << command_id */
};

struct command_spec {
    enum command_id id;
    const char *name;
    const char *synopsis; /* the arguments: "DIR [options]" */
    const char *summary;  /* one line */
    const char *details;  /* a paragraph or more */
    const char *examples; /* lines that begin with "octet" */
    int positional_min, positional_max;
    enum option_id positional_option; /* first positional is this option's value; OPT_COUNT: none */
};

extern const struct option_spec option_table[OPT_COUNT];
extern const struct command_spec command_table[CMD_COUNT];

const char *option_group_title(enum option_group group);

static inline bool option_applies(const struct option_spec *option, enum command_id command)
{
    return (option->commands >> command & 1u) != 0;
}

#endif
