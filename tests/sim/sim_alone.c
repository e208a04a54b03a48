/* SPDX-License-Identifier: Apache-2.0 */
/* What a request would be if nothing else ran: generated again by the definition. */
#include <math.h>
#include <string.h>

#include "sim/sim.h"

static bool same_logprobs(const struct position_logprobs *a, const struct position_logprobs *b)
{
    return a->logprob == b->logprob && a->rank == b->rank && a->top_count == b->top_count &&
           memcmp(a->top, b->top, (size_t)a->top_count * sizeof *a->top) == 0;
}

static bool check_prompt_scores(struct sim *sim, struct request *request)
{
    size_t count = 0;
    const struct position_logprobs *got = request_prompt_logprobs(request, &count);
    if (!got)
        return true;
    struct token_logprob top[8];
    uint64_t fold = 0;
    float logits[SIM_VOCAB];
    for (size_t i = 0; i < count; i++) {
        fake_logits(fake_next_value(&fold, request->sequence.tokens[i], (int32_t)i), SIM_VOCAB,
                    logits);
        struct position_logprobs expected = {.top = top};
        CHECK(sampler_logprobs(&sim->sampler, logits, request->sequence.tokens[i + 1],
                               request->params.prompt_logprobs, &expected, NULL) == OCTET_OK);
        CHECK(same_logprobs(&got[i], &expected));
    }
    return true;
}

/* ---- what may be drawn, id by id ---- */

static bool is_in(const int32_t *ids, size_t count, int32_t id)
{
    for (size_t i = 0; i < count; i++) {
        if (ids[i] == id)
            return true;
    }
    return false;
}

static bool ends_bad_word(const struct request *request, const int32_t *output, size_t n,
                          int32_t id)
{
    for (size_t w = 0; w < request->params.bad_word_count; w++) {
        const int32_t *word = request->params.bad_words[w];
        size_t length = request->params.bad_word_lengths[w];
        if (word[length - 1] != id || length - 1 > n)
            continue;
        bool said = true;
        for (size_t i = 0; i + 1 < length; i++)
            said = said && output[n - (length - 1) + i] == word[i];
        if (said)
            return true;
    }
    return false;
}

/* The ids of draw n, as bits; false when there is none. */
static bool allowed_ids(struct sim *sim, const struct request *request,
                        const struct constraint *constraint, size_t n, uint32_t bits[2])
{
    const int32_t *output = request->sequence.tokens + request->sequence.prompt_count;
    bool by_format[SIM_VOCAB], only_ends = true, some = false, limited = false;
    for (int32_t id = 0; id < SIM_VOCAB; id++) {
        by_format[id] = !request->allowed_bits || request->allowed_bits[id >> 5] >> (id & 31) & 1;
        if (constraint && !fake_constraint_allows(constraint, id)) {
            by_format[id] = false;
            limited = true;
        }
        if (by_format[id] && !is_in(request->masked_ids, request->masked_id_count, id))
            only_ends = false;
    }
    bool too_early = n < (size_t)request->params.min_tokens;
    if (too_early && limited && only_ends) {
        too_early = false;
        sim->coverage.ends_forced++;
    }
    sim->coverage.constrained_draws += limited;
    bits[0] = bits[1] = 0;
    for (int32_t id = 0; id < SIM_VOCAB; id++) {
        if (!by_format[id] || ends_bad_word(request, output, n, id) ||
            (too_early && is_in(request->masked_ids, request->masked_id_count, id)))
            continue;
        bits[id >> 5] |= UINT32_C(1) << (id & 31);
        some = true;
    }
    return some;
}

/* ---- token by token ---- */

struct replay {
    struct sim *sim;
    struct request *request;
    struct constraint *constraint;
    struct token_counts counts;
    uint64_t fold, value;
};

static bool draw_again(struct replay *replay, size_t n, bool *drawn, int32_t *id,
                       struct position_logprobs *logprobs)
{
    struct sim *sim = replay->sim;
    struct request *request = replay->request;
    struct sampling_params params = request->params;
    params.min_tokens = 0; /* these two are in the bits already */
    params.bad_word_count = 0;
    uint32_t bits[2];
    float logits[SIM_VOCAB];
    fake_logits(replay->value, SIM_VOCAB, logits);
    *drawn = allowed_ids(sim, request, replay->constraint, n, bits);
    if (!*drawn)
        return true;
    const struct sample_input input = {.logits = logits,
                                       .params = &params,
                                       .counts = request->has_counts ? &replay->counts : NULL,
                                       .allowed_bits = bits,
                                       .seed = request->seed,
                                       .draw = n};
    CHECK(sampler_sample(&sim->sampler, &input, id, logprobs, NULL) == OCTET_OK);
    return true;
}

static bool replay_tokens(struct replay *replay, size_t token_count)
{
    struct sim *sim = replay->sim;
    struct request *request = replay->request;
    struct token_logprob top[8];
    uint64_t time = request->status.scheduled_ns;
    for (size_t n = 0; n < token_count; n++) {
        struct position_logprobs expected = {.top = top};
        struct token_event event;
        bool drawn = false;
        int32_t id = -1;
        if (!draw_again(replay, n, &drawn, &id, request->logprobs ? &expected : NULL))
            return false;
        CHECK(drawn && request_read(request, n, &event, 1) == 1);
        CHECK(event.id == id);
        CHECK(event.has_logprobs == (request->params.logprobs >= 0));
        CHECK(!event.has_logprobs || same_logprobs(&event.logprobs, &expected));
        CHECK(event.time_ns > time);
        time = event.time_ns;
        if (request->has_counts)
            token_counts_add(&replay->counts, id, true);
        if (replay->constraint)
            constraint_accept(replay->constraint, id);
        replay->value =
            fake_next_value(&replay->fold, id, request->sequence.prompt_count + (int32_t)n);
    }
    CHECK(token_count == 0 || time == request->status.last_token_ns);
    /* Where nothing may be said, nothing was. */
    if (request->status.error == OCTET_INPUT) {
        bool drawn = true;
        int32_t id = -1;
        CHECK(draw_again(replay, token_count, &drawn, &id, NULL) && !drawn);
    }
    return true;
}

static bool check_text(struct sim *sim, const struct sim_request *live)
{
    struct request *request = live->request;
    const struct sequence *sequence = &request->sequence;
    struct replay replay = {.sim = sim, .request = request};
    if (live->has_constraint) {
        replay.constraint = fake_constraint_new(live->constraint_seed, SIM_VOCAB, SIM_EOS);
        CHECK(replay.constraint);
    }
    bool ok =
        !request->has_counts || token_counts_init(&replay.counts, SIM_VOCAB, NULL) == OCTET_OK;
    for (int32_t i = 0; ok && i < sequence->prompt_count; i++) {
        replay.value = fake_next_value(&replay.fold, sequence->tokens[i], i);
        if (request->has_counts)
            token_counts_add(&replay.counts, sequence->tokens[i], false);
    }
    ok = ok && replay_tokens(&replay, request->status.token_count);
    token_counts_free(&replay.counts);
    constraint_free(replay.constraint);
    return ok;
}

/* ---- the end ---- */

static bool check_error(struct sim *sim, const struct request *request,
                        const struct request_status *status)
{
    const char *message = request_error((struct request *)request);
    CHECK(message[0] != '\0');
    if (status->error == OCTET_LIMIT && strstr(message, "in the queue")) {
        CHECK(sim->options.queue_timeout_ns > 0 && status->scheduled_ns == 0);
        CHECK(status->finished_ns - status->submitted_ns > sim->options.queue_timeout_ns);
        sim->coverage.overdue++;
    } else if (status->error == OCTET_LIMIT) {
        CHECK(request->sequence.token_count > sim->fake.block_count * sim->fake.block_size);
    } else {
        CHECK(status->error == OCTET_DEVICE || status->error == OCTET_INPUT);
    }
    return true;
}

/* It is where it has to be, and for the reason given. */
static bool check_end(struct sim *sim, const struct sim_request *live)
{
    const struct request *request = live->request;
    const struct sequence *sequence = &request->sequence;
    struct request_status status;
    request_status(live->request, &status);
    int32_t room = request_output_room(request), count = (int32_t)status.token_count;
    CHECK(sequence->state == SEQUENCE_FINISHED && sequence->block_count == 0);
    CHECK(count <= room && count == sequence->token_count - sequence->prompt_count);
    for (int32_t i = 0; i < count; i++) {
        int32_t id = sequence->tokens[sequence->prompt_count + i];
        bool stop = is_in(request->stop_ids, request->stop_id_count, id);
        CHECK(stop == (status.finish_reason == FINISH_STOP && i == count - 1));
        CHECK(!stop || i >= request->params.min_tokens || live->has_constraint);
    }
    if (status.finish_reason == FINISH_LENGTH)
        CHECK(count == room);
    if (status.finish_reason == FINISH_ABORT)
        CHECK(live->cancelled);
    if (status.finish_reason == FINISH_ERROR)
        CHECK(check_error(sim, request, &status));
    CHECK(status.cached_tokens >= 0 && status.cached_tokens < status.prompt_tokens);
    CHECK(status.submitted_ns < status.finished_ns);
    CHECK((status.stop_token >= 0) == (status.finish_reason == FINISH_STOP));
    return true;
}

bool sim_check_finished(struct sim *sim, const struct sim_request *live)
{
    return check_end(sim, live) && check_text(sim, live) && check_prompt_scores(sim, live->request);
}
