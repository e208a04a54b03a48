/* SPDX-License-Identifier: Apache-2.0 */
/* A seeded Qwen3 FP8 checkpoint of any shape: the bytes depend on the shape and the seed alone. */
#ifndef TOOLS_SYNTH_H
#define TOOLS_SYNTH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/file.h"

enum scale_dtype { SCALE_BF16, SCALE_F32, SCALE_F16 };

struct synth_shape {
    int64_t layers, hidden, intermediate, heads, kv_heads, head_dim, vocab;
    int64_t max_positions;
    double rope_theta;
    bool untied;
    enum scale_dtype scale_dtype;
    uint64_t seed;
};

/* "qwen3-0.6b", "qwen3-4b", "tiny"; false for another name. */
bool synth_preset(const char *name, struct synth_shape *out);

/* OCTET_USAGE naming the number that is out of range. */
octet_status synth_check(const struct synth_shape *shape, struct octet_error *err);

octet_status synth_write_config(const struct synth_shape *shape, const char *directory,
                                struct octet_error *err);
octet_status synth_write_tensors(const struct synth_shape *shape, const char *directory,
                                 uint64_t *bytes, struct octet_error *err);

#endif
