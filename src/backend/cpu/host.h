/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The CPU backend: kernels over a thread pool. What a thread does is a function of the shapes
 * alone; threads split outputs (panels, heads, rows, spans), never a sum, so the results do not
 * depend on their number. Shared by the files of backend/cpu/ only.
 */
#ifndef BACKEND_CPU_HOST_H
#define BACKEND_CPU_HOST_H

#include "backend/backend.h"
#include "kernels/kernels.h"
#include "parallel/pool.h"

/*
 * Memory for packed weights of one thread: chunks in huge pages, handed out in order and given back
 * together. First touch by the thread itself puts the pages on its node.
 */
struct panel_chunk {
    struct panel_chunk *next;
    char *memory;
    size_t size, used;
};
struct panel_arena {
    struct panel_chunk *head;
};

/* Zeroed pages, 2 MiB aligned, huge where the system allows; NULL when refused. */
void *host_pages_map(size_t bytes);
void host_pages_unmap(void *memory, size_t bytes);
/* 64-byte aligned and zeroed; NULL when out of memory. */
void *panel_arena_alloc(struct panel_arena *arena, size_t bytes);
void panel_arena_free(struct panel_arena *arena);

/* What one thread owns besides its panels. */
struct host_thread {
    struct panel_arena arena;
    void *gemm_scratch;      /* GEMM_SCRATCH_BYTES */
    void *attention_scratch; /* ATTENTION_SCRATCH_BYTES */
    float *states;           /* two sets of ATTENTION_ROWS_MAX states: a span's and the total */
    float *head;             /* [head_dim] one rotated key */
};

struct backend {
    struct backend_options options;
    struct kernels kernels;
    enum float_type type; /* of activations and KV */
    size_t element;       /* bytes of an activation */
    struct pool *pool;
    int thread_count;
    struct host_thread *threads;
    void *scratch; /* all scratch of all threads and the span states, one mapping */
    size_t scratch_size;
    float *span_states; /* [span_state_count] states for spans that threads share out */
    size_t span_state_count;
    struct attention_item *items; /* of the batch; room for host_attention_items() */
    size_t item_count;
    bool split_spans;               /* the batch has so few items that threads share their spans */
    const struct step_batch *batch; /* between step_begin and step_end */
};

/*
 * Packed panels of one tensor that one thread owns: rows first_row .. first_row + columns - 1 of
 * part `part`, which are outputs first_out .. of the linear.
 */
struct panel_run {
    int part;
    enum panel_type type;
    size_t first_row, columns, first_out;
    char *panels;
    size_t panel_stride;
    float *scales; /* or NULL */
    size_t scale_panel_stride, scale_block_stride, scale_row_stride;
    float *bias; /* [columns] or NULL */
};

struct linear {
    size_t inputs, outputs, blocks;
    int thread_count;
    size_t part_first_out[LINEAR_PARTS_MAX + 1];
    struct panel_run *runs; /* [thread_count][LINEAR_PARTS_MAX]; columns 0: none */
};

struct kv_cache {
    char *memory;
    size_t bytes;
    size_t head_bytes;  /* K of one head in one block; V the same */
    size_t block_bytes; /* K of all heads, then V of all heads */
    size_t layer_bytes;
};

/* Where K (V: value = true) of a head in a block lies. */
static inline char *kv_address(const struct backend *backend, const struct kv_cache *kv,
                               int32_t layer, size_t block, size_t head, bool value)
{
    size_t heads = (size_t)backend->options.kv_heads;
    return kv->memory + (size_t)layer * kv->layer_bytes + block * kv->block_bytes +
           (head + (value ? heads : 0)) * kv->head_bytes;
}

/* How a part is kept. */
struct part_layout {
    enum panel_type type;
    bool scaled;                                   /* panels carry scales */
    size_t panel_stride, block_stride, row_stride; /* of the scales, in floats */
    size_t panel_count, panel_bytes, scale_floats; /* scale_floats: of one panel */
};
void host_part_layout(const struct backend_options *options, const struct linear_spec *spec,
                      int part, struct part_layout *out);

/* Elements between rows of width elements, and the address of a row. */
static inline size_t host_stride(size_t width)
{
    return (size_t)activation_stride((int64_t)width);
}
static inline char *host_row(const struct backend *backend, const void *base, size_t row,
                             size_t width)
{
    return (char *)(uintptr_t)base + row * host_stride(width) * backend->element;
}

/* One unit of attention work: some queries of one sequence and one KV head. */
struct attention_item {
    int32_t sequence, token, tokens; /* first token of the batch, and how many */
    int32_t kv_head, head, heads;    /* first query head and how many */
    int32_t spans;                   /* that its last token sees */
    size_t states;                   /* split by spans: index of its first state in span_states */
};
/* The largest number of items a batch can give, and of states that spans may be split into. */
size_t host_attention_items(const struct backend_options *options);
size_t host_span_states(const struct backend_options *options);
/* Cut the batch's attention into items: once a step, the same for every layer. */
void host_attention_plan(struct backend *backend);

octet_status host_linear_create(struct backend *backend, const struct linear_spec *spec,
                                struct linear **out, struct octet_error *err);
void host_linear_free(struct backend *backend, struct linear *linear);
uint64_t host_linear_bytes(const struct backend_options *options, const struct linear_spec *spec);
octet_status host_embed(struct backend *backend, const struct linear *table, void *out,
                        struct octet_error *err);
octet_status host_linear(struct backend *backend, const struct linear *linear, const void *x,
                         void *y, struct octet_error *err);
octet_status host_logits(struct backend *backend, const struct linear *head, const void *x,
                         float *logits, struct octet_error *err);
octet_status host_rms_norm(struct backend *backend, const struct rms_norm_op *op,
                           struct octet_error *err);
octet_status host_rope_kv(struct backend *backend, const struct rope_kv_op *op,
                          struct octet_error *err);
octet_status host_attention(struct backend *backend, const struct attention_op *op,
                            struct octet_error *err);
octet_status host_swiglu(struct backend *backend, const void *gate_up, void *out, int32_t width,
                         struct octet_error *err);

#endif
