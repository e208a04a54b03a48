/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every allocation in turn is refused: opening, encoding and streaming answer with OCTET_MEMORY or
 * do without, and nothing leaks (AddressSanitizer watches). The linker sends the library's calls of
 * malloc, calloc and realloc here (see CMakeLists.txt).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tokenizer/mini_tokenizer.h"

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *block, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *block, size_t size);

static size_t allocations;           /* counted since the last reset */
static size_t refused_at = SIZE_MAX; /* the allocation that fails */

static bool refused(void)
{
    return allocations++ == refused_at;
}

void *__wrap_malloc(size_t size)
{
    return refused() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return refused() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *block, size_t size)
{
    return refused() ? NULL : __real_realloc(block, size);
}

static const struct mini_tokenizer mini = {
    .normalizer = "{\"type\":\"NFC\"}",
    .vocab = ",\"ab\":256,\"\\u0120ab\":257",
    .added_tokens = "[{\"id\":258,\"content\":\"<a>\"},{\"id\":259,\"content\":\"e\\u0301!\","
                    "\"normalized\":true}]",
    .merges = "[\"a b\",\"\\u0120 ab\"]",
    .post_processor =
        "{\"type\":\"TemplateProcessing\",\"single\":[{\"SpecialToken\":{\"id\":\"B\"}},"
        "{\"Sequence\":{\"id\":\"A\"}}],\"special_tokens\":{\"B\":{\"ids\":[66]}}}",
};

/* Open, encode a text that takes every way, decode it. OCTET_OK also with the bytes checked. */
static octet_status work(const char *json, size_t size)
{
    static const char text[] =
        "ab <a>e\xCC\x81! \xFF " /* NFC, invalid UTF-8, and a long word */
        "abababababababababababababababababababababababababababababababababab";
    struct tokenizer *tokenizer;
    struct token_ids ids = {0};
    struct buffer out;
    octet_status status = tokenizer_open_json(json, size, "memory", &tokenizer, NULL);
    if (status != OCTET_OK)
        return status;
    buffer_init(&out, 1 << 16);
    status = tokenizer_encode(tokenizer, text, sizeof text - 1, SPECIAL_PARSE, true, &ids, NULL);
    if (status == OCTET_OK && !tokenizer_decode(tokenizer, ids.ids, ids.count, false, &out))
        status = OCTET_MEMORY;
    if (status == OCTET_OK)
        assert_memory_equal(buffer_text(&out), "Bab <a>e\xCC\x81! \xEF\xBF\xBD ab", 17);
    buffer_free(&out);
    token_ids_free(&ids);
    tokenizer_close(tokenizer);
    return status;
}

static void test_each_allocation(void **state)
{
    struct buffer json;
    (void)state;
    buffer_init(&json, 1 << 20);
    mini_tokenizer_write(&mini, &json);
    allocations = 0;
    assert_int_equal(work(buffer_text(&json), json.size), OCTET_OK);
    size_t total = allocations, failed = 0;
    for (size_t i = 0; i < total; i++) {
        allocations = 0;
        refused_at = i;
        octet_status status = work(buffer_text(&json), json.size);
        refused_at = SIZE_MAX;
        assert_true(status == OCTET_OK || status == OCTET_MEMORY);
        failed += status == OCTET_MEMORY;
    }
    printf("%zu allocations, %zu of them needed\n", total, failed);
    assert_true(total > 20 && failed > total / 2);
    buffer_free(&json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_each_allocation)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
