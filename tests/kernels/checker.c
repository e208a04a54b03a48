/* SPDX-License-Identifier: Apache-2.0 */
/*
 * checker [--level NAME] [--bench] [--rounds N]
 *   NAME: scalar, avx2, avx512, avx512_vbmi, avx512_bf16 (VDPBF16PS forced), amx, neon; default:
 * what kernels_select() picks under OCTET_CPU_MASK. Exit 77 when this processor lacks it.
 * OCTET_TEST_SEED sets the seed.
 */
#include "checker.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "numeric/half.h"
#if defined(__x86_64__)
#include "kernels/x86/x86.h"
#endif

#define REPORTS_MAX 20

#ifndef AMX_EMULATED
#define AMX_EMULATED 0 /* 1: linked with products over emulated tiles */
#endif

void *block_new(size_t bytes)
{
    /* The size is not rounded up to the alignment, so that the block ends where the array does. */
    void *block = NULL;
    if (posix_memalign(&block, 64, bytes ? bytes : 1) != 0) {
        fprintf(stderr, "checker: out of memory\n");
        exit(2);
    }
    memset(block, 0xA5, bytes);
    return block;
}

uint64_t draw(struct checker *c, uint64_t bound)
{
    return rng_below(&c->rng, bound);
}

float draw_float(struct checker *c, enum pattern pattern)
{
    if (pattern == PATTERN_NORMAL)
        return (float)rng_gauss(&c->rng);
    uint64_t word = rng_next_u64(&c->rng);
    uint32_t bits = (uint32_t)word;
    if (pattern == PATTERN_WIDE)
        return ldexpf((float)rng_gauss(&c->rng), (int)(word >> 40) % 81 - 40);
    if (pattern == PATTERN_TINY) {
        if (word >> 60 == 0)
            return f32_from_bits(bits & 0x80000000u);
        if (word >> 60 < 6)
            return f32_from_bits(bits & 0x807FFFFFu); /* denormal */
        return f32_from_bits((bits & 0x807FFFFFu) | (uint32_t)(1 + (word >> 40) % 80) << 23);
    }
    return f32_from_bits((bits & 0x807FFFFFu) | (uint32_t)((word >> 40) % 167) << 23);
}

void fill_floats(struct checker *c, enum float_type type, enum pattern pattern, size_t n, void *out)
{
    for (size_t i = 0; i < n; i++) {
        float value = draw_float(c, pattern);
        if (type == FLOAT_F32) {
            ((float *)out)[i] = value;
        } else {
            /* Half of them cut instead of rounded: denormals stay denormals. */
            ((uint16_t *)out)[i] = (uint16_t)(f32_bits(value) >> 16);
        }
    }
}

static void report(struct checker *c, const char *what, const char *detail, const char *format,
                   va_list args)
{
    c->failed++;
    if (c->failed > REPORTS_MAX)
        return;
    printf("FAIL %s %s %s: %s; ", c->variant.name, c->group, what, detail);
    vprintf(format, args);
    printf("\n");
}

void expect_same(struct checker *c, const char *what, enum float_type type, size_t n,
                 const void *expected, const void *found, const char *format, ...)
{
    for (size_t i = 0; i < n; i++) {
        float e, f;
        if (type == FLOAT_F32) {
            e = ((const float *)expected)[i];
            f = ((const float *)found)[i];
        } else {
            e = bf16_to_f32(((const uint16_t *)expected)[i]);
            f = bf16_to_f32(((const uint16_t *)found)[i]);
        }
        if (f32_bits(e) == f32_bits(f) || (isnan(e) && isnan(f)))
            continue;
        char detail[160];
        snprintf(detail, sizeof detail, "[%zu] expected %a (%08x), found %a (%08x)", i, (double)e,
                 f32_bits(e), (double)f, f32_bits(f));
        va_list args;
        va_start(args, format);
        report(c, what, detail, format, args);
        va_end(args);
        return;
    }
    c->passed++;
}

void expect_bytes(struct checker *c, const char *what, size_t n, const void *expected,
                  const void *found, const char *format, ...)
{
    const unsigned char *e = expected, *f = found;
    for (size_t i = 0; i < n; i++) {
        if (e[i] == f[i])
            continue;
        char detail[160];
        snprintf(detail, sizeof detail, "byte %zu expected %02x, found %02x", i, e[i], f[i]);
        va_list args;
        va_start(args, format);
        report(c, what, detail, format, args);
        va_end(args);
        return;
    }
    c->passed++;
}

/* False when the processor lacks the level. */
static bool select_level(const char *level, struct kernels *out)
{
    struct cpu_features have, use = {0};
    struct octet_error err;
    if (!level) {
        if (cpu_features_detect(getenv("OCTET_CPU_MASK"), &have, &err) != OCTET_OK) {
            fprintf(stderr, "checker: %s\n", err.message);
            exit(2);
        }
        kernels_select(&have, out);
        return true;
    }
    cpu_features_detect(NULL, &have, NULL);
    bool found = strcmp(level, "scalar") == 0;
#if defined(__x86_64__)
    const char *names[] = {"avx2", "avx512", "avx512_vbmi", "avx512_bf16", "amx"};
    const bool present[] = {have.avx2, have.avx512, have.avx512_vbmi, have.avx512_bf16,
                            AMX_EMULATED ? have.avx512_vbmi : have.amx_bf16};
    bool *flags[] = {&use.avx2, &use.avx512, &use.avx512_vbmi, &use.avx512_bf16, &use.amx_bf16};
    for (size_t i = 0; i < 5 && !found; i++) {
        if (!present[i])
            break;
        *flags[i] = true;
        found = strcmp(level, names[i]) == 0;
    }
#else
    if (strcmp(level, "neon") == 0) {
        use = have;
        found = have.neon;
    }
#endif
    kernels_select(&use, out);
    if (found && use.amx_bf16 && strcmp(out->name, "amx") != 0) {
        printf("FAIL amx: TDPBF16PS does not sum as gemm_amx_ref() says\n");
        exit(1);
    }
#if defined(__x86_64__)
    if (found && use.avx512_bf16 && !use.amx_bf16)
        kernels_avx512_bf16_gemm(out); /* also where FMA is the faster choice */
#endif
    return found;
}

static void run(struct checker *c, const char *group, void (*check)(struct checker *))
{
    size_t passed = c->passed, failed = c->failed;
    c->group = group;
    check(c);
    printf("%-14s %-12s %8zu passed %6zu failed\n", c->variant.name, group, c->passed - passed,
           c->failed - failed);
}

int main(int argc, char **argv)
{
    const char *level = NULL;
    struct checker c = {.rounds = 40, .rng = {.seed = 1}};
    bool bench = false;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--level") == 0 && i + 1 < argc)
            level = argv[++i];
        else if (strcmp(argv[i], "--rounds") == 0 && i + 1 < argc)
            c.rounds = (int)strtol(argv[++i], NULL, 10);
        else if (strcmp(argv[i], "--bench") == 0)
            bench = true;
        else {
            fprintf(stderr, "usage: checker [--level NAME] [--bench] [--rounds N]\n");
            return 2;
        }
    }
    const char *seed = getenv("OCTET_TEST_SEED");
    if (seed)
        c.rng.seed = strtoull(seed, NULL, 10);
    kernels_select(&(struct cpu_features){0}, &c.ref);
    if (!select_level(level, &c.variant)) {
        printf("SKIP: %s: not on this processor\n", level);
        return 77;
    }
    printf("level %s, sums by %s, seed %llu\n", c.variant.name, c.variant.dot,
           (unsigned long long)c.rng.seed);
    if (bench) {
        bench_kernel_table(&c);
        return 0;
    }
    if (!level || strcmp(level, "scalar") == 0)
        run(&c, "definition", check_definition);
    run(&c, "pack", check_pack);
    run(&c, "codes", check_gemm_codes);
    run(&c, "gemm", check_gemm);
    run(&c, "elementwise", check_elementwise);
    run(&c, "attention", check_attention);
    printf("%zu checks, %zu failed\n", c.passed + c.failed, c.failed);
    return c.failed != 0;
}
