/* SPDX-License-Identifier: Apache-2.0 */
#include "support/testing.h"

#include "base/digest.h"

/* FIPS 180-4 examples; a message hashed in pieces is the message. */
static void check(const char *text, size_t size, size_t repeats, const char *expected)
{
    char hex[65];
    struct digest *digest = digest_new();
    assert_non_null(digest);
    for (size_t i = 0; i < repeats; i++) {
        assert_true(digest_update(digest, text, size / 3));
        assert_true(digest_update(digest, text + size / 3, size - size / 3));
    }
    assert_true(digest_finish(digest, hex));
    assert_string_equal(hex, expected);
}

static void test_vectors(void **state)
{
    (void)state;
    check("", 0, 1, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    check("abc", 3, 1, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    check("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 56, 1,
          "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    check("aaaaaaaaaa", 10, 100000,
          "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    /* printf hello | git hash-object --stdin */
    char hex[65];
    struct digest *blob = digest_new_git_blob(5);
    assert_true(digest_update(blob, "hello", 5));
    assert_true(digest_finish(blob, hex));
    assert_string_equal(hex, "b6fc4c620b67d95f953a5c1c1230aaab5db5a1b0");
    struct digest *unfinished = digest_new();
    assert_true(digest_update(unfinished, "x", 1));
    digest_free(unfinished);
    digest_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_vectors)};
    return cmocka_run_group_tests_name("digest", tests, NULL, NULL);
}
