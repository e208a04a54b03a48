/* SPDX-License-Identifier: Apache-2.0 */
#include "support/testing.h"

#include <locale.h>

#include "base/parse.h"

static void test_integers(void **state)
{
    (void)state;
    int64_t value = 77;
    assert_true(parse_int64("-9223372036854775808", &value) && value == INT64_MIN);
    assert_true(parse_int64("9223372036854775807", &value) && value == INT64_MAX);
    assert_true(parse_int64("+5", &value) && value == 5);
    assert_true(parse_int64("007", &value) && value == 7);
    static const char *const bad[] = {"",
                                      " 1",
                                      "1 ",
                                      "+",
                                      "-",
                                      "--1",
                                      "0x10",
                                      "1.0",
                                      "1e3",
                                      "a",
                                      "9223372036854775808",
                                      "-9223372036854775809",
                                      "+ 1",
                                      "1\n"};
    value = 77;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(parse_int64(bad[i], &value));
    assert_int_equal(value, 77);
}

static void test_doubles(void **state)
{
    (void)state;
    double value = 77;
    assert_true(parse_double("1e-3", &value) && value == 1e-3);
    assert_true(parse_double("-.5", &value) && value == -0.5);
    assert_true(parse_double("1.", &value) && value == 1);
    /* Underflow is a number, overflow is not. */
    assert_true(parse_double("1e-400", &value) && value == 0);
    static const char *const bad[] = {"",    " 1",    "1 ", "nan", "inf",   "-inf", "0x1p3", "1e",
                                      "1,5", "1e999", "e5", "--1", "1.2.3", ".",    "+-1"};
    value = 77;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(parse_double(bad[i], &value));
    assert_true(value == 77);
}

static void test_sizes(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t value;
    } good[] = {
        {"0", 0},
        {"8192", 8192},
        {"8k", 8000},
        {"8K", 8192},
        {"1.5K", 1536},
        {"25.6k", 25600},
        {"5GB", 5000000000},
        {"4G", (uint64_t)4 << 30},
        {"4GiB", (uint64_t)4 << 30},
        {"100B", 100},
        {"2TiB", (uint64_t)2 << 40},
        {"0.5MB", 500000},
        {"18446744073709551615", UINT64_MAX},
    };
    uint64_t value;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_true(parse_size(good[i].text, &value));
        assert_true(value == good[i].value);
    }
    static const char *const bad[] = {"",
                                      "K",
                                      "-1",
                                      "+1",
                                      " 1",
                                      "1 K",
                                      "1.5",
                                      "1.",
                                      ".5G",
                                      "1.3.4",
                                      "1Kb",
                                      "1kk",
                                      "1e3",
                                      "0x1",
                                      "1.0001k",
                                      "18446744073709551616",
                                      "17179869184G"};
    value = 77;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(parse_size(bad[i], &value));
    assert_int_equal(value, 77);
}

static void check_bytes(uint64_t bytes, const char *expected)
{
    char text[32];
    format_bytes(bytes, text);
    assert_string_equal(text, expected);
}

static void test_formats(void **state)
{
    (void)state;
    check_bytes(0, "0 B");
    check_bytes(999, "999 B");
    check_bytes(1000, "1.00 kB");
    check_bytes(9994, "9.99 kB");
    check_bytes(9996, "10.0 kB");
    check_bytes(99960, "100 kB");
    check_bytes(11200000, "11.2 MB");
    check_bytes(999499999, "999 MB");
    check_bytes(999500000, "1.00 GB");
    check_bytes(4410000000, "4.41 GB");
    check_bytes(UINT64_MAX, "18.4 EB");
    char text[32];
    static const struct {
        uint64_t value;
        const char *text;
    } counts[] = {{0, "0"},
                  {999, "999"},
                  {1000, "1,000"},
                  {1234567, "1,234,567"},
                  {UINT64_MAX, "18,446,744,073,709,551,615"}};
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        format_count(counts[i].value, text);
        assert_string_equal(text, counts[i].text);
    }
}

static void check_base64(const char *text, const char *expected, size_t expected_size)
{
    size_t size = 77;
    char *bytes = base64_decode(text, strlen(text), &size);
    if (!expected) {
        assert_null(bytes);
        return;
    }
    assert_non_null(bytes);
    assert_int_equal(size, expected_size);
    assert_memory_equal(bytes, expected, size + 1);
    free(bytes);
}

/* The vectors of RFC 4648, section 10, and texts that it calls malformed. */
static void test_base64(void **state)
{
    (void)state;
    check_base64("", "", 0);
    check_base64("Zg==", "f", 1);
    check_base64("Zm8=", "fo", 2);
    check_base64("Zm9v", "foo", 3);
    check_base64("Zm9vYg==", "foob", 4);
    check_base64("Zm9vYmE=", "fooba", 5);
    check_base64("Zm9vYmFy", "foobar", 6);
    check_base64("//79AA==", "\xFF\xFE\xFD\0", 4);
    static const char *const bad[] = {"Zg",       "Zg=",  "Zm9",    "Zh==", "Zm9=", "====", "Z===",
                                      "Zg==Zg==", "Z g=", "Zm9v\n", "_-8=", "=m9v", "Zg=a"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        check_base64(bad[i], NULL, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_integers), cmocka_unit_test(test_doubles),
        cmocka_unit_test(test_sizes),    cmocka_unit_test(test_formats),
        cmocka_unit_test(test_base64),
    };
    return cmocka_run_group_tests_name("parse", tests, NULL, NULL);
}
