/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Dialects of FP8, converted: those with an expected.safetensors must hold exactly its tensors, bit
 * for bit; those built here are checked element by element against the definition.
 */
#include "checkpoint/checkpoint.h"
#include "checkpoint/checkpoint_image.h"
#include "checkpoint/convert.h"
#include "checkpoint/safetensors.h"
#include "numeric/fp8.h"
#include "numeric/half.h"
#include "support/testing.h"

static void convert(const char *source, const char *output)
{
    struct convert_options options;
    struct convert_result result;
    struct octet_error err = {.status = OCTET_OK};
    convert_options_default(&options);
    options.source = source;
    options.output = output;
    options.threads = 2;
    if (checkpoint_convert(&options, NULL, &result, &err) != OCTET_OK)
        fail_msg("%s: %s", source, err.message);
    convert_result_free(&result);
}

/* A folder with links to config files and weights of a dialect, without what is expected of it. */
static void link_dialect(const char *dialect, const char *directory)
{
    static const char *const names[] = {"config.json", "model.safetensors", "hf_quant_config.json"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char from[4096];
        snprintf(from, sizeof from, "%s/%s", dialect, names[i]);
        if (!file_exists(from))
            continue;
        size_t size;
        char *bytes = test_read_file(from, &size);
        write_file(directory, names[i], bytes, size);
        free(bytes);
    }
}

static void compare_expected(const char *dialect, const struct checkpoint *got)
{
    char path[8192];
    struct file file;
    struct arena names;
    struct safetensors want;
    struct octet_error err;
    snprintf(path, sizeof path, "%s/expected.safetensors", dialect);
    arena_init(&names, 1 << 20);
    assert_int_equal(file_open(path, &file, &err), OCTET_OK);
    assert_int_equal(safetensors_read(&file, &names, &want, &err), OCTET_OK);
    assert_int_equal(checkpoint_tensor_count(got), want.count);
    for (size_t i = 0; i < want.count; i++) {
        const struct tensor *expected = &want.tensors[i];
        const struct tensor *tensor = checkpoint_find(got, expected->name);
        if (!tensor)
            fail_msg("%s: no tensor %s", dialect, expected->name);
        assert_int_equal(tensor->dtype, expected->dtype);
        assert_int_equal(tensor->rank, expected->rank);
        assert_memory_equal(tensor->shape, expected->shape, sizeof tensor->shape);
        unsigned char *a = malloc(tensor->bytes), *b = malloc(tensor->bytes);
        assert_int_equal(checkpoint_read(got, tensor, 0, a, tensor->bytes, &err), OCTET_OK);
        assert_int_equal(file_read_at(&file, expected->offset, b, tensor->bytes, &err), OCTET_OK);
        if (memcmp(a, b, tensor->bytes) != 0)
            fail_msg("%s: %s differs", dialect, tensor->name);
        free(a);
        free(b);
    }
    safetensors_free(&want);
    file_close(&file);
    arena_free(&names);
}

static void check_dialect(const char *dialect, bool as_it_is)
{
    char source[IMAGE_PATH], output[IMAGE_PATH], expected[4096];
    snprintf(expected, sizeof expected, "%s", dialect);
    temporary_directory(source);
    temporary_directory(output);
    if (!as_it_is)
        link_dialect(dialect, source);
    convert(as_it_is ? dialect : source, output);
    struct checkpoint *got;
    struct octet_error err;
    if (checkpoint_open(output, &got, &err) != OCTET_OK)
        fail_msg("%s", err.message);
    compare_expected(expected, got);
    assert_string_equal(checkpoint_quantization(got), "none");
    assert_null(json_get(checkpoint_config(got), "quantization_config"));
    assert_false(path_exists(output, "hf_quant_config.json"));
    assert_false(path_exists(output, "expected.safetensors"));
    checkpoint_close(got);
    remove_tree(source);
    remove_tree(output);
}

static void golden_dialect(void **state)
{
    (void)state;
    check_dialect("tests/golden/checkpoint/block-32x64", false);
}

static void shared_dialects(void **state)
{
    (void)state;
    const char *place = test_shared_or_skip("dialects", "models/dialects");
    char base[4096];
    snprintf(base, sizeof base, "%s", place);
    char **names;
    size_t count, passed = 0;
    struct octet_error err;
    assert_int_equal(directory_list(base, &names, &count, &err), OCTET_OK);
    for (size_t i = 0; i < count; i++) {
        char dialect[8192];
        snprintf(dialect, sizeof dialect, "%s/%s", base, names[i]);
        if (!directory_exists(dialect))
            continue;
        check_dialect(dialect, false);
        check_dialect(dialect, true); /* expected.safetensors beside it does not disturb */
        passed++;
    }
    free(names);
    print_message("dialects: %zu/%zu bit for bit\n", passed, passed);
    assert_true(passed >= 6);
}

/* Built here: what is stored, and how the scale of element (r, c) is found. */
struct built {
    const char *config, *hf_quant;
    uint64_t rows, cols;
    const char *scale_suffix, *scale_dtype;
    int scale_rank;
    uint64_t scale_rows, scale_cols;
    uint64_t block_rows, block_cols; /* extent of one scale */
    const char *extra[3];            /* scalars that must vanish */
    const char *description;
};

#define QUANT(text) "{\"architectures\":[\"X\"],\"quantization_config\":{" text "}}"
#define GROUP(weights)                                                                             \
    "\"quant_method\":\"compressed-tensors\",\"format\":\"float-quantized\",\"ignore\":[\"lm_"     \
    "head\"],\"config_groups\":{\"group_0\":{\"targets\":[\"Linear\"],\"weights\":{\"num_bits\":"  \
    "8,\"type\":\"float\",\"symmetric\":true," weights "}}}"

static const struct built built_dialects[] = {
    {QUANT("\"quant_method\":\"fp8\",\"weight_block_size\":[128,128]"),
     NULL,
     200,
     300,
     "_scale_inv",
     "F32",
     2,
     2,
     3,
     128,
     128,
     {0},
     "fp8 (block 128x128, weight_scale_inv F32)"},
    {QUANT("\"quant_method\":\"fp8\",\"weight_block_size\":[128,128]"),
     NULL,
     130,
     257,
     "_scale_inv",
     "F8_E8M0",
     2,
     2,
     3,
     128,
     128,
     {0},
     "fp8 (block 128x128, weight_scale_inv F8_E8M0)"},
    {QUANT("\"quant_method\":\"fp8\",\"weight_block_size\":[64,32]"),
     NULL,
     70,
     70,
     "_scale_inv",
     "F16",
     2,
     2,
     3,
     64,
     32,
     {0},
     "fp8 (block 64x32, weight_scale_inv F16)"},
    {QUANT("\"quant_method\":\"fp8\",\"activation_scheme\":\"static\""),
     NULL,
     20,
     30,
     "_scale",
     "F32",
     1,
     1,
     0,
     20,
     30,
     {".input_scale"},
     "fp8 (per tensor, weight_scale F32)"},
    {QUANT("\"quant_method\":\"fp8\",\"weight_block_size\":null"),
     NULL,
     20,
     30,
     "_scale_inv",
     "BF16",
     0,
     0,
     0,
     20,
     30,
     {".activation_scale"},
     "fp8 (per tensor, weight_scale_inv BF16)"},
    {QUANT("\"quant_method\":\"fbgemm_fp8\",\"activation_scale_ub\":1200.0"),
     NULL,
     19,
     30,
     "_scale",
     "F32",
     2,
     19,
     1,
     1,
     30,
     {".input_scale_ub"},
     "fbgemm_fp8 (per row, weight_scale F32)"},
    {QUANT(GROUP("\"strategy\":\"channel\"")),
     NULL,
     33,
     600,
     "_scale",
     "BF16",
     1,
     33,
     0,
     1,
     600,
     {0},
     "compressed-tensors (per row, weight_scale BF16)"},
    {QUANT(GROUP("\"strategy\":\"tensor\"")),
     NULL,
     33,
     40,
     "_scale",
     "BF16",
     1,
     1,
     0,
     33,
     40,
     {".input_scale", ".output_scale"},
     "compressed-tensors (per tensor, weight_scale BF16)"},
    {QUANT(GROUP("\"strategy\":\"block\",\"block_structure\":[128,128]")),
     NULL,
     256,
     360,
     "_scale",
     "BF16",
     2,
     2,
     3,
     128,
     128,
     {0},
     "compressed-tensors (block 128x128, weight_scale BF16)"},
    {QUANT(GROUP("\"strategy\":\"block\",\"block_structure\":\"64x96\"")),
     NULL,
     100,
     100,
     "_scale",
     "F32",
     2,
     2,
     2,
     64,
     96,
     {0},
     "compressed-tensors (block 64x96, weight_scale F32)"},
    {QUANT(GROUP("\"strategy\":\"group\",\"group_size\":32")),
     NULL,
     12,
     80,
     "_scale",
     "BF16",
     2,
     12,
     3,
     1,
     32,
     {0},
     "compressed-tensors (block 1x32, weight_scale BF16)"},
    {"{\"model_type\":\"nemotron\"}",
     "{\"quantization\":{\"quant_algo\":\"FP8\",\"kv_cache_quant_algo\":\"FP8\"}}",
     24,
     40,
     "_scale",
     "F32",
     0,
     0,
     0,
     24,
     40,
     {".input_scale", ".k_scale", ".v_scale"},
     "modelopt (per tensor, weight_scale F32)"},
    {"{\"model_type\":\"quiet\"}",
     NULL,
     200,
     300,
     "_scale_inv",
     "F32",
     2,
     2,
     3,
     128,
     128,
     {0},
     "fp8 (block 128x128, weight_scale_inv F32)"},
};

static double element(const unsigned char *bytes, const char *dtype, uint64_t index)
{
    uint16_t half;
    float wide;
    if (!strcmp(dtype, "F32")) {
        memcpy(&wide, bytes + 4 * index, 4);
        return (double)wide;
    }
    if (!strcmp(dtype, "F8_E8M0"))
        return (double)fp8_e8m0_to_f32(bytes[index]);
    memcpy(&half, bytes + 2 * index, 2);
    return (double)(dtype[0] == 'B' ? bf16_to_f32(half) : f16_to_f32(half));
}

static void build(const struct built *dialect, struct checkpoint_image *image)
{
    char name[64];
    image_init(image, 1, dialect->config);
    image_add(image, 0, "a.weight", "F8_E4M3", 2, dialect->rows, dialect->cols);
    snprintf(name, sizeof name, "a.weight%s", dialect->scale_suffix);
    image_add(image, 0, name, dialect->scale_dtype, dialect->scale_rank, dialect->scale_rows,
              dialect->scale_cols);
    for (size_t i = 0; i < 3 && dialect->extra[i]; i++) {
        snprintf(name, sizeof name, "a%s", dialect->extra[i]);
        image_add(image, 0, name, "F32", (int)i % 2, 1, 0);
    }
    image_add(image, 0, "norm.weight", "F32", 1, 7, 0);
    image_add(image, 0, "steps", "I32", 0, 0, 0);
}

static void check_built(const struct built *dialect)
{
    char source[IMAGE_PATH], output[IMAGE_PATH], name[64];
    struct checkpoint_image image;
    struct checkpoint *from, *to;
    struct octet_error err;
    temporary_directory(source);
    temporary_directory(output);
    build(dialect, &image);
    image_write(&image, source);
    if (dialect->hf_quant)
        write_file(source, "hf_quant_config.json", dialect->hf_quant, strlen(dialect->hf_quant));
    if (checkpoint_open(source, &from, &err) != OCTET_OK)
        fail_msg("%s", err.message);
    assert_string_equal(checkpoint_quantization(from), dialect->description);
    convert(source, output);
    if (checkpoint_open(output, &to, &err) != OCTET_OK)
        fail_msg("%s", err.message);
    assert_int_equal(checkpoint_tensor_count(to), 3);
    const struct tensor *weight = checkpoint_find(to, "a.weight");
    assert_int_equal(weight->dtype, DTYPE_BF16);
    uint16_t *got = malloc(weight->bytes);
    assert_int_equal(checkpoint_read(to, weight, 0, got, weight->bytes, &err), OCTET_OK);
    const unsigned char *codes = image_bytes(&image, "a.weight", NULL);
    snprintf(name, sizeof name, "a.weight%s", dialect->scale_suffix);
    const unsigned char *scales = image_bytes(&image, name, NULL);
    uint64_t grid_cols = (dialect->cols + dialect->block_cols - 1) / dialect->block_cols;
    for (uint64_t i = 0; i < weight->elements; i++) {
        uint64_t row = i / dialect->cols, col = i % dialect->cols;
        uint64_t at = row / dialect->block_rows * grid_cols + col / dialect->block_cols;
        double product =
            (double)fp8_e4m3_to_f32(codes[i]) * element(scales, dialect->scale_dtype, at);
        assert_int_equal(got[i], bf16_from_f64(product));
    }
    unsigned char plain[28];
    assert_int_equal(checkpoint_read(to, checkpoint_find(to, "norm.weight"), 0, plain, 28, &err),
                     OCTET_OK);
    assert_memory_equal(plain, image_bytes(&image, "norm.weight", NULL), 28);
    free(got);
    checkpoint_close(to);
    checkpoint_close(from);
    image_free(&image);
    remove_tree(source);
    remove_tree(output);
}

static void dialects_built_here(void **state)
{
    (void)state;
    size_t count = sizeof built_dialects / sizeof *built_dialects;
    for (size_t i = 0; i < count; i++)
        check_built(&built_dialects[i]);
    print_message("built dialects: %zu/%zu\n", count, count);
}

/* A fused expert tensor of rank 3: one grid a matrix, ragged in each. */
static void experts_of_rank_three(void **state)
{
    (void)state;
    char source[IMAGE_PATH];
    struct checkpoint_image image;
    struct checkpoint *checkpoint;
    struct octet_error err;
    temporary_directory(source);
    image_init(&image, 1, QUANT("\"quant_method\":\"fp8\",\"weight_block_size\":[128,128]"));
    image_add(&image, 0, "experts.gate_up_proj", "F8_E4M3", 2, 4 * 130, 200);
    image_add(&image, 0, "experts.gate_up_proj_scale_inv", "F32", 2, 4 * 2, 2);
    struct json *shape = json_new_array(), *grid = json_new_array();
    const int extents[] = {4, 130, 200}, scales[] = {4, 2, 2};
    for (int i = 0; i < 3; i++) {
        json_push(shape, json_new_integer(extents[i]));
        json_push(grid, json_new_integer(scales[i]));
    }
    json_set(image_entry(&image, "experts.gate_up_proj"), "shape", shape);
    json_set(image_entry(&image, "experts.gate_up_proj_scale_inv"), "shape", grid);
    image_write(&image, source);
    if (checkpoint_open(source, &checkpoint, &err) != OCTET_OK)
        fail_msg("%s", err.message);
    const struct weight_scale *scale =
        checkpoint_scale(checkpoint, checkpoint_find(checkpoint, "experts.gate_up_proj"));
    assert_int_equal(scale->matrices, 4);
    assert_int_equal(scale->grid_rows, 2);
    assert_int_equal(scale->grid_cols, 2);
    checkpoint_close(checkpoint);
    image_free(&image);
    remove_tree(source);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(golden_dialect),
        cmocka_unit_test(shared_dialects),
        cmocka_unit_test(dialects_built_here),
        cmocka_unit_test(experts_of_rank_three),
    };
    return cmocka_run_group_tests_name("dialects", tests, NULL, NULL);
}
