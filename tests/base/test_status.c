/* SPDX-License-Identifier: Apache-2.0 */
#include "support/testing.h"

#include <errno.h>

#include "base/status.h"
#include "base/utf8.h"

static void test_names(void **state)
{
    (void)state;
    assert_string_equal(octet_status_text(OCTET_OK), "ok");
    assert_string_equal(octet_status_text(OCTET_MISMATCH), "verification failed");
    assert_string_equal(octet_status_text((octet_status)9999), "unknown status");
    for (int status = OCTET_OK; status <= OCTET_DEVICE; status++)
        assert_true(octet_status_text((octet_status)status)[0] != '\0');
    unsigned major, minor;
    assert_true(strspn(octet_version(), "0123456789.") == strlen(octet_version()));
    char *end;
    major = (unsigned)strtoul(octet_version(), &end, 10);
    assert_int_equal(*end, '.');
    minor = (unsigned)strtoul(end + 1, &end, 10);
    assert_true(*end == '.' && major + minor > 0);
}

static void test_message(void **state)
{
    (void)state;
    struct octet_error err = {.status = OCTET_OK};
    assert_int_equal(error_set(&err, OCTET_INPUT, "%s: %d tensors", "a.bin", 3), OCTET_INPUT);
    assert_int_equal(err.status, OCTET_INPUT);
    assert_string_equal(err.message, "a.bin: 3 tensors");
    assert_int_equal(error_set(NULL, OCTET_LIMIT, "nobody reads this"), OCTET_LIMIT);
    assert_int_equal(error_prefix(&err, OCTET_IO, "while loading %s", "DIR"), OCTET_INPUT);
    assert_string_equal(err.message, "while loading DIR: a.bin: 3 tensors");
    assert_int_equal(error_prefix(NULL, OCTET_IO, "x"), OCTET_IO);
    struct octet_error empty = {.status = OCTET_OK};
    assert_int_equal(error_prefix(&empty, OCTET_IO, "x"), OCTET_IO);
    assert_int_equal(empty.status, OCTET_IO);
}

/* A hostile name of a tensor must not move the cursor of the terminal that shows it. */
static void test_control_characters(void **state)
{
    (void)state;
    struct octet_error err;
    error_set(&err, OCTET_INPUT, "\"%s\"", "a\033[2J\r\n\x7f\xC2\x9B\xFF z\xC3\xA9");
    assert_string_equal(err.message, "\"a\\x1b[2J\\x0d\\x0a\\x7f\\xc2\\x9b\\xff z\xC3\xA9\"");
    /* A prefix does not escape a second time. */
    error_prefix(&err, OCTET_INPUT, "p");
    assert_string_equal(err.message, "p: \"a\\x1b[2J\\x0d\\x0a\\x7f\\xc2\\x9b\\xff z\xC3\xA9\"");
}

/* Messages of every length around the limit: whole, or cut at a character with "..." behind it. */
static void test_long_messages(void **state)
{
    (void)state;
    struct octet_error err;
    char text[8192];
    size_t limit = sizeof err.message - 1;
    for (size_t length = limit - 10; length < limit + 10; length++) {
        memset(text, 'x', length);
        text[length] = '\0';
        error_set(&err, OCTET_INPUT, "%s", text);
        if (length <= limit) {
            assert_string_equal(err.message, text);
            continue;
        }
        assert_int_equal(strlen(err.message), limit);
        assert_string_equal(err.message + limit - 4, "x...");
    }
    for (size_t shift = 0; shift < 4; shift++) {
        memset(text, 'x', shift);
        for (size_t i = 0; i < 1500; i++)
            memcpy(text + shift + 3 * i, "\xE2\x82\xAC", 3);
        text[shift + 4500] = '\0';
        error_set(&err, OCTET_INPUT, "%s", text);
        size_t length = strlen(err.message);
        assert_true(length <= limit && length > limit - 8);
        assert_true(utf8_valid(err.message, length));
        assert_string_equal(err.message + length - 3, "...");
    }
    memset(text, 1, sizeof text - 1);
    text[sizeof text - 1] = '\0';
    error_set(&err, OCTET_INPUT, "%s", text);
    assert_string_equal(err.message + strlen(err.message) - 7, "\\x01...");
    error_prefix(&err, OCTET_INPUT, "%s", text);
    assert_true(strlen(err.message) <= limit);
}

static void test_ready_made(void **state)
{
    (void)state;
    struct octet_error err;
    assert_int_equal(error_memory(&err, "the KV pool", 4096), OCTET_MEMORY);
    assert_string_equal(err.message, "out of memory: the KV pool (4096 bytes)");
    assert_int_equal(error_errno(&err, ENOSPC, "cannot write", "/x/y"), OCTET_IO);
    assert_contains(err.message, "cannot write: /x/y: ");
    assert_contains(err.message, "free some space");
    error_errno(&err, ENOENT, "cannot open", "/x/y");
    assert_contains(err.message, "check the path");
    error_errno(&err, EACCES, "cannot open", "/x/y");
    assert_contains(err.message, "permissions");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_message),
        cmocka_unit_test(test_control_characters),
        cmocka_unit_test(test_long_messages),
        cmocka_unit_test(test_ready_made),
    };
    return cmocka_run_group_tests_name("status", tests, NULL, NULL);
}
