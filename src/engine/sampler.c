/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Nothing here sorts a vocabulary: a top-k is a heap of k over one pass, a top-p a selection by
 * weight, and a draw is a pass over the kept ids.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "engine/sampling.h"

struct sampler_candidate {
    float logit;
    float weight;
    int32_t id;
};

/* Kept ids up to this many are sorted; of more, the vocabulary is passed over once more. */
#define SORTED_MAX 2048

/* The largest logit of so many ids is kept. */
#define BLOCK 1024

/* Where (x - max) / temperature is below this, a weight is 0: e^-50 is 2e-22. */
#define EXPONENT_FLOOR (-50.0F)

octet_status sampler_init(struct sampler *sampler, int32_t vocab_size, struct octet_error *err)
{
    sampler->vocab_size = vocab_size;
    sampler->candidates = calloc((size_t)vocab_size, sizeof *sampler->candidates);
    sampler->raw = calloc((size_t)vocab_size, sizeof *sampler->raw);
    sampler->block_best = calloc((size_t)vocab_size / BLOCK + 1, sizeof *sampler->block_best);
    if (sampler->candidates && sampler->raw && sampler->block_best)
        return OCTET_OK;
    sampler_free(sampler);
    return error_memory(err, "sampler", (size_t)vocab_size * sizeof *sampler->candidates);
}

void sampler_free(struct sampler *sampler)
{
    free(sampler->block_best);
    free(sampler->raw);
    free(sampler->candidates);
    sampler->block_best = NULL;
    sampler->raw = NULL;
    sampler->candidates = NULL;
}

/* Does a come before b: larger logit, then lower id. */
static bool before(const struct sampler_candidate *a, const struct sampler_candidate *b)
{
    return a->logit > b->logit || (a->logit == b->logit && a->id < b->id);
}

/* What a heap has at index 0. */
enum heap_order { HEAP_WORST, HEAP_HIGHEST_ID };

static inline bool precedes(const struct sampler_candidate *a, const struct sampler_candidate *b,
                            enum heap_order order)
{
    if (order == HEAP_HIGHEST_ID)
        return a->id > b->id;
    return before(b, a);
}

static inline void swap(struct sampler_candidate *a, struct sampler_candidate *b)
{
    struct sampler_candidate t = *a;
    *a = *b;
    *b = t;
}

static inline void sift_down(struct sampler_candidate *heap, int32_t count, int32_t at,
                             enum heap_order order)
{
    for (;;) {
        int32_t child = 2 * at + 1;
        if (child >= count)
            return;
        if (child + 1 < count && precedes(&heap[child + 1], &heap[child], order))
            child++;
        if (!precedes(&heap[child], &heap[at], order))
            return;
        swap(&heap[child], &heap[at]);
        at = child;
    }
}

static void make_heap(struct sampler_candidate *heap, int32_t count, enum heap_order order)
{
    for (int32_t i = count / 2 - 1; i >= 0; i--)
        sift_down(heap, count, i, order);
}

/* In place and without allocation: what the order puts first comes last. */
static void heap_sort(struct sampler_candidate *heap, int32_t count, enum heap_order order)
{
    make_heap(heap, count, order);
    while (count > 1) {
        count--;
        swap(&heap[0], &heap[count]);
        sift_down(heap, count, 0, order);
    }
}

/* Keep the k best of count candidates, in any order; candidates come by ascending id. */
static int32_t keep_top_k(struct sampler_candidate *candidates, int32_t count, int32_t k)
{
    if (k <= 0 || k >= count)
        return count;
    make_heap(candidates, k, HEAP_WORST);
    for (int32_t i = k; i < count; i++) {
        /* An equal logit with a higher id comes later in the order, so only larger ones enter. */
        if (candidates[i].logit > candidates[0].logit) {
            candidates[0] = candidates[i];
            sift_down(candidates, k, 0, HEAP_WORST);
        }
    }
    return k;
}

/* The middle one of first, middle and last: a pivot that sorted input does not spoil. */
static struct sampler_candidate choose_pivot(const struct sampler_candidate *candidates,
                                             int32_t low, int32_t high)
{
    const struct sampler_candidate *a = &candidates[low], *c = &candidates[high - 1];
    const struct sampler_candidate *b = &candidates[low + (high - low) / 2];
    if (before(a, b))
        return before(b, c) ? *b : before(a, c) ? *c : *a;
    return before(a, c) ? *a : before(b, c) ? *c : *b;
}

/*
 * Move those that come before the pivot to the front of [low, high); returns where the pivot is
 * then, and adds the weights before it to *sum.
 */
static int32_t partition(struct sampler_candidate *candidates, int32_t low, int32_t high,
                         struct sampler_candidate pivot, double *sum)
{
    int32_t store = low;
    for (int32_t i = low; i < high; i++) {
        if (candidates[i].id == pivot.id) {
            swap(&candidates[i], &candidates[high - 1]);
            break;
        }
    }
    for (int32_t i = low; i < high - 1; i++) {
        if (before(&candidates[i], &pivot)) {
            *sum += (double)candidates[i].weight;
            swap(&candidates[i], &candidates[store++]);
        }
    }
    swap(&candidates[store], &candidates[high - 1]);
    return store;
}

/*
 * Keep the best while those before weigh less than top_p of all: a quickselect that looks for the
 * weight instead of a rank. Returns how many are kept; they are in front.
 */
static int32_t keep_top_p(struct sampler_candidate *candidates, int32_t count, double top_p)
{
    double total = 0, sum = 0;
    for (int32_t i = 0; i < count; i++)
        total += (double)candidates[i].weight;
    int32_t low = 0, high = count;
    while (low < high) {
        double sum_before = sum;
        struct sampler_candidate pivot = choose_pivot(candidates, low, high);
        int32_t at = partition(candidates, low, high, pivot, &sum_before);
        if (sum_before < top_p * total) {
            low = at + 1;
            sum = sum_before + (double)pivot.weight;
        } else {
            high = at;
        }
    }
    return low;
}

static int32_t draw(const struct sampler_candidate *candidates, int32_t count, double u)
{
    double total = 0;
    int32_t last = candidates[0].id;
    for (int32_t i = 0; i < count; i++)
        total += (double)candidates[i].weight;
    double sum = 0, target = u * total;
    for (int32_t i = 0; i < count; i++) {
        sum += (double)candidates[i].weight;
        if (sum > target)
            return candidates[i].id;
        if (candidates[i].weight > 0)
            last = candidates[i].id;
    }
    return last; /* u * total rounded up to total */
}

#define LANES 16

/* The largest of count logits; *bad becomes true when one is NaN or +inf. */
static float block_max(const float *logits, int32_t count, bool *bad)
{
    float lanes[LANES];
    int32_t odd[LANES] = {0};
    for (int l = 0; l < LANES; l++)
        lanes[l] = -INFINITY;
    int32_t i = 0;
    for (; i + LANES <= count; i += LANES) {
        for (int l = 0; l < LANES; l++) {
            lanes[l] = logits[i + l] > lanes[l] ? logits[i + l] : lanes[l];
            odd[l] |= !(logits[i + l] < INFINITY);
        }
    }
    for (; i < count; i++) {
        lanes[0] = logits[i] > lanes[0] ? logits[i] : lanes[0];
        odd[0] |= !(logits[i] < INFINITY);
    }
    for (int l = 0; l < LANES; l++) {
        lanes[0] = lanes[l] > lanes[0] ? lanes[l] : lanes[0];
        *bad |= odd[l];
    }
    return lanes[0];
}

/* The largest logit, ties to the lowest id, and that of each block. False for NaN or +inf. */
static bool find_best(struct sampler *sampler, const float *logits, int32_t *id)
{
    const int32_t vocab_size = sampler->vocab_size;
    float best = -INFINITY;
    int32_t at = 0;
    bool bad = false;
    for (int32_t i = 0; i < vocab_size; i += BLOCK) {
        int32_t count = vocab_size - i < BLOCK ? vocab_size - i : BLOCK;
        float max = block_max(logits + i, count, &bad);
        sampler->block_best[i / BLOCK] = max;
        if (max > best) {
            best = max;
            at = i;
        }
    }
    while (at < vocab_size - 1 && logits[at] != best)
        at++;
    *id = at;
    return !bad;
}

static void apply_penalties(float *logits, const struct sampling_params *params,
                            const struct token_counts *counts)
{
    float repetition = (float)params->repetition_penalty;
    float presence = (float)params->presence_penalty;
    float frequency = (float)params->frequency_penalty;
    for (int32_t i = 0; i < counts->distinct_count; i++) {
        int32_t id = counts->distinct[i];
        uint32_t output = counts->counts[id] >> 1;
        float x = logits[id];
        if (repetition != 1.0F)
            x = x > 0 ? x / repetition : x * repetition;
        if (output > 0) {
            x -= frequency * (float)output;
            x -= presence;
        }
        logits[id] = x;
    }
}

/* The last id of each bad word whose other ids were just said. */
static void mask_bad_words(float *logits, const struct sample_input *input)
{
    const struct sampling_params *params = input->params;
    for (size_t i = 0; i < params->bad_word_count; i++) {
        const int32_t *word = params->bad_words[i];
        size_t before = params->bad_word_lengths[i] - 1;
        if (before == 0 || (before <= input->draw && memcmp(input->output + (input->draw - before),
                                                            word, before * sizeof *word) == 0))
            logits[word[before]] = -INFINITY;
    }
}

/* Steps 2 to 5 of the header. */
static void adjust_logits(const struct sampler *sampler, const struct sample_input *input)
{
    float *logits = input->logits;
    if (input->allowed_bits) {
        for (int32_t i = 0; i < sampler->vocab_size; i++) {
            if (!(input->allowed_bits[i >> 5] >> (i & 31) & 1))
                logits[i] = -INFINITY;
        }
    }
    mask_bad_words(logits, input);
    if (input->draw < (uint64_t)input->params->min_tokens) {
        for (size_t i = 0; i < input->masked_id_count; i++)
            logits[input->masked_ids[i]] = -INFINITY;
    }
    for (size_t i = 0; i < input->params->logit_bias_count; i++)
        logits[input->params->logit_bias[i].id] += input->params->logit_bias[i].bias;
    if (input->counts)
        apply_penalties(logits, input->params, input->counts);
}

/* Weights of the ids that may be drawn, by ascending id; returns how many. */
static int32_t gather(struct sampler *sampler, const struct sample_input *input, float max)
{
    const float temperature = (float)input->params->temperature;
    const float min_p = (float)input->params->min_p;
    struct sampler_candidate *candidates = sampler->candidates;
    int32_t count = 0;
    for (int32_t i = 0; i < sampler->vocab_size; i++) {
        float x = input->logits[i];
        float exponent = (x - max) / temperature;
        if (!(exponent >= EXPONENT_FLOOR))
            continue;
        float weight = expf(exponent);
        candidates[count] = (struct sampler_candidate){x, weight, i};
        count += weight >= min_p;
    }
    return count;
}

/*
 * The k first in the order, without their weights, in any order: a heap over the logits as they
 * are, which passes over the blocks that hold nothing better than the worst in it. Ids come in
 * ascending order, so of equal logits the lower id is in already.
 */
static int32_t gather_top_k(struct sampler *sampler, const float *logits, int32_t k)
{
    struct sampler_candidate *candidates = sampler->candidates;
    int32_t count = 0;
    for (int32_t i = 0; i < sampler->vocab_size; i++) {
        if (i % BLOCK == 0 && count == k && sampler->block_best[i / BLOCK] <= candidates[0].logit) {
            i += BLOCK - 1;
            continue;
        }
        struct sampler_candidate candidate = {logits[i], 0, i};
        if (count < k) {
            candidates[count++] = candidate;
            if (count == k)
                make_heap(candidates, k, HEAP_WORST);
        } else if (candidate.logit > candidates[0].logit) {
            candidates[0] = candidate;
            sift_down(candidates, k, 0, HEAP_WORST);
        }
    }
    return count;
}

/* Weights of candidates; returns how many have one. */
static int32_t weigh(struct sampler_candidate *candidates, int32_t count, float max,
                     float temperature)
{
    int32_t kept = 0;
    for (int32_t i = 0; i < count; i++) {
        float exponent = (candidates[i].logit - max) / temperature;
        if (!(exponent >= EXPONENT_FLOOR))
            continue;
        candidates[kept] = candidates[i];
        candidates[kept++].weight = expf(exponent);
    }
    return kept;
}

/* By ascending id again: the kept ones themselves, or, of many, all up to the worst of them. */
static void restore_order(struct sampler *sampler, const struct sample_input *input, float max,
                          int32_t kept)
{
    struct sampler_candidate *candidates = sampler->candidates;
    if (kept <= SORTED_MAX) {
        heap_sort(candidates, kept, HEAP_HIGHEST_ID);
        return;
    }
    struct sampler_candidate worst = candidates[0];
    for (int32_t i = 1; i < kept; i++)
        worst = before(&worst, &candidates[i]) ? candidates[i] : worst;
    int32_t count = 0;
    for (int32_t i = 0; i < sampler->vocab_size; i++) {
        struct sampler_candidate candidate = {input->logits[i], 0, i};
        if (before(&worst, &candidate))
            continue;
        candidate.weight = expf((candidate.logit - max) / (float)input->params->temperature);
        candidates[count++] = candidate;
    }
}

/* Steps 7 to 11. best: the id of the largest logit. */
static int32_t sample_random(struct sampler *sampler, const struct sample_input *input,
                             int32_t best)
{
    const struct sampling_params *params = input->params;
    struct sampler_candidate *candidates = sampler->candidates;
    const float max = input->logits[best];
    const bool all_kept = params->top_k <= 0 || params->top_k >= sampler->vocab_size;
    int32_t kept = 0;
    bool ordered = false;
    if (!all_kept && params->min_p <= 0) {
        kept = gather_top_k(sampler, input->logits, params->top_k);
        kept = weigh(candidates, kept, max, (float)params->temperature);
    } else {
        int32_t count = gather(sampler, input, max);
        kept = keep_top_k(candidates, count, params->top_k);
        ordered = kept == count;
    }
    if (params->top_p < 1) {
        kept = keep_top_p(candidates, kept, params->top_p);
        ordered = false;
    }
    if (!ordered)
        restore_order(sampler, input, max, kept);
    return draw(candidates, kept, rng_uniform(input->seed, 0, input->draw));
}

static bool adjusts(const struct sample_input *input)
{
    return input->allowed_bits || input->draw < (uint64_t)input->params->min_tokens ||
           input->params->logit_bias_count > 0 || input->params->bad_word_count > 0 ||
           input->counts;
}

static octet_status bad_logits(struct octet_error *err)
{
    return error_set(err, OCTET_DEVICE,
                     "the model's logits hold NaN or infinity, so no token can be chosen; the "
                     "checkpoint is damaged or its values overflow this arithmetic");
}

octet_status sampler_sample(struct sampler *sampler, const struct sample_input *input,
                            int32_t *token, struct position_logprobs *logprobs,
                            struct octet_error *err)
{
    int32_t best = 0;
    if (!find_best(sampler, input->logits, &best))
        return bad_logits(err);
    if (logprobs)
        memcpy(sampler->raw, input->logits, (size_t)sampler->vocab_size * sizeof(float));
    if (adjusts(input)) {
        adjust_logits(sampler, input);
        if (!find_best(sampler, input->logits, &best))
            return error_set(err, OCTET_INPUT,
                             "penalties make a logit infinite, so no token can be chosen");
    }
    if (input->logits[best] == -INFINITY)
        return error_set(err, OCTET_INPUT,
                         "every token is masked, so none can be chosen: allowed_token_ids, "
                         "bad_words, min_tokens and the required format leave nothing");
    if (input->params->temperature < SAMPLING_GREEDY_BELOW)
        *token = best;
    else
        *token = sample_random(sampler, input, best);
    if (!logprobs)
        return OCTET_OK;
    return sampler_logprobs(sampler, sampler->raw, *token, input->params->logprobs, logprobs, err);
}

octet_status sampler_logprobs(struct sampler *sampler, const float *logits, int32_t chosen,
                              int32_t top_count, struct position_logprobs *out,
                              struct octet_error *err)
{
    struct sampler_candidate *candidates = sampler->candidates;
    int32_t vocab_size = sampler->vocab_size, best = 0;
    if (!find_best(sampler, logits, &best))
        return bad_logits(err);
    const float max = logits[best];
    double sum = 0;
    int32_t rank = 1;
    for (int32_t i = 0; i < vocab_size; i++) {
        sum += (double)expf(logits[i] - max);
        rank += logits[i] > logits[chosen];
    }
    const float log_sum = (float)log(sum);
    out->rank = rank;
    out->logprob = logits[chosen] - max - log_sum;
    out->top_count = 0;
    if (top_count <= 0)
        return OCTET_OK;
    for (int32_t i = 0; i < vocab_size; i++)
        candidates[i] = (struct sampler_candidate){logits[i], 0, i};
    int32_t kept = keep_top_k(candidates, vocab_size, top_count);
    heap_sort(candidates, kept, HEAP_WORST);
    for (int32_t i = 0; i < kept; i++)
        out->top[i] = (struct token_logprob){candidates[i].id, candidates[i].logit - max - log_sum};
    out->top_count = kept;
    return OCTET_OK;
}
