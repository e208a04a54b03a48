/* SPDX-License-Identifier: Apache-2.0 */
#include "support/testing.h"

#include "base/buffer.h"

static void test_appending(void **state)
{
    (void)state;
    struct buffer buffer;
    buffer_init(&buffer, 1 << 20);
    assert_string_equal(buffer_text(&buffer), "");
    assert_true(buffer_append_str(&buffer, "ab"));
    assert_true(buffer_append_char(&buffer, 'c'));
    assert_true(buffer_append(&buffer, "\0d", 2));
    assert_true(buffer_printf(&buffer, "%03d", 7));
    assert_true(buffer_append(&buffer, NULL, 0));
    assert_int_equal(buffer.size, 8);
    assert_memory_equal(buffer.data, "abc\0d007", 9);
    buffer_clear(&buffer);
    assert_string_equal(buffer_text(&buffer), "");
    for (int i = 0; i < 10000; i++)
        buffer_printf(&buffer, "%d,", i % 10);
    assert_int_equal(buffer.size, 20000);
    assert_false(buffer_failed(&buffer));
    buffer_free(&buffer);
}

/* The limit is exact, and after a failure nothing is appended until the buffer is cleared. */
static void test_limit(void **state)
{
    (void)state;
    struct buffer buffer;
    buffer_init(&buffer, 10);
    assert_true(buffer_append_str(&buffer, "0123456789"));
    assert_false(buffer_append_char(&buffer, 'x'));
    assert_true(buffer_failed(&buffer));
    assert_false(buffer_append(&buffer, "", 0));
    assert_string_equal(buffer_text(&buffer), "0123456789");
    buffer_clear(&buffer);
    assert_false(buffer_printf(&buffer, "%s", "01234567890"));
    assert_int_equal(buffer.size, 0);
    buffer_clear(&buffer);
    assert_true(buffer_printf(&buffer, "%s", "0123456789"));
    buffer_free(&buffer);
    buffer_init(&buffer, SIZE_MAX);
    assert_true(buffer_append_str(&buffer, "x"));
    assert_false(buffer_append(&buffer, "x", SIZE_MAX - 1)); /* size + 1 would wrap */
    buffer_free(&buffer);
}

static void test_take(void **state)
{
    (void)state;
    struct buffer buffer;
    buffer_init(&buffer, 100);
    size_t size = 77;
    char *empty = buffer_take(&buffer, &size);
    assert_string_equal(empty, "");
    assert_int_equal(size, 0);
    free(empty);
    buffer_append_str(&buffer, "text");
    char *text = buffer_take(&buffer, NULL);
    assert_string_equal(text, "text");
    assert_true(buffer.data == NULL && buffer.size == 0 && buffer.limit == 100);
    free(text);
    buffer_free(&buffer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_appending),
        cmocka_unit_test(test_limit),
        cmocka_unit_test(test_take),
    };
    return cmocka_run_group_tests_name("buffer", tests, NULL, NULL);
}
