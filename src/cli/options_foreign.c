/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Flags of vLLM's (and vllm-ascend's) command lines that octet knows without doing what they say:
 * those that only tune the other engine are accepted with a log line, those whose effect would be
 * missed are refused with the reason. The order is that of --help=all.
 */
#define OPTION_BASE OPT_FOREIGN_FIRST
#include "cli/option_macros.h"

#define SERVE BIT(SERVE)
#define LOCAL (GENERATE | BIT(LOGITS))

#define KNOWN(kind_, class_, group_, name_, aliases_, value_, harmless_, commands_, reason_)       \
    {                                                                                              \
        .name = name_, .aliases = aliases_, .kind = KIND_##kind_, .class = OPTION_##class_,        \
        .group = GROUP_##group_, .value = value_, .harmless = harmless_, .help = reason_,          \
        .reason = reason_, .commands = commands_                                                   \
    }
#define ACCEPT_FLAG(name_, commands_, reason_)                                                     \
    KNOWN(FLAG, ACCEPT, ACCEPTED, name_, "", NULL, NULL, commands_, reason_)
#define ACCEPT(name_, aliases_, commands_, reason_)                                                \
    KNOWN(STRING, ACCEPT, ACCEPTED, name_, aliases_, "VALUE", NULL, commands_, reason_)
#define ACCEPT_MANY(name_, commands_, reason_)                                                     \
    KNOWN(MANY, ACCEPT, ACCEPTED, name_, "", "VALUE", NULL, commands_, reason_)
#define ACCEPT_JSON(name_, aliases_, commands_, reason_)                                           \
    KNOWN(JSON, ACCEPT, ACCEPTED, name_, aliases_, "JSON", NULL, commands_, reason_)
#define REFUSE_FLAG(name_, commands_, reason_)                                                     \
    KNOWN(FLAG, REFUSE, REFUSED, name_, "", NULL, NULL, commands_, reason_)
#define REFUSE(name_, aliases_, harmless_, commands_, reason_)                                     \
    KNOWN(STRING, REFUSE, REFUSED, name_, aliases_, "VALUE", harmless_, commands_, reason_)
#define REFUSE_MANY(name_, commands_, reason_)                                                     \
    KNOWN(MANY, REFUSE, REFUSED, name_, "", "VALUE", NULL, commands_, reason_)
#define REFUSE_JSON(name_, aliases_, commands_, reason_)                                           \
    KNOWN(JSON, REFUSE, REFUSED, name_, aliases_, "JSON", NULL, commands_, reason_)

#define NO_PYTHON "octet runs no Python"
#define NO_GRAPHS "a CPU captures no graphs"
#define NO_IMAGES "octet takes text only"
#define NO_LORA                                                                                    \
    "this version of octet loads no LoRA adapters; merge the adapter into the checkpoint and "     \
    "serve that"
#define NO_SPECULATION "this version of octet does not decode speculatively; leave the flag out"
#define ONE_PROCESS "octet serves from one process; start more of them behind a load balancer"
#define NO_DATA_PARALLEL                                                                           \
    "octet runs one replica a process; start more of them behind a load balancer"
#define NO_POOLING "octet generates text; it has no pooling models"
#define OLD_ENGINE "it tunes an engine that octet is not"

const struct option_spec options_foreign[OPT_FOREIGN_COUNT] = {
    /* The server. */
    ACCEPT_FLAG("enable-request-id-headers", SERVE, "every answer has X-Request-Id"),
    ACCEPT_FLAG("enable-prompt-tokens-details", SERVE, "usage always has prompt_tokens_details"),
    ACCEPT_FLAG("enable-reasoning", SERVE, "--reasoning-parser decides"),
    ACCEPT_FLAG("disable-log-requests", SERVE,
                "requests are logged only with "
                "--enable-log-requests"),
    ACCEPT_FLAG("disable-fastapi-docs", SERVE, "octet has no such pages; /openapi.json stays"),
    ACCEPT_FLAG("enable-offline-docs", SERVE, "octet has no such pages"),
    ACCEPT_FLAG("disable-frontend-multiprocessing", SERVE, "octet serves from one process"),
    ACCEPT("otlp-traces-endpoint", "", SERVE, "octet sends no traces"),
    ACCEPT("collect-detailed-traces", "", SERVE, "octet sends no traces"),
    ACCEPT("show-hidden-metrics-for-version", "", SERVE, "octet hides no metrics"),
    ACCEPT_FLAG("kv-cache-metrics", SERVE, "/metrics already shows the cache"),
    ACCEPT("kv-cache-metrics-sample", "", SERVE, "/metrics already shows the cache"),
    ACCEPT_FLAG("cudagraph-metrics", SERVE, NO_GRAPHS),
    ACCEPT_FLAG("enable-mfu-metrics", SERVE, "octet bench measures what the machine reaches"),
    ACCEPT_FLAG("enable-logging-iteration-details", SERVE, "octet has no such lines"),
    ACCEPT_FLAG("aggregate-engine-logging", SERVE, "there is one engine"),

    /* The engine. */
    ACCEPT_FLAG("disable-log-stats", LOCAL, "only serve logs statistics"),
    ACCEPT_MANY("served-model-name", LOCAL, "only a server shows names"),
    ACCEPT_FLAG("trust-remote-code", SERVE | LOCAL, NO_PYTHON),
    ACCEPT_FLAG("enforce-eager", SERVE | LOCAL, NO_GRAPHS),
    ACCEPT_JSON("compilation-config", "-O -cc", SERVE | LOCAL, NO_GRAPHS),
    ACCEPT("optimization-level", "", SERVE | LOCAL, NO_GRAPHS),
    ACCEPT_MANY("cuda-graph-sizes", SERVE | LOCAL, NO_GRAPHS),
    ACCEPT("max-seq-len-to-capture", "", SERVE | LOCAL, NO_GRAPHS),
    ACCEPT("attention-backend", "", SERVE | LOCAL, "octet has one attention for each processor"),
    ACCEPT_FLAG("async-scheduling", SERVE | LOCAL, "planning a step takes microseconds here"),
    ACCEPT_FLAG("disable-async-output-proc", SERVE | LOCAL, OLD_ENGINE),
    ACCEPT("num-scheduler-steps", "", SERVE | LOCAL, OLD_ENGINE),
    ACCEPT("scheduler-delay-factor", "", SERVE | LOCAL, OLD_ENGINE),
    ACCEPT("preemption-mode", "", SERVE | LOCAL, "octet always recomputes"),
    ACCEPT_FLAG("use-v2-block-manager", SERVE | LOCAL, OLD_ENGINE),
    ACCEPT_FLAG("disable-hybrid-kv-cache-manager", SERVE | LOCAL, OLD_ENGINE),
    ACCEPT_FLAG("disable-cascade-attn", SERVE | LOCAL, OLD_ENGINE),
    ACCEPT_FLAG("disable-custom-all-reduce", SERVE | LOCAL, "there is one rank"),
    ACCEPT_FLAG("enable-expert-parallel", SERVE | LOCAL, "there is one rank"),
    ACCEPT_FLAG("enable-eplb", SERVE | LOCAL, "there is one rank"),
    ACCEPT("all2all-backend", "", SERVE | LOCAL, "there is one rank"),
    ACCEPT("distributed-executor-backend", "", SERVE | LOCAL, "there is one rank"),
    ACCEPT("max-parallel-loading-workers", "", SERVE | LOCAL, "all threads load"),
    ACCEPT("prefix-caching-hash-algo", "", SERVE | LOCAL, "octet has one hash"),
    ACCEPT("structured-outputs-config", "", SERVE, "octet has one implementation of them"),
    ACCEPT("guided-decoding-backend", "", SERVE, "octet has one implementation"),
    ACCEPT("cpu-offload-gb", "", SERVE | LOCAL, "weights are in the CPU's memory already"),
    ACCEPT("swap-space", "", SERVE | LOCAL, "octet recomputes instead of swapping"),
    ACCEPT("kv-offloading-size", "", SERVE | LOCAL, "the cache is in the CPU's memory already"),
    ACCEPT_FLAG("kv-sharing-fast-prefill", SERVE | LOCAL, OLD_ENGINE),
    ACCEPT_FLAG("calculate-kv-scales", SERVE | LOCAL, "keys and values are stored unscaled"),
    ACCEPT_JSON("additional-config", "", SERVE | LOCAL,
                "none of its keys matters on a CPU; threads "
                "are placed by --threads and --numa"),
    ACCEPT("tokenizer-mode", "", SERVE | LOCAL, "octet has one tokenizer"),
    ACCEPT("tokenizer-revision", "", SERVE | LOCAL, "a directory has no revisions"),
    ACCEPT("code-revision", "", SERVE | LOCAL, NO_PYTHON),
    ACCEPT("revision", "", LOCAL, "a directory has no revisions"),
    ACCEPT("config-format", "", SERVE | LOCAL, "octet reads config.json"),
    ACCEPT("model-impl", "", SERVE | LOCAL, "octet has one implementation of each model"),
    ACCEPT("hf-token", "", SERVE | LOCAL, "octet downloads nothing"),
    ACCEPT("download-dir", "", SERVE | LOCAL, "octet downloads nothing"),
    ACCEPT_MANY("ignore-patterns", SERVE | LOCAL, "the index says which files are read"),
    ACCEPT_JSON("model-loader-extra-config", "", SERVE | LOCAL, "octet has one loader"),
    ACCEPT_FLAG("use-tqdm-on-load", SERVE | LOCAL, "--quiet decides"),
    ACCEPT("safetensors-load-strategy", "", SERVE | LOCAL, "octet has one loader"),
    ACCEPT_JSON("limit-mm-per-prompt", "", SERVE | LOCAL, NO_IMAGES),
    ACCEPT_JSON("media-io-kwargs", "", SERVE | LOCAL, NO_IMAGES),
    ACCEPT_JSON("mm-processor-kwargs", "", SERVE | LOCAL, NO_IMAGES),
    ACCEPT("mm-processor-cache-gb", "", SERVE | LOCAL, NO_IMAGES),
    ACCEPT_FLAG("skip-mm-profiling", SERVE | LOCAL, NO_IMAGES),
    ACCEPT("allowed-local-media-path", "", SERVE | LOCAL, NO_IMAGES),
    ACCEPT_JSON("profiler-config", "", SERVE | LOCAL, "octet bench kernels measures"),
    ACCEPT("api-server-backlog", "", SERVE, OLD_ENGINE),

    /* Refused. */
    REFUSE_MANY("middleware", SERVE, NO_PYTHON "; put a reverse proxy in front of it"),
    REFUSE("log-config-file", "", NULL, SERVE,
           "it configures Python's logging; set VLLM_LOGGING_LEVEL and VLLM_LOGGING_PREFIX"),
    REFUSE("api-server-count", "-asc", "1", SERVE, ONE_PROCESS),
    REFUSE_FLAG("headless", SERVE, ONE_PROCESS),
    REFUSE("data-parallel-size", "-dp --dp", "1", SERVE | LOCAL, NO_DATA_PARALLEL),
    REFUSE("data-parallel-size-local", "-dpl", "1", SERVE, NO_DATA_PARALLEL),
    REFUSE("data-parallel-rank", "-dpn", "0", SERVE, NO_DATA_PARALLEL),
    REFUSE("data-parallel-start-rank", "-dpr", "0", SERVE, NO_DATA_PARALLEL),
    REFUSE("data-parallel-address", "-dpa", NULL, SERVE, NO_DATA_PARALLEL),
    REFUSE("data-parallel-rpc-port", "-dpp", NULL, SERVE, NO_DATA_PARALLEL),
    REFUSE("data-parallel-backend", "-dpb", NULL, SERVE, NO_DATA_PARALLEL),
    REFUSE_FLAG("data-parallel-hybrid-lb", SERVE, NO_DATA_PARALLEL),
    REFUSE_FLAG("data-parallel-external-lb", SERVE, NO_DATA_PARALLEL),
    REFUSE("pipeline-parallel-size", "-pp --pp", "1", SERVE | LOCAL,
           "octet does not split a model by layers; leave the flag out or give 1"),
    REFUSE("nnodes", "-n", "1", SERVE, ONE_PROCESS),
    REFUSE_FLAG("enable-ssl-refresh", SERVE,
                "certificates are read at the start; restart octet after renewing them"),
    REFUSE_FLAG("trust-request-chat-template", SERVE,
                "octet never renders a template that a request brings; give one by "
                "--chat-template"),
    REFUSE("tool-server", "", NULL, SERVE, "octet calls no tools itself; clients do"),
    REFUSE("tool-parser-plugin", "", NULL, SERVE,
           NO_PYTHON "; --tool-call-parser has hermes and qwen3_coder"),
    REFUSE("reasoning-parser-plugin", "", NULL, SERVE,
           NO_PYTHON "; --reasoning-parser has qwen3 and deepseek_r1"),
    REFUSE("io-processor-plugin", "", NULL, SERVE, NO_PYTHON),
    REFUSE_MANY("logits-processors", SERVE | LOCAL, NO_PYTHON "; requests may set logit_bias"),
    REFUSE("logits-processor-pattern", "", NULL, SERVE, NO_PYTHON),
    REFUSE("worker-cls", "", "auto", SERVE | LOCAL, NO_PYTHON),
    REFUSE("worker-extension-cls", "", "", SERVE | LOCAL, NO_PYTHON),
    REFUSE("scheduler-cls", "", NULL, SERVE | LOCAL, NO_PYTHON),
    REFUSE_FLAG("skip-tokenizer-init", SERVE,
                "the OpenAI API speaks in text; octet logits takes ids without a tokenizer"),
    REFUSE_MANY("lora-modules", SERVE, NO_LORA),
    REFUSE_FLAG("enable-lora", SERVE | LOCAL, NO_LORA),
    REFUSE("max-loras", "", NULL, SERVE | LOCAL, NO_LORA),
    REFUSE("max-lora-rank", "", NULL, SERVE | LOCAL, NO_LORA),
    REFUSE("max-cpu-loras", "", NULL, SERVE | LOCAL, NO_LORA),
    REFUSE("lora-dtype", "", NULL, SERVE | LOCAL, NO_LORA),
    REFUSE("lora-extra-vocab-size", "", NULL, SERVE | LOCAL, NO_LORA),
    REFUSE_FLAG("fully-sharded-loras", SERVE | LOCAL, NO_LORA),
    REFUSE_JSON("speculative-config", "-sc", SERVE | LOCAL, NO_SPECULATION),
    REFUSE("speculative-model", "", NULL, SERVE | LOCAL, NO_SPECULATION),
    REFUSE("num-speculative-tokens", "", NULL, SERVE | LOCAL, NO_SPECULATION),
    REFUSE_JSON("kv-transfer-config", "", SERVE | LOCAL,
                "octet does not move its KV cache to other processes"),
    REFUSE_JSON("kv-events-config", "", SERVE | LOCAL, "octet publishes no cache events"),
    REFUSE("weight-cache", "", "off", SERVE | LOCAL,
           "this version keeps no image of the weights; they load from the checkpoint"),
    REFUSE("num-gpu-blocks-override", "", NULL, SERVE | LOCAL,
           "give the size of the cache by --kv-cache-memory-bytes"),
    REFUSE("rope-scaling", "", NULL, SERVE | LOCAL,
           "give it as --hf-overrides '{\"rope_scaling\":{...}}'"),
    REFUSE("rope-theta", "", NULL, SERVE | LOCAL, "give it as --hf-overrides '{\"rope_theta\":N}'"),
    REFUSE("hf-config-path", "", NULL, SERVE | LOCAL,
           "config.json lies beside the weights; change fields of it by --hf-overrides"),
    REFUSE_FLAG("disable-sliding-window", SERVE | LOCAL,
                "the checkpoint says what its attention sees; limit it by --max-model-len"),
    REFUSE("runner", "", "generate|auto", SERVE | LOCAL, NO_POOLING),
    REFUSE("task", "", "generate|auto", SERVE | LOCAL, NO_POOLING),
    REFUSE("convert", "", "none|auto", SERVE | LOCAL, NO_POOLING),
    REFUSE_JSON("pooler-config", "", SERVE | LOCAL, NO_POOLING),
    REFUSE_FLAG("enable-sleep-mode", SERVE, "stop the server instead"),
    REFUSE_FLAG("enable-prompt-embeds", SERVE, "octet takes text and token ids"),
};
