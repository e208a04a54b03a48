/* SPDX-License-Identifier: Apache-2.0 */
/* Arithmetic on sizes that come from files: true and a value, or false and nothing. */
#ifndef BASE_CHECKED_H
#define BASE_CHECKED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

static inline bool checked_add_size(size_t a, size_t b, size_t *out)
{
    return !__builtin_add_overflow(a, b, out);
}

static inline bool checked_mul_size(size_t a, size_t b, size_t *out)
{
    return !__builtin_mul_overflow(a, b, out);
}

static inline bool checked_add_u64(uint64_t a, uint64_t b, uint64_t *out)
{
    return !__builtin_add_overflow(a, b, out);
}

static inline bool checked_mul_u64(uint64_t a, uint64_t b, uint64_t *out)
{
    return !__builtin_mul_overflow(a, b, out);
}

/* ceil(a / b) for b > 0, without overflow. */
static inline uint64_t div_ceil_u64(uint64_t a, uint64_t b)
{
    return a / b + (a % b != 0);
}

static inline size_t div_ceil_size(size_t a, size_t b)
{
    return a / b + (a % b != 0);
}

#endif
