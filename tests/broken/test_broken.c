/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One small checkpoint, bent in one place at a time: each must be refused with a sentence that
 * names what is wrong and what to do. Prints the table of mutation and sentence.
 */
#include <unistd.h>
#include "base/file.h"
#include "checkpoint/architecture_check.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/checkpoint_image.h"
#include "checkpoint/model_config.h"
#include "numeric/half.h"
#include "support/testing.h"
#include "verify/tensor_check.h"

#define Q "model.layers.0.self_attn.q_proj.weight"
#define K "model.layers.0.self_attn.k_proj.weight"
#define DOWN "model.layers.0.mlp.down_proj.weight"
#define FIRST "model-00001-of-00002.safetensors"
#define SECOND "model-00002-of-00002.safetensors"
#define INDEX "model.safetensors.index.json"

struct mutation {
    const char *name;
    void (*bend)(struct checkpoint_image *image); /* before it is written, or NULL */
    void (*damage)(const char *directory);        /* after, or NULL */
    octet_status status;
    const char *want[4]; /* parts of the sentence */
};

/* Everything that a command checks before it trusts a checkpoint. */
static octet_status open_fully(const char *directory, struct octet_error *err)
{
    struct checkpoint *checkpoint;
    struct model_config config;
    struct verify_result result;
    octet_status status = checkpoint_open(directory, &checkpoint, err);
    if (status != OCTET_OK)
        return status;
    status = model_config_parse(checkpoint_config(checkpoint), NULL, "config.json", &config, err);
    if (status == OCTET_OK)
        status = checkpoint_check_architecture(checkpoint, &config, err);
    if (status == OCTET_OK)
        status = verify_converted(checkpoint, NULL, 1, NULL, &result, err);
    checkpoint_close(checkpoint);
    return status;
}

static struct json *parse(const char *text)
{
    struct json *value = NULL;
    assert_int_equal(json_parse(text, strlen(text), 1 << 20, "test", &value, NULL), OCTET_OK);
    return value;
}

static void set_field(struct checkpoint_image *image, const char *tensor, const char *key,
                      const char *json)
{
    assert_true(json_set(image_entry(image, tensor), key, parse(json)));
}

static void set_config(struct checkpoint_image *image, const char *key, const char *json)
{
    assert_true(json_set(image->config, key, parse(json)));
}

static void set_quantization(struct checkpoint_image *image, const char *json)
{
    set_config(image, "quantization_config", json);
}

static void set_scale(struct checkpoint_image *image, const char *name, size_t at, uint16_t bits)
{
    memcpy(image_bytes(image, name, NULL) + 2 * at, &bits, 2);
}

/* Take a tensor out of header and index, and its bytes out of the data. */
static void remove_tensor(struct checkpoint_image *image, const char *name)
{
    size_t size;
    unsigned char *bytes = image_bytes(image, name, &size);
    for (size_t i = 0; i < image->file_count; i++) {
        struct image_file *file = &image->files[i];
        const struct json *offsets = json_get(json_get(file->header, name), "data_offsets");
        if (!offsets)
            continue;
        int64_t end = json_integer(json_at(offsets, 1), 0);
        size_t rest = file->data.size - (size_t)end;
        memmove(bytes, bytes + size, rest);
        file->data.size -= size;
        json_remove(file->header, name);
        for (struct json_iter it = json_iter(file->header); json_next(&it);) {
            struct json *pair = (struct json *)json_get(it.value, "data_offsets");
            int64_t from = json_integer(json_at(pair, 0), 0);
            if (from < end)
                continue;
            char text[64];
            snprintf(text, sizeof text, "[%lld,%lld]", (long long)(from - (int64_t)size),
                     (long long)(json_integer(json_at(pair, 1), 0) - (int64_t)size));
            json_set((struct json *)it.value, "data_offsets", parse(text));
        }
    }
    json_remove((struct json *)json_get(image->index, "weight_map"), name);
}

static void truncate_file(const char *directory, const char *name, long keep)
{
    size_t size;
    char *bytes = read_file(directory, name, &size);
    write_file(directory, name, bytes, keep >= 0 ? (size_t)keep : size - (size_t)-keep);
    free(bytes);
}

static void remove_file_of(const char *directory, const char *name)
{
    char path[2 * IMAGE_PATH];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    assert_int_equal(unlink(path), 0);
}

static void no_weights_of(const char *directory)
{
    remove_file_of(directory, FIRST);
    remove_file_of(directory, SECOND);
    remove_file_of(directory, INDEX);
}

static void write_text(const char *directory, const char *name, const char *text)
{
    write_file(directory, name, text, strlen(text));
}

/* Replace the header of the first file by `text`, its data kept. */
static void replace_header(const char *directory, const char *text)
{
    size_t size;
    char *bytes = read_file(directory, FIRST, &size);
    uint64_t length, fresh = strlen(text);
    memcpy(&length, bytes, 8);
    size_t data = size - 8 - (size_t)length;
    char *whole = malloc(8 + (size_t)fresh + data);
    assert_non_null(whole);
    memcpy(whole, &fresh, 8);
    memcpy(whole + 8, text, (size_t)fresh);
    memcpy(whole + 8 + fresh, bytes + 8 + length, data);
    write_file(directory, FIRST, whole, 8 + (size_t)fresh + data);
    free(whole);
    free(bytes);
}

/* Put `into` in place of the first `from` in the header of the first file. */
static void edit_header(const char *directory, const char *from, const char *into)
{
    size_t size;
    char *bytes = read_file(directory, FIRST, &size);
    uint64_t length;
    memcpy(&length, bytes, 8);
    char *header = strndup(bytes + 8, (size_t)length);
    char *at = strstr(header, from);
    assert_non_null(at);
    struct buffer text;
    buffer_init(&text, 1 << 20);
    buffer_append(&text, header, (size_t)(at - header));
    buffer_append_str(&text, into);
    buffer_append_str(&text, at + strlen(from));
    replace_header(directory, buffer_text(&text));
    buffer_free(&text);
    free(header);
    free(bytes);
}

static void set_header_length(const char *directory, uint64_t length)
{
    size_t size;
    char *bytes = read_file(directory, FIRST, &size);
    memcpy(bytes, &length, 8);
    write_file(directory, FIRST, bytes, size);
    free(bytes);
}

#include "broken/mutations.h"

static void run_mutation(void **state)
{
    const struct mutation *mutation = *state;
    char directory[IMAGE_PATH];
    struct checkpoint_image image;
    temporary_directory(directory);
    image_tiny_qwen3(&image);
    if (mutation->bend)
        mutation->bend(&image);
    image_write(&image, directory);
    if (mutation->damage)
        mutation->damage(directory);
    struct octet_error err = {.status = OCTET_OK};
    octet_status status = open_fully(directory, &err);
    remove_tree(directory);
    image_free(&image);
    const char *sentence = strstr(err.message, directory) == err.message
                               ? err.message + strlen(directory) + 1
                               : err.message;
    print_message("| %s | %s |\n", mutation->name, sentence);
    assert_int_equal(status, mutation->status);
    assert_non_null(strstr(err.message, "; ")); /* what to do about it */
    for (size_t i = 0; i < sizeof mutation->want / sizeof *mutation->want; i++) {
        if (mutation->want[i] && !strstr(err.message, mutation->want[i]))
            fail_msg("\"%s\" is not in \"%s\"", mutation->want[i], err.message);
    }
}

/* The checkpoint itself is good, else each mutation might fail for another reason. */
static void unbent_checkpoint_opens(void **state)
{
    (void)state;
    char directory[IMAGE_PATH];
    struct checkpoint_image image;
    temporary_directory(directory);
    image_tiny_qwen3(&image);
    image_write(&image, directory);
    struct octet_error err = {.status = OCTET_OK};
    octet_status status = open_fully(directory, &err);
    remove_tree(directory);
    image_free(&image);
    if (status != OCTET_OK)
        fail_msg("%s", err.message);
}

int main(void)
{
    enum { COUNT = sizeof mutations / sizeof *mutations };
    struct CMUnitTest tests[COUNT + 1];
    memset(tests, 0, sizeof tests);
    tests[0] = (struct CMUnitTest)cmocka_unit_test(unbent_checkpoint_opens);
    for (size_t i = 0; i < COUNT; i++) {
        tests[i + 1].name = mutations[i].name;
        tests[i + 1].test_func = run_mutation;
        tests[i + 1].initial_state = (void *)&mutations[i];
    }
    print_message("%d mutations\n", (int)COUNT);
    return cmocka_run_group_tests_name("broken", tests, NULL, NULL);
}
