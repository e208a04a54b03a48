/* SPDX-License-Identifier: Apache-2.0 */
/* A small tokenizer.json in memory: the 256 bytes as ids 0 ... 255, and what a test asks for. */
#ifndef TESTS_MINI_TOKENIZER_H
#define TESTS_MINI_TOKENIZER_H

#include "tokenizer/tokenizer.h"

/* JSON text of a component each; NULL takes the default named. */
struct mini_tokenizer {
    const char *normalizer;     /* null */
    const char *pre_tokenizer;  /* ByteLevel with GPT-2's expression */
    const char *post_processor; /* null */
    const char *decoder;        /* ByteLevel */
    const char *added_tokens;   /* [] */
    const char *vocab;          /* further entries, each after a comma: ",\"ab\":256" */
    const char *merges;         /* [] */
    const char *options;        /* further members of model, each after a comma */
};

/* Write the JSON text. Fails the test when out of memory. */
void mini_tokenizer_write(const struct mini_tokenizer *mini, struct buffer *out);

/* Open it. */
octet_status mini_tokenizer_open(const struct mini_tokenizer *mini, struct tokenizer **out,
                                 struct octet_error *err);

#endif
