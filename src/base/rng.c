/* SPDX-License-Identifier: Apache-2.0 */
#include "base/rng.h"

#include <math.h>

/* Multipliers and Weyl increments of Philox-4x32, table 2 of the paper. */
#define PHILOX_M0 0xD2511F53u
#define PHILOX_M1 0xCD9E8D57u
#define PHILOX_W0 0x9E3779B9u
#define PHILOX_W1 0xBB67AE85u
#define PHILOX_ROUNDS 10

void rng_philox4x32(uint64_t seed, uint64_t stream, uint64_t index, uint32_t out[4])
{
    uint32_t key0 = (uint32_t)seed, key1 = (uint32_t)(seed >> 32);
    uint32_t c0 = (uint32_t)index, c1 = (uint32_t)(index >> 32);
    uint32_t c2 = (uint32_t)stream, c3 = (uint32_t)(stream >> 32);
    for (int round = 0; round < PHILOX_ROUNDS; round++) {
        uint64_t product0 = (uint64_t)PHILOX_M0 * c0;
        uint64_t product1 = (uint64_t)PHILOX_M1 * c2;
        c0 = (uint32_t)(product1 >> 32) ^ c1 ^ key0;
        c1 = (uint32_t)product1;
        c2 = (uint32_t)(product0 >> 32) ^ c3 ^ key1;
        c3 = (uint32_t)product0;
        key0 += PHILOX_W0;
        key1 += PHILOX_W1;
    }
    out[0] = c0;
    out[1] = c1;
    out[2] = c2;
    out[3] = c3;
}

/* The upper 53 bits of 64, scaled: exact, and below 1. */
static double unit_interval(uint32_t high, uint32_t low)
{
    return (double)(((uint64_t)high << 32 | low) >> 11) * 0x1p-53;
}

double rng_uniform(uint64_t seed, uint64_t stream, uint64_t index)
{
    uint32_t words[4];
    rng_philox4x32(seed, stream, index, words);
    return unit_interval(words[0], words[1]);
}

uint64_t rng_below(struct rng *rng, uint64_t bound)
{
    /* 2^64 mod bound: what lies below it would make the small residues more likely. */
    uint64_t threshold = (0 - bound) % bound;
    uint64_t value;
    do {
        value = rng_next_u64(rng);
    } while (value < threshold);
    return value % bound;
}

double rng_gauss(struct rng *rng)
{
    /* Box and Muller's transform; one block holds both uniforms, 1 - u keeps the logarithm finite.
     */
    uint32_t words[4];
    rng_philox4x32(rng->seed, rng->stream, rng->index++, words);
    double u = 1.0 - unit_interval(words[0], words[1]);
    double v = unit_interval(words[2], words[3]);
    return sqrt(-2.0 * log(u)) * cos(2.0 * 3.14159265358979323846 * v);
}
