/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Real language: SmolLM2-135M-Instruct in FP8. First-token logits, greedy answers and perplexity
 * beside those of transformers (ref/report.json). Skipped by name without the shared data.
 */
#include "runner.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/clock.h"

enum { WINDOW = 1024, WINDOWS = 4, ANSWER_MAX = 64 };

static const char *shared;
static struct runner runner;
static struct json *report;
static char directory[384];

static double number_at(const char *path)
{
    double value = json_number(json_get_path(report, path), NAN);
    assert_false(isnan(value));
    return value;
}

static int open_model(void **state)
{
    (void)state;
    shared = shared_directory("SmolLM2");
    if (!shared)
        return 0;
    char path[512];
    snprintf(directory, sizeof directory, "%s/models/smollm2-135m-instruct-fp8", shared);
    snprintf(path, sizeof path, "%s/ref/report.json", directory);
    struct octet_error err = {0};
    if (json_load(path, 1 << 24, &report, &err) != OCTET_OK)
        fail_msg("%s", err.message);
    struct model_options options = runner_options(WINDOW, WINDOW);
    options.max_logit_rows = WINDOW;
    uint64_t start = clock_now_ns();
    runner_open(&runner, directory, &options);
    printf("SmolLM2: loaded in %.2f s\n", clock_seconds_since(start));
    return 0;
}

static int close_model(void **state)
{
    (void)state;
    if (shared) {
        runner_close(&runner);
        json_free(report);
    }
    return 0;
}

static void first_token_is_near_float32(void **state)
{
    (void)state;
    if (!shared)
        skip();
    char path[512];
    int32_t count;
    const struct json *prompt = json_at(json_get(report, "prompts"), 0);
    int32_t *ids = json_ids(json_get(prompt, "prompt_ids"), &count);
    snprintf(path, sizeof path, "%s/ref/first_token_logits.f32.bin", directory);
    float *expected = load_floats(path, runner.vocab), *found = malloc(runner.vocab * 4);
    runner_step(&runner, ids, 0, count, true, found);
    double l2 = relative_l2(found, expected, runner.vocab);
    double kl = kl_divergence(expected, found, runner.vocab);
    printf("SmolLM2: first token, relative L2 %.2e, KL %.2e (HF BF16 KL mean %.2e, max %.2e)\n", l2,
           kl, number_at("bf16_vs_f32.kl_mean"), number_at("bf16_vs_f32.kl_max"));
    assert_true(kl <= 1.25 * number_at("bf16_vs_f32.kl_max"));
    assert_int_equal(argmax(found, runner.vocab), argmax(expected, runner.vocab));
    free(expected);
    free(found);
    free(ids);
}

/* By how much BF16 moves the margin between the first two tokens in transformers itself. */
static double margin_noise(const struct json *prompts)
{
    double noise = 0;
    for (size_t p = 0; p < json_count(prompts); p++) {
        const struct json *f32 = json_get(json_at(prompts, p), "f32");
        const struct json *bf16 = json_get(json_at(prompts, p), "bf16");
        for (size_t i = 0; i < json_count(json_get(f32, "ids")); i++) {
            double a = json_number(json_at(json_get(f32, "margins"), i), 0);
            double b = json_number(json_at(json_get(bf16, "margins"), i), 0);
            noise = fmax(noise, fabs(a - b));
            if (json_integer(json_at(json_get(f32, "ids"), i), -1) !=
                json_integer(json_at(json_get(bf16, "ids"), i), -2))
                break;
        }
    }
    return noise;
}

/* Along the reference's own answer, each greedy id is its id wherever its margin exceeds the noise.
 */
static void check_answer(size_t index, const struct json *prompt, double noise, float *logits)
{
    const struct json *f32 = json_get(prompt, "f32");
    int32_t ids[WINDOW], count, answer_count, same = 0, first = -1;
    int32_t *start = json_ids(json_get(prompt, "prompt_ids"), &count);
    int32_t *answer = json_ids(json_get(f32, "ids"), &answer_count);
    memcpy(ids, start, (size_t)count * sizeof *ids);
    memcpy(ids + count, answer, (size_t)answer_count * sizeof *ids);
    runner_step(&runner, ids, 0, count, true, logits);
    for (int32_t i = 0; i < answer_count; i++) {
        double margin = json_number(json_at(json_get(f32, "margins"), (size_t)i), NAN);
        bool equal = (int32_t)argmax(logits, runner.vocab) == answer[i];
        if (!equal && !(margin < noise))
            fail_msg("prompt %zu, step %d: another id at a margin of %.3f (noise %.3f)", index,
                     (int)i, margin, noise);
        first = equal || first >= 0 ? first : i;
        same += equal;
        if (i + 1 < answer_count)
            runner_step(&runner, ids, count + i, 1, true, logits);
    }
    printf("SmolLM2: prompt %zu, %d of %d greedy ids equal (first other at %d)\n", index, (int)same,
           (int)answer_count, (int)first);
    free(start);
    free(answer);
}

static void greedy_ids_are_those_of_hugging_face(void **state)
{
    (void)state;
    if (!shared)
        skip();
    const struct json *prompts = json_get(report, "prompts");
    float *logits = malloc(runner.vocab * sizeof *logits);
    double noise = margin_noise(prompts);
    printf("SmolLM2: transformers' BF16 moves margins by up to %.3f\n", noise);
    for (size_t p = 0; p < json_count(prompts); p++)
        check_answer(p, json_at(prompts, p), noise, logits);
    free(logits);
}

static void perplexity_is_within_half_a_percent(void **state)
{
    (void)state;
    if (!shared)
        skip();
    char path[512];
    int32_t count;
    snprintf(path, sizeof path, "%s/ref/text.ids.json", directory);
    int32_t *ids = load_ids(path, &count);
    assert_int_equal(count, WINDOW * WINDOWS);
    float *logits = malloc(WINDOW * runner.vocab * sizeof *logits);
    double sum = 0;
    size_t scored = 0;
    uint64_t start = clock_now_ns();
    double seconds = 0;
    for (int w = 0; w < WINDOWS; w++) {
        start = clock_now_ns();
        runner_sequence(&runner, ids + w * WINDOW, WINDOW, WINDOW, logits);
        seconds += clock_seconds_since(start);
        for (int t = 0; t + 1 < WINDOW; t++, scored++) {
            const float *row = logits + (size_t)t * runner.vocab;
            double top = (double)row[argmax(row, runner.vocab)], total = 0;
            for (size_t i = 0; i < runner.vocab; i++)
                total += exp((double)row[i] - top);
            sum += top + log(total) - (double)row[ids[w * WINDOW + t + 1]];
        }
    }
    double perplexity = exp(sum / (double)scored), reference = number_at("perplexity.bf16.ppl");
    printf("SmolLM2: perplexity %.4f over %zu tokens (HF BF16 %.4f, float32 %.4f), prefill with "
           "all logits %.0f tokens/s\n",
           perplexity, scored, reference, number_at("perplexity.f32.ppl"),
           (double)(WINDOW * WINDOWS) / seconds);
    assert_int_equal(scored, (size_t)number_at("perplexity.bf16.tokens_scored"));
    assert_true(fabs(perplexity / reference - 1) <= 0.005);
    free(logits);
    free(ids);
}

/* BF16 against our own float32, which the first-token logits tie to the reference's. */
static void bf16_is_as_near_to_float32_as_hugging_face(void **state)
{
    (void)state;
    if (!shared)
        skip();
    char path[512];
    int32_t count;
    snprintf(path, sizeof path, "%s/ref/text.ids.json", directory);
    int32_t *ids = load_ids(path, &count);
    struct runner wide;
    struct model_options options = runner.options;
    options.dtype = ACTIVATION_F32;
    runner_open(&wide, directory, &options);
    size_t vocab = runner.vocab, same = 0;
    float *expected = malloc(WINDOW * vocab * 4), *found = malloc(WINDOW * vocab * 4);
    runner_sequence(&wide, ids, WINDOW, WINDOW, expected);
    runner_sequence(&runner, ids, WINDOW, WINDOW, found);
    double mean = 0, largest = 0;
    for (size_t t = 0; t < WINDOW; t++) {
        double kl = kl_divergence(expected + t * vocab, found + t * vocab, vocab);
        mean += kl / WINDOW;
        largest = fmax(largest, kl);
        same += argmax(expected + t * vocab, vocab) == argmax(found + t * vocab, vocab);
    }
    printf(
        "SmolLM2: BF16 against float32: KL mean %.2e, max %.2e, top-1 %.3f (HF %.2e, %.2e, %.3f)\n",
        mean, largest, (double)same / WINDOW, number_at("bf16_vs_f32.kl_mean"),
        number_at("bf16_vs_f32.kl_max"), number_at("bf16_vs_f32.top1"));
    assert_true(mean <= 1.25 * number_at("bf16_vs_f32.kl_mean"));
    free(expected);
    free(found);
    free(ids);
    runner_close(&wide);
}

/* Printed, not judged: a shared machine has no fixed speed. */
static void speed(void **state)
{
    (void)state;
    if (!shared)
        skip();
    int32_t ids[WINDOW];
    float *logits = malloc(runner.vocab * sizeof *logits);
    for (int32_t i = 0; i < WINDOW; i++)
        ids[i] = 100 + i * 37 % 40000;
    uint64_t start = clock_now_ns();
    runner_step(&runner, ids, 0, 512, true, logits);
    double prefill = clock_seconds_since(start);
    start = clock_now_ns();
    for (int32_t i = 0; i < ANSWER_MAX; i++)
        runner_step(&runner, ids, 512 + i, 1, true, logits);
    double decode = clock_seconds_since(start);
    printf("SmolLM2: prefill of 512 %.0f tokens/s, decode %.1f tokens/s, 2 threads\n",
           512 / prefill, ANSWER_MAX / decode);
    free(logits);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_token_is_near_float32),
        cmocka_unit_test(greedy_ids_are_those_of_hugging_face),
        cmocka_unit_test(perplexity_is_within_half_a_percent),
        cmocka_unit_test(bf16_is_as_near_to_float32_as_hugging_face),
        cmocka_unit_test(speed),
    };
    return cmocka_run_group_tests(tests, open_model, close_model);
}
