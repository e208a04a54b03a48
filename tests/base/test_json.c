/* SPDX-License-Identifier: Apache-2.0 */
#include "support/testing.h"

#include <locale.h>
#include <math.h>
#include <unistd.h>

#include "base/json.h"
#include "base/rng.h"

static struct json *parse(const char *text)
{
    struct json *value;
    struct octet_error err = {.status = OCTET_OK};
    if (json_parse(text, strlen(text), 1 << 20, "test", &value, &err) != OCTET_OK)
        fail_msg("%s", err.message);
    return value;
}

static void check_dump(const char *text, int indent, const char *expected)
{
    struct json *value = parse(text);
    struct buffer out;
    buffer_init(&out, 1 << 20);
    assert_true(json_dump(value, indent, &out));
    assert_string_equal(buffer_text(&out), expected);
    buffer_free(&out);
    json_free(value);
}

static void check_error(const char *text, size_t size, octet_status status, const char *message)
{
    struct json *value = (struct json *)text;
    struct octet_error err = {.status = OCTET_OK};
    assert_int_equal(json_parse(text, size, 1 << 20, "file.json", &value, &err), status);
    assert_null(value);
    assert_int_equal(err.status, status);
    assert_contains(err.message, "file.json");
    assert_contains(err.message, message);
}

static void test_access(void **state)
{
    (void)state;
    struct json *value = parse("{\"a\":{\"b\":{\"c\":5}},\"r\":1.5,\"t\":true,\"n\":null,"
                               "\"s\":\"x\\u0000y\",\"l\":[1,2,3],\"big\":18446744073709551615}");
    assert_int_equal(json_integer(json_get_path(value, "a.b.c"), -1), 5);
    assert_null(json_get_path(value, "a.x.c"));
    assert_null(json_get_path(value, "a.b.c.d"));
    assert_true(json_number(json_get(value, "r"), 0) == 1.5);
    assert_int_equal(json_integer(json_get(value, "r"), -1), -1);
    assert_true(json_bool(json_get(value, "t"), false));
    assert_false(json_bool(json_get(value, "n"), false));
    size_t size = 0;
    const char *text = json_string_n(json_get(value, "s"), &size);
    assert_int_equal(size, 3);
    assert_memory_equal(text, "x\0y", 4);
    assert_int_equal(json_count(json_get(value, "l")), 3);
    assert_int_equal(json_integer(json_at(json_get(value, "l"), 2), -1), 3);
    assert_null(json_at(json_get(value, "l"), 3));
    assert_int_equal(json_count(value), 7);
    const struct json *big = json_get(value, "big");
    assert_int_equal(json_type(big), JSON_TYPE_BIG_INTEGER);
    assert_string_equal(json_text(big), "18446744073709551615");
    assert_null(json_string(big));
    assert_int_equal(json_integer(big, -1), -1);
    assert_true(json_number(big, 0) == 18446744073709551615.0);
    assert_int_equal(json_integer(json_get_n(value, "axyz", 1), -1), -1);
    assert_int_equal(json_type(json_get_n(value, "axyz", 1)), JSON_TYPE_OBJECT);
    assert_null(json_get_n(value, "a\0", 2));
    json_free(value);
}

/* Every accessor takes nothing, and everything, without a complaint. */
static void test_access_of_other_types(void **state)
{
    (void)state;
    static const enum json_type expected[] = {
        JSON_TYPE_NULL,  JSON_TYPE_BOOL,   JSON_TYPE_INTEGER,     JSON_TYPE_REAL, JSON_TYPE_STRING,
        JSON_TYPE_ARRAY, JSON_TYPE_OBJECT, JSON_TYPE_BIG_INTEGER, JSON_NONE};
    struct json *all = parse("[null,true,1,1.5,\"s\",[],{},99999999999999999999]");
    for (size_t i = 0; i <= json_count(all); i++) {
        const struct json *value = json_at(all, i); /* NULL at the end */
        enum json_type type = json_type(value);
        assert_int_equal(type, expected[i]);
        assert_true(json_type_name(type)[0] != '\0');
        assert_null(json_get(value, "k"));
        assert_null(json_get_n(value, "k", 1));
        assert_null(json_get_path(value, "k.k"));
        assert_null(json_at(value, 0));
        assert_int_equal(json_count(value), 0);
        struct json_iter it = json_iter(value);
        assert_false(json_next(&it));
        assert_int_equal(json_string(value) != NULL, type == JSON_TYPE_STRING);
        assert_int_equal(json_text(value) != NULL, type == JSON_TYPE_BIG_INTEGER);
        assert_int_equal(json_bool(value, false), type == JSON_TYPE_BOOL);
        assert_int_equal(json_integer(value, -7) != -7, type == JSON_TYPE_INTEGER);
    }
    json_free(all);
    json_free(NULL);
}

static void test_order_and_walk(void **state)
{
    (void)state;
    struct json *value = parse("{\"z\":1,\"a\":2,\"m\":3,\"b\":4,\"\":5}");
    char keys[16] = "";
    for (struct json_iter it = json_iter(value); json_next(&it);) {
        assert_int_equal(strlen(it.key), it.key_length);
        strcat(keys, it.key_length ? it.key : "-");
        assert_ptr_equal(json_get(value, it.key), it.value);
    }
    assert_string_equal(keys, "zamb-");
    struct json_iter it = json_iter(value);
    while (json_next(&it))
        ;
    assert_false(json_next(&it)); /* stays at the end */
    json_free(value);
}

static void test_writing(void **state)
{
    (void)state;
    check_dump("{\"b\":[1,2.0,\"x\"],\"a\":{},\"c\":[],\"n\":null,\"t\":true,\"f\":false}", 0,
               "{\"b\": [1, 2.0, \"x\"], \"a\": {}, \"c\": [], \"n\": null, \"t\": true, "
               "\"f\": false}");
    check_dump("{\"b\":[1,{\"k\":2}],\"a\":{}}", 2,
               "{\n  \"b\": [\n    1,\n    {\n      \"k\": 2\n    }\n  ],\n  \"a\": {}\n}");
    check_dump("\"\\u00e9 \\ud83d\\ude00 \\\" \\\\ \\/ \\b\\f\\n\\r\\t \\u0001 \\u001f \\u007f\"",
               0, "\"\xC3\xA9 \xF0\x9F\x98\x80 \\\" \\\\ / \\b\\f\\n\\r\\t \\u0001 \\u001f \x7f\"");
    check_dump(" 12 ", 0, "12");
    check_dump("9223372036854775807", 0, "9223372036854775807");
    check_dump("-9223372036854775808", 0, "-9223372036854775808");
    check_dump("9223372036854775808", 0, "9223372036854775808");
    check_dump("[-9223372036854775809,1,1000000000000000019884624838656]", 0,
               "[-9223372036854775809, 1, 1000000000000000019884624838656]");
    check_dump("{\"1\":99999999999999999999,\"2\":{\"3\":[99999999999999999999]}}", 0,
               "{\"1\": 99999999999999999999, \"2\": {\"3\": [99999999999999999999]}}");
    /* What looks like a number inside a string stays a string, an exponent makes a real. */
    check_dump("[\"99999999999999999999\",\"\\\"99999999999999999999\"]", 0,
               "[\"99999999999999999999\", \"\\\"99999999999999999999\"]");
    check_dump("[99999999999999999999e1, 99999999999999999999.5]", 0, "[1e+21, 1e+20]");
}

/* Strings that begin with the byte that marks big integers, in values and in keys. */
static void test_tag_never_collides(void **state)
{
    (void)state;
    check_dump("[\"\\u0001\",\"\\u000112\",\"\\u0001\\u0001\",\"\\u0001-5\",\"a\\u0001\"]", 0,
               "[\"\\u0001\", \"\\u000112\", \"\\u0001\\u0001\", \"\\u0001-5\", \"a\\u0001\"]");
    check_dump("{\"\\u00011\" :\"\\u00011\",\"k\":\n\"\\u0001\"}", 0,
               "{\"\\u00011\": \"\\u00011\", \"k\": \"\\u0001\"}");
    check_dump("\"\\u00015\"", 0, "\"\\u00015\"");
    struct json *value = parse("{\"\\u00011\":\"\\u00012\"}");
    size_t size = 0;
    const char *text = json_string_n(json_get(value, "\0011"), &size);
    assert_int_equal(size, 2);
    assert_memory_equal(text, "\0012", 3);
    json_free(value);
    value = json_new_string("\0019");
    assert_int_equal(json_type(value), JSON_TYPE_STRING);
    assert_string_equal(json_string(value), "\0019");
    json_free(value);
}

static void check_real(double value, const char *expected)
{
    char text[32];
    json_format_real(value, text);
    assert_string_equal(text, expected);
}

/* Python's repr of the same numbers. */
static void test_reals(void **state)
{
    (void)state;
    check_real(0.0, "0.0");
    check_real(-0.0, "-0.0");
    check_real(1, "1.0");
    check_real(-2.5, "-2.5");
    check_real(0.1, "0.1");
    check_real(0.1 + 0.2, "0.30000000000000004");
    check_real(1e-6, "1e-06");
    check_real(1e-5, "1e-05");
    check_real(0.0001, "0.0001");
    check_real(0.00012345, "0.00012345");
    check_real(1e15, "1000000000000000.0");
    check_real(1e16, "1e+16");
    check_real(1e22, "1e+22");
    check_real(1e23, "1e+23");
    check_real(123456789012345680.0, "1.2345678901234568e+17");
    check_real(1000000.0, "1000000.0");
    check_real(9007199254740993.0, "9007199254740992.0");
    check_real(5e-324, "5e-324");
    check_real(2.2250738585072014e-308, "2.2250738585072014e-308");
    check_real(2.225073858507201e-308, "2.225073858507201e-308");
    check_real(1.7976931348623157e308, "1.7976931348623157e+308");
    check_real(-1.7976931348623157e308, "-1.7976931348623157e+308");
    check_real(0x1p-44, "5.684341886080802e-14"); /* the interval is narrower below */
    check_real(0x1p-1022, "2.2250738585072014e-308");
    check_real(3.14159, "3.14159");
    check_real(NAN, "null");
    struct rng rng = {.seed = test_seed()};
    for (int i = 0; i < 50000; i++) {
        uint64_t bits = rng_next_u64(&rng);
        double value;
        memcpy(&value, &bits, sizeof value);
        char text[32];
        if (!isfinite(value))
            continue;
        json_format_real(value, text);
        assert_true(strtod(text, NULL) == value);
        assert_true(strpbrk(text, ".e") != NULL && strlen(text) < 25);
        /* No shorter decimal reads back. */
        char shorter[40];
        size_t digits = strspn(text, "-0123456789.");
        if (digits > 12) {
            snprintf(shorter, sizeof shorter, "%.*e", (int)digits - 4, value);
            if (strtod(shorter, NULL) == value)
                assert_true(strlen(shorter) >= strlen(text));
        }
    }
}

static void test_syntax_errors(void **state)
{
    (void)state;
    static const char *const bad[] = {"[1,]",
                                      "{\"a\":1,}",
                                      "[1 2]",
                                      "{1:2}",
                                      "{\"a\"}",
                                      "[01]",
                                      "[1.]",
                                      "[.5]",
                                      "[+1]",
                                      "[1e]",
                                      "[0x10]",
                                      "nul",
                                      "[NaN]",
                                      "[Infinity]",
                                      "'a'",
                                      "[\"a]",
                                      "[\"\\x\"]",
                                      "[\"\\u12\"]",
                                      "[\"\\ud800\"]",
                                      "[\"\\udc00\"]",
                                      "[\"a\nb\"]",
                                      "[1]]",
                                      "{} {}",
                                      "[1e999]",
                                      "-",
                                      "[1",
                                      "// c\n1",
                                      "\xEF\xBB\xBF{}",
                                      "[\"\x01\"]",
                                      "",
                                      " ",
                                      "[99999999999999999999 1]",
                                      "{\"a\":1,\"b\":2,\"a\":3}",
                                      "[\"\\u0001",
                                      "[\"\\"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        check_error(bad[i], strlen(bad[i]), OCTET_INPUT, "line ");
    check_error("[\"\xff\"]", 5, OCTET_INPUT, "byte 0xff");
    check_error("[\"\xed\xa0\x80\"]", 7, OCTET_INPUT, "line 1");
    check_error("[1,\0]", 5, OCTET_INPUT, "line 1");
    check_error("{\"a\\u0000\":1}", 13, OCTET_INPUT, "NUL");
    check_error("{\"a\":1,\"a\":2}", 13, OCTET_INPUT, "duplicate");
    check_error("", 0, OCTET_INPUT, "empty");
}

/* Positions are those of the text as it was given, also when integers were rewritten before. */
static void test_positions(void **state)
{
    (void)state;
    check_error("[1,\n  x]", 8, OCTET_INPUT, "line 2, column 3 (byte 6)");
    check_error("[99999999999999999999,\n  x]", 27, OCTET_INPUT, "line 2, column 3 (byte 25)");
    check_error("[\"\\u0001\",99999999999999999999,\n\n \xC3\xA9\xC3\xA9 x]", 41, OCTET_INPUT,
                "line 3");
    check_error("[\"\xC3\xA9\xC3\xA9\", x]", 11, OCTET_INPUT, "column 8 (byte 9)");
}

static void test_limits(void **state)
{
    (void)state;
    char text[4 * JSON_DEPTH_MAX];
    memset(text, '[', JSON_DEPTH_MAX);
    memset(text + JSON_DEPTH_MAX, ']', JSON_DEPTH_MAX);
    text[2 * JSON_DEPTH_MAX] = '\0';
    struct json *value = parse(text);
    struct buffer out;
    buffer_init(&out, 1 << 20);
    assert_true(json_dump(value, 0, &out));
    assert_string_equal(buffer_text(&out), text);
    for (int depth = JSON_DEPTH_MAX; depth <= 2 * JSON_DEPTH_MAX + 1; depth++) {
        struct json *outer = json_new_array();
        assert_true(json_push(outer, value));
        value = outer;
    }
    buffer_clear(&out);
    assert_false(json_dump(value, 0, &out)); /* too deep to write, and no crash */
    json_free(value);
    memset(text, '[', JSON_DEPTH_MAX + 1);
    check_error(text, JSON_DEPTH_MAX + 1, OCTET_LIMIT, "column 513 (byte 512)");
    /* Brackets in strings have no depth. */
    text[0] = '"';
    text[1000] = '"';
    memset(text + 1, '[', 999);
    struct octet_error err = {.status = OCTET_OK};
    assert_int_equal(json_parse(text, 1001, 1001, "x", &value, &err), OCTET_OK);
    json_free(value);
    assert_int_equal(json_parse(text, 1001, 1000, "x", &value, &err), OCTET_LIMIT);
    assert_contains(err.message, "1001 bytes");
    buffer_free(&out);
    buffer_init(&out, 3);
    value = parse("[1, 2]");
    assert_false(json_dump(value, 0, &out));
    json_free(value);
    buffer_free(&out);
}

static void test_building(void **state)
{
    (void)state;
    struct json *object = json_new_object(), *array = json_new_array();
    assert_true(json_push(array, json_new_integer(INT64_MIN)));
    assert_true(json_push(array, json_new_real(0.5)));
    assert_true(json_push(array, json_new_real(NAN)));
    assert_true(json_push(array, json_new_real(-INFINITY)));
    assert_true(json_push(array, json_new_bool(true)));
    assert_true(json_push(array, json_new_null()));
    assert_true(json_push(array, json_new_string("a\xFF\xC3")));
    assert_true(json_push(array, json_new_string_n("x\0y", 3)));
    assert_false(json_push(array, NULL));
    assert_true(json_set(object, "z", json_new_integer(1)));
    assert_true(json_set(object, "list", array));
    assert_true(json_set(object, "z", json_new_integer(2))); /* replaced in its place */
    assert_false(json_set(object, "k", NULL));
    assert_false(json_set(object, "\xFF", json_new_null()));
    assert_false(json_set(array, "k", json_new_null()));
    assert_false(json_push(object, json_new_null()));
    struct json *copy = json_copy(object), *same = json_share(object);
    assert_ptr_equal(same, object);
    assert_true(json_remove(object, "z"));
    assert_false(json_remove(object, "z"));
    struct buffer out;
    buffer_init(&out, 4096);
    assert_true(json_dump(copy, 0, &out));
    assert_string_equal(buffer_text(&out),
                        "{\"z\": 2, \"list\": [-9223372036854775808, 0.5, null, null, true, null, "
                        "\"a\xEF\xBF\xBD\xEF\xBF\xBD\", \"x\\u0000y\"]}");
    buffer_clear(&out);
    json_free(object);
    assert_int_equal(json_count(same), 1);
    json_free(same);
    json_free(copy);
    assert_true(json_dump(NULL, 0, &out));
    assert_string_equal(buffer_text(&out), "null");
    buffer_free(&out);
}

static void test_fields(void **state)
{
    (void)state;
    struct json *o = parse("{\"i\":5,\"r\":2.5,\"b\":true,\"s\":\"x\",\"n\":null,\"l\":[],"
                           "\"big\":99999999999999999999}");
    struct octet_error err = {.status = OCTET_OK};
    int64_t i = 77;
    double r = 77;
    bool b = false;
    const char *s = "kept";
    assert_int_equal(json_field_int(o, "c.json", "i", true, 1, 5, &i, &err), OCTET_OK);
    assert_int_equal(i, 5);
    assert_int_equal(json_field_int(o, "c.json", "i", true, 6, 9, &i, &err), OCTET_INPUT);
    assert_string_equal(err.message, "c.json: \"i\" is 5, expected 6 to 9");
    assert_int_equal(json_field_int(o, "c.json", "x", true, 0, 9, &i, &err), OCTET_INPUT);
    assert_string_equal(err.message, "c.json: \"x\" is missing, expected an integer");
    assert_int_equal(json_field_int(o, "c.json", "n", true, 0, 9, &i, &err), OCTET_INPUT);
    assert_string_equal(err.message, "c.json: \"n\" is null, expected an integer");
    assert_int_equal(json_field_int(o, "c.json", "r", false, 0, 9, &i, &err), OCTET_INPUT);
    assert_string_equal(err.message, "c.json: \"r\" is of type number, expected an integer");
    assert_int_equal(json_field_int(o, "c.json", "big", false, 0, 9, &i, &err), OCTET_INPUT);
    assert_contains(err.message, "99999999999999999999");
    assert_int_equal(json_field_int(o, "c.json", "x", false, 0, 9, &i, &err), OCTET_OK);
    assert_int_equal(json_field_int(o, "c.json", "n", false, 0, 9, &i, &err), OCTET_OK);
    assert_int_equal(i, 5);
    assert_int_equal(json_field_number(o, "c", "r", true, 0, 3, &r, &err), OCTET_OK);
    assert_true(r == 2.5);
    assert_int_equal(json_field_number(o, "c", "i", true, 0, 9, &r, &err), OCTET_OK);
    assert_true(r == 5);
    assert_int_equal(json_field_number(o, "c", "r", true, 3, 4, &r, &err), OCTET_INPUT);
    assert_contains(err.message, "2.5, expected 3 to 4");
    assert_int_equal(json_field_number(o, "c", "s", true, 3, 4, &r, &err), OCTET_INPUT);
    assert_int_equal(json_field_bool(o, "c", "b", true, &b, &err), OCTET_OK);
    assert_true(b);
    assert_int_equal(json_field_bool(o, "c", "i", false, &b, &err), OCTET_INPUT);
    assert_contains(err.message, "true or false");
    assert_int_equal(json_field_string(o, "c", "x", false, &s, &err), OCTET_OK);
    assert_string_equal(s, "kept");
    assert_int_equal(json_field_string(o, "c", "s", true, &s, &err), OCTET_OK);
    assert_string_equal(s, "x");
    assert_int_equal(json_field_string(o, "c", "l", true, &s, &err), OCTET_INPUT);
    assert_contains(err.message, "array");
    json_free(o);
}

static void test_loading(void **state)
{
    (void)state;
    char path[4200];
    const char *directory = test_temporary_directory();
    snprintf(path, sizeof path, "%s/config.json", directory);
    struct json *value;
    struct octet_error err = {.status = OCTET_OK};
    assert_int_equal(json_load(path, 100, &value, &err), OCTET_IO);
    assert_contains(err.message, "config.json");
    static const char pointer[] =
        "version https://git-lfs.github.com/spec/v1\noid sha256:0123\nsize 12\n";
    assert_int_equal(file_write_all(path, pointer, sizeof pointer - 1, &err), OCTET_OK);
    assert_int_equal(json_load(path, 1000, &value, &err), OCTET_INPUT);
    assert_contains(err.message, "git lfs pull");
    assert_int_equal(file_write_all(path, "{\"a\": 1}\n", 9, &err), OCTET_OK);
    assert_int_equal(json_load(path, 8, &value, &err), OCTET_LIMIT);
    assert_int_equal(json_load(path, 9, &value, &err), OCTET_OK);
    assert_int_equal(json_integer(json_get(value, "a"), 0), 1);
    json_free(value);
    remove(path);
    rmdir(directory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_access),
        cmocka_unit_test(test_access_of_other_types),
        cmocka_unit_test(test_order_and_walk),
        cmocka_unit_test(test_writing),
        cmocka_unit_test(test_tag_never_collides),
        cmocka_unit_test(test_reals),
        cmocka_unit_test(test_syntax_errors),
        cmocka_unit_test(test_positions),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_building),
        cmocka_unit_test(test_fields),
        cmocka_unit_test(test_loading),
    };
    return cmocka_run_group_tests_name("json", tests, NULL, NULL);
}
