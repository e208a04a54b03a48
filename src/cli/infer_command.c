/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/clock.h"
#include "base/file.h"
#include "cli/command.h"
#include "cli/infer_job.h"
#include "cli/output.h"
#include "cli/terminal.h"

#define JOBS_MAX 1000000

struct infer_run {
    const struct args *args;
    struct infer_job *jobs;
    size_t count, capacity;
    size_t requests;                      /* jobs that reached the engine */
    size_t *order;                        /* request index -> job index */
    struct generation_summary *summaries; /* [request] */
    FILE *prompts;                        /* --prompts, open; NULL with --prompt */
    bool has_output;
    struct cli_output output; /* --output */
    int write_error;          /* errno of standard output while streaming */
    bool streamed;            /* some text is on standard output */
    bool stream;              /* text of the only job goes to standard output as it comes */
    bool ends_with_newline;
    struct progress_bar bar;
    bool show_progress;
    size_t finished;
};

static octet_status grow(struct infer_run *run, struct octet_error *err)
{
    if (run->count < run->capacity)
        return OCTET_OK;
    if (run->count == JOBS_MAX)
        return error_set(err, OCTET_LIMIT, "more than %d prompts in one run; split the file",
                         JOBS_MAX);
    size_t capacity = run->capacity ? run->capacity * 2 : 16;
    struct infer_job *jobs = realloc(run->jobs, capacity * sizeof *jobs);
    if (!jobs)
        return error_memory(err, "prompts", capacity * sizeof *jobs);
    run->jobs = jobs;
    run->capacity = capacity;
    return OCTET_OK;
}

static octet_status read_prompt(struct infer_run *run, struct runtime *runtime, const char *prompt,
                                struct octet_error *err)
{
    struct buffer text;
    buffer_init(&text, (size_t)1 << 30);
    octet_status status = grow(run, err);
    if (status == OCTET_OK && strcmp(prompt, "-") == 0)
        status = cli_read_stream(stdin, "standard input", (size_t)1 << 30, &text, err);
    else if (status == OCTET_OK && !buffer_append_str(&text, prompt))
        status = error_memory(err, "prompt", strlen(prompt));
    if (status == OCTET_OK) {
        run->count = 1;
        status = infer_job_from_prompt(&run->jobs[0], run->args, runtime, buffer_text(&text),
                                       text.size, err);
    }
    buffer_free(&text);
    return status;
}

static octet_status read_prompts(struct infer_run *run, struct runtime *runtime, const char *path,
                                 struct octet_error *err)
{
    struct line_reader reader = {.stream = run->prompts, .name = path};
    octet_status status;
    while (line_reader_next(&reader, &status, err)) {
        if (reader.line[strspn(reader.line, " \t\r")] == '\0')
            continue;
        status = grow(run, err);
        if (status != OCTET_OK)
            break;
        infer_job_from_line(&run->jobs[run->count++], run->args, runtime, reader.line,
                            reader.length, reader.number);
    }
    line_reader_free(&reader);
    if (status == OCTET_OK && run->count == 0)
        status = error_set(err, OCTET_INPUT,
                           "%s: no prompts; expected a JSON object a line, such as "
                           "{\"prompt\": \"Hello\"}",
                           path);
    return status;
}

static void show_finished(struct infer_run *run)
{
    run->finished++;
    if (!run->show_progress)
        return;
    struct progress progress = progress_bar_callback(&run->bar);
    progress_report(&progress, "prompts", run->finished, run->count);
}

static bool on_event(void *context, size_t index, const struct generation_event *event)
{
    struct infer_run *run = context;
    struct infer_job *job = &run->jobs[run->order[index]];
    if (event->text_size) {
        if (run->stream) {
            run->streamed = true;
            fwrite(event->text, 1, event->text_size, stdout);
            if (fflush(stdout) != 0)
                run->write_error = errno;
            run->ends_with_newline = event->text[event->text_size - 1] == '\n';
        }
        buffer_append(&job->text, event->text, event->text_size);
    }
    if (event->has_token)
        token_ids_push(&job->ids, event->token.id);
    if (event->finished) {
        job->finished = true;
        job->finish_reason = event->finish_reason;
        if (event->finish_reason == FINISH_ERROR)
            job->error.status = error_set(&job->error, event->error, "%s", event->message);
        show_finished(run);
    }
    return !terminal_interrupted && !run->write_error;
}

static octet_status generate(struct infer_run *run, struct runtime *runtime,
                             struct octet_error *err)
{
    size_t count = 0;
    struct generation_options *requests = calloc(run->count, sizeof *requests);
    run->order = calloc(run->count, sizeof *run->order);
    run->summaries = calloc(run->count, sizeof *run->summaries);
    if (!requests || !run->order || !run->summaries) {
        free(requests);
        return error_memory(err, "requests", run->count * sizeof *requests);
    }
    for (size_t i = 0; i < run->count; i++) {
        if (run->jobs[i].finished) {
            show_finished(run);
            continue;
        }
        infer_job_options(&run->jobs[i], runtime, &requests[count]);
        run->order[count++] = i;
    }
    run->requests = count;
    octet_status status = OCTET_OK;
    if (count)
        status = runtime_generate(runtime, requests, count, on_event, run, run->summaries, err);
    free(requests);
    if (status == OCTET_CANCELLED && run->write_error)
        status = error_errno(err, run->write_error, "write", "standard output");
    else if (status == OCTET_CANCELLED)
        status = error_set(err, OCTET_CANCELLED, "interrupted");
    return status;
}

/* Result lines in input order; *failed counts those with an error. */
static octet_status write_results(struct infer_run *run, FILE *out, size_t *failed,
                                  struct octet_error *err)
{
    size_t request = 0;
    *failed = 0;
    for (size_t i = 0; i < run->count; i++) {
        const struct generation_summary none = {0}, *summary = &none;
        if (run->jobs[i].error.status != OCTET_OK)
            *failed += 1;
        if (request < run->requests && run->order[request] == i)
            summary = &run->summaries[request++];
        RETURN_IF_ERROR(cli_print_json_line(infer_job_result(&run->jobs[i], summary), out, err));
    }
    return OCTET_OK;
}

static octet_status write_output(struct infer_run *run, struct octet_error *err)
{
    size_t failed = 0;
    octet_status status;
    if (run->has_output) {
        char *memory = NULL;
        size_t size = 0;
        FILE *stream = open_memstream(&memory, &size);
        if (!stream)
            return error_memory(err, "output", 0);
        status = write_results(run, stream, &failed, err);
        fclose(stream);
        if (status == OCTET_OK)
            status = cli_output_write(&run->output, memory, size, err);
        free(memory);
        if (status == OCTET_OK) {
            run->has_output = false;
            status = cli_output_commit(&run->output, err);
        }
    } else {
        status = write_results(run, stdout, &failed, err);
    }
    if (status == OCTET_OK && failed)
        status =
            error_set(err, OCTET_INPUT, "%zu of %zu prompts failed; their lines have \"error\"",
                      failed, run->count);
    return status;
}

/* Hours of answers must not be lost to a Ctrl-C: those that were not reached get an error. */
static octet_status keep_answers(struct infer_run *run, struct octet_error *err)
{
    size_t complete = 0;
    for (size_t i = 0; i < run->count; i++) {
        struct infer_job *job = &run->jobs[i];
        if (!job->finished)
            job->error.status =
                error_set(&job->error, OCTET_CANCELLED, "interrupted before this prompt's turn");
        else if (job->error.status == OCTET_OK && job->finish_reason != FINISH_ABORT)
            complete++;
    }
    struct octet_error failure = {0};
    octet_status status = write_output(run, &failure);
    /* OCTET_INPUT only counts the lines with errors. */
    if (status != OCTET_OK && status != OCTET_INPUT)
        return error_set(err, status, "%s", failure.message);
    return error_set(err, OCTET_CANCELLED, "interrupted; %zu of %zu answers are complete", complete,
                     run->count);
}

static void print_summary(const struct infer_run *run, double wall_s)
{
    size_t prompt_tokens = 0, output_tokens = 0, requests = 0;
    double ttft_s = 0, per_token_s = 0;
    for (size_t i = 0; i < run->requests; i++) {
        const struct generation_summary *summary = &run->summaries[i];
        if (summary->prompt_tokens == 0)
            continue;
        requests++;
        prompt_tokens += summary->prompt_tokens;
        output_tokens += summary->output_tokens;
        ttft_s += summary->ttft_s;
        per_token_s += summary->time_per_token_s;
    }
    double mean = requests ? 1.0 / (double)requests : 0;
    fprintf(stderr,
            "%zu prompt tokens, %zu output tokens in %.2f s: %.1f tokens/s; TTFT %.1f ms, time "
            "per token %.2f ms%s",
            prompt_tokens, output_tokens, wall_s, wall_s > 0 ? (double)output_tokens / wall_s : 0,
            ttft_s * mean * 1e3, per_token_s * mean * 1e3, requests > 1 ? " (means)" : "");
    if (run->count == 1)
        fprintf(stderr, "; finish reason: %s", finish_reason_name(run->jobs[0].finish_reason));
    fputc('\n', stderr);
}

static octet_status run_infer(struct infer_run *run, struct runtime *runtime,
                              struct octet_error *err)
{
    const char *prompt = args_text(run->args, OPT_PROMPT, NULL);
    const char *prompts = args_text(run->args, OPT_PROMPTS, NULL);
    bool quiet = args_flag(run->args, OPT_QUIET, false);
    if (prompt)
        RETURN_IF_ERROR(read_prompt(run, runtime, prompt, err));
    else
        RETURN_IF_ERROR(read_prompts(run, runtime, prompts, err));
    run->stream = prompt && !args_flag(run->args, OPT_JSON, false) && !run->has_output;
    run->show_progress = !quiet && !prompt;
    progress_bar_init(&run->bar, stderr, "prompts");
    uint64_t start_ns = clock_now_ns();
    octet_status status = generate(run, runtime, err);
    double wall_s = clock_seconds_since(start_ns);
    if (run->show_progress)
        progress_bar_finish(&run->bar);
    bool failed = status != OCTET_OK || run->jobs[0].error.status != OCTET_OK;
    if (run->stream && !run->ends_with_newline && (run->streamed || !failed))
        putchar('\n');
    if (status == OCTET_CANCELLED && !run->stream)
        return keep_answers(run, err);
    if (status != OCTET_OK)
        return status;
    if (run->stream) {
        const struct octet_error *failure = &run->jobs[0].error;
        if (failure->status != OCTET_OK)
            return error_set(err, failure->status, "%s", failure->message);
    } else {
        status = write_output(run, err);
    }
    if (!quiet)
        print_summary(run, wall_s);
    return status;
}

/* Files are opened before the model is loaded, so that a wrong name costs no computing. */
static octet_status open_files(struct infer_run *run, struct octet_error *err)
{
    const char *prompts = args_text(run->args, OPT_PROMPTS, NULL);
    const char *output = args_text(run->args, OPT_OUTPUT, "-");
    if (prompts && strcmp(prompts, "-") == 0) {
        run->prompts = stdin;
    } else if (prompts) {
        if (directory_exists(prompts))
            return error_set(err, OCTET_INPUT, "%s: is a directory, expected a file of JSON lines",
                             prompts);
        run->prompts = fopen(prompts, "re");
        if (!run->prompts)
            return error_errno(err, errno, "cannot open", prompts);
    }
    if (strcmp(output, "-") == 0)
        return OCTET_OK;
    RETURN_IF_ERROR(cli_output_open(output, &run->output, err));
    run->has_output = true;
    return OCTET_OK;
}

/* Options that only a chat template looks at; lines of --prompts may be conversations. */
static octet_status check_chat_options(const struct args *args, struct octet_error *err)
{
    static const enum option_id options[] = {OPT_SYSTEM_PROMPT, OPT_ENABLE_THINKING,
                                             OPT_CHAT_TEMPLATE};
    if (args_given(args, OPT_PROMPTS) || args_flag(args, OPT_CHAT, false))
        return OCTET_OK;
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
        if (args_given(args, options[i]))
            return error_set(err, OCTET_USAGE,
                             "--%s has an effect only with --chat, which applies the chat template",
                             option_at((int)options[i])->name);
    }
    return OCTET_OK;
}

octet_status command_infer(const struct args *args, struct octet_error *err)
{
    if (args_given(args, OPT_PROMPT) == args_given(args, OPT_PROMPTS))
        return error_set(err, OCTET_USAGE, "give --prompt TEXT or --prompts FILE.jsonl%s",
                         args_given(args, OPT_PROMPT) ? ", not both" : "");
    RETURN_IF_ERROR(check_chat_options(args, err));
    const char *path;
    RETURN_IF_ERROR(cli_model_path(args, &path, err));
    struct runtime *runtime = NULL;
    struct infer_run run = {.args = args};
    octet_status status = open_files(&run, err);
    if (status == OCTET_OK)
        status = cli_open_runtime(args, &runtime, err);
    if (status == OCTET_OK)
        status = run_infer(&run, runtime, err);
    for (size_t i = 0; i < run.count; i++)
        infer_job_free(&run.jobs[i]);
    free(run.jobs);
    free(run.order);
    free(run.summaries);
    runtime_close(runtime);
    if (run.has_output)
        cli_output_abort(&run.output);
    if (run.prompts && run.prompts != stdin)
        fclose(run.prompts);
    return status;
}
