/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The golden tables and block cases, bit for bit: three cases lie in the repository, all 24 in the
 * shared data beside it. The arithmetic is spelled out here in double, where each product is exact.
 */
#include "support/testing.h"

#include <math.h>

#include "base/json.h"
#include "numeric/fp8.h"
#include "numeric/half.h"

#define COMMITTED "tests/golden/numeric"
#define SHARED "data/fp8"
#define BLOCK 128u

/* DIR/NAME; *count receives the number of elements of `element` bytes. */
static void *read_array(const char *directory, const char *name, size_t element, size_t *count)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    size_t size;
    void *data = test_read_file(path, &size);
    assert_int_equal(size % element, 0);
    *count = size / element;
    assert_true(*count > 0);
    return data;
}

static void check_decoding_tables(const char *directory)
{
    size_t count;
    uint32_t *f32 = read_array(directory, "e4m3fn_to_f32.bin", 4, &count);
    assert_int_equal(count, 256);
    uint16_t *bf16 = read_array(directory, "e4m3fn_to_bf16.bin", 2, &count);
    assert_int_equal(count, 256);
    for (unsigned code = 0; code < 256; code++) {
        if (fp8_e4m3_is_nan((uint8_t)code)) {
            assert_true(isnan(f32_from_bits(f32[code])));
            assert_true(isnan(fp8_e4m3_to_f32((uint8_t)code)));
            continue;
        }
        assert_int_equal(f32_bits(fp8_e4m3_to_f32((uint8_t)code)), f32[code]);
        assert_int_equal(fp8_e4m3_to_bf16_table[code], bf16[code]);
    }
    free(bf16);
    free(f32);
}

static void check_encoding_tables(const char *directory)
{
    size_t count, outputs;
    uint32_t *from = read_array(directory, "f32_to_bf16_in.u32.bin", 4, &count);
    uint16_t *bf16 = read_array(directory, "f32_to_bf16_out.u16.bin", 2, &outputs);
    assert_int_equal(count, outputs);
    for (size_t i = 0; i < count; i++) {
        float value = f32_from_bits(from[i]);
        uint16_t got = bf16_from_f32(value);
        if (isnan(value))
            assert_true(isnan(bf16_to_f32(got)) && isnan(bf16_to_f32(bf16[i])));
        else
            assert_int_equal(got, bf16[i]);
    }
    printf("%zu float32 to bf16\n", count);
    free(bf16);
    free(from);

    uint32_t *in = read_array(directory, "f32_to_e4m3fn_in.f32.bin", 4, &count);
    uint8_t *saturate = read_array(directory, "f32_to_e4m3fn_out_saturate.u8.bin", 1, &outputs);
    assert_int_equal(count, outputs);
    uint8_t *strict = read_array(directory, "f32_to_e4m3fn_out_nonsat.u8.bin", 1, &outputs);
    assert_int_equal(count, outputs);
    for (size_t i = 0; i < count; i++) {
        float value = f32_from_bits(in[i]);
        if (isnan(value)) {
            assert_true(fp8_e4m3_is_nan(fp8_e4m3_from_f32(value, true)));
            assert_true(fp8_e4m3_is_nan(fp8_e4m3_from_f32(value, false)));
            continue;
        }
        assert_int_equal(fp8_e4m3_from_f32(value, true), saturate[i]);
        assert_int_equal(fp8_e4m3_from_f32(value, false), strict[i]);
    }
    printf("%zu float32 to e4m3\n", count);
    free(strict);
    free(saturate);
    free(in);
}

/* Everything of one case. scale: float32 bits, or BF16 bits when bf16_scale. */
struct block_case {
    size_t height, width;
    bool bf16_scale;
    uint8_t *codes;
    float *scales;
    uint32_t *f32;
    uint16_t *a, *b;
    float *x;
    double *y;
};

static void *case_array(const char *directory, const char *name, const char *suffix, size_t element,
                        size_t expected)
{
    char file[256];
    snprintf(file, sizeof file, "%s.%s", name, suffix);
    size_t count;
    void *data = read_array(directory, file, element, &count);
    assert_int_equal(count, expected);
    return data;
}

static void case_load(const char *directory, const struct json *entry, struct block_case *out)
{
    const char *name = json_string(json_get(entry, "name"));
    assert_non_null(name);
    out->height = (size_t)json_integer(json_get(entry, "h"), 0);
    out->width = (size_t)json_integer(json_get(entry, "w"), 0);
    size_t total = out->height * out->width;
    size_t scales = (out->height + BLOCK - 1) / BLOCK * ((out->width + BLOCK - 1) / BLOCK);
    out->bf16_scale = strcmp(json_string(json_get(entry, "scale_dtype")), "bf16") == 0;
    out->codes = case_array(directory, name, "w.u8.bin", 1, total);
    out->f32 = case_array(directory, name, "f32.f32.bin", 4, total);
    out->a = case_array(directory, name, "a_bf16path.u16.bin", 2, total);
    out->b = case_array(directory, name, "b_f32path.u16.bin", 2, total);
    out->x = case_array(directory, name, "x.f32.bin", 4, out->width);
    out->y = case_array(directory, name, "y_exact.f64.bin", 8, out->height);
    if (!out->bf16_scale) {
        out->scales = case_array(directory, name, "s.f32.bin", 4, scales);
        return;
    }
    uint16_t *bits = case_array(directory, name, "s.u16.bin", 2, scales);
    out->scales = malloc(scales * sizeof *out->scales);
    assert_non_null(out->scales);
    for (size_t i = 0; i < scales; i++)
        out->scales[i] = bf16_to_f32(bits[i]);
    free(bits);
}

static void case_free(struct block_case *item)
{
    free(item->codes);
    free(item->scales);
    free(item->f32);
    free(item->a);
    free(item->b);
    free(item->x);
    free(item->y);
}

static void case_check(const struct block_case *item)
{
    size_t columns = (item->width + BLOCK - 1) / BLOCK;
    for (size_t row = 0; row < item->height; row++) {
        double sum = 0, magnitude = 0;
        for (size_t column = 0; column < item->width; column++) {
            size_t at = row * item->width + column;
            float scale = item->scales[row / BLOCK * columns + column / BLOCK];
            float code = fp8_e4m3_to_f32(item->codes[at]);
            double exact = (double)code * (double)scale; /* 4 + 24 bits */
            float product = code * scale;
            assert_int_equal(f32_bits(product), item->f32[at]);
            assert_int_equal(bf16_from_f64(exact), item->b[at]);
            assert_int_equal(bf16_from_f32(product), item->b[at]);
            float rounded_scale = bf16_to_f32(bf16_from_f32(scale));
            assert_int_equal(bf16_from_f32(code * rounded_scale), item->a[at]);
            if (item->bf16_scale)
                assert_int_equal(item->a[at], item->b[at]);
            sum += exact * (double)item->x[column];
            magnitude += fabs(exact * (double)item->x[column]);
        }
        assert_true(fabs(sum - item->y[row]) <= 1e-13 * magnitude);
    }
}

static void check_block_cases(const char *directory, size_t expected)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/block_cases.json", directory);
    struct json *cases;
    struct octet_error err = {.status = OCTET_OK};
    if (json_load(path, 1 << 20, &cases, &err) != OCTET_OK)
        fail_msg("%s", err.message);
    assert_int_equal(json_count(cases), expected);
    size_t elements = 0;
    for (size_t i = 0; i < json_count(cases); i++) {
        struct block_case item = {0};
        case_load(directory, json_at(cases, i), &item);
        case_check(&item);
        elements += item.height * item.width;
        case_free(&item);
    }
    printf("%zu block cases, %zu elements\n", json_count(cases), elements);
    json_free(cases);
}

static void test_committed_tables(void **state)
{
    (void)state;
    check_decoding_tables(COMMITTED);
    check_encoding_tables(COMMITTED);
}

static void test_committed_blocks(void **state)
{
    (void)state;
    check_block_cases(COMMITTED, 3);
}

static void test_shared_tables(void **state)
{
    (void)state;
    const char *directory = test_shared_or_skip("shared_tables", SHARED);
    check_decoding_tables(directory);
    check_encoding_tables(directory);
}

static void test_shared_blocks(void **state)
{
    (void)state;
    check_block_cases(test_shared_or_skip("shared_blocks", SHARED), 24);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_committed_tables),
        cmocka_unit_test(test_committed_blocks),
        cmocka_unit_test(test_shared_tables),
        cmocka_unit_test(test_shared_blocks),
    };
    return cmocka_run_group_tests_name("numeric golden", tests, NULL, NULL);
}
