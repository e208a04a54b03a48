/* SPDX-License-Identifier: Apache-2.0 */
#include "checkpoint/checkpoint_image.h"

#include <ftw.h>
#include <unistd.h>
#include "numeric/half.h"
#include "support/testing.h"

#define IMAGE_BYTES_MAX ((size_t)64 << 20)

void image_init(struct checkpoint_image *image, size_t files, const char *config)
{
    memset(image, 0, sizeof *image);
    struct octet_error err;
    assert_int_equal(json_parse(config, strlen(config), 1 << 20, "config", &image->config, &err),
                     OCTET_OK);
    image->file_count = files;
    image->rng = (struct rng){image_seed(), 7, 0};
    for (size_t i = 0; i < files; i++) {
        struct image_file *file = &image->files[i];
        if (files == 1)
            snprintf(file->name, sizeof file->name, "model.safetensors");
        else
            snprintf(file->name, sizeof file->name, "model-%05zu-of-%05zu.safetensors", i + 1,
                     files);
        file->header = json_new_object();
        buffer_init(&file->data, IMAGE_BYTES_MAX);
    }
    if (files > 1) {
        image->index = json_new_object();
        json_set(image->index, "metadata", json_new_object());
        json_set(image->index, "weight_map", json_new_object());
    }
}

void image_free(struct checkpoint_image *image)
{
    for (size_t i = 0; i < image->file_count; i++) {
        json_free(image->files[i].header);
        buffer_free(&image->files[i].data);
    }
    json_free(image->config);
    json_free(image->index);
}

static size_t element_size(const char *dtype)
{
    if (!strcmp(dtype, "F32") || !strcmp(dtype, "I32"))
        return 4;
    return !strcmp(dtype, "BF16") || !strcmp(dtype, "F16") ? 2 : 1;
}

static void append_element(struct checkpoint_image *image, struct buffer *data, const char *dtype)
{
    uint64_t random = rng_next_u64(&image->rng);
    float positive = 0.001f + (float)(random >> 40) * 0x1p-26f;
    if (!strcmp(dtype, "F32")) {
        buffer_append(data, &positive, 4);
    } else if (!strcmp(dtype, "BF16") || !strcmp(dtype, "F16")) {
        bool brain = dtype[0] == 'B';
        uint16_t half = brain ? bf16_from_f32(positive) : f16_from_f32(positive);
        buffer_append(data, &half, 2);
    } else if (!strcmp(dtype, "F8_E4M3")) {
        unsigned code = (unsigned)(random & 0xFF);
        buffer_append_char(data, (char)((code & 0x7F) == 0x7F ? code - 1 : code));
    } else if (!strcmp(dtype, "F8_E8M0")) {
        buffer_append_char(data, (char)(110 + random % 20));
    } else {
        for (size_t i = 0; i < element_size(dtype); i++)
            buffer_append_char(data, (char)(random >> (8 * i) & 0xFF));
    }
}

void image_add(struct checkpoint_image *image, size_t file, const char *name, const char *dtype,
               int rank, uint64_t rows, uint64_t cols)
{
    struct image_file *to = &image->files[file];
    size_t begin = to->data.size;
    struct json *entry = json_new_object(), *shape = json_new_array(), *offsets = json_new_array();
    uint64_t elements = 1;
    for (int i = 0; i < rank; i++) {
        json_push(shape, json_new_integer((int64_t)(i ? cols : rows)));
        elements *= i ? cols : rows;
    }
    for (uint64_t i = 0; i < elements; i++)
        append_element(image, &to->data, dtype);
    json_push(offsets, json_new_integer((int64_t)begin));
    json_push(offsets, json_new_integer((int64_t)to->data.size));
    json_set(entry, "dtype", json_new_string(dtype));
    json_set(entry, "shape", shape);
    json_set(entry, "data_offsets", offsets);
    assert_true(json_set(to->header, name, entry));
    if (image->index)
        json_set((struct json *)json_get(image->index, "weight_map"), name,
                 json_new_string(to->name));
    assert_false(buffer_failed(&to->data));
}

/* A weight in blocks of 128x128, its scale in the other file. */
static void add_linear(struct checkpoint_image *image, size_t file, const char *name, uint64_t rows,
                       uint64_t cols)
{
    char full[128];
    snprintf(full, sizeof full, "%s.weight", name);
    image_add(image, file, full, "F8_E4M3", 2, rows, cols);
    snprintf(full, sizeof full, "%s.weight_scale_inv", name);
    image_add(image, 1 - file, full, "BF16", 2, (rows + 127) / 128, (cols + 127) / 128);
}

void image_tiny_qwen3(struct checkpoint_image *image)
{
    image_init(image, 2,
               "{\"architectures\":[\"Qwen3ForCausalLM\"],\"model_type\":\"qwen3\","
               "\"hidden_size\":136,\"intermediate_size\":264,\"num_hidden_layers\":1,"
               "\"num_attention_heads\":2,\"num_key_value_heads\":1,\"head_dim\":64,"
               "\"vocab_size\":32,\"max_position_embeddings\":128,\"rms_norm_eps\":1e-6,"
               "\"rope_theta\":10000.0,\"hidden_act\":\"silu\",\"tie_word_embeddings\":false,"
               "\"torch_dtype\":\"bfloat16\",\"quantization_config\":{\"quant_method\":\"fp8\","
               "\"fmt\":\"e4m3\",\"activation_scheme\":\"dynamic\","
               "\"weight_block_size\":[128,128]}}");
    image_add(image, 0, "model.embed_tokens.weight", "BF16", 2, 32, 136);
    image_add(image, 0, "model.layers.0.input_layernorm.weight", "BF16", 1, 136, 0);
    add_linear(image, 0, "model.layers.0.self_attn.q_proj", 128, 136);
    add_linear(image, 0, "model.layers.0.self_attn.k_proj", 64, 136);
    add_linear(image, 0, "model.layers.0.self_attn.v_proj", 64, 136);
    add_linear(image, 0, "model.layers.0.self_attn.o_proj", 136, 128);
    image_add(image, 1, "model.layers.0.self_attn.q_norm.weight", "BF16", 1, 64, 0);
    image_add(image, 1, "model.layers.0.self_attn.k_norm.weight", "BF16", 1, 64, 0);
    image_add(image, 1, "model.layers.0.post_attention_layernorm.weight", "BF16", 1, 136, 0);
    add_linear(image, 1, "model.layers.0.mlp.gate_proj", 264, 136);
    add_linear(image, 1, "model.layers.0.mlp.up_proj", 264, 136);
    add_linear(image, 1, "model.layers.0.mlp.down_proj", 136, 264);
    image_add(image, 1, "model.norm.weight", "BF16", 1, 136, 0);
    image_add(image, 1, "lm_head.weight", "BF16", 2, 32, 136);
}

struct json *image_entry(struct checkpoint_image *image, const char *name)
{
    for (size_t i = 0; i < image->file_count; i++) {
        const struct json *entry = json_get(image->files[i].header, name);
        if (entry)
            return (struct json *)entry; /* the header is the image's own */
    }
    return NULL;
}

unsigned char *image_bytes(struct checkpoint_image *image, const char *name, size_t *size)
{
    for (size_t i = 0; i < image->file_count; i++) {
        const struct json *offsets =
            json_get(json_get(image->files[i].header, name), "data_offsets");
        if (!offsets)
            continue;
        int64_t begin = json_integer(json_at(offsets, 0), 0);
        if (size)
            *size = (size_t)(json_integer(json_at(offsets, 1), 0) - begin);
        return (unsigned char *)image->files[i].data.data + begin;
    }
    fail_msg("no tensor %s", name);
    return NULL;
}

static void write_json(const char *directory, const char *name, const struct json *value)
{
    struct buffer text;
    buffer_init(&text, IMAGE_BYTES_MAX);
    assert_true(json_dump(value, 1, &text));
    write_file(directory, name, text.data, text.size);
    buffer_free(&text);
}

void image_write(struct checkpoint_image *image, const char *directory)
{
    write_json(directory, "config.json", image->config);
    if (image->index)
        write_json(directory, "model.safetensors.index.json", image->index);
    for (size_t i = 0; i < image->file_count; i++) {
        struct image_file *file = &image->files[i];
        struct buffer text, whole;
        buffer_init(&text, IMAGE_BYTES_MAX);
        buffer_init(&whole, IMAGE_BYTES_MAX);
        assert_true(json_dump(file->header, 0, &text));
        uint64_t length = text.size;
        buffer_append(&whole, &length, 8);
        buffer_append(&whole, text.data, text.size);
        if (file->data.size)
            buffer_append(&whole, file->data.data, file->data.size);
        write_file(directory, file->name, whole.data, whole.size);
        buffer_free(&text);
        buffer_free(&whole);
    }
}

void temporary_directory(char out[IMAGE_PATH])
{
    const char *base = getenv("TMPDIR");
    snprintf(out, IMAGE_PATH, "%s/octet-test-XXXXXX", base && *base ? base : "/tmp");
    assert_non_null(mkdtemp(out));
}

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *place)
{
    (void)info;
    (void)kind;
    (void)place;
    return remove(path);
}

void remove_tree(const char *directory)
{
    nftw(directory, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

void write_file(const char *directory, const char *name, const void *bytes, size_t size)
{
    char path[2 * IMAGE_PATH];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

char *read_file(const char *directory, const char *name, size_t *size)
{
    char path[2 * IMAGE_PATH];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    struct buffer text;
    struct octet_error err;
    buffer_init(&text, (size_t)1 << 30);
    if (file_read_all(path, (size_t)1 << 30, &text, &err) != OCTET_OK)
        fail_msg("%s", err.message);
    return buffer_take(&text, size);
}

bool path_exists(const char *directory, const char *name)
{
    char path[2 * IMAGE_PATH];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    return access(path, F_OK) == 0;
}

uint64_t image_seed(void)
{
    static uint64_t seed;
    static bool asked;
    if (!asked)
        seed = test_seed();
    asked = true;
    return seed;
}
