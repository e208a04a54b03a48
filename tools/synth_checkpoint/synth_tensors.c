/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Weights as training leaves them: in each 128 x 128 block the codes are those of a normal
 * distribution whose largest of 16,384 values (about 4.2 sigma) is 448, and scale * sigma is
 * 1 / sqrt(columns), so that activations keep their size from layer to layer.
 */
#include "synth.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/rng.h"
#include "numeric/fp8.h"
#include "numeric/half.h"

#define BLOCK 128
#define SIGMA (448.0 / 4.2) /* of the codes' values */
#define TABLE_BITS 16
#define WINDOW ((size_t)1 << 20)

enum kind { KIND_FP8, KIND_SCALE, KIND_EMBEDDING, KIND_NORM };

struct tensor {
    char name[80];
    enum kind kind;
    int64_t rows, columns; /* as stored; rows 0 for a vector */
    double fan_in;
    uint64_t bytes;
};

struct writer {
    const struct synth_shape *shape;
    struct tensor *tensors;
    size_t count, room;
    uint8_t *codes;       /* [65536]: normal quantiles as E4M3 codes */
    uint16_t *embeddings; /* [65536]: normal quantiles times 0.03 as BF16 */
    char *window;
    struct file_writer file;
};

static uint64_t element_size(const struct synth_shape *shape, enum kind kind)
{
    if (kind == KIND_FP8)
        return 1;
    return kind == KIND_SCALE && shape->scale_dtype == SCALE_F32 ? 4 : 2;
}

static const char *dtype_name(const struct synth_shape *shape, enum kind kind)
{
    static const char *const scales[] = {"BF16", "F32", "F16"};
    if (kind == KIND_FP8)
        return "F8_E4M3";
    return kind == KIND_SCALE ? scales[shape->scale_dtype] : "BF16";
}

static void add(struct writer *w, enum kind kind, int64_t rows, int64_t columns, const char *name)
{
    struct tensor *t = &w->tensors[w->count++];
    *t = (struct tensor){.kind = kind, .rows = rows, .columns = columns};
    snprintf(t->name, sizeof t->name, "%s", name);
    uint64_t count = (uint64_t)(rows ? rows : 1) * (uint64_t)columns;
    t->bytes = count * element_size(w->shape, kind);
}

/* A quantised matrix of a layer and its scales. */
static void add_linear(struct writer *w, int64_t layer, const char *part, int64_t rows,
                       int64_t columns)
{
    char name[80];
    snprintf(name, sizeof name, "model.layers.%lld.%s.weight", (long long)layer, part);
    add(w, KIND_FP8, rows, columns, name);
    snprintf(name, sizeof name, "model.layers.%lld.%s.weight_scale_inv", (long long)layer, part);
    add(w, KIND_SCALE, (rows + BLOCK - 1) / BLOCK, (columns + BLOCK - 1) / BLOCK, name);
    w->tensors[w->count - 1].fan_in = (double)columns;
}

static void add_norm(struct writer *w, int64_t layer, const char *part, int64_t size)
{
    char name[80];
    snprintf(name, sizeof name, "model.layers.%lld.%s.weight", (long long)layer, part);
    add(w, KIND_NORM, 0, size, name);
}

static void plan(struct writer *w)
{
    const struct synth_shape *s = w->shape;
    int64_t q = s->heads * s->head_dim, kv = s->kv_heads * s->head_dim;
    add(w, KIND_EMBEDDING, s->vocab, s->hidden, "model.embed_tokens.weight");
    for (int64_t layer = 0; layer < s->layers; layer++) {
        add_norm(w, layer, "input_layernorm", s->hidden);
        add_linear(w, layer, "self_attn.q_proj", q, s->hidden);
        add_linear(w, layer, "self_attn.k_proj", kv, s->hidden);
        add_linear(w, layer, "self_attn.v_proj", kv, s->hidden);
        add_linear(w, layer, "self_attn.o_proj", s->hidden, q);
        add_norm(w, layer, "self_attn.q_norm", s->head_dim);
        add_norm(w, layer, "self_attn.k_norm", s->head_dim);
        add_norm(w, layer, "post_attention_layernorm", s->hidden);
        add_linear(w, layer, "mlp.gate_proj", s->intermediate, s->hidden);
        add_linear(w, layer, "mlp.up_proj", s->intermediate, s->hidden);
        add_linear(w, layer, "mlp.down_proj", s->hidden, s->intermediate);
    }
    add(w, KIND_NORM, 0, s->hidden, "model.norm.weight");
    if (s->untied)
        add(w, KIND_EMBEDDING, s->vocab, s->hidden, "lm_head.weight");
}

/* The quantile of the standard normal distribution by bisection: 65,536 of them take a moment. */
static double normal_quantile(double p)
{
    double low = -9, high = 9;
    for (int i = 0; i < 50; i++) {
        double middle = (low + high) / 2;
        if (0.5 * erfc(-middle / sqrt(2.0)) < p)
            low = middle;
        else
            high = middle;
    }
    return (low + high) / 2;
}

static void fill_tables(struct writer *w)
{
    for (size_t i = 0; i < (size_t)1 << TABLE_BITS; i++) {
        double z = normal_quantile(((double)i + 0.5) / (double)(1 << TABLE_BITS));
        w->codes[i] = fp8_e4m3_from_f32((float)(z * SIGMA), true);
        w->embeddings[i] = bf16_from_f64(z * 0.03);
    }
}

/* splitmix64 (Steele, Lea and Flood, OOPSLA 2014): one multiplication chain a word is fast enough
 * to keep up with a disk. */
static uint64_t next_word(uint64_t *state)
{
    uint64_t z = *state += 0x9E3779B97F4A7C15u;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return z ^ z >> 31;
}

static void store_value(const struct synth_shape *shape, enum kind kind, void *out, size_t index,
                        double value)
{
    if (kind == KIND_SCALE && shape->scale_dtype == SCALE_F32)
        ((float *)out)[index] = (float)value;
    else if (kind == KIND_SCALE && shape->scale_dtype == SCALE_F16)
        ((uint16_t *)out)[index] = f16_from_f32((float)value);
    else
        ((uint16_t *)out)[index] = bf16_from_f64(value);
}

static void fill_window(struct writer *w, const struct tensor *t, size_t count, uint64_t *state)
{
    if (t->kind == KIND_FP8 || t->kind == KIND_EMBEDDING) {
        for (size_t i = 0; i < count; i += 4) {
            uint64_t word = next_word(state);
            for (size_t j = 0; j < 4 && i + j < count; j++, word >>= TABLE_BITS) {
                if (t->kind == KIND_FP8)
                    ((uint8_t *)w->window)[i + j] = w->codes[word & 0xFFFF];
                else
                    ((uint16_t *)(void *)w->window)[i + j] = w->embeddings[word & 0xFFFF];
            }
        }
        return;
    }
    for (size_t i = 0; i < count; i++) {
        double u = (double)(next_word(state) >> 11) * 0x1p-53;
        double value =
            t->kind == KIND_SCALE ? (0.75 + 0.5 * u) / (SIGMA * sqrt(t->fan_in)) : 0.9 + 0.2 * u;
        store_value(w->shape, t->kind, w->window, i, value);
    }
}

static octet_status write_header(struct writer *w, struct octet_error *err)
{
    struct buffer text;
    buffer_init(&text, (size_t)64 << 20);
    bool ok = buffer_printf(&text, "{\"__metadata__\":{\"format\":\"pt\"}");
    uint64_t offset = 0;
    for (size_t i = 0; ok && i < w->count; i++) {
        const struct tensor *t = &w->tensors[i];
        ok = buffer_printf(&text, ",\"%s\":{\"dtype\":\"%s\",\"shape\":[", t->name,
                           dtype_name(w->shape, t->kind));
        if (t->rows)
            ok = ok && buffer_printf(&text, "%lld,", (long long)t->rows);
        ok = ok &&
             buffer_printf(&text, "%lld],\"data_offsets\":[%llu,%llu]}", (long long)t->columns,
                           (unsigned long long)offset, (unsigned long long)(offset + t->bytes));
        offset += t->bytes;
    }
    ok = ok && buffer_printf(&text, "}");
    while (ok && text.size % 8)
        ok = buffer_printf(&text, " ");
    octet_status status = ok ? OCTET_OK : error_memory(err, "the header", text.size);
    if (status == OCTET_OK) {
        uint8_t length[8];
        for (int i = 0; i < 8; i++)
            length[i] = (uint8_t)((uint64_t)text.size >> 8 * i);
        status = file_writer_write(&w->file, length, sizeof length, err);
    }
    if (status == OCTET_OK)
        status = file_writer_write(&w->file, buffer_text(&text), text.size, err);
    buffer_free(&text);
    return status;
}

static octet_status write_tensor(struct writer *w, size_t index, struct octet_error *err)
{
    const struct tensor *t = &w->tensors[index];
    uint64_t state = w->shape->seed * 0xD1342543DE82EF95u + index;
    uint64_t size = element_size(w->shape, t->kind), left = t->bytes / size;
    while (left > 0) {
        size_t count = left < WINDOW / 4 ? (size_t)left : WINDOW / 4;
        fill_window(w, t, count, &state);
        RETURN_IF_ERROR(file_writer_write(&w->file, w->window, count * size, err));
        left -= count;
    }
    return OCTET_OK;
}

static octet_status write_all(struct writer *w, const char *path, struct octet_error *err)
{
    RETURN_IF_ERROR(file_writer_open(path, false, &w->file, err));
    octet_status status = write_header(w, err);
    for (size_t i = 0; status == OCTET_OK && i < w->count; i++)
        status = write_tensor(w, i, err);
    if (status == OCTET_OK)
        return file_writer_commit(&w->file, err);
    file_writer_abort(&w->file);
    return status;
}

octet_status synth_write_tensors(const struct synth_shape *shape, const char *directory,
                                 uint64_t *bytes, struct octet_error *err)
{
    struct writer w = {.shape = shape, .room = (size_t)shape->layers * 18 + 3};
    octet_status status = OCTET_OK;
    char *path = path_join(directory, "model.safetensors");
    w.tensors = calloc(w.room, sizeof w.tensors[0]);
    w.codes = malloc((size_t)1 << TABLE_BITS);
    w.embeddings = malloc(sizeof(uint16_t) << TABLE_BITS);
    w.window = malloc(WINDOW);
    if (!path || !w.tensors || !w.codes || !w.embeddings || !w.window) {
        status = error_memory(err, "the writer's buffers", WINDOW);
        goto done;
    }
    plan(&w);
    fill_tables(&w);
    *bytes = 0;
    for (size_t i = 0; i < w.count; i++)
        *bytes += w.tensors[i].bytes;
    status = write_all(&w, path, err);
done:
    free(w.window);
    free(w.embeddings);
    free(w.codes);
    free(w.tensors);
    free(path);
    return status;
}
