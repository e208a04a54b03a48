/* SPDX-License-Identifier: Apache-2.0 */
/* verify_converted finds every way in which a conversion can be wrong. */
#include "checkpoint/checkpoint_image.h"
#include "checkpoint/convert.h"
#include "support/testing.h"
#include "verify/tensor_check.h"

#define UP "model.layers.0.mlp.up_proj.weight"
#define NORM "model.norm.weight"

struct fixture {
    char source[IMAGE_PATH], output[IMAGE_PATH];
    struct verify_result result;
    struct octet_error err;
};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    struct checkpoint_image image;
    struct convert_options options;
    struct convert_result result;
    temporary_directory(fixture->source);
    temporary_directory(fixture->output);
    image_tiny_qwen3(&image);
    image_write(&image, fixture->source);
    image_free(&image);
    convert_options_default(&options);
    options.source = fixture->source;
    options.output = fixture->output;
    if (checkpoint_convert(&options, NULL, &result, &fixture->err) != OCTET_OK)
        fail_msg("%s", fixture->err.message);
    convert_result_free(&result);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    remove_tree(fixture->source);
    remove_tree(fixture->output);
    free(fixture);
    return 0;
}

static octet_status check(struct fixture *fixture, int threads)
{
    struct checkpoint *source, *converted;
    assert_int_equal(checkpoint_open(fixture->source, &source, &fixture->err), OCTET_OK);
    if (checkpoint_open(fixture->output, &converted, &fixture->err) != OCTET_OK)
        fail_msg("%s", fixture->err.message);
    octet_status status =
        verify_converted(source, converted, threads, NULL, &fixture->result, &fixture->err);
    checkpoint_close(converted);
    checkpoint_close(source);
    return status;
}

/* Flip bits of one byte of a tensor of the converted checkpoint. */
static void flip(struct fixture *fixture, const char *name, uint64_t byte)
{
    struct checkpoint *converted;
    assert_int_equal(checkpoint_open(fixture->output, &converted, &fixture->err), OCTET_OK);
    const struct tensor *tensor = checkpoint_find(converted, name);
    uint64_t offset = tensor->offset + byte;
    checkpoint_close(converted);
    size_t size;
    char *bytes = read_file(fixture->output, "model.safetensors", &size);
    bytes[offset] ^= 1;
    write_file(fixture->output, "model.safetensors", bytes, size);
    free(bytes);
}

static void good_conversion(void **state)
{
    struct fixture *fixture = *state;
    for (int threads = 1; threads <= 3; threads++) {
        assert_int_equal(check(fixture, threads), OCTET_OK);
        assert_int_equal(fixture->result.fp8_tensors, 7);
        assert_int_equal(fixture->result.plain_tensors, 7);
        assert_int_equal(fixture->result.fp8_elements,
                         128 * 136 + 2 * 64 * 136 + 136 * 128 + 3 * 264 * 136);
        assert_int_equal(fixture->result.different, 0);
        assert_int_equal(fixture->result.scales, 2 + 2 + 2 + 2 + 6 + 6 + 6);
    }
}

static void every_flipped_bit_is_found(void **state)
{
    struct fixture *fixture = *state;
    flip(fixture, UP, 2 * 1000);
    flip(fixture, UP, 2 * 2000 + 1);
    flip(fixture, NORM, 17);
    assert_int_equal(check(fixture, 2), OCTET_MISMATCH);
    assert_int_equal(fixture->result.different, 3);
    assert_int_equal(fixture->result.different_tensors, 2);
    assert_contains(fixture->err.message, UP);
    assert_contains(fixture->err.message, "element 1000");
}

static void plain_difference_is_named(void **state)
{
    struct fixture *fixture = *state;
    flip(fixture, NORM, 17);
    assert_int_equal(check(fixture, 1), OCTET_MISMATCH);
    assert_contains(fixture->err.message, NORM);
    assert_contains(fixture->err.message, "byte 17");
}

/* Replace a name in the converted header by one of the same length. */
static void rename_tensor(struct fixture *fixture, const char *from, const char *into)
{
    size_t size;
    char *bytes = read_file(fixture->output, "model.safetensors", &size);
    char *at = memmem(bytes, size, from, strlen(from));
    assert_non_null(at);
    memcpy(at, into, strlen(into));
    write_file(fixture->output, "model.safetensors", bytes, size);
    free(bytes);
    char index[2 * IMAGE_PATH];
    snprintf(index, sizeof index, "%s/model.safetensors.index.json", fixture->output);
    remove(index);
}

static void missing_and_extra(void **state)
{
    struct fixture *fixture = *state;
    rename_tensor(fixture, NORM, "model.morn.weight");
    assert_int_equal(check(fixture, 1), OCTET_MISMATCH);
    assert_int_equal(fixture->result.missing, 1);
    assert_int_equal(fixture->result.extra, 1);
    assert_contains(fixture->err.message, NORM);
    assert_contains(fixture->err.message, "missing");
}

static void other_type(void **state)
{
    struct fixture *fixture = *state;
    size_t size;
    char *bytes = read_file(fixture->output, "model.safetensors", &size);
    char *at = memmem(bytes, size, UP, strlen(UP));
    at = memmem(at, size, "\"BF16\"", 6);
    memcpy(at, "\"F16\" ", 6);
    write_file(fixture->output, "model.safetensors", bytes, size);
    free(bytes);
    assert_int_equal(check(fixture, 1), OCTET_MISMATCH);
    assert_int_equal(fixture->result.misshapen, 1);
    assert_contains(fixture->err.message, "is F16 [264, 136], expected BF16");
}

static void source_alone(void **state)
{
    struct fixture *fixture = *state;
    struct checkpoint *source;
    assert_int_equal(checkpoint_open(fixture->source, &source, &fixture->err), OCTET_OK);
    assert_int_equal(verify_converted(source, NULL, 2, NULL, &fixture->result, &fixture->err),
                     OCTET_OK);
    assert_int_equal(fixture->result.fp8_tensors, 7);
    assert_true(fixture->result.fp8_elements > 0);
    checkpoint_close(source);
}

static void public_entry(void **state)
{
    struct fixture *fixture = *state;
    struct octet_error *err = &fixture->err;
    assert_int_equal(octet_verify(fixture->source, NULL, 0, err), OCTET_OK);
    assert_int_equal(octet_verify(fixture->source, fixture->output, 2, err), OCTET_OK);
    assert_int_equal(octet_verify(NULL, NULL, 0, err), OCTET_USAGE);
    assert_int_equal(octet_verify(fixture->source, NULL, -1, err), OCTET_USAGE);
    assert_int_equal(octet_verify(fixture->source, "/nonexistent", 1, err), OCTET_INPUT);
    flip(fixture, UP, 4);
    assert_int_equal(octet_verify(fixture->source, fixture->output, 1, err), OCTET_MISMATCH);
    assert_contains(err->message, UP);
}

static bool stop(void *context, const char *what, uint64_t done, uint64_t total)
{
    (void)context;
    (void)what;
    (void)done;
    (void)total;
    return false;
}

static void can_be_cancelled(void **state)
{
    struct fixture *fixture = *state;
    struct checkpoint *source;
    struct progress progress = {stop, NULL};
    assert_int_equal(checkpoint_open(fixture->source, &source, &fixture->err), OCTET_OK);
    assert_int_equal(verify_converted(source, NULL, 1, &progress, &fixture->result, &fixture->err),
                     OCTET_CANCELLED);
    checkpoint_close(source);
}

int main(void)
{
#define WITH_FOLDER(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        WITH_FOLDER(good_conversion),
        WITH_FOLDER(every_flipped_bit_is_found),
        WITH_FOLDER(plain_difference_is_named),
        WITH_FOLDER(missing_and_extra),
        WITH_FOLDER(other_type),
        WITH_FOLDER(source_alone),
        WITH_FOLDER(public_entry),
        WITH_FOLDER(can_be_cancelled),
    };
    return cmocka_run_group_tests_name("tensor_check", tests, NULL, NULL);
}
