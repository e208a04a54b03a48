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
    CMD_SERVE,
    CMD_COMPLETE,
    CMD_PULL,
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

/* Where an alias stands at two options of a command, the earlier one has it. */
enum option_id {
    /* clients of a server */
    OPT_URL,
    OPT_MODEL_NAME,
    OPT_CLIENT_KEY,
    OPT_QUICK_TEXT,
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
    OPT_ENABLE_CHUNKED_PREFILL,
    /* convert, verify, inspect */
    OPT_OUTPUT_DIR,
    OPT_MAX_SHARD_SIZE,
    OPT_DRY_RUN,
    OPT_OVERWRITE,
    OPT_VERIFY,
    OPT_CONVERTED,
    OPT_TENSORS,
    /* pull */
    OPT_HUB,
    OPT_ENDPOINT,
    OPT_INCLUDE,
    OPT_EXCLUDE,
    OPT_CONNECTIONS,
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
    OPT_VERSION,
    OPT_HELP,

    /* serve: the server (options_serve.c) */
    OPT_SERVE_FIRST,
    OPT_HOST = OPT_SERVE_FIRST,
    OPT_PORT,
    OPT_UDS,
    OPT_API_KEY,
    OPT_API_KEY_FILE,
    OPT_PROTECT_METRICS,
    OPT_SSL_KEYFILE,
    OPT_SSL_CERTFILE,
    OPT_SSL_CA_CERTS,
    OPT_SSL_CERT_REQS,
    OPT_SSL_CIPHERS,
    OPT_ROOT_PATH,
    OPT_ALLOW_CREDENTIALS,
    OPT_ALLOWED_ORIGINS,
    OPT_ALLOWED_METHODS,
    OPT_ALLOWED_HEADERS,
    OPT_MAX_REQUEST_BYTES,
    OPT_MAX_HEADER_BYTES,
    OPT_MAX_HEADER_COUNT,
    OPT_MAX_CONNECTIONS,
    OPT_REQUEST_TIMEOUT,
    OPT_SLOW_CLIENT_TIMEOUT,
    OPT_SSE_KEEP_ALIVE,
    OPT_HANG_TIMEOUT,
    OPT_SHUTDOWN_TIMEOUT,
    OPT_LOG_LEVEL,
    OPT_NO_ACCESS_LOG,
    OPT_ACCESS_LOG_EXCEPT,
    OPT_LOG_REQUESTS,
    OPT_LOG_OUTPUTS,
    OPT_MAX_LOG_LEN,
    OPT_DISABLE_LOG_STATS,
    OPT_SERVER_LOAD,
    OPT_TOKENIZER_INFO,
    OPT_CONFIG,
    /* serve: the protocol */
    OPT_SERVED_MODEL_NAME,
    OPT_CONTENT_FORMAT,
    OPT_TEMPLATE_KWARGS,
    OPT_RESPONSE_ROLE,
    OPT_TOKENS_AS_IDS,
    OPT_AUTO_TOOL_CHOICE,
    OPT_TOOL_CALL_PARSER,
    OPT_EXCLUDE_TOOLS,
    OPT_REASONING_PARSER,
    OPT_REASONING_FIELD,
    OPT_REQUEST_METRICS,
    OPT_FORCE_USAGE,
    OPT_STRICT_REQUESTS,
    OPT_STREAM_INTERVAL,
    OPT_MAX_LOGPROBS,
    OPT_LOGPROBS_MODE,
    OPT_OVERRIDE_GENERATION_CONFIG,
    /* serve: the engine */
    OPT_ENABLE_PREFIX_CACHING,
    OPT_KV_CACHE_DTYPE,
    OPT_SCHEDULING_POLICY,
    OPT_MAX_NUM_QUEUED_REQS,
    OPT_MAX_NUM_QUEUED_TOKENS,
    OPT_MAX_PARTIAL_PREFILLS,
    OPT_MAX_LONG_PREFILLS,
    OPT_LONG_PREFILL_THRESHOLD,
    OPT_RESERVE_CORES,
    OPT_NUMA,
    OPT_REVISION,

    /* Flags of other engines that octet takes without effect or refuses (options_foreign.c);
     * nothing else needs their names. */
    OPT_FOREIGN_FIRST,
    OPT_FOREIGN_COUNT = 128,
    OPT_COUNT = OPT_FOREIGN_FIRST + OPT_FOREIGN_COUNT
};

enum option_kind {
    KIND_FLAG,   /* --name, --no-name */
    KIND_STRING, /* any text */
    KIND_LIST,   /* repeatable text */
    KIND_MANY,   /* the same, and several values after one flag: "--flag a b" */
    KIND_CHOICE, /* one of `choices`, separated by '|' */
    KIND_INT,
    KIND_NUMBER,
    KIND_SIZE, /* 8192, 8k, 8K, 4G, 5GB */
    KIND_JSON, /* an object; also piece by piece: "--name.key value" */
};

enum option_class {
    OPTION_KEEP,   /* does what it says */
    OPTION_ACCEPT, /* taken from vLLM's command lines; a log line says that it has no effect */
    OPTION_REFUSE, /* known, and an error with its reason unless it has its harmless value */
};

enum option_group {
    GROUP_INPUT,
    GROUP_SERVER,
    GROUP_PROTOCOL,
    GROUP_SAMPLING,
    GROUP_ENGINE,
    GROUP_OUTPUT,
    GROUP_ACCEPTED,
    GROUP_REFUSED,
    GROUP_COUNT
};

struct option_spec {
    enum option_id id;   /* not set in options_foreign: option_id_of() */
    const char *name;    /* "max-model-len"; "_" is accepted for "-" */
    const char *aliases; /* other spellings, separated by spaces, dashes included: "-tp --tp" */
    enum option_kind kind;
    enum option_class class;
    enum option_group group;
    const char *value;   /* how help names the argument: "N"; NULL for flags */
    const char *choices; /* KIND_CHOICE */
    double min, max;     /* KIND_INT, KIND_NUMBER, KIND_SIZE */
    const char *preset;  /* the default as help says it; NULL where there is none */
    const char *help;
    const char *reason; /* why an option has no effect or is refused, and what to do instead; of a
                           kept choice: why other values are refused */
    const char
        *harmless;     /* OPTION_REFUSE: values that are no error, separated by '|'; NULL: none */
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

/* Of this id, 0 to OPT_COUNT - 1. Never NULL; places that no option fills apply to no command. */
const struct option_spec *option_at(int id);
int option_id_of(const struct option_spec *option);
/* The parts that option_at() puts together. */
extern const struct option_spec options_common[OPT_SERVE_FIRST];
extern const struct option_spec options_serve[OPT_FOREIGN_FIRST - OPT_SERVE_FIRST];
extern const struct option_spec options_foreign[OPT_FOREIGN_COUNT];

extern const struct command_spec command_table[CMD_COUNT];

const char *option_group_title(enum option_group group);

static inline bool option_applies(const struct option_spec *option, enum command_id command)
{
    return (option->commands >> command & 1u) != 0;
}

#endif
