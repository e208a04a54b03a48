/* SPDX-License-Identifier: Apache-2.0 */
/* The listings of both hubs: right ones, wrong ones, without memory. */
#include "support/testing.h"

#include "hub/hub_listing.h"
#include "support/alloc_fail.h"

#define GIT "0123456789abcdef0123456789abcdef01234567"
#define SHA "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static const char face[] =
    "{\"id\": \"a/b\", \"sha\": \"" GIT "\", \"siblings\": ["
    "{\"rfilename\": \"model.safetensors\", \"size\": 134, \"blobId\": \"" GIT "\","
    " \"lfs\": {\"sha256\": \"" SHA "\", \"size\": 5000000000, \"pointerSize\": 134}},"
    "{\"rfilename\": \"config.json\", \"size\": 12, \"blobId\": \"" GIT "\"}]}";
static const char scope[] =
    "{\"Code\": 200, \"Data\": {\"Files\": [{\"Path\": \"d\", \"Type\": \"tree\", \"Size\": 0},"
    "{\"Path\": \"d/config.json\", \"Type\": \"blob\", \"Size\": 12, \"Sha256\": \"" SHA "\"}]}}";

static octet_status parse(enum hub_kind kind, const char *text, struct hub_listing *out)
{
    return hub_listing_parse(kind, text, strlen(text), "listing", out, NULL);
}

static void test_hugging_face(void **state)
{
    (void)state;
    struct hub_listing listing;
    assert_int_equal(parse(HUB_HUGGING_FACE, face, &listing), OCTET_OK);
    assert_string_equal(listing.commit, GIT);
    assert_int_equal(listing.count, 2);
    assert_string_equal(listing.files[0].path, "config.json");
    assert_string_equal(listing.files[0].hash, GIT);
    assert_false(listing.files[0].sha256);
    assert_string_equal(listing.files[1].hash, SHA);
    assert_true(listing.files[1].sha256);
    assert_true(listing.files[1].size == 5000000000u);
    hub_listing_free(&listing);
}

static void test_model_scope(void **state)
{
    (void)state;
    struct hub_listing listing;
    assert_int_equal(parse(HUB_MODEL_SCOPE, scope, &listing), OCTET_OK);
    assert_string_equal(listing.commit, "");
    assert_int_equal(listing.count, 1);
    assert_string_equal(listing.files[0].path, "d/config.json");
    assert_true(listing.files[0].sha256);
    hub_listing_free(&listing);
    assert_int_equal(parse(HUB_MODEL_SCOPE, face, &listing), OCTET_INPUT);
    assert_int_equal(parse(HUB_HUGGING_FACE, scope, &listing), OCTET_INPUT);
}

#define ONE(file) "{\"sha\": \"" GIT "\", \"siblings\": [" file "]}"

static void test_wrong(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "",
        "[]",
        "{\"sha\": 1, \"siblings\": []}",
        "{\"sha\": \"" GIT "\"}",
        "{\"sha\": \"" GIT "\", \"siblings\": {}}",
        ONE("{}"),
        ONE("7"),
        ONE("{\"rfilename\": 1, \"size\": 1, \"blobId\": \"" GIT "\"}"),
        ONE("{\"rfilename\": \"../a\", \"size\": 1, \"blobId\": \"" GIT "\"}"),
        ONE("{\"rfilename\": \"a\\u0000b\", \"size\": 1, \"blobId\": \"" GIT "\"}"),
        ONE("{\"rfilename\": \"a\", \"size\": -1, \"blobId\": \"" GIT "\"}"),
        ONE("{\"rfilename\": \"a\", \"size\": 1.5, \"blobId\": \"" GIT "\"}"),
        ONE("{\"rfilename\": \"a\", \"size\": 99999999999999999999, \"blobId\": \"" GIT "\"}"),
        ONE("{\"rfilename\": \"a\", \"size\": 1, \"blobId\": \"" SHA "\"}"),
        ONE("{\"rfilename\": \"a\", \"size\": 1, \"lfs\": {\"sha256\": \"" GIT "\"}}"),
        ONE("{\"rfilename\": \"a\", \"size\": 1, \"blobId\": \"" GIT "\"},"
            "{\"rfilename\": \"a\", \"size\": 2, \"blobId\": \"" GIT "\"}"),
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct hub_listing listing;
        if (parse(HUB_HUGGING_FACE, wrong[i], &listing) != OCTET_INPUT)
            fail_msg("taken: %s", wrong[i]);
        assert_null(listing.files);
        assert_int_equal(listing.count, 0);
    }
}

static void test_without_memory(void **state)
{
    (void)state;
    for (size_t n = 0;; n++) {
        struct hub_listing listing;
        long outstanding = 0;
        alloc_fail_begin(n);
        octet_status status = parse(HUB_HUGGING_FACE, face, &listing);
        hub_listing_free(&listing);
        bool failed = alloc_fail_end(&outstanding);
        assert_int_equal(outstanding, 0);
        if (!failed) {
            assert_int_equal(status, OCTET_OK);
            assert_int_equal(n, 3); /* the list and two names */
            break;
        }
        assert_int_equal(status, OCTET_MEMORY);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hugging_face), cmocka_unit_test(test_model_scope),
        cmocka_unit_test(test_wrong), cmocka_unit_test(test_without_memory)};
    return cmocka_run_group_tests_name("hub_listing", tests, NULL, NULL);
}
