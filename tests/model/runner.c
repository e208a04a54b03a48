/* SPDX-License-Identifier: Apache-2.0 */
#include "runner.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/file.h"

struct model_options runner_options(int32_t tokens, int32_t length)
{
    return (struct model_options){.dtype = ACTIVATION_BF16,
                                  .weight_dtype = WEIGHT_AUTO,
                                  .threads = 2,
                                  .max_model_len = length,
                                  .max_batch_tokens = tokens,
                                  .max_batch_sequences = 16,
                                  .max_logit_rows = tokens,
                                  .block_size = 16,
                                  .block_count = (length + 15) / 16};
}

void runner_open(struct runner *runner, const char *directory, const struct model_options *options)
{
    struct octet_error err = {0};
    memset(runner, 0, sizeof *runner);
    runner->options = *options;
    if (checkpoint_open(directory, &runner->checkpoint, &err) != OCTET_OK ||
        model_config_parse(checkpoint_config(runner->checkpoint), NULL, "config.json",
                           &runner->config, &err) != OCTET_OK ||
        model_load(runner->checkpoint, &runner->config, options, NULL, &runner->model, &err) !=
            OCTET_OK)
        fail_msg("%s: %s", directory, err.message);
    runner->vocab = (size_t)runner->config.vocab_size;
}

void runner_close(struct runner *runner)
{
    model_free(runner->model);
    checkpoint_close(runner->checkpoint);
}

void runner_step(struct runner *runner, const int32_t *ids, int32_t first, int32_t count,
                 bool last_only, float *logits)
{
    int32_t length = first + count, size = runner->options.block_size;
    int32_t blocks = (length + size - 1) / size;
    int32_t *positions = malloc((size_t)count * sizeof *positions);
    int32_t *rows = malloc((size_t)count * sizeof *rows);
    int32_t *table = malloc((size_t)blocks * sizeof *table);
    for (int32_t i = 0; i < count; i++) {
        positions[i] = first + i;
        rows[i] = last_only ? count - 1 : i;
    }
    for (int32_t i = 0; i < blocks; i++)
        table[i] = i;
    const int32_t starts[2] = {0, count};
    struct step_batch batch = {.token_count = count,
                               .token_ids = ids + first,
                               .positions = positions,
                               .slots = positions,
                               .sequence_count = 1,
                               .query_start = starts,
                               .lengths = &length,
                               .block_tables = table,
                               .block_table_stride = blocks,
                               .logit_row_count = last_only ? 1 : count,
                               .logit_rows = rows};
    struct octet_error err = {0};
    if (model_step(runner->model, &batch, logits, &err) != OCTET_OK)
        fail_msg("step: %s", err.message);
    free(positions);
    free(rows);
    free(table);
}

void runner_sequence(struct runner *runner, const int32_t *ids, int32_t count, int32_t chunk,
                     float *logits)
{
    for (int32_t first = 0; first < count; first += chunk)
        runner_step(runner, ids, first, count - first < chunk ? count - first : chunk, false,
                    logits + (size_t)first * runner->vocab);
}

const char *shared_directory(const char *test)
{
    const char *directory = getenv("OCTET_SHARED");
    if (!directory)
        directory = "../shared";
    if (directory_exists(directory))
        return directory;
    printf("SKIP: %s: no shared data\n", test);
    return NULL;
}

int32_t *json_ids(const struct json *array, int32_t *count)
{
    *count = (int32_t)json_count(array);
    int32_t *ids = malloc((size_t)(*count + 1) * sizeof *ids);
    for (int32_t i = 0; i < *count; i++)
        ids[i] = (int32_t)json_integer(json_at(array, (size_t)i), -1);
    return ids;
}

int32_t *load_ids(const char *path, int32_t *count)
{
    struct json *array;
    struct octet_error err = {0};
    if (json_load(path, 1 << 24, &array, &err) != OCTET_OK)
        fail_msg("%s", err.message);
    int32_t *ids = json_ids(array, count);
    json_free(array);
    return ids;
}

float *load_floats(const char *path, size_t count)
{
    struct file file;
    struct octet_error err = {0};
    float *values = malloc(count * sizeof *values);
    if (file_open(path, &file, &err) != OCTET_OK)
        fail_msg("%s", err.message);
    assert_int_equal(file.size, count * sizeof *values);
    if (file_read_at(&file, 0, values, count * sizeof *values, &err) != OCTET_OK)
        fail_msg("%s", err.message);
    file_close(&file);
    return values;
}

double relative_l2(const float *found, const float *expected, size_t n)
{
    double difference = 0, size = 0;
    for (size_t i = 0; i < n; i++) {
        double d = (double)found[i] - (double)expected[i];
        difference += d * d;
        size += (double)expected[i] * (double)expected[i];
    }
    return sqrt(difference / size);
}

static double log_sum_exp(const float *values, size_t n)
{
    double top = (double)values[argmax(values, n)], sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += exp((double)values[i] - top);
    return top + log(sum);
}

double kl_divergence(const float *expected, const float *found, size_t n)
{
    double a = log_sum_exp(expected, n), b = log_sum_exp(found, n), sum = 0;
    for (size_t i = 0; i < n; i++) {
        double p = (double)expected[i] - a, q = (double)found[i] - b;
        sum += exp(p) * (p - q);
    }
    return sum;
}

size_t argmax(const float *values, size_t n)
{
    size_t best = 0;
    for (size_t i = 1; i < n; i++)
        if (values[i] > values[best])
            best = i;
    return best;
}
