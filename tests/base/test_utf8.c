/* SPDX-License-Identifier: Apache-2.0 */
#include "support/testing.h"

#include "base/rng.h"
#include "base/utf8.h"

static void test_every_code_point(void **state)
{
    (void)state;
    for (uint32_t code_point = 0; code_point < 0x110010; code_point++) {
        char bytes[4];
        size_t size = utf8_encode(code_point, bytes), length;
        bool scalar = code_point < 0x110000 && (code_point < 0xD800 || code_point > 0xDFFF);
        assert_int_equal(size != 0, scalar);
        if (!scalar)
            continue;
        assert_int_equal(utf8_decode(bytes, size, &length), code_point);
        assert_int_equal(length, size);
        assert_int_equal(utf8_complete_prefix(bytes, size), size);
        for (size_t cut = 1; cut < size; cut++) {
            assert_int_equal(utf8_decode(bytes, cut, &length), UTF8_INVALID);
            assert_int_equal(length, cut); /* all of it is one maximal part */
            assert_int_equal(utf8_complete_prefix(bytes, cut), 0);
        }
    }
}

static void check_lossy(const char *input, size_t size, const char *expected)
{
    struct buffer out;
    buffer_init(&out, 4096);
    assert_true(utf8_append_lossy(&out, input, size));
    assert_string_equal(buffer_text(&out), expected);
    buffer_free(&out);
}

#define R "\xEF\xBF\xBD"

/* Tables 3-8 to 3-11 of the standard, and the boundaries of table 3-7. */
static void test_invalid_sequences(void **state)
{
    (void)state;
    check_lossy("\xC0\xAF\xE0\x80\xBF\xF0\x81\x82\x41", 9, R R R R R R R R "A");
    check_lossy("\xED\xA0\x80\xED\xBF\xBF\xED\xAF\x41", 9, R R R R R R R R "A");
    check_lossy("\xF4\x91\x92\x93\xFF\x41\x80\xBF\x42", 9, R R R R R "A" R R "B");
    check_lossy("\xE1\x80\xE2\xF0\x91\x92\xF1\xBF\x41", 9, R R R R "A");
    check_lossy("\xF4\x8F\xBF\xBF\xF4\x90\x80\x80", 8, "\xF4\x8F\xBF\xBF" R R R R);
    check_lossy("\xC1\xBF\xC2\x80\xDF\xBF", 6, R R "\xC2\x80\xDF\xBF");
    check_lossy("\xE0\x9F\xBF\xE0\xA0\x80", 6, R R R "\xE0\xA0\x80");
    check_lossy("\xF0\x8F\xBF\xBF\xF0\x90\x80\x80", 8, R R R R "\xF0\x90\x80\x80");
    check_lossy("\xED\x9F\xBF\xEE\x80\x80", 6, "\xED\x9F\xBF\xEE\x80\x80");
    check_lossy("a\xC3", 2, "a" R);
    check_lossy("", 0, "");
    size_t length = 9;
    assert_int_equal(utf8_decode("", 0, &length), UTF8_INVALID);
    assert_int_equal(length, 0);
    assert_false(utf8_valid("a\x80", 2));
    assert_true(utf8_valid("a\0\xC3\xA9", 4));
}

/* Shown in pieces of any size, a stream reads as the whole would. */
static void test_streams(void **state)
{
    (void)state;
    struct rng rng = {.seed = test_seed()};
    for (int round = 0; round < 20000; round++) {
        static const unsigned char pool[] = {'a',  0xC3, 0xA9, 0xE2, 0x82, 0xAC, 0xF0, 0x9F,
                                             0x98, 0x80, 0xED, 0xA0, 0xFF, 0xC0, 0xF4, 0x90};
        char text[24];
        size_t size = rng_below(&rng, sizeof text), start = 0;
        for (size_t i = 0; i < size; i++)
            text[i] = (char)pool[rng_below(&rng, sizeof pool)];
        struct buffer whole, pieces;
        buffer_init(&whole, 4096);
        buffer_init(&pieces, 4096);
        utf8_append_lossy(&whole, text, size);
        for (size_t end = 0; end <= size; end++) {
            size_t show = utf8_complete_prefix(text + start, end - start);
            assert_true(end - start - show <= 3);
            utf8_append_lossy(&pieces, text + start, show);
            start += show;
        }
        utf8_append_lossy(&pieces, text + start, size - start);
        assert_string_equal(buffer_text(&whole), buffer_text(&pieces));
        assert_true(utf8_valid(buffer_text(&whole), whole.size));
        buffer_free(&pieces);
        buffer_free(&whole);
    }
}

static void test_printable(void **state)
{
    (void)state;
    char out[16];
    assert_int_equal(utf8_printable(out, sizeof out, "short\tone", 9, false), 12);
    assert_string_equal(out, "short\\x09one");
    assert_int_equal(utf8_printable(out, sizeof out, "exactly fifteen", 15, false), 15);
    assert_string_equal(out, "exactly fifteen");
    utf8_printable(out, sizeof out, "sixteen letters!", 16, false);
    assert_string_equal(out, "sixteen lett...");
    utf8_printable(out, sizeof out, "cut before", 10, true);
    assert_string_equal(out, "cut before...");
    utf8_printable(out, sizeof out, "", 0, false);
    assert_string_equal(out, "");
    utf8_printable(out, sizeof out, "01234567890\xC3\xA9\xC3\xA9\xC3\xA9", 17, false);
    assert_string_equal(out, "01234567890...");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_code_point),
        cmocka_unit_test(test_invalid_sequences),
        cmocka_unit_test(test_streams),
        cmocka_unit_test(test_printable),
    };
    return cmocka_run_group_tests_name("utf8", tests, NULL, NULL);
}
