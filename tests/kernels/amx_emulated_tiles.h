/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Takes the place of kernels/x86/amx_tiles.h: AMX tiles in C, as the operation sections of the
 * Intel SDM describe TILELOADD, TILESTORED and TDPBF16PS, so that the addressing and the tile
 * shapes of the AMX products are checked where no AMX is.
 */
#ifndef KERNELS_X86_AMX_TILES_H
#define KERNELS_X86_AMX_TILES_H

#include <assert.h>
#include <string.h>

#include "kernels/ref/ref_math.h"

struct tile_config {
    uint8_t palette, start_row, reserved[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
};

static struct {
    struct tile_config config;
    uint8_t data[8][16][64];
} amx_state;

static void tiles_configure(const struct tile_config *config)
{
    assert(config->palette == 1 && sizeof *config == 64);
    memset(&amx_state, 0, sizeof amx_state);
    amx_state.config = *config;
}

static void tiles_release(void)
{
    memset(&amx_state, 0, sizeof amx_state);
}

static void tile_zero(int tile)
{
    assert(amx_state.config.palette == 1);
    memset(amx_state.data[tile], 0, sizeof amx_state.data[tile]);
}

static void tile_load(int tile, const void *base, size_t stride)
{
    memset(amx_state.data[tile], 0, sizeof amx_state.data[tile]);
    for (size_t r = 0; r < amx_state.config.rows[tile]; r++)
        memcpy(amx_state.data[tile][r], (const char *)base + r * stride,
               amx_state.config.row_bytes[tile]);
}

static void tile_store(int tile, void *base, size_t stride)
{
    for (size_t r = 0; r < amx_state.config.rows[tile]; r++)
        memcpy((char *)base + r * stride, amx_state.data[tile][r],
               amx_state.config.row_bytes[tile]);
}

static float bf16_of(int tile, size_t row, size_t index)
{
    uint16_t bits;
    memcpy(&bits, &amx_state.data[tile][row][2 * index], sizeof bits);
    return flush(bf16_to_f32(bits));
}

static void tile_dot_bf16(int dst, int a, int b)
{
    size_t pairs = amx_state.config.row_bytes[a] / 4, columns = amx_state.config.row_bytes[dst] / 4;
    assert(amx_state.config.rows[a] == amx_state.config.rows[dst]);
    assert(amx_state.config.rows[b] == pairs);
    for (size_t m = 0; m < amx_state.config.rows[dst]; m++) {
        for (size_t n = 0; n < columns; n++) {
            float even = 0.0f, odd = 0.0f, sum;
            for (size_t k = 0; k < pairs; k++) {
                even = fma_flush(bf16_of(a, m, 2 * k), bf16_of(b, k, 2 * n), even);
                odd = fma_flush(bf16_of(a, m, 2 * k + 1), bf16_of(b, k, 2 * n + 1), odd);
            }
            memcpy(&sum, &amx_state.data[dst][m][4 * n], sizeof sum);
            sum = add_flush(sum, add_flush(even, odd));
            memcpy(&amx_state.data[dst][m][4 * n], &sum, sizeof sum);
        }
    }
}

#endif
