/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/serve_log.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "api/api_request.h"
#include "base/clock.h"
#include "base/parse.h"
#include "checkpoint/summary.h"
#include "cli/terminal.h"

#define LINE_BYTES_MAX 4608
#define PIPE_WRITE_MAX 4096 /* poll() promises room for so much in a pipe */
#define READER_WAIT_MS 100
#define SINK_WAIT_MS 20 /* any thread may be the one that logs */

/* The one log of the process: threads write while the mutex is theirs. */
static struct {
    pthread_mutex_t mutex;
    FILE *stream;
    const char *prefix;
    enum log_level level;
    bool colour;
    unsigned long dropped;
} output = {.mutex = PTHREAD_MUTEX_INITIALIZER};

/* All or nothing of at most PIPE_WRITE_MAX bytes; false when there is no room in time. */
static bool write_piece(int fd, const char *text, size_t size, int wait_ms)
{
    struct pollfd room = {.fd = fd, .events = POLLOUT};
    size_t done = 0;
    while (done < size) {
        if (poll(&room, 1, done ? READER_WAIT_MS : wait_ms) <= 0 || !(room.revents & POLLOUT))
            return false;
        ssize_t written = write(fd, text + done, size - done);
        if (written < 0 && errno != EINTR && errno != EAGAIN)
            return false;
        done += written > 0 ? (size_t)written : 0;
    }
    return true;
}

static void write_text(const char *text, size_t size, int wait_ms)
{
    int fd = fileno(output.stream);
    pthread_mutex_lock(&output.mutex);
    if (output.dropped) {
        char note[96];
        int length = snprintf(note, sizeof note, "(%lu log lines were dropped: nobody read them)\n",
                              output.dropped);
        if (length > 0 && write_piece(fd, note, (size_t)length, 0))
            output.dropped = 0;
    }
    /* Once lines are lost nobody waits for the reader any more. */
    bool ok = output.dropped == 0;
    for (size_t at = 0; ok && at < size; at += PIPE_WRITE_MAX) {
        size_t piece = size - at < PIPE_WRITE_MAX ? size - at : PIPE_WRITE_MAX;
        ok = write_piece(fd, text + at, piece, wait_ms);
    }
    output.dropped += !ok;
    pthread_mutex_unlock(&output.mutex);
}

static void sink(void *context, enum log_level level, const char *file, int line,
                 const char *message)
{
    static const char *const names[] = {"DEBUG", "INFO", "WARNING", "ERROR"};
    static const char *const colours[] = {"\033[2m", "\033[32m", "\033[33m", "\033[31m"};
    char text[LINE_BYTES_MAX], stamp[32] = "";
    const char *slash = strrchr(file, '/');
    time_t now = time(NULL);
    struct tm local;
    (void)context;
    if (localtime_r(&now, &local))
        strftime(stamp, sizeof stamp, "%m-%d %H:%M:%S", &local);
    int length =
        snprintf(text, sizeof text, "%s%s%s%s %s [%s:%d] %s", output.prefix,
                 output.colour ? colours[level] : "", names[level], output.colour ? "\033[0m" : "",
                 stamp, slash ? slash + 1 : file, line, message);
    if (length < 0)
        return;
    size_t size = (size_t)length < sizeof text - 1 ? (size_t)length : sizeof text - 2;
    text[size++] = '\n';
    write_text(text, size, SINK_WAIT_MS);
}

static octet_status find_level(const struct args *args, enum log_level *level,
                               struct octet_error *err)
{
    static const struct {
        const char *name;
        enum log_level level;
    } levels[] = {{"trace", LOG_DEBUG},     {"debug", LOG_DEBUG},  {"info", LOG_INFO},
                  {"warning", LOG_WARNING}, {"warn", LOG_WARNING}, {"error", LOG_ERROR},
                  {"critical", LOG_ERROR},  {"fatal", LOG_ERROR}};
    const char *variable = getenv("VLLM_LOGGING_LEVEL");
    const char *preset = args_flag(args, OPT_QUIET, false) ? "warning"
                         : variable && *variable           ? variable
                                                           : "info";
    const char *name = args_text(args, OPT_LOG_LEVEL, preset);
    for (size_t i = 0; i < sizeof levels / sizeof *levels; i++) {
        if (strcasecmp(levels[i].name, name) == 0) {
            *level = levels[i].level;
            return OCTET_OK;
        }
    }
    return error_set(err, OCTET_USAGE,
                     "VLLM_LOGGING_LEVEL=%s: expected DEBUG, INFO, WARNING, ERROR or CRITICAL",
                     name);
}

octet_status serve_log_start(const struct args *args, struct octet_error *err)
{
    enum log_level level = LOG_INFO;
    const char *stream = getenv("VLLM_LOGGING_STREAM"), *prefix = getenv("VLLM_LOGGING_PREFIX");
    RETURN_IF_ERROR(find_level(args, &level, err));
    output.stream = stderr;
    if (stream && strcmp(stream, "ext://sys.stdout") == 0)
        output.stream = stdout;
    else if (stream && *stream && strcmp(stream, "ext://sys.stderr") != 0)
        return error_set(err, OCTET_USAGE,
                         "VLLM_LOGGING_STREAM=%s: expected ext://sys.stdout or ext://sys.stderr",
                         stream);
    output.level = level;
    output.prefix = prefix ? prefix : "";
    output.colour = terminal_colour(output.stream);
    log_set_sink(sink, NULL, level);
    return OCTET_OK;
}

bool serve_log_shows_requests(void)
{
    return output.level <= LOG_INFO;
}

void serve_log_line(void *context, const char *line)
{
    char text[LINE_BYTES_MAX];
    (void)context;
    int length = snprintf(text, sizeof text - 1, "%s%s", output.prefix, line);
    if (length < 0)
        return;
    size_t size = (size_t)length < sizeof text - 2 ? (size_t)length : sizeof text - 2;
    text[size++] = '\n';
    write_text(text, size, READER_WAIT_MS);
}

void serve_log_plain(const char *format, ...)
{
    char text[1024];
    int used = snprintf(text, sizeof text, "INFO:     ");
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text + used, sizeof text - (size_t)used, format, arguments);
    va_end(arguments);
    serve_log_line(NULL, text);
}

/* ---- The arguments, as Python shows a dictionary ---- */

static void add_quoted(struct buffer *out, const char *text)
{
    buffer_append_char(out, '\'');
    for (; *text; text++) {
        if (*text == '\'' || *text == '\\')
            buffer_append_char(out, '\\');
        buffer_append_char(out, *text);
    }
    buffer_append_char(out, '\'');
}

static void add_value(struct buffer *out, const struct args *args, int id)
{
    const struct option_spec *option = option_at(id);
    const char *text = args->values[id].text;
    size_t count;
    char number[32];
    switch (option->kind) {
    case KIND_FLAG:
        buffer_append_str(out, args->values[id].flag ? "True" : "False");
        return;
    case KIND_INT:
    case KIND_SIZE:
        buffer_printf(out, "%lld", (long long)args->values[id].integer);
        return;
    case KIND_NUMBER:
        json_format_real(args->values[id].number, number);
        buffer_append_str(out, number);
        return;
    case KIND_LIST:
    case KIND_MANY: {
        const char *const *values = args_list(args, (enum option_id)id, &count);
        for (size_t i = 0; i < count; i++) {
            buffer_append_str(out, i ? ", " : "[");
            add_quoted(out, id == OPT_API_KEY ? "***" : values[i]);
        }
        buffer_append_char(out, ']');
        return;
    }
    case KIND_JSON:
        buffer_append_str(out, text);
        return;
    default:
        add_quoted(out, text);
    }
}

void serve_log_arguments(const struct args *args)
{
    struct buffer text;
    bool first = true;
    buffer_init(&text, 1 << 16);
    for (int id = 0; id < OPT_COUNT; id++) {
        const struct option_spec *option = option_at(id);
        if (!args->values[id].given || !option->name)
            continue;
        buffer_append_str(&text, first ? "" : ", ");
        first = false;
        buffer_append_char(&text, '\'');
        for (const char *c = option->name; *c; c++)
            buffer_append_char(&text, *c == '-' ? '_' : *c);
        buffer_append_str(&text, "': ");
        add_value(&text, args, id);
    }
    log_info("non-default args: {%s}", buffer_text(&text));
    buffer_free(&text);
}

/* ---- Loading ---- */

static void format_clock(double seconds, char out[16])
{
    int whole = seconds < 359999 ? (int)seconds : 359999;
    snprintf(out, 16, "%02d:%02d", whole / 60, whole % 60);
}

static bool report_loading(void *context, const char *what, uint64_t done, uint64_t total)
{
    struct load_progress *state = context;
    (void)what;
    int tenth = total ? (int)((double)(done < total ? done : total) * 10 / (double)total) : 10;
    if (tenth > state->last) {
        state->last = tenth;
        double seconds = clock_seconds_since(state->started_ns), part = tenth / 10.0;
        size_t shards = tenth == 10 ? state->shards : (size_t)(part * (double)state->shards);
        char elapsed[16], left[16], line[160];
        format_clock(seconds, elapsed);
        format_clock(part > 0 ? seconds / part - seconds : 0, left);
        int length =
            snprintf(line, sizeof line,
                     "%sLoading safetensors checkpoint shards: %3d%% Completed | %zu/%zu [%s<%s, "
                     "%.2fs/it]%s",
                     state->terminal ? "\r" : "", tenth * 10, shards, state->shards, elapsed, left,
                     part > 0 ? seconds / part / (double)state->shards : 0.0,
                     state->terminal && tenth < 10 ? "" : "\n");
        write_text(line, (size_t)length, READER_WAIT_MS);
    }
    return !*state->cancel;
}

struct progress serve_log_progress(struct load_progress *state, size_t shards,
                                   const volatile int *cancel)
{
    *state = (struct load_progress){.shards = shards ? shards : 1,
                                    .started_ns = clock_now_ns(),
                                    .last = -1,
                                    .terminal = isatty(fileno(output.stream)) != 0,
                                    .cancel = cancel};
    return (struct progress){.report = report_loading, .context = state};
}

/* What becomes of FP8 weights: the first question of who has no FP8 arithmetic. */
static void log_checkpoint(const struct runtime *runtime)
{
    static const char *const kept[] = {
        [WEIGHT_AUTO] = "kept as FP8, expanded in registers (no FP8 unit on this processor)",
        [WEIGHT_FP8] = "kept as FP8, expanded in registers (no FP8 unit on this processor)",
        [WEIGHT_BF16] = "expanded to BF16 while it loads",
        [WEIGHT_F32] = "expanded to float32 while it loads",
    };
    struct checkpoint_summary summary;
    char layout[64];
    checkpoint_summarize(runtime_checkpoint(runtime), &summary);
    if (summary.weights_fp8 && summary.layout_count)
        log_info("checkpoint FP8 e4m3 %s, %s", summary_layout_text(&summary.layouts[0], layout),
                 kept[runtime_get_plan(runtime)->weight_dtype]);
}

void serve_log_plan(const struct runtime *runtime)
{
    log_checkpoint(runtime);
    const struct runtime_plan *plan = runtime_get_plan(runtime);
    struct buffer text;
    buffer_init(&text, 1 << 16);
    if (runtime_plan_text(plan, &text))
        write_text(text.data, text.size, READER_WAIT_MS);
    buffer_free(&text);
    for (size_t i = 0; i < runtime_note_count(runtime); i++) {
        /* serve_log_defaults() says this in vLLM's words. */
        if (strncmp(runtime_note(runtime, i), "default sampling", 16) != 0)
            log_info("%s", runtime_note(runtime, i));
    }
    if (plan->chunked_prefill)
        log_info("Chunked prefill is enabled with max_num_batched_tokens=%d.",
                 plan->max_num_batched_tokens);
}

void serve_log_loaded(const struct runtime *runtime, double seconds)
{
    const struct runtime_plan *plan = runtime_get_plan(runtime);
    char tokens[32], length[32];
    format_count((uint64_t)plan->kv_tokens, tokens);
    format_count((uint64_t)plan->max_model_len, length);
    log_info("Loading weights took %.2f seconds", seconds);
    log_info("Model loading took %.4f GiB and %.6f seconds",
             (double)plan->weights / (double)(1u << 30), seconds);
    log_info("Computing on %d threads (--threads)", plan->threads);
    log_info("CPU KV cache size: %s tokens", tokens);
    log_info("Maximum concurrency for %s tokens per request: %.2fx", length, plan->concurrency);
}

void serve_log_defaults(const struct runtime *runtime, const struct args *args)
{
    struct sampling_params neutral, ours;
    struct buffer text;
    sampling_params_init(&neutral);
    runtime_sampling_defaults(runtime, &ours);
    const struct {
        const char *name;
        double value, neutral;
    } values[] = {
        {"repetition_penalty", ours.repetition_penalty, neutral.repetition_penalty},
        {"temperature", ours.temperature, neutral.temperature},
        {"top_k", ours.top_k, neutral.top_k},
        {"top_p", ours.top_p, neutral.top_p},
        {"min_p", ours.min_p, neutral.min_p},
        {"max_tokens", ours.max_tokens, neutral.max_tokens},
    };
    buffer_init(&text, 1024);
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        if (values[i].value < values[i].neutral || values[i].value > values[i].neutral)
            buffer_printf(&text, "%s'%s': %g", text.size ? ", " : "", values[i].name,
                          values[i].value);
    }
    if (text.size) {
        log_warning("Default sampling parameters have been overridden by the model's Hugging Face "
                    "generation config recommended from the model creator. If this is not "
                    "intended, please relaunch octet with `--generation-config vllm`.");
        log_info("Using default chat sampling params from %s: {%s}",
                 args_given(args, OPT_OVERRIDE_GENERATION_CONFIG) ? "user" : "model",
                 buffer_text(&text));
    }
    buffer_free(&text);
}

static void log_route(const char *path, const struct json *methods)
{
    char names[128] = "";
    size_t used = 0;
    for (struct json_iter it = json_iter(methods); json_next(&it);) {
        int more = snprintf(names + used, sizeof names - used, "%s", used ? ", " : "");
        used += more > 0 ? (size_t)more : 0;
        for (const char *c = it.key; *c && used + 1 < sizeof names; c++)
            names[used++] = *c >= 'a' && *c <= 'z' ? (char)(*c - 32) : *c;
        names[used < sizeof names ? used : sizeof names - 1] = '\0';
    }
    log_info("Route: %s, Methods: %s", path, names);
}

void serve_log_routes(const struct server_options *server)
{
    size_t size;
    const char *text = api_openapi(&size);
    struct json *description = NULL;
    log_info("Available routes are:");
    if (json_parse(text, size, (size_t)16 << 20, "openapi.json", &description, NULL) == OCTET_OK) {
        for (struct json_iter it = json_iter(json_get(description, "paths")); json_next(&it);) {
            if ((server->debug_endpoints || strncmp(it.key, "/debug", 6) != 0) &&
                (server->tokenizer_info || strcmp(it.key, "/tokenizer_info") != 0))
                log_route(it.key, it.value);
        }
    }
    json_free(description);
}
