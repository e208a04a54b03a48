/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/kv_blocks.h"
#include "support/testing.h"

static void init(struct kv_blocks *pool, int32_t count, int32_t size)
{
    assert_int_equal(kv_blocks_init(pool, count, size, true, NULL), OCTET_OK);
}

static void takes_all_and_no_more(void **state)
{
    (void)state;
    struct kv_blocks pool;
    bool seen[5] = {false};
    init(&pool, 5, 4);
    for (int i = 0; i < 5; i++) {
        int32_t block = kv_blocks_take(&pool);
        assert_in_range(block, 0, 4);
        assert_false(seen[block]);
        seen[block] = true;
    }
    assert_int_equal(kv_blocks_take(&pool), KV_NO_BLOCK);
    assert_int_equal(pool.free_count, 0);
    kv_blocks_retain(&pool, 3);
    kv_blocks_release(&pool, 3);
    assert_int_equal(kv_blocks_take(&pool), KV_NO_BLOCK);
    kv_blocks_release(&pool, 3);
    assert_int_equal(kv_blocks_take(&pool), 3);
    kv_blocks_free(&pool);
}

static void finds_equal_prefixes_only(void **state)
{
    (void)state;
    struct kv_blocks pool;
    const int32_t a[] = {1, 2}, b[] = {3, 4}, c[] = {3, 5};
    uint64_t content = 0;
    init(&pool, 6, 2);
    uint64_t root = kv_blocks_root(0), other = kv_blocks_root(77);
    int32_t first = kv_blocks_take(&pool), second = kv_blocks_take(&pool);
    uint64_t after_first = kv_blocks_register(&pool, first, root, a);
    uint64_t after_second = kv_blocks_register(&pool, second, after_first, b);
    assert_true(after_first != after_second && after_first != root);
    assert_int_equal(kv_blocks_find(&pool, root, a, &content), first);
    assert_true(content == after_first);
    assert_int_equal(pool.blocks[first].references, 2);
    assert_int_equal(kv_blocks_find(&pool, content, b, &content), second);
    assert_int_equal(kv_blocks_find(&pool, after_first, c, &content), KV_NO_BLOCK);
    assert_int_equal(kv_blocks_find(&pool, root, b, &content), KV_NO_BLOCK);
    assert_int_equal(kv_blocks_find(&pool, other, a, &content), KV_NO_BLOCK);
    /* The same contents once more: the first block stays the known one. */
    int32_t third = kv_blocks_take(&pool);
    assert_true(kv_blocks_register(&pool, third, root, a) == after_first);
    assert_int_equal(pool.blocks[third].content, 0);
    assert_int_equal(pool.cached_count, 2);
    kv_blocks_free(&pool);
}

static void the_longest_unused_goes_first(void **state)
{
    (void)state;
    struct kv_blocks pool;
    uint64_t content = 0;
    init(&pool, 4, 1);
    int32_t blocks[4];
    for (int32_t i = 0; i < 4; i++) {
        blocks[i] = kv_blocks_take(&pool);
        if (i < 3)
            kv_blocks_register(&pool, blocks[i], kv_blocks_root(0), &i);
    }
    const int32_t order[] = {2, 0, 1};
    for (int i = 0; i < 3; i++)
        kv_blocks_release(&pool, blocks[order[i]]);
    kv_blocks_release(&pool, blocks[3]);
    /* Contents survive while they are free; using one again makes it the newest. */
    const int32_t two = 2;
    assert_int_equal(kv_blocks_find(&pool, kv_blocks_root(0), &two, &content), blocks[2]);
    kv_blocks_release(&pool, blocks[2]);
    assert_int_equal(kv_blocks_take(&pool), blocks[3]); /* nothing cached in it */
    assert_int_equal(kv_blocks_take(&pool), blocks[0]);
    assert_int_equal(pool.cached_count, 2);
    assert_int_equal(kv_blocks_take(&pool), blocks[1]);
    assert_int_equal(kv_blocks_find(&pool, kv_blocks_root(0), &two, &content), blocks[2]);
    kv_blocks_release(&pool, blocks[2]);
    kv_blocks_forget(&pool);
    assert_int_equal(pool.cached_count, 0);
    assert_int_equal(kv_blocks_find(&pool, kv_blocks_root(0), &two, &content), KV_NO_BLOCK);
    kv_blocks_free(&pool);
}

static void without_cache_nothing_is_found(void **state)
{
    (void)state;
    struct kv_blocks pool;
    const int32_t a[] = {1, 2};
    uint64_t content = 0;
    assert_int_equal(kv_blocks_init(&pool, 3, 2, false, NULL), OCTET_OK);
    int32_t block = kv_blocks_take(&pool);
    assert_true(kv_blocks_register(&pool, block, 9, a) == 9);
    assert_int_equal(kv_blocks_find(&pool, 9, a, &content), KV_NO_BLOCK);
    kv_blocks_release(&pool, block);
    assert_int_equal(pool.free_count, 3);
    kv_blocks_free(&pool);
}

static void sizes_are_checked(void **state)
{
    (void)state;
    struct kv_blocks pool;
    struct octet_error err;
    const int32_t bad[][2] = {{0, 16}, {16, 0}, {-1, 4}, {INT32_MAX, 2}};
    for (int i = 0; i < 4; i++) {
        assert_int_equal(kv_blocks_init(&pool, bad[i][0], bad[i][1], true, &err), OCTET_USAGE);
        assert_contains(err.message, "KV pool");
    }
    init(&pool, 3, 16);
    assert_int_equal(kv_blocks_needed(&pool, 0), 0);
    assert_int_equal(kv_blocks_needed(&pool, 16), 1);
    assert_int_equal(kv_blocks_needed(&pool, 17), 2);
    kv_blocks_free(&pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_all_and_no_more),
        cmocka_unit_test(finds_equal_prefixes_only),
        cmocka_unit_test(the_longest_unused_goes_first),
        cmocka_unit_test(without_cache_nothing_is_found),
        cmocka_unit_test(sizes_are_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
