/* SPDX-License-Identifier: Apache-2.0 */
/* What the kernel bench reports, on little memory: numbers there, none of them judged. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "bench/kernel_bench.h"

static struct kernel_bench_result *run(int threads)
{
    struct cpu_features features;
    struct octet_error err = {0};
    assert_int_equal(cpu_features_detect(NULL, &features, &err), OCTET_OK);
    struct kernel_bench_options options = {
        .features = &features, .threads = threads, .repeats = 1, .memory_bytes = 1};
    struct kernel_bench_result *result = calloc(1, sizeof *result);
    assert_non_null(result);
    assert_int_equal(bench_kernels(&options, result, &err), OCTET_OK);
    return result;
}

static const struct bench_row *find(const struct kernel_bench_result *result, const char *name)
{
    for (size_t i = 0; i < result->row_count; i++)
        if (strcmp(result->rows[i].name, name) == 0)
            return &result->rows[i];
    return NULL;
}

static void test_rows(void **state)
{
    (void)state;
    struct kernel_bench_result *result = run(2);
    assert_int_equal(result->threads, 2);
    for (size_t i = 0; i < result->row_count; i++) {
        const struct bench_row *row = &result->rows[i];
        assert_true(row->median > 0 && row->min <= row->median && row->median <= row->max);
        assert_true(row->ratio_of ? row->ratio > 0 : row->ratio == 0);
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(row->name, result->rows[j].name);
    }
    assert_non_null(find(result, "probe: read bandwidth, 1 thread"));
    assert_non_null(find(result, "probe: dot peak, 2 threads"));
    const struct bench_row *decode = find(result, "decode 1 sequence, 0.6B layers FP8");
    assert_non_null(decode);
    assert_string_equal(decode->unit, "GB/s");
    assert_string_equal(decode->ratio_of, "read bandwidth");
    const struct bench_row *prefill = find(result, "prefill 512 tokens, 0.6B layers FP8");
    assert_non_null(prefill);
    assert_string_equal(prefill->ratio_of, "dot peak");
    free(result);
}

static void test_reports(void **state)
{
    (void)state;
    struct kernel_bench_result *result = run(1);
    struct buffer text;
    struct json *json = NULL;
    buffer_init(&text, 1 << 20);
    assert_true(kernel_bench_json(result, &text));
    assert_int_equal(json_parse(buffer_text(&text), text.size, 1 << 20, "bench", &json, NULL),
                     OCTET_OK);
    assert_int_equal(json_count(json_get(json, "rows")), result->row_count);
    json_free(json);
    buffer_clear(&text);
    assert_true(kernel_bench_text(result, &text));
    size_t lines = 0;
    for (const char *p = buffer_text(&text); *p; p++)
        lines += *p == '\n';
    assert_int_equal(lines, result->row_count + 1);
    assert_non_null(strstr(buffer_text(&text), "% of read bandwidth"));
    buffer_free(&text);
    free(result);
}

static void test_wrong_options(void **state)
{
    (void)state;
    struct cpu_features features = {0};
    struct octet_error err = {0};
    struct kernel_bench_result *result = calloc(1, sizeof *result);
    assert_non_null(result);
    struct kernel_bench_options options = {.features = &features, .threads = 0};
    assert_int_equal(bench_kernels(&options, result, &err), OCTET_USAGE);
    assert_non_null(strstr(err.message, "threads must be 1 to"));
    options = (struct kernel_bench_options){.features = &features, .threads = 1, .repeats = -1};
    assert_int_equal(bench_kernels(&options, result, &err), OCTET_USAGE);
    free(result);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_reports),
        cmocka_unit_test(test_wrong_options),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
