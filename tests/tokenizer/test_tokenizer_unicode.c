/* SPDX-License-Identifier: Apache-2.0 */
/* The class table against the counts of the reference, NFC against utf8proc's own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "base/rng.h"
#include "base/utf8.h"
#include "tokenizer/byte_level.h"
#include "tokenizer/nfc.h"
#include "tokenizer/unicode_class.h"

static uint32_t flags_of(uint32_t code_point)
{
    size_t hint = 0;
    return unicode_flags(code_point, &hint);
}

static void test_counts(void **state)
{
    size_t counts[4] = {0}, hint = 0;
    (void)state;
    for (uint32_t cp = 0; cp < 0x110000; cp++) {
        uint32_t flags = unicode_flags(cp, &hint);
        assert_int_equal(flags, flags_of(cp)); /* the hint changes nothing */
        counts[flags & UNICODE_CLASS_MASK]++;
    }
    assert_int_equal(counts[UNICODE_LETTER], 141028);
    assert_int_equal(counts[UNICODE_NUMBER], 1911);
    assert_int_equal(counts[UNICODE_SPACE], 25);
}

static void test_spaces(void **state)
{
    static const uint32_t spaces[] = {0x9, 0xD, 0x20, 0x85, 0xA0, 0x1680, 0x2028, 0x2029, 0x3000};
    static const uint32_t others[] = {0x1C, 0x1F, 0x180E, 0x200B, 0xFEFF, 0x301};
    (void)state;
    for (size_t i = 0; i < sizeof spaces / sizeof spaces[0]; i++)
        assert_int_equal(flags_of(spaces[i]) & UNICODE_CLASS_MASK, UNICODE_SPACE);
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        assert_int_equal(flags_of(others[i]) & UNICODE_CLASS_MASK, UNICODE_OTHER);
    assert_true(flags_of(0x5F) & UNICODE_WORD);
    assert_true(flags_of(0x301) & UNICODE_WORD);
    assert_false(flags_of(0x2D) & UNICODE_WORD);
}

static void test_byte_level(void **state)
{
    (void)state;
    for (unsigned byte = 0; byte < 256; byte++) {
        char text[4], back;
        size_t size, decoded;
        size = utf8_encode(byte_level_code_point((uint8_t)byte), text);
        assert_true(byte_level_decode(text, size, &back, &decoded));
        assert_int_equal(decoded, 1);
        assert_int_equal((uint8_t)back, byte);
    }
    assert_int_equal(byte_level_code_point(' '), 0x120);
    assert_int_equal(byte_level_code_point('\n'), 0x10A);
    assert_int_equal(byte_level_code_point(0x7F), 0x121);
    assert_int_equal(byte_level_code_point(0xAD), 0x143);
    char out[8];
    size_t size;
    assert_false(byte_level_decode("a b", 3, out, &size));
    assert_false(byte_level_decode("\xC5\x84", 2, out, &size)); /* U+0144 */
}

/* What nfc_normalize gives, in a buffer of the caller. */
static void normalize(const char *text, size_t size, struct buffer *out)
{
    bool changed;
    buffer_clear(out);
    assert_int_equal(nfc_normalize(text, size, out, &changed, NULL), OCTET_OK);
    if (changed)
        assert_false(out->size == size && memcmp(out->data, text, size) == 0);
    else
        assert_int_equal(out->size, 0);
    if (!changed)
        assert_true(buffer_append(out, text, size));
}

/* Code points on which all versions of NFC agree. */
static bool is_settled(uint32_t code_point)
{
    if (flags_of(code_point) & UNICODE_NFC_LITERAL || code_point == 0)
        return false;
    utf8proc_category_t category = utf8proc_category((int32_t)code_point);
    if (category == UTF8PROC_CATEGORY_CN || category == UTF8PROC_CATEGORY_CS)
        return false;
    /* A mark that the table does not know as one came after Unicode 14. */
    return flags_of(code_point) & UNICODE_NFC_UNSAFE ||
           utf8proc_get_property((int32_t)code_point)->combining_class == 0;
}

static void check_against_utf8proc(const char *text, size_t size, struct buffer *out)
{
    char copy[512];
    assert_true(size < sizeof copy);
    memcpy(copy, text, size);
    copy[size] = '\0';
    char *expected = (char *)utf8proc_NFC((const utf8proc_uint8_t *)copy);
    assert_non_null(expected);
    normalize(text, size, out);
    assert_string_equal(buffer_text(out), expected);
    free(expected);
}

static void test_nfc_each(void **state)
{
    struct buffer out;
    (void)state;
    buffer_init(&out, 1 << 16);
    for (uint32_t cp = 1; cp < 0x110000; cp++) {
        char text[16] = "a";
        if (!is_settled(cp))
            continue;
        size_t size = 1 + utf8_encode(cp, text + 1);
        memcpy(text + size, "\xCC\xA3\xCC\x81", 4);
        check_against_utf8proc(text, size + 4, &out);
    }
    buffer_free(&out);
}

/* Random strings of letters, marks, jamo and what composes. */
static void test_nfc_random(void **state)
{
    static const uint32_t ranges[][2] = {
        {0x41, 0x7A},     {0xC0, 0x17F},    {0x300, 0x345},   {0x1100, 0x1112},   {0x1161, 0x1175},
        {0x11A8, 0x11C2}, {0xAC00, 0xAC40}, {0x1E00, 0x1EFF}, {0x9C7, 0x9D7},     {0x1F00, 0x1FFC},
        {0x2126, 0x212B}, {0xF900, 0xF920}, {0x3041, 0x309A}, {0x1D15E, 0x1D170}, {0x5B0, 0x5C7}};
    const char *seed = getenv("OCTET_TEST_SEED");
    struct rng rng = {.seed = seed ? strtoull(seed, NULL, 10) : 1};
    struct buffer out;
    (void)state;
    printf("seed %llu\n", (unsigned long long)rng.seed);
    buffer_init(&out, 1 << 16);
    for (size_t round = 0; round < 20000; round++) {
        char text[400];
        size_t size = 0;
        for (size_t count = rng_below(&rng, round % 10 ? 12 : 80); count > 0; count--) {
            const uint32_t *range = ranges[rng_below(&rng, sizeof ranges / sizeof ranges[0])];
            if (round % 10 == 0 && rng_below(&rng, 8))
                range = ranges[2]; /* long runs of marks */
            uint32_t cp = range[0] + (uint32_t)rng_below(&rng, range[1] - range[0] + 1);
            if (is_settled(cp))
                size += utf8_encode(cp, text + size);
        }
        check_against_utf8proc(text, size, &out);
    }
    buffer_free(&out);
}

/* Marks and compositions of later versions stay as they are: the reference has Unicode 9.0. */
static void test_nfc_version(void **state)
{
    static const char *const same[] = {
        "\xF0\x91\xA4\xB5\xF0\x91\xA4\xB0", /* U+11935 U+11930, composed since 13.0 */
        "a\xE1\xAA\xBF\xCC\xA3",            /* U+1ABF (13.0) before U+0323 */
        "\xF0\x96\x84\x9E\xF0\x96\x84\x9E", /* U+1611E twice, composed since 16.0 */
    };
    struct buffer out;
    (void)state;
    buffer_init(&out, 1 << 16);
    for (size_t i = 0; i < sizeof same / sizeof same[0]; i++) {
        normalize(same[i], strlen(same[i]), &out);
        assert_string_equal(buffer_text(&out), same[i]);
    }
    /* The mark is a starter here: the accent after it finds nothing to join. */
    normalize("e\xE1\xAA\xBF\xCC\x81 e\xCC\x81", 11, &out);
    assert_string_equal(buffer_text(&out), "e\xE1\xAA\xBF\xCC\x81 \xC3\xA9");
    buffer_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_counts),     cmocka_unit_test(test_spaces),
        cmocka_unit_test(test_byte_level), cmocka_unit_test(test_nfc_each),
        cmocka_unit_test(test_nfc_random), cmocka_unit_test(test_nfc_version),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
