/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/options.h"

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
    COMMAND(CHAT, "chat", OPT_MODEL, 0, 1, "DIR [options] | --url URL",
            "Talk with a model in the terminal, or with a server",
            "DIR: Ctrl-C stops the answer, Ctrl-D leaves. /reset forgets the conversation, /help "
            "lists the commands. Without DIR: talk with an OpenAI-compatible server; Ctrl-C and "
            "Ctrl-D leave. Thinking is dimmed.",
            "octet chat models/demo\n"
            "octet chat --url http://localhost:8000/v1 -q \"What is the capital of France?\"\n"),
    COMMAND(SERVE, "serve", OPT_MODEL, 0, 1, "DIR [options]", "Serve a model behind the OpenAI API",
            "Flags, environment variables and log lines are vLLM's. The port is bound first; the "
            "model loads while requests get 503, and 'Application startup complete.' says that it "
            "serves. SIGTERM lets running requests finish, a second one ends at once; SIGHUP reads "
            "the key file again. Exit code 0 after a clean stop, 1 when the model cannot be "
            "loaded, the port is taken or the engine died, 2 for bad usage.",
            "octet serve models/demo --port 8000\n"
            "octet serve models/demo --host 127.0.0.1 --max-model-len 4K --max-num-seqs 8\n"
            "octet serve --config serve.yaml --api-key-file keys.txt\n"),
    COMMAND(COMPLETE, "complete", OPT_COUNT, 0, 0, "[--url URL] [options]",
            "Continue text by a server",
            "Each line goes to /v1/completions as it is. Ctrl-C and Ctrl-D leave.",
            "octet complete --url http://localhost:8000/v1 -q \"Once upon a time\"\n"),
    COMMAND(PULL, "pull", OPT_COUNT, 1, 1, "ORG/NAME[@REVISION] [options]",
            "Fetch a model from Hugging Face or ModelScope",
            "Files go to the cache that huggingface_hub uses ($HF_HOME/hub; ModelScope: "
            "$MODELSCOPE_CACHE), each checked against its hash, and the folder is printed; "
            "afterwards the id serves in place of DIR in every command. What octet does not read "
            "(other formats, subfolders) is left out unless --include names it. A stopped, killed "
            "or cut run goes on with the same command. HF_ENDPOINT, or --endpoint, names a mirror; "
            "HF_TOKEN, or the token of 'hf auth login', opens private and gated models and goes to "
            "no other host; with HF_HUB_OFFLINE=1 only the cache is looked at.",
            "octet pull Qwen/Qwen3-0.6B-FP8\n"
            "octet pull Qwen/Qwen3-0.6B-FP8@main --dry-run\n"
            "octet pull Qwen/Qwen3-0.6B-FP8 --hub modelscope\n"
            "octet serve Qwen/Qwen3-0.6B-FP8\n"),
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
    static const char *const titles[GROUP_COUNT] = {
        [GROUP_INPUT] = "Input",
        [GROUP_SERVER] = "Server",
        [GROUP_PROTOCOL] = "Protocol",
        [GROUP_SAMPLING] = "Sampling",
        [GROUP_ENGINE] = "Engine",
        [GROUP_OUTPUT] = "Output",
        [GROUP_ACCEPTED] = "Accepted without effect",
        [GROUP_REFUSED] = "Known and refused",
    };
    return titles[group];
}

const struct option_spec *option_at(int id)
{
    if (id < OPT_SERVE_FIRST)
        return &options_common[id];
    if (id < OPT_FOREIGN_FIRST)
        return &options_serve[id - OPT_SERVE_FIRST];
    return &options_foreign[id - OPT_FOREIGN_FIRST];
}

int option_id_of(const struct option_spec *option)
{
    if (option >= options_foreign && option < options_foreign + OPT_FOREIGN_COUNT)
        return OPT_FOREIGN_FIRST + (int)(option - options_foreign);
    return option->id;
}
