/* SPDX-License-Identifier: Apache-2.0 */
/* Many generations at once, driven by the calling thread. */
#include <stdlib.h>
#include <string.h>

#include "runtime/runtime_internal.h"

struct run {
    struct runtime *runtime;
    const struct generation_options *requests;
    size_t count;
    bool (*on_event)(void *context, size_t index, const struct generation_event *event);
    void *context;
    struct generation_summary *summaries;
    struct generation **live; /* [count]; NULL: not submitted, or over */
    size_t next;              /* first request that was not submitted */
    size_t first;             /* every request before is over */
    size_t live_count;
    bool cancelled;
};

/* Enough to keep every place of a step filled; the rest wait here, not in the engine's memory. */
static size_t most_live(const struct run *run)
{
    return 2 * (size_t)run->runtime->plan.max_num_seqs + 2;
}

static void emit(struct run *run, size_t index, const struct generation_event *event)
{
    if (!run->on_event(run->context, index, event))
        run->cancelled = true;
}

static void refuse(struct run *run, size_t index, const struct octet_error *err)
{
    const struct generation_event event = {
        .text = "",
        .finished = true,
        .finish_reason = FINISH_ERROR,
        .stop_token = -1,
        .error = err->status,
        .message = err->message,
    };
    if (run->summaries)
        run->summaries[index] = (struct generation_summary){.finish_reason = FINISH_ERROR};
    emit(run, index, &event);
}

static void submit_some(struct run *run)
{
    while (!run->cancelled && run->next < run->count && run->live_count < most_live(run)) {
        struct octet_error err;
        size_t index = run->next++;
        octet_status status =
            runtime_submit(run->runtime, &run->requests[index], &run->live[index], &err);
        if (status == OCTET_OK)
            run->live_count++;
        else
            refuse(run, index, &err);
    }
}

static void hand_over(struct run *run)
{
    for (size_t i = run->first; i < run->next; i++) {
        struct generation_event event;
        while (run->live[i] && generation_next(run->live[i], &event)) {
            if (event.finished && run->summaries)
                generation_summary(run->live[i], &run->summaries[i]);
            emit(run, i, &event);
            if (event.finished) {
                generation_free(run->live[i]);
                run->live[i] = NULL;
                run->live_count--;
            }
        }
        if (i == run->first && !run->live[i])
            run->first++;
    }
}

static void cancel_all(struct run *run)
{
    for (size_t i = run->first; i < run->next; i++) {
        if (run->live[i])
            generation_cancel(run->live[i]);
    }
}

static octet_status drive(struct run *run, struct octet_error *err)
{
    bool cancelling = false;
    for (;;) {
        submit_some(run);
        if (run->cancelled && !cancelling) {
            cancelling = true;
            cancel_all(run);
        }
        if (run->live_count == 0 && (run->cancelled || run->next == run->count))
            break;
        bool worked = false;
        /* A failed step has ended its requests, whose events carry the error. */
        octet_status status = runtime_step(run->runtime, &worked, err);
        hand_over(run);
        if (!worked && status == OCTET_OK && run->live_count > 0)
            return error_set(err, OCTET_STATE,
                             "the engine has no room for the requests that wait: other requests "
                             "of this process hold its KV blocks");
    }
    if (run->cancelled)
        return error_set(err, OCTET_CANCELLED, "cancelled");
    return OCTET_OK;
}

octet_status runtime_generate(
    struct runtime *runtime, const struct generation_options *requests, size_t count,
    bool (*on_event)(void *context, size_t index, const struct generation_event *event),
    void *context, struct generation_summary *summaries, struct octet_error *err)
{
    if (!runtime->engine)
        return error_set(err, OCTET_STATE, "the model is not loaded");
    if (runtime->has_thread)
        return error_set(err, OCTET_STATE, "the engine's thread runs; submit and wait instead");
    struct run run = {.runtime = runtime,
                      .requests = requests,
                      .count = count,
                      .on_event = on_event,
                      .context = context,
                      .summaries = summaries};
    run.live = calloc(count + 1, sizeof(struct generation *));
    if (!run.live)
        return error_memory(err, "generations", count * sizeof(struct generation *));
    octet_status status = drive(&run, err);
    /* A stop string cancels the request behind it, which ends in the engine's next step. */
    bool worked = false;
    runtime_step(runtime, &worked, NULL);
    for (size_t i = 0; i < count; i++)
        generation_free(run.live[i]);
    free(run.live);
    return status;
}
