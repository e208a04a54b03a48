/* SPDX-License-Identifier: Apache-2.0 */
/* The product of code and scale, rounded once: against integers, golden blocks and odd windows. */
#include "base/json.h"
#include "base/rng.h"
#include "checkpoint/dequantize.h"
#include "numeric/fp8.h"
#include "numeric/half.h"
#include "support/testing.h"

#define CODES 256

/*
 * The definition in integers: code = c * 2^-9 with |c| <= 448 * 512 in steps, scale = s * 2^e.
 * Their product is one integer times a power of two; keep 8 significant bits (fewer below 2^-126),
 * ties to even.
 */
static uint16_t round_by_integers(uint8_t code, float scale)
{
    uint32_t bits = f32_bits(scale);
    int exponent = (int)(bits >> 23 & 0xFF);
    uint64_t mantissa = (bits & 0x7FFFFFu) | (exponent ? 0x800000u : 0);
    int power = (exponent ? exponent : 1) - 150; /* scale = mantissa * 2^power */
    unsigned field = code >> 3 & 15, fraction = code & 7;
    uint64_t units = field ? (uint64_t)(8 + fraction) << (field - 1) : fraction; /* of 2^-9 */
    uint64_t product = units * mantissa;                                         /* < 2^42 */
    power -= 9;
    uint16_t sign = (uint16_t)((code & 0x80) << 8);
    if (product == 0)
        return sign;
    int top = 63 - __builtin_clzll(product);
    int drop = top - 7; /* bits below the eight that stay */
    if (power + drop < -133)
        drop = -133 - power; /* the smallest BF16 step is 2^-133 */
    uint64_t kept = product;
    if (drop > 43) {
        kept = 0;
    } else if (drop > 0) {
        uint64_t half = UINT64_C(1) << (drop - 1), rest = product & (2 * half - 1);
        kept = product >> drop;
        kept += rest > half || (rest == half && (kept & 1));
    } else {
        kept = product << -drop;
    }
    int step = power + drop; /* value = kept * 2^step, kept <= 256 */
    if (kept == 256) {
        kept = 128;
        step++;
    }
    if (kept < 128)
        return (uint16_t)(sign | kept); /* subnormal or zero: step is -133 */
    if (step + 7 > 127)
        return sign | 0x7F80;
    return (uint16_t)(sign | (unsigned)(step + 7 + 127) << 7 | (kept & 127));
}

static float random_scale(struct rng *rng)
{
    uint64_t random = rng_next_u64(rng);
    uint32_t bits = (uint32_t)(random & 0x7FFFFFFF);
    switch (random >> 60) {
    case 0:
        return bf16_to_f32((uint16_t)(bits >> 16 & 0x7F7F ? bits >> 16 & 0x7F7F : 1));
    case 1:
        return f32_from_bits(1 + (bits & 0x7FFFFF)); /* subnormal */
    case 2:
        return fp8_e8m0_to_f32((uint8_t)(bits % 255));
    case 3:
        return f32_from_bits((bits & 0x7FFFFF) | 0x7E800000u); /* huge: products overflow */
    default: /* any mantissa, exponents that real scales have */
        return f32_from_bits((bits & 0x7FFFFF) | (100 + (bits >> 23) % 40) << 23);
    }
}

static struct tensor weight_of(int rank, const uint64_t *shape)
{
    struct tensor tensor = {.name = "w", .dtype = DTYPE_F8_E4M3, .rank = rank, .elements = 1};
    for (int i = 0; i < rank; i++) {
        tensor.shape[i] = shape[i];
        tensor.elements *= shape[i];
    }
    tensor.bytes = tensor.elements;
    return tensor;
}

static void every_code_times_many_scales(void **state)
{
    (void)state;
    struct rng rng = {test_seed(), 1, 0};
    uint16_t *tables = malloc(DEQUANTIZE_TABLES_BYTES);
    uint8_t codes[4 * CODES];
    uint16_t out[4 * CODES];
    for (int i = 0; i < 4 * CODES; i++)
        codes[i] = (uint8_t)i;
    struct weight_scale layout = {.kind = SCALE_TENSOR,
                                  .matrices = 1,
                                  .block_rows = 1,
                                  .block_cols = 4 * CODES,
                                  .grid_rows = 1,
                                  .grid_cols = 1};
    for (int round = 0; round < 3000; round++) {
        float scale = random_scale(&rng);
        /* 256 elements are computed one by one, 1024 through the table. */
        for (uint64_t count = CODES; count <= 4 * CODES; count *= 4) {
            struct tensor weight = weight_of(2, (uint64_t[]){1, count});
            struct dequantizer dequantizer;
            layout.block_cols = count;
            dequantizer_init(&dequantizer, &weight, &layout, &scale);
            dequantize_bf16(&dequantizer, 0, codes, count, out, tables);
            for (uint64_t i = 0; i < count; i++) {
                if (fp8_e4m3_is_nan(codes[i]))
                    continue;
                uint16_t want = round_by_integers(codes[i], scale);
                if (out[i] != want)
                    fail_msg("code 0x%02X scale %a: 0x%04X, expected 0x%04X", codes[i],
                             (double)scale, out[i], want);
            }
        }
    }
    free(tables);
}

/* Elements one by one by dequantize_exact, whatever the layout. */
static void check_layout(struct rng *rng, struct tensor weight, struct weight_scale layout)
{
    uint64_t scale_count = layout.matrices * layout.grid_rows * layout.grid_cols;
    uint64_t count = weight.elements;
    float *scales = malloc(scale_count * sizeof *scales);
    uint8_t *codes = malloc(count);
    uint16_t *out = malloc(2 * count), *part = malloc(2 * count);
    uint16_t *tables = malloc(DEQUANTIZE_TABLES_BYTES);
    for (uint64_t i = 0; i < scale_count; i++)
        scales[i] = 0.001f + (float)rng_uniform(rng->seed, 9, i);
    for (uint64_t i = 0; i < count; i++)
        codes[i] = (uint8_t)(rng_next_u64(rng) % 127 | (rng_next_u64(rng) & 0x80));
    struct dequantizer dequantizer;
    dequantizer_init(&dequantizer, &weight, &layout, scales);
    assert_false(dequantizer.may_overflow);
    dequantize_bf16(&dequantizer, 0, codes, count, out, tables);
    for (uint64_t i = 0; i < count; i++)
        assert_int_equal(out[i], bf16_from_f64(dequantize_exact(&dequantizer, i, codes[i])));
    uint64_t at = UINT64_MAX;
    uint16_t expected = 0;
    assert_int_equal(dequantize_compare(&dequantizer, 0, codes, out, count, &at, &expected), 0);
    for (int i = 0; i < 40; i++) { /* windows that begin and end anywhere */
        uint64_t first = rng_below(rng, count), size = 1 + rng_below(rng, count - first);
        dequantize_bf16(&dequantizer, first, codes + first, size, part, tables);
        assert_memory_equal(part, out + first, 2 * size);
        uint64_t bad = rng_below(rng, size);
        part[bad] ^= 1;
        assert_int_equal(
            dequantize_compare(&dequantizer, first, codes + first, part, size, &at, &expected), 1);
        assert_int_equal(at, first + bad);
        assert_int_equal(expected, out[first + bad]);
    }
    free(tables);
    free(part);
    free(out);
    free(codes);
    free(scales);
}

static void layouts_and_windows(void **state)
{
    (void)state;
    struct rng rng = {test_seed(), 2, 0};
    struct tensor matrix = weight_of(2, (uint64_t[]){150, 270});
    struct tensor experts = weight_of(3, (uint64_t[]){3, 70, 90});
    check_layout(&rng, matrix, (struct weight_scale){SCALE_TENSOR, NULL, 1, 150, 270, 1, 1, false});
    check_layout(&rng, matrix, (struct weight_scale){SCALE_ROW, NULL, 1, 1, 270, 150, 1, false});
    check_layout(&rng, matrix, (struct weight_scale){SCALE_BLOCK, NULL, 1, 128, 128, 2, 3, false});
    check_layout(&rng, matrix, (struct weight_scale){SCALE_BLOCK, NULL, 1, 32, 64, 5, 5, false});
    check_layout(&rng, matrix, (struct weight_scale){SCALE_BLOCK, NULL, 1, 1, 16, 150, 17, false});
    check_layout(&rng, matrix, (struct weight_scale){SCALE_BLOCK, NULL, 1, 150, 1, 1, 270, false});
    check_layout(&rng, experts, (struct weight_scale){SCALE_BLOCK, NULL, 3, 64, 64, 2, 2, false});
    check_layout(&rng, experts, (struct weight_scale){SCALE_ROW, NULL, 3, 1, 90, 70, 1, false});
    check_layout(&rng, weight_of(2, (uint64_t[]){1, 1}),
                 (struct weight_scale){SCALE_BLOCK, NULL, 1, 128, 128, 1, 1, false});
}

static void *read_part(const char *directory, const char *name, const char *suffix, size_t *size)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s.%s", directory, name, suffix);
    return test_read_file(path, size);
}

/* One case of block_cases.json: the dequantiser must give the exact product rounded once. */
static void check_block_case(const char *directory, const struct json *row)
{
    const char *name = json_string(json_get(row, "name"));
    uint64_t height = (uint64_t)json_integer(json_get(row, "h"), 0);
    uint64_t width = (uint64_t)json_integer(json_get(row, "w"), 0);
    bool brain = !strcmp(json_string(json_get(row, "scale_dtype")), "bf16");
    uint64_t rows = (height + 127) / 128, cols = (width + 127) / 128;
    uint8_t *codes = read_part(directory, name, "w.u8.bin", NULL);
    void *raw = read_part(directory, name, brain ? "s.u16.bin" : "s.f32.bin", NULL);
    uint16_t *want = read_part(directory, name, "b_f32path.u16.bin", NULL);
    float *scales = malloc(rows * cols * sizeof *scales);
    for (uint64_t i = 0; i < rows * cols; i++)
        scales[i] = brain ? bf16_to_f32(((uint16_t *)raw)[i]) : ((float *)raw)[i];
    uint16_t *out = malloc(2 * height * width), *tables = malloc(DEQUANTIZE_TABLES_BYTES);
    struct tensor weight = weight_of(2, (uint64_t[]){height, width});
    struct weight_scale layout = {SCALE_BLOCK, NULL, 1, 128, 128, rows, cols, false};
    struct dequantizer dequantizer;
    dequantizer_init(&dequantizer, &weight, &layout, scales);
    dequantize_bf16(&dequantizer, 0, codes, height * width, out, tables);
    if (memcmp(out, want, 2 * height * width) != 0)
        fail_msg("%s differs", name);
    free(tables);
    free(out);
    free(scales);
    free(want);
    free(raw);
    free(codes);
}

static void check_block_cases(const char *directory, size_t at_least)
{
    char path[4096];
    struct json *cases = NULL;
    struct octet_error err;
    snprintf(path, sizeof path, "%s/block_cases.json", directory);
    if (json_load(path, 1 << 20, &cases, &err) != OCTET_OK)
        fail_msg("%s", err.message);
    size_t passed = 0;
    for (size_t i = 0; i < json_count(cases); i++, passed++)
        check_block_case(directory, json_at(cases, i));
    json_free(cases);
    print_message("block cases in %s: %zu/%zu\n", directory, passed, passed);
    assert_true(passed >= at_least);
}

static void golden_blocks(void **state)
{
    (void)state;
    check_block_cases("tests/golden/numeric", 3);
}

static void shared_blocks(void **state)
{
    (void)state;
    check_block_cases(test_shared_or_skip("dequantize blocks", "data/fp8"), 24);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_code_times_many_scales),
        cmocka_unit_test(layouts_and_windows),
        cmocka_unit_test(golden_blocks),
        cmocka_unit_test(shared_blocks),
    };
    return cmocka_run_group_tests_name("dequantize", tests, NULL, NULL);
}
