/* SPDX-License-Identifier: Apache-2.0 */
/* Rotary position tables: cosines and sines of every position, plain and scaled. */
#ifndef MODEL_ROPE_TABLE_H
#define MODEL_ROPE_TABLE_H

#include "checkpoint/model_config.h"

/*
 * inverse[i], i < head_dim / 2: the angle of a step of one position in pair i. The formulas are
 * those of transformers 4.57 (modeling_rope_utils.py): plain theta^(-2i/d); linear: / factor;
 * llama3: wavelengths past original/low_freq_factor / factor, a linear blend up to
 * original/high_freq_factor; yarn (Peng et al., 2023): a ramp between both over the correction
 * range of beta_fast, beta_slow.
 */
void rope_inverse_frequencies(const struct rope_config *rope, int64_t head_dim, float *inverse);

/*
 * table[position][head_dim]: head_dim / 2 cosines, then head_dim / 2 sines, times YaRN's attention
 * factor. The angle is position * inverse[i] rounded to float32, which is what models are trained
 * with; cosine and sine of it are exact to a rounding.
 */
void rope_table_fill(const struct rope_config *rope, int64_t head_dim, int64_t positions,
                     float *table);

#endif
