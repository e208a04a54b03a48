/* SPDX-License-Identifier: Apache-2.0 */
#include "checkpoint/architecture_check.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "checkpoint/checkpoint_internal.h"
#include "checkpoint/safetensors.h"

#define COMPARE_BYTES ((uint64_t)1 << 20)

struct expectation {
    const struct checkpoint *checkpoint;
    const struct model_config *config;
    bool *known; /* one a tensor of the checkpoint */
    struct octet_error *err;
};

static octet_status check_dtype(const struct expectation *want, const struct tensor *tensor,
                                bool vector)
{
    enum dtype dtype = tensor->dtype;
    bool plain = dtype == DTYPE_BF16 || dtype == DTYPE_F16 || dtype == DTYPE_F32;
    if (plain || (dtype == DTYPE_F8_E4M3 && !vector))
        return OCTET_OK;
    return error_set(want->err, OCTET_INPUT,
                     "%s: tensor '%s' is %s, expected BF16, F16 or F32%s; use a checkpoint in one "
                     "of these types",
                     checkpoint_tensor_path(want->checkpoint, tensor), tensor->name,
                     dtype_name(dtype), vector ? "" : " or F8_E4M3 with a scale");
}

/* cols 0: a vector of `rows`. */
static octet_status expect(struct expectation *want, uint64_t rows, uint64_t cols,
                           const char *format, ...) __attribute__((format(printf, 4, 5)));

static octet_status expect(struct expectation *want, uint64_t rows, uint64_t cols,
                           const char *format, ...)
{
    char name[128], shape[64], got[SAFETENSORS_SHAPE_TEXT];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(name, sizeof name, format, arguments);
    va_end(arguments);
    if (cols)
        snprintf(shape, sizeof shape, "[%" PRIu64 ", %" PRIu64 "]", rows, cols);
    else
        snprintf(shape, sizeof shape, "[%" PRIu64 "]", rows);
    const struct tensor *tensor = checkpoint_find(want->checkpoint, name);
    if (!tensor)
        return error_set(want->err, OCTET_INPUT,
                         "%s: tensor '%s' is missing, expected shape %s for %s; download the "
                         "checkpoint again, a file of it is missing",
                         checkpoint_directory(want->checkpoint), name, shape,
                         want->config->architecture_name);
    if (strcmp(tensor_shape_text(tensor, got), shape) != 0)
        return error_set(want->err, OCTET_INPUT,
                         "%s: tensor '%s' has shape %s, but config.json makes it %s; config.json "
                         "or the weights belong to another model: download both again",
                         checkpoint_tensor_path(want->checkpoint, tensor), name, got, shape);
    want->known[(const struct checkpoint_entry *)tensor - want->checkpoint->entries] = true;
    return check_dtype(want, tensor, cols == 0);
}

static octet_status expect_attention(struct expectation *want, int layer)
{
    const struct model_config *config = want->config;
    static const char *const heads[] = {"q_proj", "k_proj", "v_proj"};
    uint64_t hidden = (uint64_t)config->hidden_size, head_dim = (uint64_t)config->head_dim;
    for (int i = 0; i < 3; i++) {
        uint64_t rows = (uint64_t)(i == 0 ? config->heads : config->kv_heads) * head_dim;
        RETURN_IF_ERROR(
            expect(want, rows, hidden, "model.layers.%d.self_attn.%s.weight", layer, heads[i]));
        if (config->attention_bias)
            RETURN_IF_ERROR(
                expect(want, rows, 0, "model.layers.%d.self_attn.%s.bias", layer, heads[i]));
    }
    RETURN_IF_ERROR(expect(want, hidden, (uint64_t)config->heads * head_dim,
                           "model.layers.%d.self_attn.o_proj.weight", layer));
    if (config->o_bias)
        RETURN_IF_ERROR(expect(want, hidden, 0, "model.layers.%d.self_attn.o_proj.bias", layer));
    if (!config->qk_norm)
        return OCTET_OK;
    RETURN_IF_ERROR(expect(want, head_dim, 0, "model.layers.%d.self_attn.q_norm.weight", layer));
    return expect(want, head_dim, 0, "model.layers.%d.self_attn.k_norm.weight", layer);
}

static octet_status expect_mlp(struct expectation *want, int layer)
{
    static const char *const names[] = {"gate_proj", "up_proj", "down_proj"};
    uint64_t hidden = (uint64_t)want->config->hidden_size;
    uint64_t inner = (uint64_t)want->config->intermediate_size;
    for (int i = 0; i < 3; i++) {
        uint64_t rows = i < 2 ? inner : hidden;
        RETURN_IF_ERROR(expect(want, rows, i < 2 ? hidden : inner, "model.layers.%d.mlp.%s.weight",
                               layer, names[i]));
        if (want->config->mlp_bias)
            RETURN_IF_ERROR(expect(want, rows, 0, "model.layers.%d.mlp.%s.bias", layer, names[i]));
    }
    return OCTET_OK;
}

static octet_status expect_all(struct expectation *want)
{
    const struct model_config *config = want->config;
    uint64_t hidden = (uint64_t)config->hidden_size, vocab = (uint64_t)config->vocab_size;
    RETURN_IF_ERROR(expect(want, vocab, hidden, "model.embed_tokens.weight"));
    for (int layer = 0; layer < (int)config->layers; layer++) {
        RETURN_IF_ERROR(expect(want, hidden, 0, "model.layers.%d.input_layernorm.weight", layer));
        RETURN_IF_ERROR(expect_attention(want, layer));
        RETURN_IF_ERROR(
            expect(want, hidden, 0, "model.layers.%d.post_attention_layernorm.weight", layer));
        RETURN_IF_ERROR(expect_mlp(want, layer));
    }
    RETURN_IF_ERROR(expect(want, hidden, 0, "model.norm.weight"));
    if (!config->tie_word_embeddings || checkpoint_find(want->checkpoint, "lm_head.weight"))
        return expect(want, vocab, hidden, "lm_head.weight");
    return OCTET_OK;
}

static bool has_suffix(const char *name, const char *suffix)
{
    size_t length = strlen(name), tail = strlen(suffix);
    return length >= tail && !strcmp(name + length - tail, suffix);
}

static octet_status check_extra(const struct expectation *want)
{
    for (size_t i = 0; i < want->checkpoint->count; i++) {
        const struct checkpoint_entry *entry = &want->checkpoint->entries[i];
        if (want->known[i] || entry->role == ROLE_DROPPED)
            continue;
        /* A scale is known with its weight; old Llama files store the RoPE frequencies. */
        if (entry->role == ROLE_SCALE || has_suffix(entry->tensor.name, ".rotary_emb.inv_freq"))
            continue;
        return error_set(want->err, OCTET_INPUT,
                         "%s: tensor '%s' has no place in %s with num_hidden_layers %" PRId64
                         " as config.json states it; config.json or the weights belong to "
                         "another model: download both again",
                         checkpoint_tensor_path(want->checkpoint, &entry->tensor),
                         entry->tensor.name, want->config->architecture_name, want->config->layers);
    }
    return OCTET_OK;
}

static octet_status same_bytes(const struct checkpoint *checkpoint, const struct tensor *a,
                               const struct tensor *b, bool *same, struct octet_error *err)
{
    *same = a->bytes == b->bytes && a->dtype == b->dtype;
    unsigned char *left = malloc(2 * COMPARE_BYTES);
    if (!left)
        return error_memory(err, "comparison buffer", 2 * COMPARE_BYTES);
    unsigned char *right = left + COMPARE_BYTES;
    octet_status status = OCTET_OK;
    for (uint64_t at = 0; *same && at < a->bytes && status == OCTET_OK; at += COMPARE_BYTES) {
        uint64_t size = a->bytes - at < COMPARE_BYTES ? a->bytes - at : COMPARE_BYTES;
        status = checkpoint_read(checkpoint, a, at, left, size, err);
        if (status == OCTET_OK)
            status = checkpoint_read(checkpoint, b, at, right, size, err);
        *same = status == OCTET_OK && !memcmp(left, right, (size_t)size);
    }
    free(left);
    return status;
}

static octet_status check_tied_head(struct checkpoint *checkpoint, struct octet_error *err)
{
    const struct tensor *head = checkpoint_find(checkpoint, "lm_head.weight");
    const struct tensor *embedding = checkpoint_find(checkpoint, "model.embed_tokens.weight");
    bool same = false;
    if (!head || !embedding)
        return OCTET_OK;
    RETURN_IF_ERROR(same_bytes(checkpoint, head, embedding, &same, err));
    if (!same)
        return error_set(err, OCTET_INPUT,
                         "%s: 'lm_head.weight' (%s) differs from 'model.embed_tokens.weight' (%s), "
                         "but config.json states tie_word_embeddings: true; set it to false if the "
                         "head is its own, or remove lm_head.weight",
                         checkpoint_tensor_path(checkpoint, head), dtype_name(head->dtype),
                         dtype_name(embedding->dtype));
    return checkpoint_add_note(checkpoint, err,
                               "lm_head.weight is stored although it is tied: it equals "
                               "model.embed_tokens.weight and is used once");
}

octet_status checkpoint_check_architecture(struct checkpoint *checkpoint,
                                           const struct model_config *config,
                                           struct octet_error *err)
{
    struct expectation want = {.checkpoint = checkpoint, .config = config, .err = err};
    want.known = calloc(checkpoint->count + 1, sizeof *want.known);
    if (!want.known)
        return error_memory(err, "tensor table", checkpoint->count + 1);
    octet_status status = expect_all(&want);
    if (status == OCTET_OK)
        status = check_extra(&want);
    if (status == OCTET_OK && config->tie_word_embeddings)
        status = check_tied_head(checkpoint, err);
    free(want.known);
    return status;
}
