/* SPDX-License-Identifier: Apache-2.0 */
#include "checkpoint/dequantize.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>
#include "numeric/fp8.h"
#include "numeric/half.h"

#define TABLE_ENTRIES 256
/* A table costs 128 roundings; below this many elements a scale it does not pay. */
#define TABLE_MIN_ELEMENTS 512

/* A run of elements of one row: which matrix, row and first column. */
struct position {
    uint64_t matrix, row, col;
};

static struct position locate(const struct dequantizer *dequantizer, uint64_t element)
{
    uint64_t row = element / dequantizer->cols;
    return (struct position){row / dequantizer->rows, row % dequantizer->rows,
                             element % dequantizer->cols};
}

static const float *grid_row(const struct dequantizer *dequantizer, struct position at)
{
    const struct weight_scale *scale = dequantizer->scale;
    uint64_t row = at.matrix * scale->grid_rows + at.row / scale->block_rows;
    return dequantizer->scales + row * scale->grid_cols;
}

void dequantizer_init(struct dequantizer *dequantizer, const struct tensor *weight,
                      const struct weight_scale *scale, const float *scales)
{
    uint64_t cols = weight->rank ? weight->shape[weight->rank - 1] : 1;
    uint64_t rows = cols ? weight->elements / cols / scale->matrices : 0;
    *dequantizer = (struct dequantizer){
        .scale = scale, .scales = scales, .rows = rows, .cols = cols, .elements = weight->elements};
    uint64_t count = scale->matrices * scale->grid_rows * scale->grid_cols;
    for (uint64_t i = 0; i < count; i++) /* BF16 overflows from 2^128 - 2^119 on */
        dequantizer->may_overflow |= (double)scales[i] * 448.0 >= 0x1.FFp127;
}

/* The product is exact in double; where float32 holds it as well, the cheap rounding is the one. */
static inline uint16_t round_product(double product)
{
    float narrow = (float)product;
    return (double)narrow == product ? bf16_from_f32(narrow) : bf16_from_f64(product);
}

static void fill_table(float scale, uint16_t *table)
{
    for (unsigned code = 0; code < TABLE_ENTRIES / 2; code++) {
        uint16_t bits = round_product((double)fp8_e4m3_to_f32((uint8_t)code) * (double)scale);
        table[code] = bits;
        table[code + TABLE_ENTRIES / 2] = (uint16_t)(bits | 0x8000u);
    }
}

static void run_direct(float scale, const uint8_t *codes, uint64_t count, uint16_t *out)
{
    for (uint64_t i = 0; i < count; i++)
        out[i] = round_product((double)fp8_e4m3_to_f32(codes[i]) * (double)scale);
}

static void run_table(const uint16_t *table, const uint8_t *codes, uint64_t count, uint16_t *out)
{
    for (uint64_t i = 0; i < count; i++)
        out[i] = table[codes[i]];
}

/* How many elements of the range share a scale, at most: decides whether tables pay. */
static bool tables_pay(const struct dequantizer *dequantizer, uint64_t count)
{
    const struct weight_scale *scale = dequantizer->scale;
    if (scale->grid_cols > DEQUANTIZE_TABLES_MAX)
        return false;
    uint64_t height = count / dequantizer->cols + 1;
    height = height < scale->block_rows ? height : scale->block_rows;
    return scale->block_cols >= TABLE_MIN_ELEMENTS ||
           scale->block_cols * height >= TABLE_MIN_ELEMENTS;
}

void dequantize_bf16(const struct dequantizer *dequantizer, uint64_t first, const uint8_t *codes,
                     uint64_t count, uint16_t *out, uint16_t *tables)
{
    const struct weight_scale *scale = dequantizer->scale;
    const float *filled = NULL; /* the grid row that the tables hold */
    bool use_tables = count != 0 && tables_pay(dequantizer, count);
    for (uint64_t done = 0; done < count;) {
        struct position at = locate(dequantizer, first + done);
        uint64_t left = dequantizer->cols - at.col;
        uint64_t row_end = done + (left < count - done ? left : count - done);
        const float *scales = grid_row(dequantizer, at);
        if (use_tables && scales != filled) {
            for (uint64_t i = 0; i < scale->grid_cols; i++)
                fill_table(scales[i], tables + i * TABLE_ENTRIES);
            filled = scales;
        }
        while (done < row_end) {
            uint64_t block = at.col / scale->block_cols;
            uint64_t run = (block + 1) * scale->block_cols - at.col;
            run = run < row_end - done ? run : row_end - done;
            if (use_tables)
                run_table(tables + block * TABLE_ENTRIES, codes + done, run, out + done);
            else
                run_direct(scales[block], codes + done, run, out + done);
            done += run;
            at.col += run;
        }
    }
}

double dequantize_exact(const struct dequantizer *dequantizer, uint64_t element, uint8_t code)
{
    struct position at = locate(dequantizer, element);
    float scale = grid_row(dequantizer, at)[at.col / dequantizer->scale->block_cols];
    return (double)fp8_e4m3_to_f32(code) * (double)scale;
}

uint64_t dequantize_compare(const struct dequantizer *dequantizer, uint64_t first,
                            const uint8_t *codes, const uint16_t *written, uint64_t count,
                            uint64_t *mismatch, uint16_t *expected)
{
    uint64_t differ = 0, block_cols = dequantizer->scale->block_cols;
    for (uint64_t done = 0; done < count;) {
        struct position at = locate(dequantizer, first + done);
        uint64_t left = dequantizer->cols - at.col;
        uint64_t end = done + (left < count - done ? left : count - done);
        const float *scales = grid_row(dequantizer, at);
        uint64_t block = at.col / block_cols, inside = at.col % block_cols;
        double scale = (double)scales[block];
        for (; done < end; done++) {
            double product = (double)bf16_to_f32(fp8_e4m3_to_bf16_table[codes[done]]) * scale;
            uint16_t rounded = round_product(product);
            if (written[done] != rounded && differ++ == 0) {
                *mismatch = first + done;
                *expected = rounded;
            }
            if (++inside == block_cols && done + 1 < end) {
                inside = 0;
                scale = (double)scales[++block];
            }
        }
    }
    return differ;
}

octet_status dequantize_check_finite(const struct dequantizer *dequantizer,
                                     const struct tensor *weight, uint64_t first,
                                     const uint16_t *values, uint64_t count,
                                     struct octet_error *err)
{
    if (!dequantizer->may_overflow)
        return OCTET_OK;
    for (uint64_t i = 0; i < count; i++) {
        if ((values[i] & 0x7FFFu) < 0x7F80u)
            continue;
        uint64_t element = first + i;
        return error_set(err, OCTET_INPUT,
                         "tensor '%s': the product of code and scale at row %" PRIu64
                         ", column %" PRIu64 " is beyond BF16, expected at most 3.39e38; the scale "
                         "is damaged: download the checkpoint again",
                         weight->name, element / dequantizer->cols, element % dequantizer->cols);
    }
    return OCTET_OK;
}
