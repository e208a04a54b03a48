/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one sequence may say next. The engine's thread asks before each draw and tells after it;
 * neither call allocates, waits or fails.
 */
#ifndef GRAMMAR_CONSTRAINT_H
#define GRAMMAR_CONSTRAINT_H

#include "grammar/grammar.h"

struct constraint;

enum constraint_start {
    CONSTRAINT_AT_ONCE,        /* the grammar holds from the first token */
    CONSTRAINT_AFTER_THINKING, /* in_thinking: free until "</think>" was said, then the grammar;
                                  else the text begins with "<think>", which makes it free until
                                  "</think>", or with the grammar. Up to four characters of white
                                  space may stand before the grammar and before "<think>". */
    CONSTRAINT_IN_TOOL_CALLS,  /* free text, thinking included; from each "<tool_call>" on, one call
                                  of the grammar, then free again */
};

struct constraint_options {
    const struct grammar_vocab *vocab; /* must outlive the constraint */
    struct grammar *grammar;           /* shared by the constraint; NULL: no grammar */
    enum constraint_start start;
    bool in_thinking; /* the prompt ended inside "<think>" */
    /* Tokens of thinking after which "</think>" is forced; < 0: no budget. Thinking begins at the
     * first token when in_thinking, else after "<think>" was said. */
    int32_t thinking_budget;
    const int32_t *think_end_ids; /* how this tokenizer spells "</think>"; copied */
    size_t think_end_id_count;
};

/* Errors: OCTET_MEMORY, OCTET_INPUT (no token can begin the grammar), OCTET_USAGE
 * (CONSTRAINT_IN_TOOL_CALLS with a grammar that is not one of tool calls). */
octet_status constraint_new(const struct constraint_options *options, struct constraint **out,
                            struct octet_error *err);
void constraint_free(struct constraint *constraint); /* NULL is fine */
/* The memory that a constraint with a grammar takes, which its choice does not share. */
size_t constraint_bytes(const struct grammar_vocab *vocab);

/*
 * Write the allowed tokens into bits (bit (id & 31) of word id >> 5, (vocab_size + 31) / 32 words)
 * and return true; or return false, with bits untouched, when every token is allowed now. At least
 * one bit is set; end-of-text ids are set exactly when the text may end here.
 */
bool constraint_mask(struct constraint *constraint, uint32_t *bits);

/* The token that was drawn. One that the mask did not allow ends the constraint: everything is
 * allowed from then on. */
void constraint_accept(struct constraint *constraint, int32_t id);

/* The grammar's text is complete: it may end here (in tool calls: the text is outside a call and
 * outside thinking). False without a grammar. */
bool constraint_complete(const struct constraint *constraint);

#endif
