/* SPDX-License-Identifier: Apache-2.0 */
/* Token ids, texts and streams of the reference, on the committed goldens and the shared ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "tokenizer/golden_tokens.h"

static void run_directory(const char *directory, const char *goldens)
{
    struct tokenizer *tokenizer;
    struct octet_error err = {0};
    struct golden_count count;
    uint64_t start = clock_now_ns();
    if (tokenizer_open(directory, &tokenizer, &err) != OCTET_OK)
        fail_msg("%s", err.message);
    printf("%s: opened in %.0f ms\n", directory, clock_seconds_since(start) * 1e3);
    assert_true(golden_run_file(tokenizer, goldens, &count));
    assert_true(count.total > 0);
    assert_int_equal(count.passed, count.total);
    tokenizer_close(tokenizer);
}

static void run_shared(const char *directory_name, const char *golden_name)
{
    char *directory = golden_shared_path(directory_name);
    char *goldens = golden_shared_path(golden_name);
    if (directory && goldens)
        run_directory(directory, goldens);
    else
        printf("SKIP: %s: no shared data\n", golden_name);
    bool absent = !directory || !goldens;
    free(goldens);
    free(directory);
    if (absent)
        skip();
}

static void test_committed(void **state)
{
    (void)state;
    run_directory("tests/golden/tokenizer/llama3-style",
                  "tests/golden/tokenizer/llama3-style.jsonl");
}

static void test_qwen3(void **state)
{
    (void)state;
    run_shared("data/qwen3-tokenizer", "data/golden_tokens_dev.jsonl");
}

static void test_smollm2(void **state)
{
    (void)state;
    run_shared("models/smollm2-135m-instruct-fp8", "data/golden_tokens_smollm2_dev.jsonl");
}

static void test_llama3(void **state)
{
    (void)state;
    run_shared("data/llama3-style-tokenizer", "data/golden_tokens_llama3_dev.jsonl");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_committed),
        cmocka_unit_test(test_qwen3),
        cmocka_unit_test(test_smollm2),
        cmocka_unit_test(test_llama3),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
