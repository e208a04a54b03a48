/* SPDX-License-Identifier: Apache-2.0 */
/*
 * FP8 codes and their scales to BF16: each element is the exact product code * scale, rounded once
 * to nearest, ties to even. A code has 4 significant bits and a scale at most 24, so the product
 * fits a double exactly and bf16_from_f64 is the one rounding.
 */
#ifndef CHECKPOINT_DEQUANTIZE_H
#define CHECKPOINT_DEQUANTIZE_H

#include "checkpoint/checkpoint.h"

/* What a thread lends to dequantize_bf16: results of all 256 codes for each scale of a grid row. */
#define DEQUANTIZE_TABLES_MAX 2048
#define DEQUANTIZE_TABLES_BYTES (DEQUANTIZE_TABLES_MAX * 256 * sizeof(uint16_t))

/* One weight, and the scales as checkpoint_read_scales gives them (borrowed). Plain data. */
struct dequantizer {
    const struct weight_scale *scale;
    const float *scales;
    uint64_t rows, cols; /* of one matrix */
    uint64_t elements;
    bool may_overflow; /* some scale times 448 rounds to infinity in BF16 */
};

/* For a weight of given shape and scale; also usable without a checkpoint. */
void dequantizer_init(struct dequantizer *dequantizer, const struct tensor *weight,
                      const struct weight_scale *scale, const float *scales);

/*
 * Elements [first, first + count) from their codes. tables: DEQUANTIZE_TABLES_BYTES of scratch of
 * this thread. Codes must not be NaN for the result to mean anything (checkpoint_check_codes).
 */
void dequantize_bf16(const struct dequantizer *dequantizer, uint64_t first, const uint8_t *codes,
                     uint64_t count, uint16_t *out, uint16_t *tables);

/* The exact product of one element. */
double dequantize_exact(const struct dequantizer *dequantizer, uint64_t element, uint8_t code);

/*
 * Compare BF16 bits with the exact products rounded once, computed element by element without the
 * tables above. Returns how many differ; *mismatch receives the index in the tensor of the first
 * one and *expected the bits it should have.
 */
uint64_t dequantize_compare(const struct dequantizer *dequantizer, uint64_t first,
                            const uint8_t *codes, const uint16_t *written, uint64_t count,
                            uint64_t *mismatch, uint16_t *expected);

/*
 * OCTET_INPUT with tensor and position when a result is infinite: the scale is too large for BF16.
 */
octet_status dequantize_check_finite(const struct dequantizer *dequantizer,
                                     const struct tensor *weight, uint64_t first,
                                     const uint16_t *values, uint64_t count,
                                     struct octet_error *err);

#endif
