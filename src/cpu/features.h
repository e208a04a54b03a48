/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What instruction sets this processor has and this operating system lets us use. One probe for the
 * whole project: CPUID, XCR0 (the system saves the registers) and, for AMX, the permission call.
 */
#ifndef CPU_FEATURES_H
#define CPU_FEATURES_H

#include "base/status.h"

struct cpu_features {
    bool avx2;   /* AVX2 + FMA + F16C, YMM state enabled */
    bool avx512; /* F, BW, DQ, VL, ZMM state enabled */
    bool avx512_vbmi;
    bool avx512_bf16;
    bool amx_bf16; /* AMX-TILE + AMX-BF16, permission granted */
    bool neon;
    bool neon_bf16; /* BFDOT, BFMMLA */
};

/*
 * The levels that a mask may name, lowest first; each allows itself and all below of its family:
 * "scalar", "avx2", "avx512", "avx512_bf16" (with VBMI where present), "amx"; "neon", "neon_bf16".
 */
extern const char *const cpu_level_names[]; /* NULL-terminated */

/*
 * Probe. mask: NULL or "" for everything, else a level name above that caps the answer (tests,
 * --cpu-mask, OCTET_CPU_MASK). AMX permission is asked for only where the mask allows AMX.
 * Errors: OCTET_USAGE for an unknown mask, naming the known ones.
 */
octet_status cpu_features_detect(const char *mask, struct cpu_features *out,
                                 struct octet_error *err);

/* "avx2 avx512 avx512_vbmi avx512_bf16" or "scalar". */
void cpu_features_text(const struct cpu_features *features, char *out, size_t size);

#endif
