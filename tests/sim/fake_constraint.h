/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A constraint without a grammar, in place of src/grammar's: what it allows is a hash of its seed
 * and of the ids it accepted. Programs that link it get it instead of the real one.
 */
#ifndef SIM_FAKE_CONSTRAINT_H
#define SIM_FAKE_CONSTRAINT_H

#include "grammar/constraint.h"

/* end_id: the id that ends a text. Some states allow everything, some only end_id. NULL: no memory.
 */
struct constraint *fake_constraint_new(uint64_t seed, int32_t vocab_size, int32_t end_id);

/* Allows `only` at its first draw, end_id at its second, then everything. */
struct constraint *fake_constraint_script(int32_t only, int32_t vocab_size, int32_t end_id);

/* The rule itself: is `id` allowed now? */
bool fake_constraint_allows(const struct constraint *constraint, int32_t id);

/* An id was accepted that was not allowed. */
bool fake_constraint_broken(const struct constraint *constraint);

/* How many exist. */
int fake_constraint_count(void);

#endif
