/* SPDX-License-Identifier: Apache-2.0 */
/* Every allocation of each scenario is refused once: the answer is a status, and nothing leaks. */
#include "support/testing.h"

#include <unistd.h>

#include "base/arena.h"
#include "base/json.h"
#include "base/parse.h"
#include "base/utf8.h"
#include "support/alloc_fail.h"

static const char *directory;

static octet_status use_json(void)
{
    static const char text[] = "{\"a\": [1, 2.5, \"\\u0001x\", 99999999999999999999], \"b\": {}}";
    struct json *value, *copy = NULL;
    struct octet_error err = {.status = OCTET_OK};
    octet_status status = json_parse(text, sizeof text - 1, 1000, "x", &value, &err);
    if (status != OCTET_OK) {
        assert_true(err.message[0] != '\0');
        return status;
    }
    struct buffer out;
    buffer_init(&out, 1000);
    copy = json_copy(value);
    struct json *string = json_new_string("bad \xFF");
    if (!copy || !string)
        status = OCTET_MEMORY;
    if (!json_set(copy, "new", string) || !json_dump(copy, 2, &out))
        status = OCTET_MEMORY;
    buffer_free(&out);
    json_free(copy);
    json_free(value);
    return status;
}

static octet_status use_files(void)
{
    struct octet_error err = {.status = OCTET_OK};
    char *path = path_join(directory, "file");
    if (!path)
        return OCTET_MEMORY;
    struct buffer text;
    buffer_init(&text, 1000);
    char **names = NULL;
    size_t count = 0;
    octet_status status = file_write_all(path, "text", 4, &err);
    if (status == OCTET_OK)
        status = file_read_all(path, 100, &text, &err);
    if (status == OCTET_OK)
        status = directory_list(directory, &names, &count, &err);
    if (status == OCTET_OK)
        status = directory_create(directory, &err);
    if (status != OCTET_OK)
        assert_true(err.status == status && err.message[0]);
    free(names);
    buffer_free(&text);
    remove(path);
    free(path);
    return status;
}

static octet_status use_memory(void)
{
    struct arena arena;
    arena_init(&arena, 1 << 20);
    bool ok =
        arena_strdup(&arena, "x") && arena_alloc(&arena, 100000) && arena_alloc(&arena, 60000);
    arena_free(&arena);
    struct buffer buffer;
    buffer_init(&buffer, 1000);
    buffer_printf(&buffer, "%d", 5);
    static const char text[] = "a text so long that the buffer must grow past its first size \xFF!";
    utf8_append_lossy(&buffer, text, sizeof text - 1);
    char *taken = buffer_failed(&buffer) ? NULL : buffer_take(&buffer, NULL);
    ok = ok && taken;
    free(taken);
    buffer_free(&buffer);
    size_t size;
    char *bytes = base64_decode("Zm9v", 4, &size);
    ok = ok && bytes;
    free(bytes);
    return ok ? OCTET_OK : OCTET_MEMORY;
}

static void refuse_each(octet_status (*scenario)(void), size_t at_least)
{
    for (size_t n = 0;; n++) {
        long outstanding;
        alloc_fail_begin(n);
        octet_status status = scenario();
        bool refused = alloc_fail_end(&outstanding);
        assert_int_equal(outstanding, 0);
        if (!refused) {
            assert_int_equal(status, OCTET_OK);
            assert_true(n >= at_least); /* the refusals did reach the scenario */
            return;
        }
        assert_int_equal(status, OCTET_MEMORY);
    }
}

static void test_json(void **state)
{
    (void)state;
    refuse_each(use_json, 5);
}

static void test_files(void **state)
{
    (void)state;
    directory = test_temporary_directory();
    refuse_each(use_files, 10);
    rmdir(directory);
}

static void test_memory(void **state)
{
    (void)state;
    refuse_each(use_memory, 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_files),
        cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests_name("memory", tests, NULL, NULL);
}
