/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Is a converted checkpoint what its FP8 source says? Every element of every FP8 weight against the
 * exact product code * scale rounded once to BF16, every other tensor byte for byte, and no tensor
 * missing or too many.
 */
#ifndef VERIFY_TENSOR_CHECK_H
#define VERIFY_TENSOR_CHECK_H

#include "base/progress.h"
#include "checkpoint/checkpoint.h"

struct verify_result {
    size_t fp8_tensors, plain_tensors; /* compared; without a converted checkpoint: checked */
    uint64_t fp8_elements, plain_bytes;
    uint64_t scales;    /* scales that were checked: positive and finite */
    uint64_t different; /* elements of FP8 weights and bytes of plain tensors that differ */
    size_t different_tensors;
    size_t missing;   /* tensors that the converted checkpoint should hold and does not */
    size_t extra;     /* and those that it holds too many */
    size_t misshapen; /* of another type or shape than expected */
    double seconds;
};

/*
 * converted NULL: the source alone is checked, that is its codes (no NaN), scales and products.
 * threads >= 1; progress counts bytes of the source.
 * Errors: OCTET_MISMATCH naming the first difference, *result holding all counts; OCTET_INPUT for a
 * source that is wrong in itself; OCTET_IO, OCTET_CANCELLED, OCTET_MEMORY.
 */
octet_status verify_converted(const struct checkpoint *source, const struct checkpoint *converted,
                              int threads, const struct progress *progress,
                              struct verify_result *result, struct octet_error *err);

#endif
