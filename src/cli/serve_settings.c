/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/serve_settings.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include "base/digest.h"
#include "base/file.h"
#include "base/log.h"
#include "base/parse.h"
#include "cli/common.h"
#include "hub/hub.h"

#define SETTINGS_BYTES_MAX ((size_t)4 << 20)
#define TEMPLATE_BYTES_MAX ((size_t)1 << 20)
#define QUEUE_FACTOR 8 /* requests that wait for each that may run */
#define KEEP_ALIVE_S 5
#define STATS_INTERVAL_S 10
#define SSE_KEEP_ALIVE_S 15
#define SHUTDOWN_TIMEOUT_S 30
#define N_MAX 16384
#define STOP_STRINGS_MAX 64
#define PROMPTS_MAX 1024

static const char *environment(const char *name)
{
    const char *value = getenv(name);
    return value && *value ? value : NULL;
}

static bool environment_flag(const char *name)
{
    const char *value = environment(name);
    return value && (strcmp(value, "1") == 0 || strcasecmp(value, "true") == 0);
}

static octet_status environment_number(const char *name, double min, double max, double *out,
                                       struct octet_error *err)
{
    const char *text = environment(name);
    double value;
    if (!text)
        return OCTET_OK;
    if (!parse_double(text, &value) || value < min || value > max)
        return error_set(err, OCTET_USAGE, "%s=%s: expected a number from %.15g to %.15g", name,
                         text, min, max);
    *out = value;
    return OCTET_OK;
}

static octet_status environment_count(const char *name, int32_t preset, int32_t *out,
                                      struct octet_error *err)
{
    double value = preset;
    RETURN_IF_ERROR(environment_number(name, 1, 1e9, &value, err));
    *out = (int32_t)value;
    return OCTET_OK;
}

/* ---- Lists: words, words with commas, or a JSON array ---- */

struct word_list {
    struct arena *arena;
    const char *items[ARGS_LIST_MAX];
    size_t count;
};

static octet_status add_word(struct word_list *list, const char *text, size_t size,
                             struct octet_error *err)
{
    if (size == 0)
        return OCTET_OK;
    if (list->count == ARGS_LIST_MAX)
        return error_set(err, OCTET_USAGE, "more than %d values in a list", ARGS_LIST_MAX);
    list->items[list->count] = arena_strndup(list->arena, text, size);
    return list->items[list->count++] ? OCTET_OK : error_memory(err, "list", size);
}

static octet_status add_json_words(struct word_list *list, const char *name, const char *text,
                                   struct octet_error *err)
{
    struct json *array = NULL;
    octet_status status = json_parse(text, strlen(text), SETTINGS_BYTES_MAX, name, &array, NULL);
    for (size_t i = 0; status == OCTET_OK && i < json_count(array); i++) {
        const char *word = json_string(json_at(array, i));
        status = word ? add_word(list, word, strlen(word), err) : OCTET_INPUT;
    }
    json_free(array);
    if (status == OCTET_INPUT)
        return error_set(err, OCTET_USAGE, "--%s: expected words or a JSON list of strings", name);
    return status;
}

/* separator: '\0' for none. */
static octet_status read_words(struct serve_settings *settings, enum option_id id, char separator,
                               const char *const **out, size_t *out_count, struct octet_error *err)
{
    size_t count;
    const char *const *values = args_list(settings->args, id, &count);
    struct word_list list = {.arena = &settings->arena};
    for (size_t i = 0; i < count; i++) {
        const char *text = values[i];
        if (text[0] == '[') {
            RETURN_IF_ERROR(add_json_words(&list, option_at((int)id)->name, text, err));
            continue;
        }
        while (*text) {
            const char *end = separator ? strchr(text, separator) : NULL;
            size_t size = end ? (size_t)(end - text) : strlen(text);
            RETURN_IF_ERROR(add_word(&list, text, size, err));
            text += size + (end != NULL);
        }
    }
    const char **copy = arena_calloc(&settings->arena, list.count + 1, sizeof *copy);
    if (!copy)
        return error_memory(err, "list", list.count * sizeof *copy);
    memcpy(copy, list.items, list.count * sizeof *copy);
    *out = copy;
    *out_count = list.count;
    return OCTET_OK;
}

/* ---- The server ---- */

static octet_status read_keys(struct serve_settings *settings, struct octet_error *err)
{
    struct server_options *server = &settings->server;
    const char *key = environment("VLLM_API_KEY");
    server->api_key_file = args_text(settings->args, OPT_API_KEY_FILE, NULL);
    if (args_given(settings->args, OPT_API_KEY)) {
        server->api_keys = args_list(settings->args, OPT_API_KEY, &server->api_key_count);
        return OCTET_OK;
    }
    if (!key)
        return OCTET_OK;
    const char **copy = arena_calloc(&settings->arena, 1, sizeof *copy);
    if (!copy)
        return error_memory(err, "API key", sizeof *copy);
    copy[0] = key;
    server->api_keys = copy;
    server->api_key_count = 1;
    return OCTET_OK;
}

static octet_status read_cors(struct serve_settings *settings, struct octet_error *err)
{
    struct server_options *server = &settings->server;
    server->allow_credentials = args_flag(settings->args, OPT_ALLOW_CREDENTIALS, false);
    RETURN_IF_ERROR(read_words(settings, OPT_ALLOWED_ORIGINS, ',', &server->allowed_origins,
                               &server->allowed_origin_count, err));
    RETURN_IF_ERROR(read_words(settings, OPT_ALLOWED_METHODS, ',', &server->allowed_methods,
                               &server->allowed_method_count, err));
    return read_words(settings, OPT_ALLOWED_HEADERS, ',', &server->allowed_headers,
                      &server->allowed_header_count, err);
}

static octet_status read_logging(struct serve_settings *settings, struct octet_error *err)
{
    const struct args *args = settings->args;
    struct server_options *server = &settings->server;
    double interval = STATS_INTERVAL_S;
    server->access_log = !args_flag(args, OPT_NO_ACCESS_LOG, false);
    RETURN_IF_ERROR(read_words(settings, OPT_ACCESS_LOG_EXCEPT, ',', &server->access_log_except,
                               &server->access_log_except_count, err));
    server->log_requests = args_flag(args, OPT_LOG_REQUESTS, false);
    server->log_outputs = args_flag(args, OPT_LOG_OUTPUTS, false);
    if (server->log_outputs && !server->log_requests)
        return error_set(err, OCTET_USAGE, "--enable-log-outputs requires --enable-log-requests");
    server->max_log_len = (int32_t)args_integer(args, OPT_MAX_LOG_LEN, 0);
    RETURN_IF_ERROR(environment_number("VLLM_LOG_STATS_INTERVAL", 0, 1e6, &interval, err));
    server->stats_interval_s =
        interval <= 0 || args_flag(args, OPT_DISABLE_LOG_STATS, false) ? -1 : interval;
    return OCTET_OK;
}

static octet_status read_limits(struct serve_settings *settings, struct octet_error *err)
{
    const struct args *args = settings->args;
    struct server_options *server = &settings->server;
    double keep_alive = KEEP_ALIVE_S;
    RETURN_IF_ERROR(environment_number("VLLM_HTTP_TIMEOUT_KEEP_ALIVE", 1, 1e6, &keep_alive, err));
    server->keep_alive_s = (int32_t)keep_alive;
    server->max_request_bytes = (size_t)args_integer(args, OPT_MAX_REQUEST_BYTES, 0);
    server->max_header_bytes = (size_t)args_integer(args, OPT_MAX_HEADER_BYTES, 0);
    server->max_header_count = (int32_t)args_integer(args, OPT_MAX_HEADER_COUNT, 0);
    server->max_connections = (int32_t)args_integer(args, OPT_MAX_CONNECTIONS, 0);
    server->request_timeout_s = (int32_t)args_integer(args, OPT_REQUEST_TIMEOUT, 0);
    server->slow_client_timeout_s = (int32_t)args_integer(args, OPT_SLOW_CLIENT_TIMEOUT, 0);
    server->hang_timeout_s = (int32_t)args_integer(args, OPT_HANG_TIMEOUT, 0);
    double silence = args_number(args, OPT_SSE_KEEP_ALIVE, SSE_KEEP_ALIVE_S);
    server->sse_keep_alive_s = silence > 0 ? silence : -1;
    settings->shutdown_timeout_s = args_number(args, OPT_SHUTDOWN_TIMEOUT, SHUTDOWN_TIMEOUT_S);
    settings->keep_alive_dead = environment_flag("VLLM_KEEP_ALIVE_ON_ENGINE_DEATH");
    return OCTET_OK;
}

static octet_status read_server(struct serve_settings *settings, struct octet_error *err)
{
    const struct args *args = settings->args;
    struct server_options *server = &settings->server;
    server_options_init(server);
    server->host = args_text(args, OPT_HOST, NULL);
    server->port = (int)args_integer(args, OPT_PORT, 8000);
    server->uds = args_text(args, OPT_UDS, NULL);
    if (server->uds && (args_given(args, OPT_HOST) || args_given(args, OPT_PORT)))
        return error_set(err, OCTET_USAGE, "give --uds, or --host and --port, not both");
    server->protect_metrics = args_flag(args, OPT_PROTECT_METRICS, false);
    server->ssl_keyfile = args_text(args, OPT_SSL_KEYFILE, NULL);
    server->ssl_certfile = args_text(args, OPT_SSL_CERTFILE, NULL);
    server->ssl_ca_certs = args_text(args, OPT_SSL_CA_CERTS, NULL);
    server->ssl_ciphers = args_text(args, OPT_SSL_CIPHERS, NULL);
    server->root_path = args_text(args, OPT_ROOT_PATH, NULL);
    server->debug_endpoints = environment_flag("VLLM_SERVER_DEV_MODE");
    server->tokenizer_info = args_flag(args, OPT_TOKENIZER_INFO, false);
    server->load_endpoint = args_flag(args, OPT_SERVER_LOAD, false);
    RETURN_IF_ERROR(read_keys(settings, err));
    RETURN_IF_ERROR(read_cors(settings, err));
    RETURN_IF_ERROR(read_logging(settings, err));
    return read_limits(settings, err);
}

/* ---- The engine ---- */

static octet_status read_runtime(struct serve_settings *settings, struct octet_error *err)
{
    const struct args *args = settings->args;
    struct runtime_options *runtime = &settings->runtime;
    RETURN_IF_ERROR(placement_read(args, &settings->placement, err));
    RETURN_IF_ERROR(cli_runtime_options(args, runtime, err));
    settings->typed = args_text(args, OPT_MODEL, "");
    RETURN_IF_ERROR(
        hub_find(settings->typed, args_text(args, OPT_REVISION, NULL), &settings->path, err));
    runtime->model_path = settings->path;
    runtime->threads = settings->placement.threads;
    double gibibytes = 0;
    RETURN_IF_ERROR(environment_number("VLLM_CPU_KVCACHE_SPACE", 0, 1e6, &gibibytes, err));
    if (!args_given(args, OPT_KV_CACHE_MEMORY_BYTES))
        runtime->kv_cache_memory_bytes = (uint64_t)(gibibytes * (double)(1 << 30));
    runtime->override_generation_config = args_text(args, OPT_OVERRIDE_GENERATION_CONFIG, NULL);
    runtime->max_num_partial_prefills = (int32_t)args_integer(args, OPT_MAX_PARTIAL_PREFILLS, 0);
    runtime->max_long_partial_prefills = (int32_t)args_integer(args, OPT_MAX_LONG_PREFILLS, 0);
    runtime->long_prefill_token_threshold =
        (int32_t)args_integer(args, OPT_LONG_PREFILL_THRESHOLD, 0);
    runtime->priority_scheduling =
        strcmp(args_text(args, OPT_SCHEDULING_POLICY, "fcfs"), "priority") == 0;
    runtime->max_logprobs = (int32_t)args_integer(args, OPT_MAX_LOGPROBS, 0);
    runtime->max_queued_tokens = args_integer(args, OPT_MAX_NUM_QUEUED_TOKENS, 0);
    int64_t running = args_integer(args, OPT_MAX_NUM_SEQS, 16);
    int64_t queued = args_integer(args, OPT_MAX_NUM_QUEUED_REQS, running * QUEUE_FACTOR);
    runtime->max_queued = queued > 0 ? (int32_t)(running + queued) : 0;
    return OCTET_OK;
}

/* ---- The protocol ---- */

static void add_name(struct serve_settings *settings, const char *name)
{
    struct api_model *model = &settings->model;
    for (size_t i = 0; i < model->name_count; i++) {
        if (strcmp(settings->names[i], name) == 0)
            return;
    }
    if (*name && model->name_count < SERVE_NAMES_MAX)
        settings->names[model->name_count++] = name;
}

/* --served-model-name, then the model as typed and its last path component. */
static octet_status read_names(struct serve_settings *settings, struct octet_error *err)
{
    size_t count;
    const char *const *given = args_list(settings->args, OPT_SERVED_MODEL_NAME, &count);
    if (count > SERVE_NAMES_MAX - 2)
        return error_set(err, OCTET_USAGE, "--served-model-name: more than %d names",
                         SERVE_NAMES_MAX - 2);
    for (size_t i = 0; i < count; i++)
        add_name(settings, given[i]);
    add_name(settings, settings->typed);
    size_t length = strlen(settings->typed);
    while (length > 1 && settings->typed[length - 1] == '/')
        length--;
    size_t start = length;
    while (start > 0 && settings->typed[start - 1] != '/')
        start--;
    char *last = arena_strndup(&settings->arena, settings->typed + start, length - start);
    if (!last)
        return error_memory(err, "model name", length);
    if (strcmp(last, ".") != 0 && strcmp(last, "..") != 0)
        add_name(settings, last);
    settings->model.names = settings->names;
    return OCTET_OK;
}

static octet_status read_template(struct serve_settings *settings, struct octet_error *err)
{
    const char *text = args_text(settings->args, OPT_CHAT_TEMPLATE, NULL);
    if (!text)
        return OCTET_OK;
    if (file_exists(text))
        return file_read_all(text, TEMPLATE_BYTES_MAX, &settings->chat_template, err);
    if (!strpbrk(text, "{}\n"))
        return error_set(err, OCTET_USAGE,
                         "--chat-template %s: no such file, and not a template either", text);
    return buffer_append_str(&settings->chat_template, text)
               ? OCTET_OK
               : error_memory(err, "chat template", strlen(text));
}

static octet_status read_kwargs(struct serve_settings *settings, struct octet_error *err)
{
    const char *text = args_text(settings->args, OPT_TEMPLATE_KWARGS, NULL);
    const char *name = "--default-chat-template-kwargs";
    if (!text)
        return OCTET_OK;
    octet_status status =
        json_parse(text, strlen(text), TEMPLATE_BYTES_MAX, name, &settings->template_kwargs, err);
    if (status == OCTET_OK && json_type(settings->template_kwargs) != JSON_TYPE_OBJECT)
        return error_set(err, OCTET_USAGE, "%s: expected a JSON object, found %s", name,
                         json_type_name(json_type(settings->template_kwargs)));
    if (status == OCTET_INPUT && err)
        err->status = OCTET_USAGE;
    settings->model.template_kwargs = settings->template_kwargs;
    return status == OCTET_INPUT ? OCTET_USAGE : status;
}

static octet_status read_protocol(struct serve_settings *settings, struct octet_error *err)
{
    const struct args *args = settings->args;
    struct api_model *model = &settings->model;
    RETURN_IF_ERROR(read_names(settings, err));
    RETURN_IF_ERROR(read_template(settings, err));
    RETURN_IF_ERROR(read_kwargs(settings, err));
    model->created = (int64_t)time(NULL);
    model->root = settings->typed;
    model->version = octet_version();
    model->response_role = args_text(args, OPT_RESPONSE_ROLE, "assistant");
    const char *content = args_text(args, OPT_CONTENT_FORMAT, "auto");
    model->content_format = strcmp(content, "string") == 0   ? CONTENT_STRING
                            : strcmp(content, "openai") == 0 ? CONTENT_OPENAI
                                                             : CONTENT_AUTO;
    const char *field = args_text(args, OPT_REASONING_FIELD, "both");
    model->reasoning_field = strcmp(field, "reasoning") == 0 ? REASONING_FIELD_REASONING
                             : strcmp(field, "reasoning_content") == 0
                                 ? REASONING_FIELD_REASONING_CONTENT
                                 : REASONING_FIELD_BOTH;
    model->auto_tool_choice = args_flag(args, OPT_AUTO_TOOL_CHOICE, true);
    model->exclude_tools_when_none = args_flag(args, OPT_EXCLUDE_TOOLS, false);
    model->tokens_as_token_ids = args_flag(args, OPT_TOKENS_AS_IDS, false);
    model->force_include_usage = args_flag(args, OPT_FORCE_USAGE, false);
    model->per_request_metrics = args_flag(args, OPT_REQUEST_METRICS, false);
    model->strict_requests = args_flag(args, OPT_STRICT_REQUESTS, false);
    model->priority_scheduling = settings->runtime.priority_scheduling;
    model->stream_interval = (int32_t)args_integer(args, OPT_STREAM_INTERVAL, 1);
    RETURN_IF_ERROR(environment_count("VLLM_MAX_N_SEQUENCES", N_MAX, &model->max_n, err));
    RETURN_IF_ERROR(environment_count("VLLM_MAX_STOP_STRINGS", STOP_STRINGS_MAX,
                                      &model->max_stop_strings, err));
    return environment_count("VLLM_MAX_COMPLETION_PROMPTS", PROMPTS_MAX, &model->max_prompts, err);
}

void serve_settings_note(const struct args *args)
{
    /* Variables that somebody may rely on. */
    static const struct {
        const char *name, *reason;
    } foreign[] = {
        {"PYTORCH_NPU_ALLOC_CONF", "octet has no such allocator"},
        {"PYTORCH_CUDA_ALLOC_CONF", "octet has no such allocator"},
        {"VLLM_ALLOW_RUNTIME_LORA_UPDATING", "this version loads no LoRA adapters"},
        {"HCCL_OP_EXPANSION_MODE", "this build computes on the CPU"},
        {"ASCEND_RT_VISIBLE_DEVICES", "this build computes on the CPU"},
    };
    args_note_accepted(args);
    for (size_t i = 0; i < sizeof foreign / sizeof *foreign; i++) {
        if (environment(foreign[i].name))
            log_info("%s has no effect here: %s", foreign[i].name, foreign[i].reason);
    }
}

octet_status serve_settings_read(const struct args *args, struct serve_settings *out,
                                 struct octet_error *err)
{
    *out = (struct serve_settings){.args = args};
    arena_init(&out->arena, SETTINGS_BYTES_MAX);
    buffer_init(&out->chat_template, TEMPLATE_BYTES_MAX);
    RETURN_IF_ERROR(read_server(out, err));
    RETURN_IF_ERROR(read_runtime(out, err));
    return read_protocol(out, err);
}

/* ---- What depends on the model ---- */

static enum tool_format find_tools(const char *parser, const char *source)
{
    if (strcmp(parser, "none") == 0)
        return TOOLS_NONE;
    if (strcmp(parser, "hermes") == 0)
        return TOOLS_HERMES;
    if (strcmp(parser, "auto") != 0)
        return TOOLS_QWEN3_CODER;
    if (!source || !strstr(source, "<tool_call>"))
        return TOOLS_NONE;
    return strstr(source, "<function=") ? TOOLS_QWEN3_CODER : TOOLS_HERMES;
}

static enum reasoning_format find_reasoning(const char *parser, const char *source)
{
    if (strcmp(parser, "none") == 0)
        return REASONING_NONE;
    if (strcmp(parser, "auto") != 0)
        return REASONING_QWEN3;
    return source && strstr(source, "<think>") ? REASONING_QWEN3 : REASONING_NONE;
}

/* "octet-VERSION-HASH": the hash of what decides about answers: config, sizes, arithmetic. */
static void make_fingerprint(struct serve_settings *settings, const struct runtime *runtime)
{
    const struct runtime_plan *plan = runtime_get_plan(runtime);
    struct buffer text;
    char hash[65];
    buffer_init(&text, SETTINGS_BYTES_MAX);
    json_dump(checkpoint_config(runtime_checkpoint(runtime)), 0, &text);
    buffer_printf(&text, "/%llu/%d/%d/%d", (unsigned long long)plan->weights, (int)plan->dtype,
                  (int)plan->weight_dtype, plan->ranks);
    struct digest *digest = buffer_failed(&text) ? NULL : digest_new();
    if (digest && digest_update(digest, text.data, text.size) && digest_finish(digest, hash)) {
        snprintf(settings->fingerprint, sizeof settings->fingerprint, "octet-%s-%.8s",
                 octet_version(), hash);
        settings->model.fingerprint = settings->fingerprint;
    }
    buffer_free(&text);
}

octet_status serve_settings_resolve(struct serve_settings *settings, struct runtime *runtime,
                                    struct octet_error *err)
{
    const struct args *args = settings->args;
    const struct tokenizer *tokenizer = runtime_tokenizer(runtime);
    if (!tokenizer)
        return error_set(err, OCTET_INPUT,
                         "%s has no tokenizer.json, which a server needs to read and write text; "
                         "--tokenizer DIR takes the one of another checkpoint",
                         settings->path);
    if (settings->chat_template.size)
        RETURN_IF_ERROR(runtime_set_chat_template(runtime, settings->chat_template.data,
                                                  settings->chat_template.size, "--chat-template",
                                                  err));
    const char *source = settings->chat_template.size ? buffer_text(&settings->chat_template)
                                                      : tokenizer_chat_template(tokenizer);
    settings->model.tools = find_tools(args_text(args, OPT_TOOL_CALL_PARSER, "auto"), source);
    settings->model.reasoning =
        find_reasoning(args_text(args, OPT_REASONING_PARSER, "auto"), source);
    settings->model.template_source = source;
    make_fingerprint(settings, runtime);
    return OCTET_OK;
}

void serve_settings_free(struct serve_settings *settings)
{
    json_free(settings->template_kwargs);
    buffer_free(&settings->chat_template);
    arena_free(&settings->arena);
    free(settings->path);
}
