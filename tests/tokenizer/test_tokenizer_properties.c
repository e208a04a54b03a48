/* SPDX-License-Identifier: Apache-2.0 */
/* What must hold for any text: round trips, threads, cuts, and time that grows with the text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/rng.h"
#include "base/utf8.h"
#include "tokenizer/bpe_table.h"
#include "tokenizer/golden_tokens.h"
#include "tokenizer/tokenizer_parts.h"

static struct rng seeded(void)
{
    const char *text = getenv("OCTET_TEST_SEED");
    struct rng rng = {.seed = text ? strtoull(text, NULL, 10) : 1};
    printf("seed %llu\n", (unsigned long long)rng.seed);
    return rng;
}

static int open_tokenizer(void **state)
{
    struct octet_error err;
    struct tokenizer *tokenizer;
    if (tokenizer_open("tests/golden/tokenizer/llama3-style", &tokenizer, &err) != OCTET_OK) {
        fprintf(stderr, "%s\n", err.message);
        return -1;
    }
    *state = tokenizer;
    return 0;
}

static int close_tokenizer(void **state)
{
    tokenizer_close(*state);
    return 0;
}

/* Text that mixes what tokenizers treat differently, and bytes that are no text. */
static size_t random_text(struct rng *rng, char *out, size_t capacity)
{
    static const char *const pieces[] = {
        "the",
        " and",
        "  ",
        "\n",
        "\r\n",
        "'s",
        "'LL",
        "'\xC5\xBF",
        "123",
        "\xD9\xA3",
        "\xE4\xBD\xA0",
        "e\xCC\x81",
        "\xC2\x85",
        "\xF0\x9F\x98\x80",
        "<|begin_of_text|>",
        "<|",
        "!!!",
        "\t",
        "\xE1\x84\x80",
    };
    size_t size = 0, parts = rng_below(rng, 20);
    for (size_t i = 0; i < parts && size + 64 < capacity; i++) {
        if (rng_below(rng, 4) == 0) {
            for (size_t bytes = rng_below(rng, 8); bytes > 0; bytes--)
                out[size++] = (char)rng_below(rng, 256);
            continue;
        }
        const char *piece = pieces[rng_below(rng, sizeof pieces / sizeof pieces[0])];
        memcpy(out + size, piece, strlen(piece));
        size += strlen(piece);
    }
    return size;
}

static void encode(const struct tokenizer *tokenizer, const char *text, size_t size,
                   enum special_mode mode, struct token_ids *ids)
{
    struct octet_error err;
    if (tokenizer_encode(tokenizer, text, size, mode, false, ids, &err) != OCTET_OK)
        fail_msg("%s", err.message);
}

/* Without a normaliser, decoding gives the text back, invalid parts replaced. */
static void test_round_trip(void **state)
{
    const struct tokenizer *tokenizer = *state;
    struct rng rng = seeded();
    for (size_t round = 0; round < 3000; round++) {
        char text[2048];
        size_t size = random_text(&rng, text, sizeof text);
        struct token_ids ids = {0};
        struct buffer decoded, expected;
        buffer_init(&decoded, 1 << 16);
        buffer_init(&expected, 1 << 16);
        encode(tokenizer, text, size, round % 3 == 0 ? SPECIAL_NONE : SPECIAL_PARSE, &ids);
        assert_true(tokenizer_decode(tokenizer, ids.ids, ids.count, false, &decoded));
        assert_true(utf8_append_lossy(&expected, text, size));
        assert_int_equal(decoded.size, expected.size);
        assert_memory_equal(buffer_text(&decoded), buffer_text(&expected), expected.size);
        buffer_free(&expected);
        buffer_free(&decoded);
        token_ids_free(&ids);
    }
}

/* A stream of any tokens shows, all in all, what decoding them at once shows. */
static void test_stream(void **state)
{
    const struct tokenizer *tokenizer = *state;
    struct rng rng = seeded();
    for (size_t round = 0; round < 2000; round++) {
        struct token_ids ids = {0};
        struct buffer raw, expected, shown;
        struct detokenizer detokenizer;
        bool skip_special = rng_below(&rng, 2);
        buffer_init(&raw, 1 << 16);
        buffer_init(&expected, 1 << 16);
        buffer_init(&shown, 1 << 16);
        detokenizer_init(&detokenizer, tokenizer, skip_special);
        for (size_t count = rng_below(&rng, 30); count > 0; count--) {
            /* Half are single bytes, which make and break UTF-8 sequences. */
            int32_t id = (int32_t)rng_below(&rng, rng_below(&rng, 2) ? 256 : 6100);
            size_t before = shown.size;
            assert_true(token_ids_push(&ids, id));
            assert_true(detokenizer_push(&detokenizer, id, &shown));
            assert_true(utf8_valid(buffer_text(&shown) + before, shown.size - before));
        }
        assert_true(detokenizer_finish(&detokenizer, &shown));
        assert_true(tokenizer_decode(tokenizer, ids.ids, ids.count, skip_special, &raw));
        assert_true(utf8_append_lossy(&expected, buffer_text(&raw), raw.size));
        assert_int_equal(shown.size, expected.size);
        assert_memory_equal(buffer_text(&shown), buffer_text(&expected), shown.size);
        buffer_free(&shown);
        buffer_free(&expected);
        buffer_free(&raw);
        token_ids_free(&ids);
    }
}

/* The definition of BPE, word for word. */
static void naive_bpe(const struct bpe *bpe, const char *word, size_t size, struct token_ids *ids)
{
    for (size_t i = 0; i < size; i++)
        assert_true(token_ids_push(ids, bpe->byte_ids[(uint8_t)word[i]]));
    for (;;) {
        const struct bpe_merge *best = NULL;
        size_t where = 0;
        for (size_t i = 0; i + 1 < ids->count; i++) {
            const struct bpe_merge *merge = bpe_table_find(bpe, ids->ids[i], ids->ids[i + 1]);
            if (merge && (!best || merge->rank < best->rank)) {
                best = merge;
                where = i;
            }
        }
        if (!best)
            return;
        ids->ids[where] = best->joined;
        for (size_t i = where + 1; i + 1 < ids->count; i++)
            ids->ids[i] = ids->ids[i + 1];
        ids->count--;
    }
}

static void test_bpe_definition(void **state)
{
    const struct tokenizer *tokenizer = *state;
    struct rng rng = seeded();
    struct bpe bpe = tokenizer->bpe;
    struct bpe_scratch scratch = {0};
    bpe.ignore_merges = false;
    for (size_t round = 0; round < 1500; round++) {
        char word[400];
        /* Words around the border between the two ways of merging, and longer ones. */
        size_t size = 1 + rng_below(&rng, round % 2 ? 90 : sizeof word);
        size_t letters = 1 + rng_below(&rng, 26);
        for (size_t i = 0; i < size; i++)
            word[i] = "etaoinshrdlucmfwypvbgkjqxz"[rng_below(&rng, letters)];
        struct token_ids found = {0}, expected = {0};
        assert_int_equal(bpe_encode(&bpe, &scratch, word, size, &found, NULL), OCTET_OK);
        naive_bpe(&bpe, word, size, &expected);
        assert_int_equal(found.count, expected.count);
        assert_memory_equal(found.ids, expected.ids, found.count * sizeof *found.ids);
        token_ids_free(&expected);
        token_ids_free(&found);
    }
    bpe_scratch_free(&scratch);
}

struct worker {
    const struct tokenizer *tokenizer;
    uint64_t seed;
    uint64_t hash;
    pthread_t thread;
};

static void *hash_ids(void *argument)
{
    struct worker *worker = argument;
    struct rng rng = {.seed = worker->seed};
    for (size_t round = 0; round < 300; round++) {
        char text[2048];
        struct token_ids ids = {0};
        size_t size = random_text(&rng, text, sizeof text);
        if (tokenizer_encode(worker->tokenizer, text, size, SPECIAL_PARSE, true, &ids, NULL) !=
            OCTET_OK)
            return NULL;
        for (size_t i = 0; i < ids.count; i++)
            worker->hash = (worker->hash ^ (uint64_t)ids.ids[i]) * 0x100000001B3u;
        token_ids_free(&ids);
    }
    return worker;
}

static void test_threads(void **state)
{
    struct worker alone = {.tokenizer = *state, .seed = 5}, together[4];
    assert_non_null(hash_ids(&alone));
    for (size_t i = 0; i < 4; i++) {
        together[i] = (struct worker){.tokenizer = *state, .seed = 5};
        assert_int_equal(pthread_create(&together[i].thread, NULL, hash_ids, &together[i]), 0);
    }
    for (size_t i = 0; i < 4; i++) {
        void *result;
        assert_int_equal(pthread_join(together[i].thread, &result), 0);
        assert_non_null(result);
        assert_int_equal(together[i].hash, alone.hash);
    }
}

/* Inputs on which a quadratic step anywhere would take minutes or hours. */
static void run_pathological(const struct tokenizer *tokenizer)
{
    static const struct {
        const char *name, *unit;
        size_t count;
    } inputs[] = {
        {"10^6 a", "a", 1000000},
        {"10^6 spaces", " ", 1000000},
        {"10^6 newlines", "\n", 1000000},
        {"10^6 digits", "7", 1000000},
        {"10^6 x <", "<", 1000000},
        {"newlines and spaces", "\n ", 500000},
        {"marks", "\xCC\x81", 100000},
        {"marks out of order", "\xCC\x81\xCC\xA3", 50000},
        {"bytes FF", "\xFF", 300000},
        {"added tokens", "<|begin_of_text|>", 60000},
        {"almost added tokens", "<|begin_of_text|", 60000},
        {"no split", "\xE4\xBD\xA0\xE5\xA5\xBD", 170000},
    };
    for (size_t i = 0; i < sizeof inputs / sizeof inputs[0]; i++) {
        size_t unit = strlen(inputs[i].unit), size = unit * inputs[i].count;
        char *text = malloc(size);
        struct token_ids ids = {0};
        assert_non_null(text);
        for (size_t j = 0; j < inputs[i].count; j++)
            memcpy(text + j * unit, inputs[i].unit, unit);
        uint64_t start = clock_now_ns();
        encode(tokenizer, text, size, SPECIAL_PARSE, &ids);
        double seconds = clock_seconds_since(start);
        printf("%-20s %8zu bytes %8zu ids %7.1f ms\n", inputs[i].name, size, ids.count,
               seconds * 1e3);
        assert_true(seconds < 30.0);
        token_ids_free(&ids);
        free(text);
    }
}

static void test_pathological(void **state)
{
    run_pathological(*state);
}

static void test_pathological_qwen3(void **state)
{
    struct tokenizer *tokenizer;
    char *directory = golden_shared_path("data/qwen3-tokenizer");
    (void)state;
    if (!directory) {
        printf("SKIP: test_pathological_qwen3: no shared data\n");
        skip();
    }
    assert_int_equal(tokenizer_open(directory, &tokenizer, NULL), OCTET_OK);
    run_pathological(tokenizer);
    tokenizer_close(tokenizer);
    free(directory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),     cmocka_unit_test(test_stream),
        cmocka_unit_test(test_bpe_definition), cmocka_unit_test(test_threads),
        cmocka_unit_test(test_pathological),   cmocka_unit_test(test_pathological_qwen3),
    };
    return cmocka_run_group_tests(tests, open_tokenizer, close_tokenizer);
}
