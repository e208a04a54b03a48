/* SPDX-License-Identifier: Apache-2.0 */
/*
 * E4M3 to BF16 by two byte tables of 128 entries, one for the high byte and one for the low, which
 * VPERMI2B indexes by the seven magnitude bits (it ignores the eighth). The sign is ORed in. A
 * finite code is a normal BF16 number, so nothing is ever flushed; code 0x7F gives the NaN 0x7FC0.
 */
#ifndef KERNELS_X86_FP8_TABLE_H
#define KERNELS_X86_FP8_TABLE_H

#include <immintrin.h>

#include "numeric/fp8.h"

struct fp8_tables {
    __m512i high[2], low[2];
};

static inline __attribute__((always_inline)) struct fp8_tables fp8_tables_load(void)
{
    const __m512i *table = (const __m512i *)fp8_e4m3_to_bf16_table;
    struct fp8_tables t;
    for (int h = 0; h < 2; h++) {
        __m512i a = _mm512_loadu_si512(table + 2 * h), b = _mm512_loadu_si512(table + 2 * h + 1);
        t.low[h] = _mm512_inserti64x4(_mm512_castsi256_si512(_mm512_cvtepi16_epi8(a)),
                                      _mm512_cvtepi16_epi8(b), 1);
        t.high[h] = _mm512_inserti64x4(
            _mm512_castsi256_si512(_mm512_cvtepi16_epi8(_mm512_srli_epi16(a, 8))),
            _mm512_cvtepi16_epi8(_mm512_srli_epi16(b, 8)), 1);
    }
    return t;
}

/* One pair of columns: BF16 pairs of rows 0-15 and of rows 16-31. */
static inline __attribute__((always_inline)) void
fp8_expand(const struct fp8_tables *t, __m512i codes, __m512i *low_rows, __m512i *high_rows)
{
    __m512i high = _mm512_permutex2var_epi8(t->high[0], codes, t->high[1]);
    __m512i low = _mm512_permutex2var_epi8(t->low[0], codes, t->low[1]);
    /* high | (codes & 0x80) */
    high = _mm512_ternarylogic_epi64(high, codes, _mm512_set1_epi8((char)0x80), 0xF8);
    *low_rows = _mm512_unpacklo_epi8(low, high);
    *high_rows = _mm512_unpackhi_epi8(low, high);
}

#endif
