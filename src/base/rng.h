/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A counter-based generator: the n-th number of a stream is a pure function of (seed, stream, n),
 * so a request draws the same numbers whatever else runs. Philox-4x32-10 (Salmon et al., "Parallel
 * random numbers: as easy as 1, 2, 3", SC 2011).
 */
#ifndef BASE_RNG_H
#define BASE_RNG_H

#include <stdint.h>

/* 128 bits for key (seed) and counter (stream, index). */
void rng_philox4x32(uint64_t seed, uint64_t stream, uint64_t index, uint32_t out[4]);

/* One double in [0, 1) with 53 bits. */
double rng_uniform(uint64_t seed, uint64_t stream, uint64_t index);

/* A sequential generator over the same function, for tests and synthetic data. */
struct rng {
    uint64_t seed, stream, index;
};
static inline uint64_t rng_next_u64(struct rng *rng)
{
    uint32_t words[4];
    rng_philox4x32(rng->seed, rng->stream, rng->index++, words);
    return (uint64_t)words[0] << 32 | words[1];
}
uint64_t rng_below(struct rng *rng, uint64_t bound); /* uniform in [0, bound), bound > 0 */
double rng_gauss(struct rng *rng);                   /* standard normal */

#endif
