/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Logits beside those of Hugging Face transformers: float32 within 1e-4 of its float32 at every
 * position; the BF16 modes no further from its float32 than 1.25 times its own BF16, and the same
 * greedy token where the margin is larger than that noise. Prints one line a checkpoint and mode.
 */
#include "runner.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SEQUENCES 4
#define TOKENS_MAX 300

static const char *const checkpoints[] = {
    "qwen3-tied-fp8-bf16scale", "qwen3-untied-fp8-f32scale-sharded",
    "qwen3-hd128-fp8-f16scale", "qwen3-bf16",
    "qwen2-fp8-bf16scale",      "llama3-fp8-channel-compressed",
    "llama-fp8-tensor-static",  "qwen3-yarn-fp8",
};

struct mode {
    const char *name;
    enum activation_dtype dtype;
    enum weight_dtype weight;
};
static const struct mode modes[] = {
    {"float32", ACTIVATION_F32, WEIGHT_AUTO},
    {"float32, weights float32", ACTIVATION_F32, WEIGHT_F32},
    {"bfloat16", ACTIVATION_BF16, WEIGHT_AUTO},
    {"bfloat16, weights bfloat16", ACTIVATION_BF16, WEIGHT_BF16},
};

/* What one mode did over all sequences of one checkpoint, and what Hugging Face's BF16 did. */
struct deviation {
    double worst_l2;                                    /* of a position */
    double l2, l2_bf16;                                 /* of all positions together */
    double kl, kl_bf16;                                 /* mean over positions */
    size_t positions, same_top1, same_top1_bf16, flips; /* flips: where the margin forbids one */
};

struct reference {
    int32_t count;
    int32_t *ids;
    float *f32, *bf16;
};

static void reference_load(struct reference *out, const char *directory, int sequence, size_t vocab)
{
    char path[512];
    snprintf(path, sizeof path, "%s/ref/%d.ids.json", directory, sequence);
    out->ids = load_ids(path, &out->count);
    snprintf(path, sizeof path, "%s/ref/%d.f32.bin", directory, sequence);
    out->f32 = load_floats(path, (size_t)out->count * vocab);
    snprintf(path, sizeof path, "%s/ref/%d.bf16.bin", directory, sequence);
    out->bf16 = load_floats(path, (size_t)out->count * vocab);
}

static void reference_free(struct reference *reference)
{
    free(reference->ids);
    free(reference->f32);
    free(reference->bf16);
}

static double top_margin(const float *values, size_t n)
{
    size_t best = argmax(values, n);
    double second = -INFINITY;
    for (size_t i = 0; i < n; i++)
        if (i != best && (double)values[i] > second)
            second = (double)values[i];
    return (double)values[best] - second;
}

static double largest_difference(const float *a, const float *b, size_t n)
{
    double largest = 0;
    for (size_t i = 0; i < n; i++)
        largest = fmax(largest, fabs((double)a[i] - (double)b[i]));
    return largest;
}

/* Squared distance and squared size of all positions are kept until deviation_finish. */
static void deviation_add(struct deviation *deviation, const float *found,
                          const struct reference *reference, size_t vocab)
{
    for (int32_t t = 0; t < reference->count; t++) {
        const float *row = found + (size_t)t * vocab;
        const float *f32 = reference->f32 + (size_t)t * vocab;
        const float *bf16 = reference->bf16 + (size_t)t * vocab;
        double l2 = relative_l2(row, f32, vocab), l2_bf16 = relative_l2(bf16, f32, vocab);
        deviation->worst_l2 = fmax(deviation->worst_l2, l2);
        deviation->l2 += l2 * l2;
        deviation->l2_bf16 += l2_bf16 * l2_bf16;
        deviation->kl += kl_divergence(f32, row, vocab);
        deviation->kl_bf16 += kl_divergence(f32, bf16, vocab);
        size_t top = argmax(f32, vocab);
        deviation->same_top1 += argmax(row, vocab) == top;
        deviation->same_top1_bf16 += argmax(bf16, vocab) == top;
        /* Two logits may each move by the noise. */
        bool clear = top_margin(f32, vocab) > 2 * 1.25 * largest_difference(f32, bf16, vocab);
        deviation->flips += clear && argmax(row, vocab) != top;
        deviation->positions++;
    }
}

static void deviation_finish(struct deviation *deviation)
{
    double n = (double)deviation->positions;
    deviation->l2 = sqrt(deviation->l2 / n);
    deviation->l2_bf16 = sqrt(deviation->l2_bf16 / n);
    deviation->kl /= n;
    deviation->kl_bf16 /= n;
}

static void check_mode(const char *name, const char *directory, const struct mode *mode)
{
    struct runner runner;
    struct deviation deviation = {0};
    struct model_options options = runner_options(TOKENS_MAX, TOKENS_MAX);
    options.dtype = mode->dtype;
    options.weight_dtype = mode->weight;
    runner_open(&runner, directory, &options);
    float *logits = malloc(TOKENS_MAX * runner.vocab * sizeof *logits);
    for (int sequence = 0; sequence < SEQUENCES; sequence++) {
        struct reference reference;
        reference_load(&reference, directory, sequence, runner.vocab);
        assert_in_range(reference.count, 1, TOKENS_MAX);
        runner_sequence(&runner, reference.ids, reference.count, TOKENS_MAX, logits);
        deviation_add(&deviation, logits, &reference, runner.vocab);
        reference_free(&reference);
    }
    free(logits);
    runner_close(&runner);
    deviation_finish(&deviation);
    double ratio_l2 = deviation.l2 / deviation.l2_bf16, ratio_kl = deviation.kl / deviation.kl_bf16;
    printf("%-34s %-27s %9.2e %9.2e %9.2e %5.2f %9.2e %9.2e %5.2f %4zu/%zu (%zu) %zu\n", name,
           mode->name, deviation.worst_l2, deviation.l2, deviation.l2_bf16, ratio_l2, deviation.kl,
           deviation.kl_bf16, ratio_kl, deviation.same_top1, deviation.positions,
           deviation.same_top1_bf16, deviation.flips);
    fflush(stdout);
    assert_int_equal(deviation.flips, 0);
    if (mode->dtype == ACTIVATION_F32) {
        assert_true(deviation.worst_l2 <= 1e-4);
    } else {
        assert_true(ratio_l2 <= 1.25);
        assert_true(ratio_kl <= 1.25);
    }
}

static void logits_stay_as_near_as_hugging_face(void **state)
{
    (void)state;
    const char *shared = shared_directory("logits of the tiny checkpoints");
    if (!shared)
        skip();
    printf("%-34s %-27s %9s %9s %9s %5s %9s %9s %5s top-1 of (HF BF16), flips past the noise\n",
           "checkpoint", "mode", "worst L2", "L2", "HF BF16", "ratio", "KL", "HF BF16", "ratio");
    for (size_t i = 0; i < sizeof checkpoints / sizeof checkpoints[0]; i++) {
        char directory[384];
        snprintf(directory, sizeof directory, "%s/models/%s", shared, checkpoints[i]);
        for (size_t m = 0; m < sizeof modes / sizeof modes[0]; m++)
            check_mode(checkpoints[i], directory, &modes[m]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(logits_stay_as_near_as_hugging_face),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
