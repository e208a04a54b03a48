/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Structured output: JSON schema, regular expression, choice or tool calls -> an automaton over
 * bytes, and from it, at each step, the set of tokens that may come next.
 *
 * A grammar is compiled off the engine's thread, in bounded time and size, and is immutable; the
 * vocabulary's trie is built once for a tokenizer. What changes while a request runs is its
 * constraint (constraint.h).
 */
#ifndef GRAMMAR_GRAMMAR_H
#define GRAMMAR_GRAMMAR_H

#include "base/json.h"
#include "base/status.h"
#include "tokenizer/tokenizer.h"

struct grammar;       /* counted; immutable */
struct grammar_vocab; /* immutable */

/*
 * The tokens of a tokenizer as a trie over their bytes. Ids from the tokenizer's size to
 * vocab_size - 1 (padding of the model's head), special and other added tokens, and tokens of more
 * than 256 bytes are never text; added tokens named <think>, </think>, <tool_call>, </tool_call>
 * stand for these tags. eos_ids end a complete text. The tokenizer must outlive it.
 * Errors: OCTET_MEMORY.
 */
octet_status grammar_vocab_new(const struct tokenizer *tokenizer, int32_t vocab_size,
                               const int32_t *eos_ids, size_t eos_id_count,
                               struct grammar_vocab **out, struct octet_error *err);
void grammar_vocab_free(struct grammar_vocab *vocab); /* NULL is fine */

/* Caps, beyond which compiling is OCTET_LIMIT with a sentence that names the cap. */
#define GRAMMAR_SOURCE_BYTES_MAX (256 * 1024)
#define GRAMMAR_NODES_MAX 200000
#define GRAMMAR_DEPTH_MAX 64 /* of schemas, and of arrays and references in texts */

/* Any JSON object. Errors: OCTET_MEMORY. */
octet_status grammar_json_object(struct grammar **out, struct octet_error *err);

/*
 * A JSON schema (the subset in docs/structured_output.md). Properties come in the schema's order.
 * Errors: OCTET_UNSUPPORTED naming keyword and path ("schema.properties.a: keyword 'not' is not
 * supported"), OCTET_INPUT (a keyword of the wrong type, a $ref that leads nowhere or only to
 * itself, a schema that no text can satisfy), OCTET_LIMIT, OCTET_MEMORY.
 */
octet_status grammar_json_schema(const struct json *schema, struct grammar **out,
                                 struct octet_error *err);

/* A regular expression that the whole text must match: syntax without look-around and back
 * references. Errors as above. */
octet_status grammar_regex(const char *pattern, size_t size, struct grammar **out,
                           struct octet_error *err);

/* One of these texts exactly. Errors: OCTET_INPUT (none, or an empty one), OCTET_LIMIT,
 * OCTET_MEMORY. */
octet_status grammar_choice(const char *const *choices, const size_t *sizes, size_t count,
                            struct grammar **out, struct octet_error *err);

/*
 * Hermes tool calls: "<tool_call>\n{"name": NAME, "arguments": ARGUMENTS}\n</tool_call>", where
 * `tools` is the array of a request ([{"type":"function","function":{"name","parameters"}}]).
 * name: only this tool; NULL: any. many: one call or more, separated by "\n"; else exactly one.
 * Parameters whose schema is not supported are any JSON object. Special tokens <tool_call> and
 * </tool_call> may spell the tags. Errors as above.
 */
octet_status grammar_tool_calls(const struct json *tools, const char *name, bool many,
                                struct grammar **out, struct octet_error *err);

struct grammar *grammar_share(struct grammar *grammar); /* one more reference; any thread */
void grammar_free(struct grammar *grammar);             /* drops one; NULL is fine */

#endif
