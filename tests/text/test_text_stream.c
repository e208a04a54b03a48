/* SPDX-License-Identifier: Apache-2.0 */
/* Stop strings and held-back text, at every way of cutting the text into tokens. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "base/utf8.h"
#include "text/text_stream.h"

static struct tokenizer *open_tokenizer(void)
{
    struct tokenizer *tokenizer;
    struct octet_error err;
    if (tokenizer_open("tests/golden/tokenizer/llama3-style", &tokenizer, &err) != OCTET_OK)
        fail_msg("%s", err.message);
    return tokenizer;
}

struct outcome {
    char shown[512];
    int stopped;
};

/* A definition to compare with: look at the whole text, byte by byte. */
static struct outcome expected_outcome(const char *text, size_t size,
                                       const struct text_stream_options *options)
{
    struct outcome outcome = {.stopped = -1};
    size_t shown = size;
    for (size_t end = 1; end <= size && outcome.stopped < 0; end++) {
        size_t longest = 0;
        for (size_t i = 0; i < options->stop_count; i++) {
            size_t length = strlen(options->stops[i]);
            if (length > end || length <= longest ||
                memcmp(text + end - length, options->stops[i], length) != 0)
                continue;
            longest = length;
            outcome.stopped = (int)i;
            shown = options->include_stop ? end : end - length;
        }
    }
    memcpy(outcome.shown, text, shown);
    return outcome;
}

/* Cut text into tokens, the length of each chosen by `rng` among the tokens that fit. */
static void cut(const struct tokenizer *tokenizer, const char *text, size_t size, struct rng *rng,
                struct token_ids *ids)
{
    for (size_t at = 0; at < size;) {
        int32_t fitting[64];
        size_t count = 0;
        for (int32_t id = 0; id < tokenizer_vocab_size(tokenizer) && count < 64; id++) {
            size_t length;
            const char *bytes = tokenizer_token_bytes(tokenizer, id, &length);
            if (length > 0 && length <= size - at && memcmp(bytes, text + at, length) == 0)
                fitting[count++] = id;
        }
        assert_true(count > 0);
        int32_t id = fitting[rng_below(rng, count)];
        size_t length;
        tokenizer_token_bytes(tokenizer, id, &length);
        assert_true(token_ids_push(ids, id));
        at += length;
    }
}

static struct outcome stream_outcome(const struct tokenizer *tokenizer,
                                     const struct text_stream_options *options,
                                     const struct token_ids *ids)
{
    struct text_stream *stream;
    struct octet_error err;
    struct outcome outcome = {0};
    struct buffer out;
    buffer_init(&out, sizeof outcome.shown - 1);
    assert_int_equal(text_stream_new(tokenizer, options, &stream, &err), OCTET_OK);
    for (size_t i = 0; i < ids->count; i++) {
        size_t before = out.size;
        assert_true(text_stream_push(stream, ids->ids[i], &out));
        assert_true(utf8_valid(buffer_text(&out) + before, out.size - before));
    }
    assert_true(text_stream_finish(stream, &out));
    outcome.stopped = text_stream_stopped(stream);
    memcpy(outcome.shown, buffer_text(&out), out.size);
    text_stream_free(stream);
    buffer_free(&out);
    return outcome;
}

static void test_every_cut(void **state)
{
    static const char *const texts[] = {
        "The answer is 42.\nUser: and then?\nUser: more",
        "aaaaaaaaaab",
        "abababababac, the end",
        "\xE4\xBD\xA0\xE5\xA5\xBD\xEF\xBC\x8C\xE4\xB8\x96\xE7\x95\x8C\xE3\x80\x82 end",
        "x\xF0\x9F\x98\x80y\xF0\x9F\x98\x81z",
        "one <|stop two ### three",
    };
    static const char *const stops[] = {
        "User:",    "\nUser:", "aab",  "ababac", "\xE4\xB8\x96", "\xF0\x9F\x98\x81z",
        "<|stop|>", "###",     "then", "the",
    };
    const char *seed_text = getenv("OCTET_TEST_SEED");
    struct rng rng = {.seed = seed_text ? strtoull(seed_text, NULL, 10) : 1};
    struct tokenizer *tokenizer = open_tokenizer();
    (void)state;
    printf("seed %llu\n", (unsigned long long)rng.seed);
    for (size_t round = 0; round < 600; round++) {
        const char *chosen[4];
        const char *text = texts[rng_below(&rng, sizeof texts / sizeof texts[0])];
        struct text_stream_options options = {
            .stops = chosen, .stop_count = rng_below(&rng, 5), .include_stop = rng_below(&rng, 2)};
        for (size_t i = 0; i < options.stop_count; i++)
            chosen[i] = stops[rng_below(&rng, sizeof stops / sizeof stops[0])];
        struct token_ids ids = {0};
        cut(tokenizer, text, strlen(text), &rng, &ids);
        struct outcome expected = expected_outcome(text, strlen(text), &options);
        struct outcome found = stream_outcome(tokenizer, &options, &ids);
        assert_string_equal(found.shown, expected.shown);
        if (expected.stopped < 0)
            assert_int_equal(found.stopped, -1);
        else
            assert_string_equal(chosen[found.stopped], chosen[expected.stopped]);
        token_ids_free(&ids);
    }
    tokenizer_close(tokenizer);
}

/* Text is not held back longer than it must be. */
static void test_shows_at_once(void **state)
{
    static const char *const stops[] = {"cdx"};
    struct text_stream_options options = {.stops = stops, .stop_count = 1};
    static const char *const shown[] = {"a", "b", "", "", "cde", "f"};
    struct tokenizer *tokenizer = open_tokenizer();
    struct text_stream *stream;
    struct buffer out;
    (void)state;
    buffer_init(&out, 100);
    assert_int_equal(text_stream_new(tokenizer, &options, &stream, NULL), OCTET_OK);
    for (size_t i = 0; i < 6; i++) {
        char one[2] = {"abcdef"[i], '\0'};
        buffer_clear(&out);
        assert_true(text_stream_push(stream, tokenizer_token_id(tokenizer, one), &out));
        assert_string_equal(buffer_text(&out), shown[i]);
    }
    assert_int_equal(text_stream_stopped(stream), -1);
    text_stream_free(stream);
    buffer_free(&out);
    tokenizer_close(tokenizer);
}

/* As in vLLM, a stop string counts when its end lies beyond the first min_tokens tokens. */
static void test_min_tokens(void **state)
{
    static const char *const stops[] = {"bc"};
    static const char *const shown[] = {"", "a", "a", "abc", "abc", "abcbcd"};
    struct tokenizer *tokenizer = open_tokenizer();
    (void)state;
    for (size_t min_tokens = 1; min_tokens <= 5; min_tokens++) {
        struct text_stream_options options = {
            .stops = stops, .stop_count = 1, .min_tokens = min_tokens};
        struct token_ids ids = {0};
        for (const char *at = "abcbcd"; *at; at++) {
            char one[2] = {*at, '\0'};
            assert_true(token_ids_push(&ids, tokenizer_token_id(tokenizer, one)));
        }
        struct outcome found = stream_outcome(tokenizer, &options, &ids);
        assert_string_equal(found.shown, shown[min_tokens]);
        assert_int_equal(found.stopped, min_tokens < 5 ? 0 : -1);
        token_ids_free(&ids);
    }
    tokenizer_close(tokenizer);
}

static void test_finish_gives_the_rest(void **state)
{
    static const char *const stops[] = {"cdx", "\xEF\xBF\xBD!"};
    struct text_stream_options options = {.stops = stops, .stop_count = 2};
    struct tokenizer *tokenizer = open_tokenizer();
    struct token_ids ids = {0};
    struct rng rng = {.seed = 1};
    (void)state;
    /* The first byte of U+4F60 never goes on. */
    cut(tokenizer, "abcd\xE4", 5, &rng, &ids);
    struct outcome found = stream_outcome(tokenizer, &options, &ids);
    assert_string_equal(found.shown, "abcd\xEF\xBF\xBD");
    assert_int_equal(found.stopped, -1);
    token_ids_free(&ids);
    tokenizer_close(tokenizer);
}

static void test_special_tokens(void **state)
{
    struct tokenizer *tokenizer = open_tokenizer();
    int32_t special = tokenizer_token_id(tokenizer, "<|eot_id|>");
    int32_t letter = tokenizer_token_id(tokenizer, "a");
    struct token_ids ids = {0};
    struct text_stream_options options = {0};
    (void)state;
    assert_true(special >= 0 && letter >= 0);
    assert_true(token_ids_push(&ids, letter) && token_ids_push(&ids, special) &&
                token_ids_push(&ids, letter));
    assert_string_equal(stream_outcome(tokenizer, NULL, &ids).shown, "a<|eot_id|>a");
    options.skip_special = true;
    assert_string_equal(stream_outcome(tokenizer, &options, &ids).shown, "aa");
    token_ids_free(&ids);
    tokenizer_close(tokenizer);
}

static void test_refusals(void **state)
{
    static const char *const empty[] = {""};
    static const char *const invalid[] = {"\xFF"};
    struct tokenizer *tokenizer = open_tokenizer();
    struct text_stream *stream;
    struct octet_error err;
    char *long_stop = malloc(TEXT_STREAM_STOP_BYTES_MAX + 2);
    (void)state;
    assert_non_null(long_stop);
    memset(long_stop, 'a', TEXT_STREAM_STOP_BYTES_MAX + 1);
    long_stop[TEXT_STREAM_STOP_BYTES_MAX + 1] = '\0';
    const char *const long_stops[] = {long_stop};
    struct text_stream_options options = {.stops = empty, .stop_count = 1};
    assert_int_equal(text_stream_new(tokenizer, &options, &stream, &err), OCTET_INPUT);
    options.stops = invalid;
    assert_int_equal(text_stream_new(tokenizer, &options, &stream, &err), OCTET_INPUT);
    options.stops = long_stops;
    assert_int_equal(text_stream_new(tokenizer, &options, &stream, &err), OCTET_LIMIT);
    options.stop_count = TEXT_STREAM_STOPS_MAX + 1;
    assert_int_equal(text_stream_new(tokenizer, &options, &stream, &err), OCTET_LIMIT);
    free(long_stop);
    tokenizer_close(tokenizer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_cut),      cmocka_unit_test(test_shows_at_once),
        cmocka_unit_test(test_min_tokens),     cmocka_unit_test(test_finish_gives_the_rest),
        cmocka_unit_test(test_special_tokens), cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
