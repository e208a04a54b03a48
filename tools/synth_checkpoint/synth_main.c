/* SPDX-License-Identifier: Apache-2.0 */
#include "synth.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/parse.h"

static const char usage[] =
    "usage: synth_checkpoint OUT [--preset qwen3-0.6b|qwen3-4b|tiny] [--layers N] [--hidden N]\n"
    "         [--intermediate N] [--heads N] [--kv-heads N] [--head-dim N] [--vocab N] [--seed N]\n"
    "         [--scale-dtype bf16|f32|f16] [--untied] [--tokenizer-from DIR]\n"
    "Writes a Qwen3 FP8 checkpoint (E4M3, 128 x 128 scales) with random weights: config.json and\n"
    "model.safetensors. The same shape and seed give the same bytes. --tokenizer-from copies the\n"
    "tokenizer files of another model beside them.\n";

struct options {
    const char *out, *tokenizer_from;
    struct synth_shape shape;
};

static octet_status parse_number(const char *name, const char *text, int64_t *out,
                                 struct octet_error *err)
{
    if (!text || !parse_int64(text, out))
        return error_set(err, OCTET_USAGE, "%s: expected a number, found '%s'", name,
                         text ? text : "nothing");
    return OCTET_OK;
}

static octet_status parse_scale(const char *text, enum scale_dtype *out, struct octet_error *err)
{
    static const char *const names[] = {"bf16", "f32", "f16"};
    for (int i = 0; text && i < 3; i++) {
        if (strcmp(text, names[i]) == 0) {
            *out = (enum scale_dtype)i;
            return OCTET_OK;
        }
    }
    return error_set(err, OCTET_USAGE, "--scale-dtype: expected bf16, f32 or f16, found '%s'",
                     text ? text : "nothing");
}

/* One option that takes a value. */
static octet_status parse_value(struct options *o, const char *name, const char *value,
                                struct octet_error *err)
{
    struct synth_shape *s = &o->shape;
    const struct {
        const char *name;
        int64_t *number;
    } numbers[] = {{"--layers", &s->layers},
                   {"--hidden", &s->hidden},
                   {"--intermediate", &s->intermediate},
                   {"--heads", &s->heads},
                   {"--kv-heads", &s->kv_heads},
                   {"--head-dim", &s->head_dim},
                   {"--vocab", &s->vocab}};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        if (strcmp(name, numbers[i].name) == 0)
            return parse_number(name, value, numbers[i].number, err);
    if (strcmp(name, "--scale-dtype") == 0)
        return parse_scale(value, &s->scale_dtype, err);
    if (strcmp(name, "--tokenizer-from") == 0 && value) {
        o->tokenizer_from = value;
        return OCTET_OK;
    }
    int64_t seed = 0;
    if (strcmp(name, "--seed") == 0) {
        RETURN_IF_ERROR(parse_number(name, value, &seed, err));
        s->seed = (uint64_t)seed;
        return OCTET_OK;
    }
    return error_set(err, OCTET_USAGE, "unknown option or missing value: %s", name);
}

static octet_status parse(int argc, char **argv, struct options *o, struct octet_error *err)
{
    if (!synth_preset("tiny", &o->shape))
        return error_set(err, OCTET_STATE, "no preset 'tiny'");
    /* The preset first, wherever it stands; the other options change it. */
    for (int i = 1; i + 1 < argc; i++)
        if (strcmp(argv[i], "--preset") == 0 && !synth_preset(argv[i + 1], &o->shape))
            return error_set(err, OCTET_USAGE,
                             "--preset: expected qwen3-0.6b, qwen3-4b or tiny, found '%s'",
                             argv[i + 1]);
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--untied") == 0) {
            o->shape.untied = true;
        } else if (strcmp(argv[i], "--preset") == 0) {
            i++;
        } else if (strncmp(argv[i], "--", 2) == 0) {
            RETURN_IF_ERROR(parse_value(o, argv[i], i + 1 < argc ? argv[i + 1] : NULL, err));
            i++;
        } else if (!o->out) {
            o->out = argv[i];
        } else {
            return error_set(err, OCTET_USAGE, "unexpected '%s'", argv[i]);
        }
    }
    if (!o->out)
        return error_set(err, OCTET_USAGE, "no output directory given");
    return synth_check(&o->shape, err);
}

static octet_status copy_file(const char *from, const char *to, const char *name,
                              struct octet_error *err)
{
    char *source = path_join(from, name), *target = path_join(to, name);
    struct buffer bytes;
    buffer_init(&bytes, (size_t)64 << 20);
    octet_status status = OCTET_OK;
    if (!source || !target)
        status = error_memory(err, "a path", 0);
    else if (file_exists(source)) {
        status = file_read_all(source, (size_t)64 << 20, &bytes, err);
        if (status == OCTET_OK)
            status = file_write_all(target, buffer_text(&bytes), bytes.size, err);
    }
    buffer_free(&bytes);
    free(source);
    free(target);
    return status;
}

static octet_status run(const struct options *o, struct octet_error *err)
{
    static const char *const names[] = {"tokenizer.json", "tokenizer_config.json",
                                        "generation_config.json", "chat_template.jinja"};
    uint64_t bytes = 0, t0 = clock_now_ns();
    RETURN_IF_ERROR(directory_create(o->out, err));
    RETURN_IF_ERROR(synth_write_tensors(&o->shape, o->out, &bytes, err));
    RETURN_IF_ERROR(synth_write_config(&o->shape, o->out, err));
    for (size_t i = 0; o->tokenizer_from && i < sizeof names / sizeof names[0]; i++)
        RETURN_IF_ERROR(copy_file(o->tokenizer_from, o->out, names[i], err));
    char size[32];
    format_bytes(bytes, size);
    fprintf(stderr, "%s: %s of tensors in %.1f s\n", o->out, size, clock_seconds_since(t0));
    return OCTET_OK;
}

int main(int argc, char **argv)
{
    struct options options = {0};
    struct octet_error err = {0};
    octet_status status = parse(argc, argv, &options, &err);
    if (status == OCTET_OK)
        status = run(&options, &err);
    if (status != OCTET_OK)
        fprintf(stderr, "synth_checkpoint: %s\n%s", err.message,
                status == OCTET_USAGE ? usage : "");
    return status == OCTET_OK ? 0 : status == OCTET_USAGE ? 2 : 1;
}
