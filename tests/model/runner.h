/* SPDX-License-Identifier: Apache-2.0 */
/* A checkpoint opened as a model, and sequences run through it: shared by the tests of model/. */
#ifndef TESTS_MODEL_RUNNER_H
#define TESTS_MODEL_RUNNER_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "base/json.h"
#include "model/model.h"

struct runner {
    struct checkpoint *checkpoint;
    struct model_config config;
    struct model_options options;
    struct model *model;
    size_t vocab;
};

/* Room for steps of `tokens` tokens, every one with logits, and sequences of up to `length`. */
struct model_options runner_options(int32_t tokens, int32_t length);
/* Fails the test with the message when the model does not load. */
void runner_open(struct runner *runner, const char *directory, const struct model_options *options);
void runner_close(struct runner *runner);

/* One sequence from position 0 in blocks 0, 1, ...; chunk tokens a step. logits: [count][vocab]. */
void runner_sequence(struct runner *runner, const int32_t *ids, int32_t count, int32_t chunk,
                     float *logits);
/* One step of one sequence in blocks 0, 1, ...: tokens first .. first+count-1, logits of all or of
 * the last. */
void runner_step(struct runner *runner, const int32_t *ids, int32_t first, int32_t count,
                 bool last_only, float *logits);

/* ../shared or OCTET_SHARED; NULL and a SKIP line when it is absent. */
const char *shared_directory(const char *test);

/* A JSON array of ids, malloc'ed. */
int32_t *json_ids(const struct json *array, int32_t *count);
int32_t *load_ids(const char *path, int32_t *count);
/* A file of float32, malloc'ed; its size must be `count`. */
float *load_floats(const char *path, size_t count);

/* Relative L2 distance, and KL(p || q) of two rows of logits. */
double relative_l2(const float *found, const float *expected, size_t n);
double kl_divergence(const float *expected, const float *found, size_t n);
size_t argmax(const float *values, size_t n);

#endif
