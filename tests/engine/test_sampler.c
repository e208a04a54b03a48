/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sampler against its definition: a naive one that sorts the vocabulary and does the steps of
 * sampling.h one after the other, a chi-square test of what is drawn, and each rule by itself.
 */
#include <math.h>

#include "base/rng.h"
#include "engine/sampling.h"
#include "support/testing.h"

#define MAX_VOCAB 3000

struct naive_candidate {
    float logit, weight;
    int32_t id;
};

static int by_order(const void *a, const void *b)
{
    const struct naive_candidate *x = a, *y = b;
    if (x->logit != y->logit)
        return x->logit > y->logit ? -1 : 1;
    return x->id < y->id ? -1 : 1;
}

static int by_id(const void *a, const void *b)
{
    const struct naive_candidate *x = a, *y = b;
    return x->id < y->id ? -1 : 1;
}

/* Steps 6 to 11; what is kept stays in `c`. */
static int32_t naive_keep(const float *logits, int32_t vocab, const struct sampling_params *params,
                          struct naive_candidate *c)
{
    for (int32_t i = 0; i < vocab; i++)
        c[i] = (struct naive_candidate){logits[i], 0, i};
    qsort(c, (size_t)vocab, sizeof *c, by_order);
    int32_t count = vocab;
    const float max = c[0].logit;
    for (int32_t i = 0; i < vocab; i++) {
        float exponent = (c[i].logit - max) / (float)params->temperature;
        c[i].weight = exponent < -50 || isnan(exponent) ? 0 : expf(exponent);
    }
    while (count > 1 && (c[count - 1].weight < (float)params->min_p || c[count - 1].weight == 0))
        count--;
    if (params->top_k > 0 && params->top_k < count)
        count = params->top_k;
    double total = 0, sum = 0;
    for (int32_t i = 0; i < count; i++)
        total += (double)c[i].weight;
    for (int32_t i = 0; i < count; i++) {
        if (i > 0 && sum >= params->top_p * total) {
            count = i;
            break;
        }
        sum += (double)c[i].weight;
    }
    qsort(c, (size_t)count, sizeof *c, by_id);
    return count;
}

static int32_t naive_sample(const float *logits, int32_t vocab,
                            const struct sampling_params *params, uint64_t seed, uint64_t draw)
{
    static struct naive_candidate c[MAX_VOCAB];
    int32_t count = naive_keep(logits, vocab, params, c);
    if (params->temperature < SAMPLING_GREEDY_BELOW) {
        int32_t best = 0;
        for (int32_t i = 1; i < vocab; i++)
            best = logits[i] > logits[best] ? i : best;
        return best;
    }
    double total = 0, sum = 0, u = rng_uniform(seed, 0, draw);
    for (int32_t i = 0; i < count; i++)
        total += (double)c[i].weight;
    for (int32_t i = 0; i < count; i++) {
        sum += (double)c[i].weight;
        if (sum > u * total)
            return c[i].id;
    }
    return c[count - 1].id;
}

static int32_t sample(struct sampler *sampler, const float *logits,
                      const struct sampling_params *params, uint64_t seed, uint64_t draw)
{
    static float copy[200000];
    int32_t token = -1;
    struct octet_error err;
    memcpy(copy, logits, (size_t)sampler->vocab_size * sizeof *copy);
    const struct sample_input input = {
        .logits = copy, .params = params, .seed = seed, .draw = draw};
    assert_int_equal(sampler_sample(sampler, &input, &token, NULL, &err), OCTET_OK);
    return token;
}

static void equals_the_definition(void **state)
{
    (void)state;
    struct rng rng = {.seed = test_seed()};
    static float logits[MAX_VOCAB];
    for (int round = 0; round < 3000; round++) {
        int32_t vocab = 1 + (int32_t)rng_below(&rng, round % 10 ? 60 : MAX_VOCAB);
        bool coarse = rng_below(&rng, 2); /* many ties */
        for (int32_t i = 0; i < vocab; i++) {
            double x = rng_gauss(&rng) * (round % 3 ? 4 : 0.3); /* 0.3: many are kept */
            logits[i] = (float)(coarse ? floor(x) : x);
            if (rng_below(&rng, 50) == 0 && i > 0)
                logits[i] = -INFINITY;
        }
        struct sampling_params params;
        sampling_params_init(&params);
        params.temperature = rng_below(&rng, 8) ? 0.1 + (double)rng_below(&rng, 30) / 10 : 0;
        if (rng_below(&rng, 2))
            params.top_k = (int32_t)rng_below(&rng, (uint64_t)vocab + 3);
        if (rng_below(&rng, 2))
            params.top_p = 0.001 + (double)rng_below(&rng, 997) / 1000;
        if (rng_below(&rng, 2))
            params.min_p = (double)rng_below(&rng, 900) / 1000;
        struct sampler sampler;
        assert_int_equal(sampler_init(&sampler, vocab, NULL), OCTET_OK);
        for (uint64_t draw = 0; draw < 5; draw++) {
            int32_t expected = naive_sample(logits, vocab, &params, (uint64_t)round, draw);
            int32_t found = sample(&sampler, logits, &params, (uint64_t)round, draw);
            if (found != expected)
                fail_msg("round %d: found %d, expected %d (vocab %d T %g k %d p %g min %g)", round,
                         found, expected, vocab, params.temperature, params.top_k, params.top_p,
                         params.min_p);
        }
        sampler_free(&sampler);
    }
}

/*
 * 40,000 draws against the kept weights. The statistic has mean k-1 and variance 2(k-1); six
 * standard deviations are never passed by a right sampler (and the seed is fixed).
 */
static void chi_square(struct sampling_params *params, const char *what)
{
    enum { VOCAB = 24, DRAWS = 40000 };
    static struct naive_candidate c[MAX_VOCAB];
    struct rng rng = {.seed = 5};
    float logits[VOCAB];
    for (int i = 0; i < VOCAB; i++)
        logits[i] = (float)rng_gauss(&rng);
    int32_t kept = naive_keep(logits, VOCAB, params, c);
    double total = 0;
    for (int32_t i = 0; i < kept; i++)
        total += (double)c[i].weight;
    struct sampler sampler;
    assert_int_equal(sampler_init(&sampler, VOCAB, NULL), OCTET_OK);
    int counts[VOCAB] = {0};
    for (uint64_t n = 0; n < DRAWS; n++)
        counts[sample(&sampler, logits, params, 99, n)]++;
    double chi = 0;
    int seen = 0;
    for (int32_t i = 0; i < kept; i++) {
        double expected = DRAWS * (double)c[i].weight / total;
        chi += pow(counts[c[i].id] - expected, 2) / expected;
        seen += counts[c[i].id];
    }
    assert_int_equal(seen, DRAWS); /* nothing outside the kept ids */
    double freedom = kept - 1;
    printf("%s: %d kept, chi-square %.2f of %.0f degrees\n", what, kept, chi, freedom);
    assert_true(chi < freedom + 6 * sqrt(2 * freedom) + 1e-9);
    /* Too good is wrong as well: draws of one stream must vary like chance. */
    assert_true(chi > freedom - 4 * sqrt(2 * freedom) - 1e-9);
    sampler_free(&sampler);
}

static void draws_follow_the_weights(void **state)
{
    (void)state;
    struct sampling_params params;
    sampling_params_init(&params);
    chi_square(&params, "plain");
    params.temperature = 0.5;
    chi_square(&params, "temperature 0.5");
    params.temperature = 2;
    chi_square(&params, "temperature 2");
    params.top_k = 7;
    chi_square(&params, "top_k 7");
    params.top_p = 0.7;
    chi_square(&params, "top_k 7, top_p 0.7");
    params.top_k = 0;
    chi_square(&params, "top_p 0.7");
    params.top_p = 1;
    params.min_p = 0.3;
    chi_square(&params, "min_p 0.3");
}

static void greedy_takes_the_lowest_of_equals(void **state)
{
    (void)state;
    const float logits[] = {1, 3, 2, 3, -INFINITY, 3};
    struct sampler sampler;
    struct sampling_params params;
    sampling_params_init(&params);
    params.temperature = 0;
    assert_int_equal(sampler_init(&sampler, 6, NULL), OCTET_OK);
    assert_int_equal(sample(&sampler, logits, &params, 1, 0), 1);
    params.temperature = 1;
    params.top_k = 1;
    for (uint64_t n = 0; n < 50; n++)
        assert_int_equal(sample(&sampler, logits, &params, 1, n), 1);
    params.top_k = 2;
    bool seen[6] = {false};
    for (uint64_t n = 0; n < 200; n++)
        seen[sample(&sampler, logits, &params, 1, n)] = true;
    assert_true(seen[1] && seen[3] && !seen[5] && !seen[2]);
    params.top_k = 0;
    params.top_p = 1e-6;
    assert_int_equal(sample(&sampler, logits, &params, 1, 7), 1);
    sampler_free(&sampler);
}

static void a_draw_depends_on_seed_and_number_only(void **state)
{
    (void)state;
    float logits[100];
    for (int i = 0; i < 100; i++)
        logits[i] = (float)(i % 7);
    struct sampler sampler;
    struct sampling_params params;
    sampling_params_init(&params);
    assert_int_equal(sampler_init(&sampler, 100, NULL), OCTET_OK);
    int32_t forward[20], differ = 0;
    for (uint64_t n = 0; n < 20; n++)
        forward[n] = sample(&sampler, logits, &params, 42, n);
    for (uint64_t n = 20; n-- > 0;) {
        assert_int_equal(sample(&sampler, logits, &params, 42, n), forward[n]);
        differ += sample(&sampler, logits, &params, 43, n) != forward[n];
    }
    assert_true(differ > 10);
    sampler_free(&sampler);
}

static octet_status sample_once(struct sample_input *input, int32_t vocab, int32_t *token,
                                struct octet_error *err)
{
    struct sampler sampler;
    assert_int_equal(sampler_init(&sampler, vocab, NULL), OCTET_OK);
    octet_status status = sampler_sample(&sampler, input, token, NULL, err);
    sampler_free(&sampler);
    return status;
}

static void bad_logits_are_an_error(void **state)
{
    (void)state;
    const float bad[] = {NAN, INFINITY};
    struct sampling_params params;
    struct octet_error err;
    int32_t token = -1;
    sampling_params_init(&params);
    for (int i = 0; i < 2; i++) {
        for (int at = 0; at < 3; at++) {
            float logits[3] = {0, 1, -INFINITY};
            logits[at] = bad[i];
            struct sample_input input = {.logits = logits, .params = &params};
            assert_int_equal(sample_once(&input, 3, &token, &err), OCTET_DEVICE);
            assert_contains(err.message, "NaN");
        }
    }
    float none[] = {-INFINITY, -INFINITY};
    struct sample_input input = {.logits = none, .params = &params};
    assert_int_equal(sample_once(&input, 2, &token, &err), OCTET_INPUT);
    assert_contains(err.message, "every token is masked");
}

static void masks_and_bias(void **state)
{
    (void)state;
    struct sampling_params params;
    int32_t token = -1;
    sampling_params_init(&params);
    params.temperature = 0;
    const int32_t stops[] = {1};
    float logits[] = {0, 5, 4, 3};
    struct sample_input input = {
        .logits = logits, .params = &params, .masked_ids = stops, .masked_id_count = 1};
    assert_int_equal(sample_once(&input, 4, &token, NULL), OCTET_OK);
    assert_int_equal(token, 1);
    params.min_tokens = 3;
    for (input.draw = 0; input.draw < 5; input.draw++) {
        float again[] = {0, 5, 4, 3};
        input.logits = again;
        assert_int_equal(sample_once(&input, 4, &token, NULL), OCTET_OK);
        assert_int_equal(token, input.draw < 3 ? 2 : 1);
    }
    const uint32_t allowed[] = {1u << 0 | 1u << 3};
    float third[] = {0, 5, 4, 3};
    input.logits = third;
    input.allowed_bits = allowed;
    assert_int_equal(sample_once(&input, 4, &token, NULL), OCTET_OK);
    assert_int_equal(token, 3);
    const struct logit_bias bias[] = {{0, 3.5F}, {3, -1}};
    params.logit_bias = bias;
    params.logit_bias_count = 2;
    float fourth[] = {0, 5, 4, 3};
    input.logits = fourth;
    assert_int_equal(sample_once(&input, 4, &token, NULL), OCTET_OK);
    assert_int_equal(token, 0);
    assert_true(fourth[0] == 3.5F && fourth[3] == 2 && isinf(fourth[1]));
}

/* Penalties by their formula, from the tokens themselves. */
static void penalties_follow_the_formula(void **state)
{
    (void)state;
    struct rng rng = {.seed = 11};
    enum { VOCAB = 30 };
    for (int round = 0; round < 200; round++) {
        int32_t prompt[20], output[20];
        struct token_counts counts;
        struct sampling_params params;
        sampling_params_init(&params);
        params.temperature = 0;
        params.repetition_penalty = 0.5 + (double)rng_below(&rng, 20) / 10;
        params.frequency_penalty = (double)rng_below(&rng, 40) / 10 - 2;
        params.presence_penalty = (double)rng_below(&rng, 40) / 10 - 2;
        assert_int_equal(token_counts_init(&counts, VOCAB, NULL), OCTET_OK);
        float logits[VOCAB], expected[VOCAB];
        for (int i = 0; i < VOCAB; i++)
            logits[i] = expected[i] = (float)rng_gauss(&rng) * 3;
        for (int i = 0; i < 20; i++) {
            prompt[i] = (int32_t)rng_below(&rng, VOCAB);
            token_counts_add(&counts, prompt[i], false);
        }
        for (int i = 0; i < 20; i++) {
            output[i] = (int32_t)rng_below(&rng, VOCAB);
            token_counts_add(&counts, output[i], true);
        }
        for (int id = 0; id < VOCAB; id++) {
            int in_prompt = 0, in_output = 0;
            for (int i = 0; i < 20; i++) {
                in_prompt += prompt[i] == id;
                in_output += output[i] == id;
            }
            float r = (float)params.repetition_penalty;
            if (in_prompt || in_output)
                expected[id] = expected[id] > 0 ? expected[id] / r : expected[id] * r;
            expected[id] -= (float)params.frequency_penalty * (float)in_output;
            if (in_output)
                expected[id] -= (float)params.presence_penalty;
        }
        int32_t token = -1;
        struct sample_input input = {.logits = logits, .params = &params, .counts = &counts};
        assert_int_equal(sample_once(&input, VOCAB, &token, NULL), OCTET_OK);
        int best = 0;
        for (int i = 0; i < VOCAB; i++) {
            assert_true(logits[i] == expected[i]);
            best = expected[i] > expected[best] ? i : best;
        }
        assert_int_equal(token, best);
        token_counts_free(&counts);
    }
}

static void logprobs_are_of_the_raw_logits(void **state)
{
    (void)state;
    enum { VOCAB = 500 };
    struct rng rng = {.seed = 3};
    float logits[VOCAB], copy[VOCAB];
    double sum = 0;
    for (int i = 0; i < VOCAB; i++)
        logits[i] = (float)floor(rng_gauss(&rng) * 8) / 2;
    logits[17] = -INFINITY;
    for (int i = 0; i < VOCAB; i++)
        sum += exp((double)logits[i]);
    struct sampler sampler;
    struct sampling_params params;
    struct token_logprob top[VOCAB];
    struct octet_error err;
    assert_int_equal(sampler_init(&sampler, VOCAB, NULL), OCTET_OK);
    sampling_params_init(&params);
    const int32_t widths[] = {0, 1, 5, 20, VOCAB};
    for (int w = 0; w < 5; w++) {
        /* Temperature, bias and masks change what is drawn, never what is reported. */
        const struct logit_bias bias = {3, 50};
        params.temperature = 0.3;
        params.logprobs = widths[w];
        params.logit_bias = &bias;
        params.logit_bias_count = 1;
        memcpy(copy, logits, sizeof copy);
        struct sample_input input = {.logits = copy, .params = &params};
        struct position_logprobs found = {.top = top};
        int32_t token = -1, rank = 1;
        assert_int_equal(sampler_sample(&sampler, &input, &token, &found, &err), OCTET_OK);
        assert_int_equal(token, 3);
        assert_true(fabs((double)found.logprob - ((double)logits[3] - log(sum))) < 1e-5);
        for (int i = 0; i < VOCAB; i++)
            rank += logits[i] > logits[3];
        assert_int_equal(found.rank, rank);
        assert_int_equal(found.top_count, widths[w]);
        for (int i = 0; i < found.top_count; i++) {
            double expected = (double)logits[top[i].id] - log(sum);
            assert_true(top[i].logprob == -INFINITY
                            ? isinf(expected)
                            : fabs((double)top[i].logprob - expected) < 1e-5);
            if (i > 0)
                assert_true(
                    logits[top[i - 1].id] > logits[top[i].id] ||
                    (logits[top[i - 1].id] == logits[top[i].id] && top[i - 1].id < top[i].id));
            if (top[i].id == token) /* clients compare the two for equality */
                assert_true(top[i].logprob == found.logprob);
        }
    }
    sampler_free(&sampler);
}

static void a_real_vocabulary(void **state)
{
    (void)state;
    enum { VOCAB = 151936 };
    static float logits[VOCAB];
    struct rng rng = {.seed = 8};
    for (int i = 0; i < VOCAB; i++)
        logits[i] = (float)rng_gauss(&rng) * 3;
    struct sampler sampler;
    struct sampling_params params;
    sampling_params_init(&params);
    assert_int_equal(sampler_init(&sampler, VOCAB, NULL), OCTET_OK);
    int64_t sum = 0;
    for (uint64_t n = 0; n < 20; n++) {
        params.top_k = 20;
        params.top_p = 0.95;
        sum += sample(&sampler, logits, &params, 1, n);
        params.top_k = 0;
        sum += sample(&sampler, logits, &params, 1, n);
        params.top_p = 1;
        sum += sample(&sampler, logits, &params, 1, n);
    }
    assert_true(sum > 0 && sum < (int64_t)60 * VOCAB);
    sampler_free(&sampler);
}

static void refuses(struct sampling_params *params, const char *part)
{
    struct octet_error err;
    assert_int_equal(sampling_params_check(params, 100, 20, &err), OCTET_USAGE);
    assert_contains(err.message, part);
    sampling_params_init(params);
}

static void parameters_are_checked(void **state)
{
    (void)state;
    struct sampling_params p;
    struct octet_error err;
    sampling_params_init(&p);
    assert_int_equal(sampling_params_check(&p, 100, 20, &err), OCTET_OK);
    p.temperature = -0.1;
    refuses(&p, "temperature");
    p.temperature = NAN;
    refuses(&p, "temperature");
    p.top_p = 0;
    refuses(&p, "top_p must be in (0, 1]");
    p.top_p = 1.5;
    refuses(&p, "top_p");
    p.min_p = -1;
    refuses(&p, "min_p");
    p.repetition_penalty = 0;
    refuses(&p, "repetition_penalty");
    p.presence_penalty = INFINITY;
    refuses(&p, "presence_penalty");
    p.frequency_penalty = NAN;
    refuses(&p, "frequency_penalty");
    p.min_tokens = -1;
    refuses(&p, "min_tokens");
    p.min_tokens = 5;
    p.max_tokens = 4;
    refuses(&p, "min_tokens must be less than or equal to max_tokens=4, got 5");
    p.logprobs = 21;
    refuses(&p, "Requested sample logprobs of 21, which is greater than max allowed: 20");
    p.prompt_logprobs = 21;
    refuses(&p, "Requested prompt logprobs of 21");
    const int32_t ids[] = {5, 100};
    p.stop_token_ids = ids;
    p.stop_token_id_count = 2;
    refuses(&p, "stop_token_ids: token id 100");
    p.stop_token_id_count = SAMPLING_STOP_IDS_MAX + 1;
    refuses(&p, "stop_token_ids has 129 entries");
    p.allowed_ids = ids;
    refuses(&p, "allowed_token_ids must not be empty");
    p.allowed_ids = ids;
    p.allowed_id_count = 2;
    refuses(&p, "allowed_token_ids: token id 100");
    const struct logit_bias bias[] = {{1, INFINITY}};
    p.logit_bias = bias;
    p.logit_bias_count = 1;
    refuses(&p, "logit_bias of token 1 must be finite");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equals_the_definition),
        cmocka_unit_test(draws_follow_the_weights),
        cmocka_unit_test(greedy_takes_the_lowest_of_equals),
        cmocka_unit_test(a_draw_depends_on_seed_and_number_only),
        cmocka_unit_test(bad_logits_are_an_error),
        cmocka_unit_test(masks_and_bias),
        cmocka_unit_test(penalties_follow_the_formula),
        cmocka_unit_test(logprobs_are_of_the_raw_logits),
        cmocka_unit_test(a_real_vocabulary),
        cmocka_unit_test(parameters_are_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
