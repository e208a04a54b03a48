/* SPDX-License-Identifier: Apache-2.0 */
/* The scanner of model.vocab and model.merges says what the JSON library says, or steps aside. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/rng.h"
#include "tokenizer/mini_tokenizer.h"
#include "tokenizer/vocab_source.h"

static bool same_text(const char *a, size_t a_size, const char *b, size_t b_size)
{
    return a_size == b_size && memcmp(a, b, a_size) == 0;
}

static bool same_sources(const struct vocab_source *a, const struct vocab_source *b)
{
    bool same = a->pair_count == b->pair_count && a->merge_count == b->merge_count;
    for (size_t i = 0; same && i < a->pair_count; i++)
        same = a->pairs[i].id == b->pairs[i].id &&
               same_text(a->pairs[i].text, a->pairs[i].size, b->pairs[i].text, b->pairs[i].size);
    for (size_t i = 0; same && i < a->merge_count; i++) {
        const struct merge_text *x = &a->merges[i], *y = &b->merges[i];
        same = same_text(x->left, x->left_size, y->left, y->left_size) &&
               same_text(x->right, x->right_size, y->right, y->right_size);
    }
    return same;
}

/* True when the scanner took the text; it must then agree with the library. */
static bool scan_and_compare(const char *text, size_t size)
{
    struct vocab_source scanned, parsed;
    struct buffer rest;
    struct json *document = NULL, *remainder = NULL;
    vocab_source_init(&scanned);
    vocab_source_init(&parsed);
    buffer_init(&rest, size + 16);
    bool taken =
        vocab_source_scan(text, size, &scanned, &rest) &&
        json_parse(buffer_text(&rest), rest.size, rest.size, "rest", &remainder, NULL) == OCTET_OK;
    if (taken) {
        assert_int_equal(json_parse(text, size, size, "all", &document, NULL), OCTET_OK);
        assert_int_equal(vocab_source_read(json_get(document, "model"), "all", &parsed, NULL),
                         OCTET_OK);
        assert_true(same_sources(&scanned, &parsed));
        assert_int_equal(json_count(json_get_path(remainder, "model.vocab")), 0);
        assert_int_equal(json_count(remainder), json_count(document));
    }
    json_free(remainder);
    json_free(document);
    buffer_free(&rest);
    vocab_source_free(&parsed);
    vocab_source_free(&scanned);
    return taken;
}

static void test_published_form(void **state)
{
    struct buffer text;
    (void)state;
    buffer_init(&text, 1 << 24);
    assert_int_equal(
        file_read_all("tests/golden/tokenizer/llama3-style/tokenizer.json", 1 << 24, &text, NULL),
        OCTET_OK);
    assert_true(scan_and_compare(buffer_text(&text), text.size));
    buffer_free(&text);
}

static void test_table(void **state)
{
    static const struct {
        bool taken;
        const char *text;
    } cases[] = {
        {true, "{\"model\":{\"vocab\":{\"a\":0,\"b\":1},\"merges\":[\"a b\",[\"b\",\"a\"]]}}"},
        {true,
         " { \"x\" : [ { \"model\" : 1 } , \"}\" ] , \"model\" : { \"type\" : \"BPE\" ,"
         " \"merges\" : [ [ \"a\" , \"b\" ] ] , \"vocab\" : { \"a\" : 12 } , \"z\" : 1.5 } } "},
        {true, "{\"model\":{\"vocab\":{\"\\u0120\\u4f60\":0,\"\\ud83d\\ude00\":1,\"\\\"\\\\\\/"
               "\\b\\f\\n\\r\\t\":2},"
               "\"merges\":[\"\\u0120 a\"]}}"},
        {true, "{\"model\":{\"vocab\":{\"\xC4\xA0\":0},\"merges\":[\"\xC4\xA0 "
               "\xC4\xA0\"]},\"q\":\"\\\"\"}"},
        {false, "{\"model\":{\"vocab\":{},\"merges\":[]}}"},
        {false, "{\"model\":{\"vocab\":{\"a\":0},\"vocab\":{\"a\":0},\"merges\":[\"a b\"]}}"},
        {false, "{\"model\":{\"vocab\":{\"a\":0},\"merges\":[\"a b\"],\"vocab\":{}}}"},
        {false, "{\"model\":{\"vocab\":{\"a\":-1},\"merges\":[\"a b\"]}}"},
        {false, "{\"model\":{\"vocab\":{\"a\":01},\"merges\":[\"a b\"]}}"},
        {false, "{\"model\":{\"vocab\":{\"a\":1.0},\"merges\":[\"a b\"]}}"},
        {false, "{\"model\":{\"vocab\":{\"a\":99999999999999999999},\"merges\":[\"a b\"]}}"},
        {false, "{\"model\":{\"vocab\":{\"a\":1,},\"merges\":[\"a b\"]}}"},
        {false, "{\"model\":{\"vocab\":{\"a\":1},\"merges\":[\"a b\",]}}"},
        {false, "{\"model\":{\"vocab\":{\"a\":1},\"merges\":[\"ab\"]}}"},
        {false, "{\"model\":{\"vocab\":{\"a\":1},\"merges\":[\"a b c\"]}}"},
        {false, "{\"model\":{\"vocab\":{\"a\":1},\"merges\":[[\"a\",\"b\",\"c\"]]}}"},
        {false, "{\"model\":{\"vocab\":{\"a\":1},\"merges\":[\"#version: 0.2\",\"a b\"]}}"},
        {false, "{\"model\":{\"vocab\":{\"\\ud83d\":1},\"merges\":[\"a b\"]}}"},
        {false, "{\"model\":{\"vocab\":{\"\\ude00\":1},\"merges\":[\"a b\"]}}"},
        {false, "{\"model\":{\"vocab\":{\"\\u00\":1},\"merges\":[\"a b\"]}}"},
        {false, "{\"model\":{\"vocab\":{\"\\u0000\":1},\"merges\":[\"a b\"]}}"},
        {false, "{\"model\":{\"vocab\":{\"\\x\":1},\"merges\":[\"a b\"]}}"},
        {false, "{\"model\":{\"vocab\":{\"\xFF\":1},\"merges\":[\"a b\"]}}"},
        {false, "{\"model\":{\"vocab\":{\"a\nb\":1},\"merges\":[\"a b\"]}}"},
        {false, "{\"model\":{\"vocab\":{\"a\":1},\"merges\":[\"a b\"]}} x"},
        {false, "{\"model\":{\"vocab\":{\"a\":1},\"merges\":[\"a b\"]}"},
        {false, "{\"model\":[{\"vocab\":{\"a\":1},\"merges\":[\"a b\"]}]}"},
        {false, "{\"model\":{\"vocab\":[[\"a\",1]],\"merges\":[\"a b\"]}}"},
        {false, "{\"model\":{\"vocab\":{\"a\":1},\"merges\":{}}}"},
        {false, "{\"model\":{\"vocab\":{\"a\":1}}}"},
        {false, "[]"},
        {false, ""},
        {false, "{\"model"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        if (scan_and_compare(cases[i].text, strlen(cases[i].text)) != cases[i].taken)
            fail_msg("case %zu: %s", i, cases[i].text);
}

/* Change, remove and repeat bytes: what is opened was valid JSON with the same lists. */
static void test_mutations(void **state)
{
    static const char start[] =
        "{\"added_tokens\":[],\"pre_tokenizer\":{\"type\":\"ByteLevel\",\"add_prefix_space\":false}"
        ","
        "\"decoder\":{\"type\":\"ByteLevel\"},\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0,\"b\":"
        "1,\"ab\":2,"
        "\"\\u0120\":3,\"\\u0120a\":4},\"merges\":[\"a b\",[\"\\u0120\",\"a\"]]}}";
    static const char bytes[] = "\"\\{}[]:, ab01u\n\xC4\xFF";
    const char *seed = getenv("OCTET_TEST_SEED");
    struct rng rng = {.seed = seed ? strtoull(seed, NULL, 10) : 1};
    size_t opened = 0, refused = 0;
    (void)state;
    printf("seed %llu\n", (unsigned long long)rng.seed);
    for (size_t round = 0; round < 20000; round++) {
        char text[sizeof start + 8];
        size_t size = sizeof start - 1;
        memcpy(text, start, size);
        for (size_t edits = rng_below(&rng, 3); edits > 0; edits--) {
            size_t at = rng_below(&rng, size);
            if (rng_below(&rng, 2)) {
                text[at] = bytes[rng_below(&rng, sizeof bytes - 1)];
            } else {
                memmove(text + at, text + at + 1, size - at - 1);
                size--;
            }
        }
        struct tokenizer *tokenizer = NULL;
        if (tokenizer_open_json(text, size, "mutant", &tokenizer, NULL) == OCTET_OK) {
            struct json *document = NULL;
            assert_int_equal(json_parse(text, size, size, "mutant", &document, NULL), OCTET_OK);
            json_free(document);
            scan_and_compare(text, size);
            opened++;
        } else {
            refused++;
        }
        tokenizer_close(tokenizer);
    }
    assert_true(opened > 1000 && refused > 1000);
}

/* Both ways lead to the same tokenizer: a version line makes the scanner step aside. */
static void test_same_tokenizer(void **state)
{
    struct mini_tokenizer mini = {.vocab = ",\"ab\":256,\"\\u0120ab\":257",
                                  .merges = "[\"a b\",\"\\u0120 ab\"]"};
    static const char text[] = "ab ab abab";
    struct token_ids ids[2] = {0};
    (void)state;
    for (int way = 0; way < 2; way++) {
        struct tokenizer *tokenizer;
        assert_int_equal(mini_tokenizer_open(&mini, &tokenizer, NULL), OCTET_OK);
        assert_int_equal(
            tokenizer_encode(tokenizer, text, strlen(text), SPECIAL_PARSE, false, &ids[way], NULL),
            OCTET_OK);
        tokenizer_close(tokenizer);
        mini.merges = "[\"#version: 0.2\",\"a b\",\"\\u0120 ab\"]";
    }
    assert_int_equal(ids[0].count, 4);
    assert_int_equal(ids[1].count, 4);
    assert_memory_equal(ids[0].ids, ids[1].ids, 4 * sizeof ids[0].ids[0]);
    token_ids_free(&ids[0]);
    token_ids_free(&ids[1]);
}

static void test_duplicates(void **state)
{
    struct mini_tokenizer same_id = {.vocab = ",\"zz\":256,\"zz\":256"};
    struct mini_tokenizer two_ids = {.vocab = ",\"zz\":256,\"zz\":257"};
    struct mini_tokenizer escaped = {.vocab = ",\"zz\":256,\"\\u007az\":257"};
    struct tokenizer *tokenizer;
    struct octet_error err;
    (void)state;
    assert_int_equal(mini_tokenizer_open(&same_id, &tokenizer, &err), OCTET_INPUT);
    assert_int_equal(mini_tokenizer_open(&two_ids, &tokenizer, &err), OCTET_INPUT);
    assert_int_equal(mini_tokenizer_open(&escaped, &tokenizer, &err), OCTET_INPUT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_published_form), cmocka_unit_test(test_table),
        cmocka_unit_test(test_mutations),      cmocka_unit_test(test_same_tokenizer),
        cmocka_unit_test(test_duplicates),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
