/* SPDX-License-Identifier: Apache-2.0 */
/* Ids, revisions, paths, patterns, addresses, and where things lie. */
#include "support/testing.h"

#include "hub/hub_name.h"
#include "hub/hub_place.h"

static void test_ids(void **state)
{
    (void)state;
    const char *good[] = {"gpt2", "Qwen/Qwen3-0.6B-FP8", "a/b_c.d-e", "-x/y"};
    const char *bad[] = {"",     "/",      "a/",    "/a",    "a/b/c",  ".a/b", "a/.b",  "..",
                         "a/..", "a--b/c", "a b/c", "a/b\n", "a\\b/c", "a/b?", "a%2f/b"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_true(hub_is_id(good[i]));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        if (hub_is_id(bad[i]))
            fail_msg("taken as an id: '%s'", bad[i]);
    }
    char id[HUB_ID_MAX], revision[HUB_REVISION_MAX], longest[300];
    assert_int_equal(hub_split_id("a/b@refs/pr/1", id, revision, NULL), OCTET_OK);
    assert_string_equal(id, "a/b");
    assert_string_equal(revision, "refs/pr/1");
    assert_int_equal(hub_split_id("a/b", id, revision, NULL), OCTET_OK);
    assert_string_equal(revision, "");
    memset(longest, 'a', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    const char *wrong[] = {"a/b@", "a/b@..", "a/b@x/", "a/b@/x", "a/b@x@y", "@x", longest};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_int_equal(hub_split_id(wrong[i], id, revision, NULL), OCTET_USAGE);
}

static void test_hashes(void **state)
{
    (void)state;
    assert_true(hub_is_hash("0123456789abcdef0123456789abcdef01234567", 40));
    assert_false(hub_is_hash("0123456789ABCDEF0123456789abcdef01234567", 40));
    assert_false(hub_is_hash("0123456789abcdef0123456789abcdef0123456/", 40));
    assert_false(hub_is_hash("0123456789abcdef0123456789abcdef0123456", 40));
    assert_false(hub_is_hash(NULL, 40));
}

static void test_paths(void **state)
{
    (void)state;
    const char *good[] = {"config.json",
                          "a/b/c.json",
                          "...",
                          "a b",
                          "..a",
                          ".gitattributes",
                          "\xe6\xa8\xa1\xe5\x9e\x8b.json"};
    const char *bad[] = {"",       "/",    "/a",    "a/",   "a//b", ".",    "..",       "../a",
                         "a/../b", "a/..", "a/./b", "a\\b", "a\tb", "\x7f", "a/\x1b[2J"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_int_equal(hub_check_path(good[i], NULL), OCTET_OK);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        if (hub_check_path(bad[i], NULL) != OCTET_INPUT)
            fail_msg("taken as a path: '%s'", bad[i]);
    }
    char deep[200] = "", name[300];
    for (int i = 0; i < 31; i++)
        memcpy(deep + strlen(deep), "a/", 3);
    memcpy(deep + strlen(deep), "b", 2);
    assert_int_equal(hub_check_path(deep, NULL), OCTET_OK); /* 32 names */
    memcpy(deep + strlen(deep), "/c", 3);
    assert_int_equal(hub_check_path(deep, NULL), OCTET_INPUT);
    memset(name, 'n', sizeof name);
    name[200] = '\0';
    assert_int_equal(hub_check_path(name, NULL), OCTET_OK);
    name[200] = 'n';
    name[201] = '\0';
    assert_int_equal(hub_check_path(name, NULL), OCTET_INPUT);
}

static void test_what_is_wanted(void **state)
{
    (void)state;
    const char *yes[] = {"model.safetensors",
                         "config.json",
                         "tokenizer.model",
                         "merges.txt",
                         "chat_template.jinja",
                         "LICENSE",
                         "model.safetensors.index.json"};
    const char *no[] = {
        "pytorch_model.bin",        "README.md",      "onnx/config.json",    "model.gguf",
        "consolidated.safetensors", ".gitattributes", "original/params.json"};
    for (size_t i = 0; i < sizeof yes / sizeof *yes; i++)
        assert_true(hub_wanted_by_default(yes[i]));
    for (size_t i = 0; i < sizeof no / sizeof *no; i++)
        assert_false(hub_wanted_by_default(no[i]));
    const char *const include[] = {"*.json", "README*"}, *const exclude[] = {"onnx/*"};
    struct hub_options options = {
        .include = include, .include_count = 2, .exclude = exclude, .exclude_count = 1};
    assert_true(hub_is_wanted(&options, "original/params.json"));
    assert_true(hub_is_wanted(&options, "README.md"));
    assert_false(hub_is_wanted(&options, "onnx/config.json"));
    assert_false(hub_is_wanted(&options, "model.safetensors"));
}

static void check_url(void (*make)(struct buffer *), const char *expected)
{
    struct buffer url;
    buffer_init(&url, 4096);
    make(&url);
    assert_false(buffer_failed(&url));
    assert_string_equal(buffer_text(&url), expected);
    buffer_free(&url);
}

static void face_listing(struct buffer *out)
{
    hub_listing_url(HUB_HUGGING_FACE, "https://h", "a/b", "refs/pr/1", out);
}

static void scope_listing(struct buffer *out)
{
    hub_listing_url(HUB_MODEL_SCOPE, "https://h", "a/b", "v1.0", out);
}

static void face_file(struct buffer *out)
{
    hub_file_url(HUB_HUGGING_FACE, "https://h", "a/b", "x", "c d/e#?%\xe6.f", out);
}

static void scope_file(struct buffer *out)
{
    hub_file_url(HUB_MODEL_SCOPE, "https://h", "a/b", "master", "c/d&e.f", out);
}

static void test_addresses(void **state)
{
    (void)state;
    check_url(face_listing, "https://h/api/models/a/b/revision/refs%2Fpr%2F1?blobs=true");
    check_url(scope_listing, "https://h/api/v1/models/a/b/repo/files?Revision=v1.0&Recursive=true");
    check_url(face_file, "https://h/a/b/resolve/x/c%20d/e%23%3F%25%E6.f");
    check_url(scope_file, "https://h/api/v1/models/a/b/repo?Revision=master&FilePath=c%2Fd%26e.f");
}

static void forget_environment(void)
{
    const char *names[] = {"HF_HOME",
                           "HF_HUB_CACHE",
                           "HUGGINGFACE_HUB_CACHE",
                           "XDG_CACHE_HOME",
                           "MODELSCOPE_CACHE",
                           "HF_ENDPOINT",
                           "MODELSCOPE_DOMAIN",
                           "HF_TOKEN",
                           "HUGGING_FACE_HUB_TOKEN",
                           "VLLM_USE_MODELSCOPE",
                           "HF_TOKEN_PATH"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        unsetenv(names[i]);
    setenv("HOME", "/home/u", 1);
}

static void test_places(void **state)
{
    (void)state;
    struct hub_place place;
    struct hub_spot spot;
    struct hub_file file = {.path = "a/c.json", .hash = "00ff"};
    forget_environment();
    assert_int_equal(hub_place_of(HUB_HUGGING_FACE, "O/N-1.0", &place, NULL), OCTET_OK);
    assert_string_equal(place.repository, "/home/u/.cache/huggingface/hub/models--O--N-1.0");
    assert_int_equal(hub_spot_of(&place, &file, &spot, NULL), OCTET_OK);
    assert_string_equal(spot.final, "/home/u/.cache/huggingface/hub/models--O--N-1.0/blobs/00ff");
    assert_string_equal(spot.lock,
                        "/home/u/.cache/huggingface/hub/.locks/models--O--N-1.0/00ff.lock");
    setenv("XDG_CACHE_HOME", "/xdg", 1);
    assert_int_equal(hub_place_of(HUB_HUGGING_FACE, "gpt2", &place, NULL), OCTET_OK);
    assert_string_equal(place.repository, "/xdg/huggingface/hub/models--gpt2");
    setenv("HF_HOME", "/hf", 1);
    assert_int_equal(hub_place_of(HUB_HUGGING_FACE, "gpt2", &place, NULL), OCTET_OK);
    assert_string_equal(place.repository, "/hf/hub/models--gpt2");
    setenv("HF_HUB_CACHE", "/cache", 1);
    assert_int_equal(hub_place_of(HUB_HUGGING_FACE, "gpt2", &place, NULL), OCTET_OK);
    assert_string_equal(place.repository, "/cache/models--gpt2");
    assert_int_equal(hub_place_of(HUB_MODEL_SCOPE, "O.o/N-1.0", &place, NULL), OCTET_OK);
    assert_string_equal(place.repository, "/home/u/.cache/modelscope/hub/models/O.o/N-1___0");
    setenv("MODELSCOPE_CACHE", "/ms", 1);
    assert_int_equal(hub_place_of(HUB_MODEL_SCOPE, "O/N", &place, NULL), OCTET_OK);
    assert_string_equal(place.repository, "/ms/models/O/N");
    assert_int_equal(hub_spot_of(&place, &file, &spot, NULL), OCTET_OK);
    assert_string_equal(spot.final, "/ms/models/O/N/a/c.json");
}

static void test_hubs(void **state)
{
    (void)state;
    char endpoint[100], tiny[8];
    forget_environment();
    assert_int_equal(hub_kind_of(NULL), HUB_HUGGING_FACE);
    assert_int_equal(hub_kind_of("https://www.modelscope.cn"), HUB_MODEL_SCOPE);
    assert_int_equal(hub_kind_of("https://mirror/modelscope"), HUB_HUGGING_FACE);
    assert_int_equal(hub_endpoint(HUB_HUGGING_FACE, endpoint, sizeof endpoint, NULL), OCTET_OK);
    assert_string_equal(endpoint, "https://huggingface.co");
    setenv("HF_ENDPOINT", "http://mirror:1", 1);
    setenv("MODELSCOPE_DOMAIN", "www.modelscope.ai", 1);
    setenv("VLLM_USE_MODELSCOPE", "True", 1);
    assert_int_equal(hub_kind_of(NULL), HUB_MODEL_SCOPE);
    assert_int_equal(hub_kind_of("https://huggingface.co"), HUB_HUGGING_FACE);
    assert_int_equal(hub_endpoint(HUB_HUGGING_FACE, endpoint, sizeof endpoint, NULL), OCTET_OK);
    assert_string_equal(endpoint, "http://mirror:1");
    assert_int_equal(hub_endpoint(HUB_MODEL_SCOPE, endpoint, sizeof endpoint, NULL), OCTET_OK);
    assert_string_equal(endpoint, "https://www.modelscope.ai");
    assert_int_equal(hub_endpoint(HUB_MODEL_SCOPE, tiny, sizeof tiny, NULL), OCTET_USAGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ids),       cmocka_unit_test(test_hashes),
        cmocka_unit_test(test_paths),     cmocka_unit_test(test_what_is_wanted),
        cmocka_unit_test(test_addresses), cmocka_unit_test(test_places),
        cmocka_unit_test(test_hubs)};
    return cmocka_run_group_tests_name("hub_name", tests, NULL, NULL);
}
