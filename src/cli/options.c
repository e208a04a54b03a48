/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/options.h"

#define BIT(command) (1u << CMD_##command)
#define ALL ((1u << CMD_COUNT) - 1)
#define GENERATE (BIT(INFER) | BIT(CHAT))
#define ENGINE (GENERATE | BIT(LOGITS))
#define PLAN (ENGINE | BIT(INSPECT))
#define TEXT (BIT(TOKENIZE) | BIT(DETOKENIZE) | BIT(RENDER))
#define MODEL (ENGINE | TEXT | BIT(CONVERT) | BIT(INSPECT) | BIT(VERIFY))

#define FLAG(id_, name_, aliases_, group_, preset_, commands_, help_)                              \
    [OPT_##id_] = {.id = OPT_##id_,                                                                \
                   .name = name_,                                                                  \
                   .aliases = aliases_,                                                            \
                   .kind = KIND_FLAG,                                                              \
                   .group = GROUP_##group_,                                                        \
                   .preset = preset_,                                                              \
                   .help = help_,                                                                  \
                   .commands = commands_}
#define TEXTUAL(kind_, id_, name_, aliases_, group_, value_, preset_, commands_, help_)            \
    [OPT_##id_] = {.id = OPT_##id_,                                                                \
                   .name = name_,                                                                  \
                   .aliases = aliases_,                                                            \
                   .kind = KIND_##kind_,                                                           \
                   .group = GROUP_##group_,                                                        \
                   .value = value_,                                                                \
                   .preset = preset_,                                                              \
                   .help = help_,                                                                  \
                   .commands = commands_}
#define CHOICE(id_, name_, aliases_, group_, choices_, preset_, commands_, help_)                  \
    [OPT_##id_] = {.id = OPT_##id_,                                                                \
                   .name = name_,                                                                  \
                   .aliases = aliases_,                                                            \
                   .kind = KIND_CHOICE,                                                            \
                   .group = GROUP_##group_,                                                        \
                   .value = choices_,                                                              \
                   .choices = choices_,                                                            \
                   .preset = preset_,                                                              \
                   .help = help_,                                                                  \
                   .commands = commands_}
#define NUMERIC(kind_, id_, name_, aliases_, group_, value_, min_, max_, preset_, commands_,       \
                help_)                                                                             \
    [OPT_##id_] = {.id = OPT_##id_,                                                                \
                   .name = name_,                                                                  \
                   .aliases = aliases_,                                                            \
                   .kind = KIND_##kind_,                                                           \
                   .group = GROUP_##group_,                                                        \
                   .value = value_,                                                                \
                   .min = min_,                                                                    \
                   .max = max_,                                                                    \
                   .preset = preset_,                                                              \
                   .help = help_,                                                                  \
                   .commands = commands_}

const struct option_spec option_table[OPT_COUNT] = {
    TEXTUAL(STRING, MODEL, "model", "--model-path", INPUT, "DIR", NULL, MODEL,
            "Checkpoint directory (the same as the first argument)."),
    TEXTUAL(STRING, TOKENIZER, "tokenizer", "", INPUT, "DIR", "the checkpoint's", ENGINE,
            "Take tokenizer.json and the chat template from another directory."),
    TEXTUAL(STRING, PROMPT, "prompt", "-p", INPUT, "TEXT", NULL, BIT(INFER),
            "The text to continue; with --chat, the user's message."),
    TEXTUAL(STRING, PROMPTS, "prompts", "", INPUT, "FILE.jsonl", NULL, BIT(INFER),
            "Many prompts, a JSON object a line: {\"prompt\": ...}, {\"messages\": [...]} or an "
            "OpenAI batch line; a line may set its own max_tokens, temperature, top_p, top_k, "
            "min_p, seed and stop."),
    TEXTUAL(STRING, OUTPUT, "output", "-o", OUTPUT, "FILE.jsonl", "standard output", BIT(INFER),
            "Where the answers go, a JSON object a line in input order; a bad line gets "
            "{\"error\": ...} and the exit code becomes 1. Ctrl-C keeps the answers so far; a "
            "device or link is written where it leads, - is standard output."),
    FLAG(CHAT, "chat", "", INPUT, "off", BIT(INFER),
         "Apply the chat template: the prompt becomes a user message."),
    TEXTUAL(STRING, SYSTEM_PROMPT, "system-prompt", "", INPUT, "TEXT", NULL, GENERATE,
            "A system message before the conversation."),
    FLAG(ENABLE_THINKING, "enable-thinking", "", INPUT, "the template's", GENERATE | BIT(RENDER),
         "Pass enable_thinking to the chat template (Qwen3)."),
    TEXTUAL(STRING, CHAT_TEMPLATE, "chat-template", "", INPUT, "FILE", "the checkpoint's",
            GENERATE | BIT(RENDER), "Use the chat template in this file."),
    TEXTUAL(STRING, IDS, "ids", "", INPUT, "1,2,3|@FILE", NULL, BIT(LOGITS),
            "Token ids: separated by commas, or a file with a JSON array or such a list."),
    TEXTUAL(STRING, OUT, "out", "", OUTPUT, "FILE", NULL, BIT(LOGITS),
            "Where to write little-endian float32 logits, a row of vocab_size for each position."),

    NUMERIC(INT, MAX_TOKENS, "max-tokens", "-n", SAMPLING, "N", 1, 1e9, "256", GENERATE,
            "Most tokens to generate for a prompt."),
    NUMERIC(INT, MIN_TOKENS, "min-tokens", "", SAMPLING, "N", 0, 1e9, "0", GENERATE,
            "No stop token before this many tokens."),
    NUMERIC(NUMBER, TEMPERATURE, "temperature", "", SAMPLING, "T", 0, 1e3,
            "0 for infer; generation_config.json or 1 for chat", GENERATE,
            "0 is greedy: always the most likely token, ties to the lowest id."),
    NUMERIC(NUMBER, TOP_P, "top-p", "", SAMPLING, "P", 1e-6, 1, "1", GENERATE,
            "Sample from the smallest set of tokens that has this probability."),
    NUMERIC(INT, TOP_K, "top-k", "", SAMPLING, "K", -1, 1e9, "0 (all)", GENERATE,
            "Sample from the K most likely tokens."),
    NUMERIC(NUMBER, MIN_P, "min-p", "", SAMPLING, "P", 0, 1, "0", GENERATE,
            "Drop tokens less likely than P times the most likely one."),
    NUMERIC(NUMBER, REPETITION_PENALTY, "repetition-penalty", "", SAMPLING, "R", 0.01, 100, "1",
            GENERATE, "Divide positive logits of tokens seen before by R, multiply negative ones."),
    NUMERIC(NUMBER, PRESENCE_PENALTY, "presence-penalty", "", SAMPLING, "X", -2, 2, "0", GENERATE,
            "Subtract X from the logit of each token already generated."),
    NUMERIC(NUMBER, FREQUENCY_PENALTY, "frequency-penalty", "", SAMPLING, "X", -2, 2, "0", GENERATE,
            "Subtract X times its count from the logit of each token already generated."),
    NUMERIC(INT, SEED, "seed", "", SAMPLING, "N", 0, 9.0e15, "0", GENERATE,
            "The same seed gives the same text, whatever else runs."),
    TEXTUAL(LIST, STOP, "stop", "", SAMPLING, "TEXT", NULL, GENERATE,
            "Stop before this text; may be given several times."),
    FLAG(IGNORE_EOS, "ignore-eos", "", SAMPLING, "off", GENERATE,
         "Go on past the end-of-text token."),
    CHOICE(GENERATION_CONFIG, "generation-config", "", SAMPLING, "auto|vllm", "auto", GENERATE,
           "auto: sampling defaults from generation_config.json; vllm: ignore that file."),

    CHOICE(DTYPE, "dtype", "", ENGINE, "auto|bfloat16|float32", "auto", PLAN,
           "Arithmetic of activations: auto is bfloat16, float32 is the reference mode."),
    CHOICE(WEIGHT_DTYPE, "weight-dtype", "", ENGINE, "auto|fp8|bfloat16|float32", "auto", PLAN,
           "How weights stay in memory: auto keeps FP8 bytes and expands them in registers."),
    NUMERIC(SIZE, MAX_MODEL_LEN, "max-model-len", "", ENGINE, "N", -1, 1e9,
            "config.json's, or what fits", PLAN,
            "Longest sequence, prompt and answer together (8k = 8000, 8K = 8192)."),
    NUMERIC(INT, MAX_NUM_SEQS, "max-num-seqs", "", ENGINE, "N", 1, 65536, "16", PLAN,
            "Most sequences that run at once; the others wait."),
    NUMERIC(SIZE, MAX_NUM_BATCHED_TOKENS, "max-num-batched-tokens", "", ENGINE, "N", 1, 1e6, "2048",
            PLAN, "Most tokens in one step: longer prompts are prefilled in chunks."),
    NUMERIC(INT, BLOCK_SIZE, "block-size", "", ENGINE, "N", 16, 4096, "32", PLAN,
            "Positions in a block of the KV cache, a multiple of 16."),
    NUMERIC(SIZE, KV_CACHE_MEMORY_BYTES, "kv-cache-memory-bytes", "", ENGINE, "N", 0, 1e15,
            "what is left of memory", PLAN, "Size of the KV cache (accepts 4G)."),
    NUMERIC(NUMBER, GPU_MEMORY_UTILIZATION, "gpu-memory-utilization", "--memory-utilization",
            ENGINE, "F", 0.01, 1, "0.9", PLAN,
            "Fraction of the memory limit that weights, activations and KV cache may take."),
    NUMERIC(INT, THREADS, "threads", "-t", ENGINE, "N", 1, 1024, "all cores",
            ENGINE | BIT(CONVERT) | BIT(VERIFY) | BIT(BENCH),
            "Threads to compute with. The results do not depend on it."),
    TEXTUAL(STRING, CPU_MASK, "cpu-mask", "", ENGINE, "LEVEL", "everything present",
            ENGINE | BIT(BENCH) | BIT(COLLECT_ENV),
            "Use no instruction set above this one: scalar, avx2, avx512, avx512_bf16, amx, neon, "
            "neon_bf16 (also OCTET_CPU_MASK)."),
    TEXTUAL(STRING, HF_OVERRIDES, "hf-overrides", "", ENGINE, "JSON", NULL, PLAN,
            "Replace fields of config.json, for example "
            "'{\"rope_scaling\":{\"rope_type\":\"yarn\",\"factor\":4.0,"
            "\"original_max_position_embeddings\":32768}}'."),
    NUMERIC(INT, TENSOR_PARALLEL_SIZE, "tensor-parallel-size", "-tp --tp", ENGINE, "N", 1, 1024,
            "1", PLAN,
            "Number of ranks the model is split over; more than 1 is planned only by "
            "inspect so far."),
    TEXTUAL(STRING, QUANTIZATION, "quantization", "-q", ENGINE, "NAME", "the checkpoint's", ENGINE,
            "fp8 is accepted for FP8 checkpoints; other names are refused."),
    CHOICE(DEVICE, "device", "", ENGINE, "auto|cpu", "auto", ENGINE, "Where to run."),
    CHOICE(LOAD_FORMAT, "load-format", "", ENGINE, "auto|safetensors", "auto", ENGINE,
           "How the weights are stored."),
    FLAG(ENFORCE_EAGER, "enforce-eager", "", ENGINE, "off", ENGINE,
         "Accepted for vLLM's command lines: a CPU captures no graphs, so it has no effect."),
    FLAG(TRUST_REMOTE_CODE, "trust-remote-code", "", ENGINE, "off", ENGINE,
         "Accepted for vLLM's command lines: no Python runs here, so it has no effect."),
    FLAG(ENABLE_CHUNKED_PREFILL, "enable-chunked-prefill", "", ENGINE, "on", ENGINE,
         "Accepted for vLLM's command lines: prefill is always chunked here."),

    TEXTUAL(STRING, OUTPUT_DIR, "output-dir", "", OUTPUT, "OUT", NULL, BIT(CONVERT),
            "Directory to write (the same as the second argument)."),
    NUMERIC(SIZE, MAX_SHARD_SIZE, "max-shard-size", "", OUTPUT, "SIZE", 1, 1e15, "5GB",
            BIT(CONVERT), "Largest file of weights; a larger tensor gets a file of its own."),
    FLAG(DRY_RUN, "dry-run", "", OUTPUT, "off", BIT(CONVERT),
         "Check everything and say what would be written; write nothing."),
    FLAG(OVERWRITE, "overwrite", "", OUTPUT, "off", BIT(CONVERT),
         "Replace a conversion that is already in OUT."),
    FLAG(VERIFY, "verify", "", OUTPUT, "on", BIT(CONVERT),
         "Read back what was written and compare every element."),
    TEXTUAL(STRING, CONVERTED, "converted", "", INPUT, "OUT", NULL, BIT(VERIFY),
            "A BF16 checkpoint made from DIR: compare every element with the exact product rounded "
            "once."),
    FLAG(TENSORS, "tensors", "", OUTPUT, "off", BIT(INSPECT), "List every tensor."),

    FLAG(JSONL, "jsonl", "", INPUT, "off", TEXT, "Read and write a JSON object a line."),
    FLAG(PARSE_SPECIAL, "parse-special", "", INPUT, "on", BIT(TOKENIZE),
         "Recognise added tokens such as <|im_end|> in the text."),
    FLAG(SPLIT_SPECIAL, "split-special", "", INPUT, "off", BIT(TOKENIZE),
         "Treat special tokens as plain text, other added tokens as tokens."),
    FLAG(ADD_SPECIAL_TOKENS, "add-special-tokens", "", INPUT, "on", BIT(TOKENIZE),
         "Add what the tokenizer's own template adds (BOS where it has one)."),
    FLAG(SKIP_SPECIAL, "skip-special", "", OUTPUT, "off", BIT(DETOKENIZE),
         "Leave special tokens out of the text."),
    FLAG(STREAM, "stream", "", OUTPUT, "off", BIT(DETOKENIZE),
         "With --jsonl: also what a stream may show after each token."),

    FLAG(QUICK, "quick", "", OUTPUT, "off", BIT(BENCH),
         "Fewer repetitions and smaller shapes: a look, not a measurement."),
    FLAG(JSON, "json", "", OUTPUT, "off",
         BIT(INSPECT) | BIT(VERIFY) | BIT(CONVERT) | BIT(BENCH) | BIT(COLLECT_ENV) | BIT(INFER),
         "Print the result as JSON."),
    FLAG(QUIET, "quiet", "", OUTPUT, "off", ENGINE | BIT(CONVERT) | BIT(VERIFY) | BIT(BENCH),
         "No progress and no summary on standard error; errors stay."),
    FLAG(HELP, "help", "-h", OUTPUT, NULL, ALL, "Show this help."),
};

#define COMMAND(id_, name_, positional_, min_, max_, synopsis_, summary_, details_, examples_)     \
    [CMD_##id_] = {.id = CMD_##id_,                                                                \
                   .name = name_,                                                                  \
                   .synopsis = synopsis_,                                                          \
                   .summary = summary_,                                                            \
                   .details = details_,                                                            \
                   .examples = examples_,                                                          \
                   .positional_min = min_,                                                         \
                   .positional_max = max_,                                                         \
                   .positional_option = positional_}

const struct command_spec command_table[CMD_COUNT] = {
    COMMAND(INFER, "infer", OPT_MODEL, 0, 1, "DIR --prompt TEXT [options]",
            "Generate text from one prompt or a file of prompts",
            "Text goes to standard output as it is generated; loading progress and the summary "
            "(tokens, tokens/s, time to the first token) go to standard error.",
            "octet infer models/demo --prompt \"What is the capital of France?\" --chat\n"
            "octet infer models/demo --prompts prompts.jsonl --output answers.jsonl\n"),
    COMMAND(CHAT, "chat", OPT_MODEL, 0, 1, "DIR [options]", "Talk with a model in the terminal",
            "Ctrl-C stops the answer, Ctrl-D leaves. /reset forgets the conversation, /help lists "
            "the commands. Thinking is dimmed.",
            "octet chat models/demo\n"),
    COMMAND(CONVERT, "convert", OPT_MODEL, 0, 2, "DIR OUT [options]",
            "Write an FP8 checkpoint as BF16, for any engine",
            "Every element is the exact product of code and scale, rounded once. Memory stays "
            "under 256 MiB whatever the model's size. A killed run resumes with the same command.",
            "octet convert models/demo /tmp/demo-bf16\n"
            "octet convert models/demo /tmp/demo-bf16 --dry-run\n"),
    COMMAND(INSPECT, "inspect", OPT_MODEL, 0, 1, "DIR [options]",
            "Say what a checkpoint is and what memory it needs, without loading it",
            "Works on any FP8 checkpoint, also one that octet cannot run.",
            "octet inspect models/demo\n"
            "octet inspect models/demo --json --max-model-len 512 --max-num-seqs 4\n"),
    COMMAND(VERIFY, "verify", OPT_MODEL, 0, 1, "DIR [--converted OUT] [options]",
            "Check every code and scale, and every element of a conversion",
            "Exit code 3 when an element is not the exact product rounded once.",
            "octet verify models/demo\n"
            "octet verify models/demo --converted /tmp/demo-bf16\n"),
    COMMAND(TOKENIZE, "tokenize", OPT_MODEL, 0, 1, "DIR [options]",
            "Text on standard input to token ids",
            "With --jsonl each line is {\"text\": ...} or {\"b64\": ...} and answers {\"ids\": "
            "[...]}.",
            "echo -n \"Once upon a time\" | octet tokenize models/demo\n"),
    COMMAND(DETOKENIZE, "detokenize", OPT_MODEL, 0, 1, "DIR [options]",
            "Token ids on standard input to text",
            "With --jsonl each line is {\"ids\": [...]} and answers {\"text\": ...}.",
            "echo 1,2,3 | octet detokenize models/demo\n"),
    COMMAND(RENDER, "render", OPT_MODEL, 0, 1, "DIR --jsonl [options]",
            "Conversations on standard input to prompt text and ids",
            "Each line is {\"messages\": ..., \"tools\": ..., \"add_generation_prompt\": ..., "
            "\"enable_thinking\": ...} and answers {\"rendered\": ..., \"ids\": [...]} or "
            "{\"error\": ...}.",
            "echo '{\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}],"
            "\"add_generation_prompt\":true}' | octet render models/demo --jsonl\n"),
    COMMAND(LOGITS, "logits", OPT_MODEL, 0, 1, "DIR --ids LIST --out FILE [options]",
            "Logits of a token sequence, for comparing engines",
            "Little-endian float32, a row of vocab_size values for each position. Works without "
            "tokenizer files.",
            "octet logits models/demo --ids 1,2,3 --out /tmp/logits.f32 --dtype float32\n"),
    COMMAND(BENCH, "bench", OPT_COUNT, 1, 1, "kernels [options]",
            "Measure kernels beside the machine's own limits",
            "kernels: the two probes (read bandwidth, dot peak), then matrix products of decode "
            "and prefill as a fraction of them.",
            "octet bench kernels --quick\n"),
    COMMAND(COLLECT_ENV, "collect-env", OPT_COUNT, 0, 0, "[options]",
            "Describe this machine and build, for bug reports", NULL, "octet collect-env\n"),
    COMMAND(COMPLETION, "completion", OPT_COUNT, 1, 1, "bash|zsh|man",
            "Print shell completions or the manual page", NULL,
            "octet completion bash > /etc/bash_completion.d/octet\n"),
};

const char *option_group_title(enum option_group group)
{
    static const char *const titles[GROUP_COUNT] = {"Input", "Sampling", "Engine", "Output"};
    return titles[group];
}
