/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the two targets of grammars share: a small vocabulary (all bytes and some pieces), and a
 * walk that says tokens of the masks, chosen by the input's own bytes.
 */
#ifndef FUZZ_GRAMMAR_WALK_H
#define FUZZ_GRAMMAR_WALK_H

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "grammar/constraint.h"
#include "tokenizer/byte_level.h"

#define FUZZ_STEPS 24
#define FUZZ_EOS 280
#define FUZZ_VOCAB_SIZE 290

static const char *const fuzz_pieces[] = {"\"},",  "ab", "{\"", "\\\\u",
                                          "\\\":", "12", "a-b", "}]}"};

static void fuzz_append_piece(struct buffer *text, const char *piece, unsigned id)
{
    buffer_append_str(text, ",\"");
    for (; *piece; piece++) {
        if (*piece == '"' || *piece == '\\')
            buffer_append_char(text, '\\');
        buffer_append_char(text, *piece);
    }
    buffer_printf(text, "\":%u", id);
}

/* Made once and kept, as a server does. */
static const struct grammar_vocab *fuzz_vocab(void)
{
    static struct grammar_vocab *vocab;
    if (vocab)
        return vocab;
    struct buffer text;
    buffer_init(&text, 1 << 20);
    buffer_append_str(
        &text, "{\"added_tokens\":[{\"id\":280,\"content\":\"<end>\",\"special\":true}],"
               "\"pre_tokenizer\":{\"type\":\"ByteLevel\",\"add_prefix_space\":false,"
               "\"trim_offsets\":true,\"use_regex\":true},\"decoder\":{\"type\":\"ByteLevel\"},"
               "\"model\":{\"type\":\"BPE\",\"merges\":[],\"vocab\":{");
    for (unsigned byte = 0; byte < 256; byte++) {
        char spelled[4];
        size_t size = utf8_encode(byte_level_code_point((uint8_t)byte), spelled);
        buffer_append_str(&text, byte ? ",\"" : "\"");
        if (byte == '"' || byte == '\\')
            buffer_append_char(&text, '\\');
        buffer_append(&text, spelled, size);
        buffer_printf(&text, "\":%u", byte);
    }
    for (unsigned i = 0; i < sizeof fuzz_pieces / sizeof fuzz_pieces[0]; i++)
        fuzz_append_piece(&text, fuzz_pieces[i], 256 + i);
    buffer_append_str(&text, "}}}");
    struct tokenizer *tokenizer = NULL;
    struct octet_error err = {.status = OCTET_OK};
    const int32_t eos = FUZZ_EOS;
    octet_status status =
        tokenizer_open_json(buffer_text(&text), text.size, "fuzz", &tokenizer, &err);
    assert(status == OCTET_OK);
    status = grammar_vocab_new(tokenizer, FUZZ_VOCAB_SIZE, &eos, 1, &vocab, &err);
    assert(status == OCTET_OK);
    buffer_free(&text);
    return vocab;
}

/* Every mask has a token, and every token of a mask is accepted. */
static void fuzz_walk(struct grammar *grammar, const uint8_t *data, size_t size)
{
    struct constraint_options options = {
        .vocab = fuzz_vocab(), .grammar = grammar, .thinking_budget = -1};
    struct constraint *constraint = NULL;
    struct octet_error err = {.status = OCTET_OK};
    uint32_t bits[(FUZZ_VOCAB_SIZE + 31) / 32];
    octet_status status = constraint_new(&options, &constraint, &err);
    assert(status == OCTET_OK);
    for (size_t step = 0; step < FUZZ_STEPS; step++) {
        bool constrained = constraint_mask(constraint, bits);
        assert(constrained);
        bool ends = bits[FUZZ_EOS >> 5] >> (FUZZ_EOS & 31) & 1;
        assert(ends == constraint_complete(constraint));
        int32_t id = size ? (data[step % size] * 7 + (int32_t)step) % FUZZ_VOCAB_SIZE : 0;
        for (int tried = 0; !(bits[id >> 5] >> (id & 31) & 1); tried++) {
            assert(tried < FUZZ_VOCAB_SIZE);
            id = (id + 1) % FUZZ_VOCAB_SIZE;
        }
        constraint_accept(constraint, id);
        if (id == FUZZ_EOS) {
            assert(!constraint_mask(constraint, bits));
            break;
        }
    }
    constraint_free(constraint);
}

#endif
