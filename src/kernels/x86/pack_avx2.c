/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packing for AVX2: 128 columns at a time, as they are or widened into a staging block, are
 * transposed from 32 rows into the panel. Rare pairs of types are left to the scalar code.
 */
#include <math.h>
#include <string.h>

#include "kernels/ref/ref.h"
#include "kernels/x86/v16_avx2.h"
#include "kernels/x86/x86.h"

struct staging {
    _Alignas(64) char bytes[PANEL_ROWS][PANEL_BLOCK * 4];
};

/* ---- FP8 to float32 and BF16 ------------------------------------------------------------------
 */

/* Eight codes, NaN codes to NaN: by way of binary16, see gemm_avx512.c. */
ALWAYS_INLINE __m256 codes_to_f32(const uint8_t *codes)
{
    __m128i words = _mm_cvtepu8_epi16(_mm_loadl_epi64((const void *)codes));
    __m128i half = _mm_srai_epi16(_mm_slli_epi16(words, 8), 1);
    half = _mm_and_si128(half, _mm_set1_epi16((short)0xBF80));
    __m256 value = _mm256_mul_ps(_mm256_cvtph_ps(half), _mm256_set1_ps(256.0f));
    __m256 size = _mm256_andnot_ps(_mm256_set1_ps(-0.0f), value);
    __m256 nan = _mm256_cmp_ps(size, _mm256_set1_ps(480.0f), _CMP_EQ_OQ);
    __m256 sign = _mm256_and_ps(_mm256_set1_ps(-0.0f), value);
    return _mm256_blendv_ps(value, _mm256_or_ps(sign, _mm256_set1_ps(NAN)), nan);
}

/*
 * code * scale as float32 rounded "to odd": cut, with the last bit set when bits were lost.
 * Rounding that to BF16 is one rounding of the exact product (see bf16_from_f64()). The error of
 * the product is exact as long as it is no denormal, which the caller sees to.
 */
ALWAYS_INLINE __m256 product_to_odd(__m256 value, __m256 scale)
{
    __m256 product = _mm256_mul_ps(value, scale);
    __m256 error = _mm256_fmsub_ps(value, scale, product);
    __m256i lost = _mm256_castps_si256(_mm256_cmp_ps(error, _mm256_setzero_ps(), _CMP_NEQ_OQ));
    /* All ones (-1) where the product was rounded away from zero. */
    __m256i signs = _mm256_xor_si256(_mm256_castps_si256(error), _mm256_castps_si256(product));
    __m256i away = _mm256_and_si256(_mm256_srai_epi32(signs, 31), lost);
    __m256i bits = _mm256_add_epi32(_mm256_castps_si256(product), away);
    return _mm256_castsi256_ps(_mm256_or_si256(bits, _mm256_srli_epi32(lost, 31)));
}

static void dequantise_avx2(const uint8_t *codes, size_t n, float scale, uint16_t *out)
{
    size_t i = 0;
    if (fabsf(scale) >= 0x1p-80f && fabsf(scale) <= 0x1p100f) {
        __m256 s = _mm256_set1_ps(scale);
        for (; i + 16 <= n; i += 16)
            v16_store_bf16(out + i, (struct v16){product_to_odd(codes_to_f32(codes + i), s),
                                                 product_to_odd(codes_to_f32(codes + i + 8), s)});
    }
    kernels_dequantise_ref(codes + i, n - i, scale, out + i);
}

static void scale_to_f32(const uint8_t *codes, size_t n, float scale, float *out)
{
    size_t i = 0;
    for (; i + 8 <= n; i += 8)
        _mm256_storeu_ps(out + i, _mm256_mul_ps(codes_to_f32(codes + i), _mm256_set1_ps(scale)));
    uint8_t rest[8] = {0};
    float wide[8];
    memcpy(rest, codes + i, n - i);
    _mm256_storeu_ps(wide, _mm256_mul_ps(codes_to_f32(rest), _mm256_set1_ps(scale)));
    memcpy(out + i, wide, (n - i) * sizeof(float));
}

/* Columns [column, column + count) of row r into the staging block. */
static void stage_widened(const struct pack_args *a, size_t r, size_t column, size_t count,
                          char *out)
{
    const uint8_t *codes = (const uint8_t *)a->source + r * a->source_stride;
    size_t end = column + count, size = panel_element_size(a->panel_type);
    for (size_t c = column; c < end;) {
        size_t next = end;
        float scale = 1.0f;
        if (a->scale_rows) {
            size_t block = c / a->scale_block_k;
            scale = a->scale_rows[r][block];
            size_t left = a->scale_block_k - c % a->scale_block_k;
            next = left < end - c ? c + left : end;
        }
        void *at = out + (c - column) * size;
        if (a->panel_type == PANEL_BF16)
            dequantise_avx2(codes + c, next - c, scale, at);
        else
            scale_to_f32(codes + c, next - c, scale, at);
        c = next;
    }
}

/* ---- transposition of 128 columns -------------------------------------------------------------
 */

ALWAYS_INLINE __m128i load_16(const char *p)
{
    return _mm_loadu_si128((const void *)p);
}

/* Eight rows, eight pairs of FP8 columns. at: where the rows' pairs lie in a 64-byte line. */
ALWAYS_INLINE void transpose_pairs_8x8(const char *const *rows, size_t byte, char *out, size_t at)
{
    __m128i t[8], u[8];
    for (int i = 0; i < 4; i++) {
        __m128i a = load_16(rows[2 * i] + byte), b = load_16(rows[2 * i + 1] + byte);
        t[i] = _mm_unpacklo_epi16(a, b);
        t[4 + i] = _mm_unpackhi_epi16(a, b);
    }
    for (int h = 0; h < 2; h++) {
        u[4 * h] = _mm_unpacklo_epi32(t[4 * h], t[4 * h + 1]);
        u[4 * h + 1] = _mm_unpackhi_epi32(t[4 * h], t[4 * h + 1]);
        u[4 * h + 2] = _mm_unpacklo_epi32(t[4 * h + 2], t[4 * h + 3]);
        u[4 * h + 3] = _mm_unpackhi_epi32(t[4 * h + 2], t[4 * h + 3]);
    }
    for (size_t pair = 0; pair < 8; pair++) {
        __m128i low = u[pair / 4 * 4 + pair / 2 % 2], high = u[pair / 4 * 4 + pair / 2 % 2 + 2];
        if (pair % 2) {
            low = _mm_srli_si128(low, 8);
            high = _mm_srli_si128(high, 8);
        }
        _mm_storel_epi64((void *)(out + pair * 64 + at), low);
        _mm_storel_epi64((void *)(out + pair * 64 + at + 16), high);
    }
}

static void transpose_fp8(const char *const rows[PANEL_ROWS], char *out)
{
    for (size_t c = 0; c < PANEL_BLOCK; c += 16)
        for (size_t r = 0; r < PANEL_ROWS; r += 8)
            transpose_pairs_8x8(rows + r, c, out + c / 2 * 64, r % 16 * 4 + r / 16 * 8);
}

/* Four rows of 16 bytes, as 4-byte units, to four columns `stride` bytes apart. */
ALWAYS_INLINE void transpose_4x4(const char *const *rows, size_t byte, char *out, size_t stride)
{
    __m128i a = load_16(rows[0] + byte), b = load_16(rows[1] + byte);
    __m128i c = load_16(rows[2] + byte), d = load_16(rows[3] + byte);
    __m128i ab = _mm_unpacklo_epi32(a, b), cd = _mm_unpacklo_epi32(c, d);
    _mm_storeu_si128((void *)out, _mm_unpacklo_epi64(ab, cd));
    _mm_storeu_si128((void *)(out + stride), _mm_unpackhi_epi64(ab, cd));
    ab = _mm_unpackhi_epi32(a, b);
    cd = _mm_unpackhi_epi32(c, d);
    _mm_storeu_si128((void *)(out + 2 * stride), _mm_unpacklo_epi64(ab, cd));
    _mm_storeu_si128((void *)(out + 3 * stride), _mm_unpackhi_epi64(ab, cd));
}

/* BF16: the unit is a pair of columns, 128 bytes of panel each. F32: a column, also 128 bytes. */
static void transpose_wide(const char *const rows[PANEL_ROWS], size_t units, char *out)
{
    for (size_t unit = 0; unit < units; unit += 4)
        for (size_t r = 0; r < PANEL_ROWS; r += 4)
            transpose_4x4(rows + r, unit * 4, out + unit * 128 + r * 4, 128);
}

/* ---- a panel ----------------------------------------------------------------------------------
 */

static void pack_avx2(const struct pack_args *a)
{
    bool same = a->source_type == a->panel_type;
    if (!same && a->source_type != PANEL_FP8) {
        kernels_pack_ref(a);
        return;
    }
    struct staging staging;
    size_t size = panel_element_size(a->panel_type);
    char *out = a->panel;
    for (size_t c = 0; c < a->k; c += PANEL_BLOCK) {
        size_t count = a->k - c < PANEL_BLOCK ? a->k - c : PANEL_BLOCK;
        const char *rows[PANEL_ROWS];
        if (count < PANEL_BLOCK || a->rows < PANEL_ROWS)
            memset(&staging, 0, sizeof staging);
        for (size_t r = 0; r < PANEL_ROWS; r++) {
            rows[r] = staging.bytes[r];
            if (r >= a->rows)
                continue;
            const char *source = (const char *)a->source + (r * a->source_stride + c) * size;
            if (!same)
                stage_widened(a, r, c, count, staging.bytes[r]);
            else if (count == PANEL_BLOCK)
                rows[r] = source;
            else
                memcpy(staging.bytes[r], source, count * size);
        }
        if (a->panel_type == PANEL_FP8)
            transpose_fp8(rows, out);
        else
            transpose_wide(rows, a->panel_type == PANEL_BF16 ? 64 : 128, out);
        out += PANEL_BLOCK * PANEL_ROWS * size;
    }
}

void kernels_avx2_pack(struct kernels *table)
{
    table->pack = pack_avx2;
    table->dequantise = dequantise_avx2;
}
