/* SPDX-License-Identifier: Apache-2.0 */
#include "model/rope_table.h"

#include <assert.h>
#include <math.h>

#define TWO_PI 6.283185307179586476925286766559

static double llama3_frequency(const struct rope_config *rope, double frequency)
{
    double original = (double)rope->original_max_position_embeddings;
    double wavelength = TWO_PI / frequency;
    if (wavelength > original / rope->low_freq_factor)
        return frequency / rope->factor;
    if (wavelength < original / rope->high_freq_factor)
        return frequency;
    double smooth = (original / wavelength - rope->low_freq_factor) /
                    (rope->high_freq_factor - rope->low_freq_factor);
    return (1.0 - smooth) * frequency / rope->factor + smooth * frequency;
}

/* The pair index at which `rotations` full turns fit the original length. */
static double yarn_correction(const struct rope_config *rope, int64_t head_dim, double rotations)
{
    double original = (double)rope->original_max_position_embeddings;
    return (double)head_dim * log(original / (rotations * TWO_PI)) / (2.0 * log(rope->theta));
}

/* Where the ramp from extrapolation (below low) to interpolation (above high) lies. */
static void yarn_range(const struct rope_config *rope, int64_t head_dim, double *low, double *high)
{
    *low = yarn_correction(rope, head_dim, rope->beta_fast);
    *high = yarn_correction(rope, head_dim, rope->beta_slow);
    if (rope->truncate) {
        *low = floor(*low);
        *high = ceil(*high);
    }
    *low = fmax(*low, 0.0);
    *high = fmin(*high, (double)head_dim - 1.0);
    if (*low == *high)
        *high += 0.001;
}

void rope_inverse_frequencies(const struct rope_config *rope, int64_t head_dim, float *inverse)
{
    assert(head_dim > 0 && head_dim % 2 == 0);
    double low = 0.0, high = 1.0;
    if (rope->kind == ROPE_YARN)
        yarn_range(rope, head_dim, &low, &high);
    for (int64_t i = 0; i < head_dim / 2; i++) {
        double frequency = pow(rope->theta, -2.0 * (double)i / (double)head_dim);
        switch (rope->kind) {
        case ROPE_PLAIN:
            break;
        case ROPE_LINEAR:
            frequency /= rope->factor;
            break;
        case ROPE_LLAMA3:
            frequency = llama3_frequency(rope, frequency);
            break;
        case ROPE_YARN: {
            double ramp = fmin(fmax(((double)i - low) / (high - low), 0.0), 1.0);
            frequency = frequency / rope->factor * ramp + frequency * (1.0 - ramp);
            break;
        }
        }
        inverse[i] = (float)frequency;
    }
}

void rope_table_fill(const struct rope_config *rope, int64_t head_dim, int64_t positions,
                     float *table)
{
    int64_t half = head_dim / 2;
    double factor = rope->kind == ROPE_YARN ? rope->attention_factor : 1.0;
    /* Row 0 holds the frequencies until its own turn, which comes last. */
    rope_inverse_frequencies(rope, head_dim, table);
    for (int64_t position = positions - 1; position >= 0; position--) {
        float *row = table + position * head_dim;
        for (int64_t i = 0; i < half; i++) {
            double angle = (double)((float)position * table[i]);
            row[i] = (float)(cos(angle) * factor);
            row[half + i] = (float)(sin(angle) * factor);
        }
    }
}
