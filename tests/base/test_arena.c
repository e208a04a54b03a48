/* SPDX-License-Identifier: Apache-2.0 */
#include "support/testing.h"

#include "base/arena.h"
#include "base/rng.h"

/* Pieces of all sizes: aligned, zeroed, apart from each other, and within the limit. */
static void test_pieces(void **state)
{
    (void)state;
    enum { COUNT = 2000 };
    struct rng rng = {.seed = test_seed()};
    static unsigned char *pieces[COUNT];
    static size_t sizes[COUNT];
    struct arena arena;
    arena_init(&arena, (size_t)1 << 30);
    for (size_t i = 0; i < COUNT; i++) {
        sizes[i] = rng_below(&rng, i % 50 == 0 ? 200000 : 300);
        pieces[i] = arena_alloc(&arena, sizes[i]);
        assert_non_null(pieces[i]);
        assert_int_equal((uintptr_t)pieces[i] % 16, 0);
        for (size_t k = 0; k < sizes[i]; k++)
            assert_int_equal(pieces[i][k], 0);
        memset(pieces[i], (int)(i % 251) + 1, sizes[i]);
    }
    for (size_t i = 0; i < COUNT; i++)
        for (size_t k = 0; k < sizes[i]; k++)
            assert_int_equal(pieces[i][k], i % 251 + 1);
    arena_free(&arena);
    assert_int_equal(arena.used, 0);
    assert_non_null(arena_alloc(&arena, 1)); /* usable again */
    arena_free(&arena);
}

static void test_limit(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, 160);
    assert_null(arena_alloc(&arena, 161));
    assert_null(arena_alloc(&arena, SIZE_MAX));
    assert_null(arena_calloc(&arena, SIZE_MAX / 2, 3));
    assert_null(arena_strndup(&arena, "", SIZE_MAX));
    for (int i = 0; i < 10; i++)
        assert_non_null(arena_alloc(&arena, 1)); /* each takes 16 */
    assert_null(arena_alloc(&arena, 0));
    assert_int_equal(arena.used, 160);
    arena_free(&arena);
    arena_init(&arena, 0);
    assert_null(arena_alloc(&arena, 1));
    arena_free(&arena);
}

static void test_copies(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, 4096);
    assert_string_equal(arena_strdup(&arena, "model.layers.0"), "model.layers.0");
    char *bytes = arena_strndup(&arena, "a\0b", 3);
    assert_memory_equal(bytes, "a\0b", 4);
    char *first = arena_strndup(&arena, NULL, 0), *second = arena_strndup(&arena, NULL, 0);
    assert_true(first && second && first != second);
    uint64_t *numbers = arena_calloc(&arena, 5, sizeof *numbers);
    assert_true(numbers && numbers[4] == 0);
    arena_free(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pieces),
        cmocka_unit_test(test_limit),
        cmocka_unit_test(test_copies),
    };
    return cmocka_run_group_tests_name("arena", tests, NULL, NULL);
}
