/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/fake_constraint.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

struct constraint {
    uint64_t state;
    int32_t vocab_size, end_id;
    int32_t only; /* a script's first id; -1: no script */
    int32_t accepted;
    bool broken;
};

static atomic_int count;

static uint64_t mix(uint64_t x)
{
    x += UINT64_C(0x9e3779b97f4a7c15);
    x ^= x >> 30;
    x *= UINT64_C(0xbf58476d1ce4e5b9);
    x ^= x >> 27;
    x *= UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

static struct constraint *make(uint64_t seed, int32_t vocab_size, int32_t end_id, int32_t only)
{
    struct constraint *constraint = calloc(1, sizeof *constraint);
    if (!constraint)
        return NULL;
    *constraint = (struct constraint){
        .state = mix(seed), .vocab_size = vocab_size, .end_id = end_id, .only = only};
    atomic_fetch_add(&count, 1);
    return constraint;
}

struct constraint *fake_constraint_new(uint64_t seed, int32_t vocab_size, int32_t end_id)
{
    return make(seed, vocab_size, end_id, -1);
}

struct constraint *fake_constraint_script(int32_t only, int32_t vocab_size, int32_t end_id)
{
    return make(0, vocab_size, end_id, only);
}

void constraint_free(struct constraint *constraint)
{
    if (constraint)
        atomic_fetch_sub(&count, 1);
    free(constraint);
}

static bool allows_all(const struct constraint *constraint)
{
    if (constraint->only >= 0)
        return constraint->accepted > 1;
    return constraint->broken || constraint->state % 8 < 2;
}

bool fake_constraint_allows(const struct constraint *constraint, int32_t id)
{
    if (allows_all(constraint))
        return true;
    if (constraint->only >= 0)
        return id == (constraint->accepted == 0 ? constraint->only : constraint->end_id);
    uint64_t kind = constraint->state % 8;
    if (kind == 2)
        return id == constraint->end_id;
    if (id == constraint->end_id)
        return kind == 3;
    /* Every third id, and one in any case. */
    return mix(constraint->state + (uint64_t)(uint32_t)id) % 3 == 0 ||
           id == (constraint->end_id + 1) % constraint->vocab_size;
}

bool constraint_mask(struct constraint *constraint, uint32_t *bits)
{
    if (allows_all(constraint))
        return false;
    memset(bits, 0, (size_t)(constraint->vocab_size + 31) / 32 * sizeof *bits);
    for (int32_t id = 0; id < constraint->vocab_size; id++) {
        if (fake_constraint_allows(constraint, id))
            bits[id >> 5] |= UINT32_C(1) << (id & 31);
    }
    return true;
}

void constraint_accept(struct constraint *constraint, int32_t id)
{
    constraint->broken |= !fake_constraint_allows(constraint, id);
    constraint->state = mix(constraint->state ^ (uint64_t)(uint32_t)id);
    constraint->accepted++;
}

bool fake_constraint_broken(const struct constraint *constraint)
{
    return constraint->broken;
}

int fake_constraint_count(void)
{
    return atomic_load(&count);
}
