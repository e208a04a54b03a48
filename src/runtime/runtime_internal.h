/* SPDX-License-Identifier: Apache-2.0 */
/* The runtime's inside, shared by its files. */
#ifndef RUNTIME_RUNTIME_INTERNAL_H
#define RUNTIME_RUNTIME_INTERNAL_H

#include "model/model.h"
#include "runtime/runtime.h"
#include "template/chat_template.h"

#define RUNTIME_JSON_LIMIT ((size_t)16 << 20)
#define RUNTIME_EOS_MAX 64
#define RUNTIME_NOTES_MAX 64

/* What a model's generation_config.json says of sampling, and which ids end a text. */
struct runtime_defaults {
    struct sampling_params sampling;
    int32_t eos_ids[RUNTIME_EOS_MAX];
    size_t eos_id_count;
    char description[256]; /* "temperature 0.6, top_p 0.95, top_k 20"; "" when it says nothing */
};

struct runtime {
    struct runtime_options
        options;    /* its strings belong to the caller of runtime_prepare: not read later */
    char *cpu_mask; /* a copy; NULL: all */
    struct checkpoint *checkpoint;
    struct json *generation_config; /* owned when read from --generation-config PATH */
    struct tokenizer *tokenizer;
    struct chat_template *chat_template;
    struct runtime_plan plan;
    struct runtime_defaults defaults;
    struct model *model;
    struct engine *engine;
    bool has_thread;
    char *notes[RUNTIME_NOTES_MAX];
    size_t note_count;
};

/* Read what `json` (may be NULL; name: for messages) says over what is in out. */
octet_status defaults_apply(struct runtime_defaults *out, const struct json *json, const char *name,
                            struct octet_error *err);
/* The ids that end a text: generation_config's, else config.json's; and the tokenizer's own. */
octet_status defaults_find_eos(struct runtime_defaults *out, const struct json *generation_config,
                               const struct json *config, const struct tokenizer *tokenizer,
                               int64_t vocab_size, struct octet_error *err);

#endif
