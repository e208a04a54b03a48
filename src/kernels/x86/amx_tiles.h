/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The AMX tile instructions under names of ours, so that the checker can put an emulation in their
 * place (tests/kernels/amx_emulated_tiles.h): the products then run where no AMX is.
 */
#ifndef KERNELS_X86_AMX_TILES_H
#define KERNELS_X86_AMX_TILES_H

#include <immintrin.h>

/* Intel SDM volume 1, chapter 18: palette 1 has eight tiles of up to 16 rows of 64 bytes. */
struct tile_config {
    uint8_t palette, start_row, reserved[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
};

#define tiles_configure(config) _tile_loadconfig(config)
#define tiles_release() _tile_release()
#define tile_zero(tile) _tile_zero(tile)
#define tile_load(tile, base, stride) _tile_loadd(tile, base, stride)
#define tile_store(tile, base, stride) _tile_stored(tile, base, stride)
/* dst[m][n] += a[m][k pairs] . b[k pairs][n], BF16 pairs, in the way gemm_amx_ref() states. */
#define tile_dot_bf16(dst, a, b) _tile_dpbf16ps(dst, a, b)

#endif
