/* SPDX-License-Identifier: Apache-2.0 */
/* Reading the "model" object of tokenizer.json. */
#include <stdlib.h>
#include <string.h>

#include "tokenizer/bpe_table.h"
#include "tokenizer/byte_level.h"

/* Resolve one merge and put it into the table. Of a repeated pair the last line counts, as in the
 * reference. */
static octet_status add_merge(struct bpe *bpe, const struct merge_text *text, uint32_t rank,
                              struct buffer *scratch, const char *name, struct octet_error *err)
{
    buffer_clear(scratch);
    if (!buffer_append(scratch, text->left, text->left_size) ||
        !buffer_append(scratch, text->right, text->right_size))
        return error_memory(err, "a merge", text->left_size + text->right_size);
    /* The decoded bytes are never longer than the text and so fit the same place. */
    size_t left_size, right_size;
    char *bytes = scratch->data;
    if (!byte_level_decode(text->left, text->left_size, bytes, &left_size) ||
        !byte_level_decode(text->right, text->right_size, bytes + left_size, &right_size))
        return error_set(
            err, OCTET_INPUT,
            "%s: merge %u of model.merges: a character is not of the byte-level alphabet", name,
            rank);
    int32_t left = vocab_find(bpe->vocab, bytes, left_size);
    int32_t right = vocab_find(bpe->vocab, bytes + left_size, right_size);
    int32_t joined = vocab_find(bpe->vocab, bytes, left_size + right_size);
    if (left < 0 || right < 0 || joined < 0)
        return error_set(
            err, OCTET_INPUT,
            "%s: merge %u of model.merges: \"%.*s\" + \"%.*s\": %s is not in model.vocab", name,
            rank, vocab_shown(text->left_size), text->left, vocab_shown(text->right_size),
            text->right,
            left < 0    ? "the left part"
            : right < 0 ? "the right part"
                        : "the joined token");
    uint32_t slot = bpe_table_slot(bpe, left, right);
    while (bpe->merges[slot].left >= 0 &&
           (bpe->merges[slot].left != left || bpe->merges[slot].right != right))
        slot = (slot + 1) & bpe->slot_mask;
    bpe->merges[slot] = (struct bpe_merge){left, right, rank, joined};
    return OCTET_OK;
}

static octet_status load_merges(struct bpe *bpe, const struct vocab_source *source,
                                const char *name, struct octet_error *err)
{
    size_t count = source->merge_count;
    size_t slots = 16;
    while (slots < count + count / 2)
        slots *= 2;
    bpe->merges = malloc(slots * sizeof *bpe->merges);
    if (!bpe->merges)
        return error_memory(err, "merges", slots * sizeof *bpe->merges);
    memset(bpe->merges, 0xFF, slots * sizeof *bpe->merges);
    bpe->slot_mask = (uint32_t)(slots - 1);

    struct buffer scratch;
    buffer_init(&scratch, (size_t)1 << 30);
    octet_status status = OCTET_OK;
    for (size_t i = 0; i < count && status == OCTET_OK; i++)
        status = add_merge(bpe, &source->merges[i], (uint32_t)i, &scratch, name, err);
    buffer_free(&scratch);
    return status;
}

octet_status bpe_check(const struct json *model, const char *name, struct octet_error *err)
{
    static const char *const texts[] = {"continuing_subword_prefix", "end_of_word_suffix"};
    const char *type = json_string(json_get(model, "type"));
    if (type && strcmp(type, "BPE") != 0)
        return error_set(err, OCTET_UNSUPPORTED,
                         "%s: model.type is \"%.100s\"; only \"BPE\" (byte-level) is supported",
                         name, type);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        const char *text = json_string(json_get(model, texts[i]));
        if (text && *text)
            return error_set(err, OCTET_UNSUPPORTED,
                             "%s: model.%s is \"%.100s\"; only an empty one is supported", name,
                             texts[i], text);
    }
    if (json_bool(json_get(model, "byte_fallback"), false))
        return error_set(err, OCTET_UNSUPPORTED,
                         "%s: model.byte_fallback is true; only byte-level BPE without it is "
                         "supported",
                         name);
    if (json_number(json_get(model, "dropout"), 0.0) > 0.0)
        return error_set(err, OCTET_UNSUPPORTED,
                         "%s: model.dropout is set; only encoding without dropout is supported",
                         name);
    if (json_bool(json_get(model, "fuse_unk"), false) && json_string(json_get(model, "unk_token")))
        return error_set(err, OCTET_UNSUPPORTED,
                         "%s: model.fuse_unk is true; only false is supported", name);
    return OCTET_OK;
}

static octet_status load_bytes(struct bpe *bpe, const struct json *model, const char *name,
                               struct octet_error *err)
{
    size_t size;
    const char *unknown = json_string_n(json_get(model, "unk_token"), &size);
    bpe->unknown_id = -1;
    if (unknown) {
        char *scratch = malloc(size + 1);
        if (!scratch)
            return error_memory(err, "unk_token", size);
        bpe->unknown_id = vocab_find_text(bpe->vocab, unknown, size, scratch);
        free(scratch);
        if (bpe->unknown_id < 0)
            return error_set(err, OCTET_INPUT,
                             "%s: model.unk_token \"%.100s\" is not in model.vocab", name, unknown);
    }
    size_t present = 0;
    for (int byte = 0; byte < 256; byte++) {
        char one = (char)byte;
        int32_t id = vocab_find(bpe->vocab, &one, 1);
        present += id >= 0;
        bpe->byte_ids[byte] = id >= 0 ? id : bpe->unknown_id;
    }
    if (present == 0)
        return error_set(err, OCTET_UNSUPPORTED,
                         "%s: model.vocab holds no single byte; only byte-level BPE is supported",
                         name);
    return OCTET_OK;
}

octet_status bpe_load(const struct json *model, const struct vocab_source *source,
                      const struct vocab *vocab, const char *name, struct bpe *out,
                      struct octet_error *err)
{
    *out = (struct bpe){.vocab = vocab};
    octet_status status =
        json_field_bool(model, name, "ignore_merges", false, &out->ignore_merges, err);
    if (status == OCTET_OK)
        status = load_bytes(out, model, name, err);
    if (status == OCTET_OK)
        status = load_merges(out, source, name, err);
    if (status != OCTET_OK)
        bpe_free(out);
    return status;
}

void bpe_free(struct bpe *bpe)
{
    free(bpe->merges);
    *bpe = (struct bpe){0};
}
