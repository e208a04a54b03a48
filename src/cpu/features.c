/* SPDX-License-Identifier: Apache-2.0 */
#include "cpu/features.h"

#include <stdio.h>
#include <string.h>

#if defined(__x86_64__)
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>
#elif defined(__aarch64__)
#include <sys/auxv.h>
#endif

const char *const cpu_level_names[] = {"scalar", "avx2", "avx512",    "avx512_bf16",
                                       "amx",    "neon", "neon_bf16", NULL};

#if defined(__x86_64__)

/* Intel SDM volume 1, section 13.3: XCR0 bits 1-2 YMM, 5-7 ZMM, 17-18 AMX. */
#define XCR0_YMM 0x6u
#define XCR0_ZMM 0xE6u
#define XCR0_AMX 0x60000u

/* Linux, Documentation/arch/x86/xstate.rst. */
#define ARCH_REQ_XCOMP_PERM 0x1023
#define XFEATURE_XTILEDATA 18

static uint64_t read_xcr0(void)
{
    uint32_t low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (uint64_t)high << 32 | low;
}

static bool amx_permission(void)
{
    return syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA) == 0;
}

static bool has_bits(unsigned value, unsigned bits)
{
    return (value & bits) == bits;
}

/* level: index into cpu_level_names. */
static void probe(int level, struct cpu_features *out)
{
    unsigned a, b, c, d;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !has_bits(c, bit_OSXSAVE | bit_AVX | bit_FMA | bit_F16C))
        return;
    uint64_t xcr0 = read_xcr0();
    unsigned b7, c7, d7;
    if ((xcr0 & XCR0_YMM) != XCR0_YMM || !__get_cpuid_count(7, 0, &a, &b7, &c7, &d7))
        return;
    out->avx2 = level >= 1 && has_bits(b7, bit_AVX2);
    if (!out->avx2)
        return;
    unsigned a71 = 0;
    if (a >= 1 && !__get_cpuid_count(7, 1, &a71, &b, &c, &d))
        a71 = 0;
    out->avx512 = level >= 2 && (xcr0 & XCR0_ZMM) == XCR0_ZMM &&
                  has_bits(b7, bit_AVX512F | bit_AVX512BW | bit_AVX512DQ | bit_AVX512VL);
    if (!out->avx512)
        return;
    out->avx512_vbmi = level >= 3 && has_bits(c7, bit_AVX512VBMI);
    out->avx512_bf16 = level >= 3 && has_bits(a71, 1u << 5);
    const unsigned amx = 1u << 24 | 1u << 22; /* EDX: AMX-TILE, AMX-BF16 */
    out->amx_bf16 = level == 4 && out->avx512_bf16 && has_bits(d7, amx) &&
                    (xcr0 & XCR0_AMX) == XCR0_AMX && amx_permission();
}

static const int top_level = 4;

#elif defined(__aarch64__)

static void probe(int level, struct cpu_features *out)
{
    out->neon = level >= 5 && (getauxval(AT_HWCAP) & 1ul << 1) != 0;        /* HWCAP_ASIMD */
    out->neon_bf16 = level >= 6 && (getauxval(AT_HWCAP2) & 1ul << 14) != 0; /* HWCAP2_BF16 */
}

static const int top_level = 6;

#else

static void probe(int level, struct cpu_features *out)
{
    (void)level;
    (void)out;
}

static const int top_level = 0;

#endif

octet_status cpu_features_detect(const char *mask, struct cpu_features *out,
                                 struct octet_error *err)
{
    *out = (struct cpu_features){0};
    int level = top_level;
    if (mask && *mask) {
        level = 0;
        while (cpu_level_names[level] && strcmp(cpu_level_names[level], mask) != 0)
            level++;
        if (!cpu_level_names[level])
            return error_set(err, OCTET_USAGE,
                             "unknown instruction set level '%s'; known: scalar, avx2, avx512, "
                             "avx512_bf16, amx, neon, neon_bf16",
                             mask);
    }
    if (level > 0)
        probe(level, out);
    return OCTET_OK;
}

void cpu_features_text(const struct cpu_features *features, char *out, size_t size)
{
    const struct {
        bool present;
        const char *name;
    } rows[] = {
        {features->avx2, "avx2"},
        {features->avx512, "avx512"},
        {features->avx512_vbmi, "avx512_vbmi"},
        {features->avx512_bf16, "avx512_bf16"},
        {features->amx_bf16, "amx_bf16"},
        {features->neon, "neon"},
        {features->neon_bf16, "neon_bf16"},
    };
    size_t used = 0;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (!rows[i].present || used >= size)
            continue;
        int wrote = snprintf(out + used, size - used, "%s%s", used ? " " : "", rows[i].name);
        used += wrote > 0 ? (size_t)wrote : 0;
    }
    if (used == 0)
        snprintf(out, size, "scalar");
}
