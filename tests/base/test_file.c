/* SPDX-License-Identifier: Apache-2.0 */
#include "support/testing.h"

#include <dirent.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <signal.h>
#include <unistd.h>

#include "base/file.h"
#include "base/rng.h"

/* Each test works in a directory of its own, which its teardown empties and removes. */
static int setup(void **state)
{
    *state = strdup(test_temporary_directory());
    return *state == NULL;
}

static int teardown(void **state)
{
    char **names;
    size_t count;
    if (directory_list(*state, &names, &count, NULL) == OCTET_OK) {
        for (size_t i = 0; i < count; i++) {
            char *path = path_join(*state, names[i]);
            remove(path);
            free(path);
        }
        free(names);
    }
    rmdir(*state);
    free(*state);
    return 0;
}

static char *in(void **state, const char *name)
{
    char *path = path_join(*state, name);
    assert_non_null(path);
    return path;
}

static void put(const char *path, const void *bytes, size_t size)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

static void assert_content(const char *path, const void *bytes, size_t size)
{
    size_t found;
    char *content = test_read_file(path, &found);
    assert_int_equal(found, size);
    assert_memory_equal(content, bytes, size);
    free(content);
}

static void test_reading(void **state)
{
    char *path = in(state, "data");
    put(path, "0123456789", 10);
    struct file file;
    struct octet_error err = {.status = OCTET_OK};
    assert_int_equal(file_open(path, &file, &err), OCTET_OK);
    assert_int_equal(file.size, 10);
    char bytes[11] = {0};
    assert_int_equal(file_read_at(&file, 3, bytes, 4, &err), OCTET_OK);
    assert_string_equal(bytes, "3456");
    assert_int_equal(file_read_at(&file, 10, bytes, 0, &err), OCTET_OK);
    assert_int_equal(file_read_at(&file, 8, bytes, 3, &err), OCTET_INPUT);
    assert_contains(err.message, "cut short");
    assert_contains(err.message, path);
    assert_int_equal(file_read_at(&file, UINT64_MAX, bytes, 2, &err), OCTET_INPUT);
    assert_int_equal(file_read_at(&file, (uint64_t)1 << 63, bytes, 1, &err), OCTET_INPUT);
    /* The file shrinks after it was opened. */
    assert_int_equal(truncate(path, 5), 0);
    assert_int_equal(file_read_at(&file, 0, bytes, 10, &err), OCTET_INPUT);
    assert_contains(err.message, "ends at byte 5");
    file_close(&file);
    file_close(&file); /* harmless */
    free(path);
}

static void test_refusals(void **state)
{
    struct file file;
    struct octet_error err = {.status = OCTET_OK};
    assert_int_equal(file_open(*state, &file, &err), OCTET_INPUT);
    assert_contains(err.message, "is a directory");
    char *fifo = in(state, "fifo");
    assert_int_equal(mkfifo(fifo, 0600), 0);
    assert_int_equal(file_open(fifo, &file, &err), OCTET_INPUT); /* and does not hang */
    char *absent = in(state, "absent");
    assert_int_equal(file_open(absent, &file, &err), OCTET_IO);
    assert_contains(err.message, "check the path");
    assert_false(file_exists(absent));
    assert_true(file_exists(fifo));
    assert_true(directory_exists(*state));
    assert_false(directory_exists(fifo));
    uint64_t bytes = 0;
    assert_int_equal(file_free_space(*state, &bytes, &err), OCTET_OK);
    assert_true(bytes > 0);
    assert_int_equal(file_free_space(absent, &bytes, &err), OCTET_IO);
    free(absent);
    free(fifo);
}

static void test_read_all(void **state)
{
    char *path = in(state, "data");
    enum { SIZE = 200000 };
    char *bytes = malloc(SIZE);
    assert_non_null(bytes);
    for (size_t i = 0; i < SIZE; i++)
        bytes[i] = (char)(i * 7);
    put(path, bytes, SIZE);
    struct buffer out;
    struct octet_error err = {.status = OCTET_OK};
    buffer_init(&out, SIZE + 10);
    assert_int_equal(file_read_all(path, SIZE, &out, &err), OCTET_OK);
    assert_int_equal(out.size, SIZE);
    assert_memory_equal(out.data, bytes, SIZE);
    assert_int_equal(out.data[SIZE], '\0');
    buffer_clear(&out);
    assert_int_equal(file_read_all(path, SIZE - 1, &out, &err), OCTET_LIMIT);
    assert_contains(err.message, path);
    /* The file says 0 bytes and has more. */
    buffer_clear(&out);
    assert_int_equal(file_read_all("/proc/self/status", SIZE, &out, &err), OCTET_OK);
    assert_true(out.size > 0);
    buffer_clear(&out);
    assert_int_equal(file_read_all("/proc/self/status", 4, &out, &err), OCTET_LIMIT);
    put(path, "", 0);
    buffer_free(&out);
    assert_int_equal(file_read_all(path, 0, &out, &err), OCTET_OK);
    assert_string_equal(buffer_text(&out), "");
    buffer_free(&out);
    free(bytes);
    free(path);
}

static void test_lfs_pointer(void **state)
{
    (void)state;
    static const char pointer[] = "version https://git-lfs.github.com/spec/v1\noid sha256:0\n";
    assert_true(file_is_lfs_pointer(pointer, sizeof pointer - 1));
    assert_false(file_is_lfs_pointer(pointer, 20));
    assert_false(file_is_lfs_pointer("", 0));
    assert_false(file_is_lfs_pointer("{\"a\":1}                                         ", 50));
}

static void test_directories(void **state)
{
    struct octet_error err = {.status = OCTET_OK};
    char **names;
    size_t count = 77;
    assert_int_equal(directory_list(*state, &names, &count, &err), OCTET_OK);
    assert_int_equal(count, 0);
    free(names);
    static const char *const expected[] = {".hidden", "B", "a", "a.b", "\xC3\xA9"};
    for (size_t i = 5; i-- > 0;) {
        char *path = in(state, expected[i]);
        put(path, "", 0);
        free(path);
    }
    assert_int_equal(directory_list(*state, &names, &count, &err), OCTET_OK);
    assert_int_equal(count, 5);
    for (size_t i = 0; i < count; i++)
        assert_string_equal(names[i], expected[i]);
    free(names);

    char *deep = in(state, "x/y//z/");
    assert_int_equal(directory_create(deep, &err), OCTET_OK);
    assert_int_equal(directory_create(deep, &err), OCTET_OK); /* again: fine */
    assert_true(directory_exists(deep));
    rmdir(deep);
    free(deep);
    char *y = in(state, "x/y");
    rmdir(y);
    free(y);
    char *over_file = in(state, "a/sub");
    assert_int_equal(directory_create(over_file, &err), OCTET_IO);
    assert_contains(err.message, "Not a directory");
    assert_int_equal(directory_list(over_file, &names, &count, &err), OCTET_IO);
    free(over_file);
    assert_int_equal(directory_create("", &err), OCTET_USAGE);

    static const char *const joins[][3] = {
        {"a", "b", "a/b"}, {"a/", "b", "a/b"}, {"/", "b", "/b"}, {"", "b", "b"}};
    for (size_t i = 0; i < 4; i++) {
        char *path = path_join(joins[i][0], joins[i][1]);
        assert_string_equal(path, joins[i][2]);
        free(path);
    }
}

static void test_writer(void **state)
{
    char *path = in(state, "out"), *part = in(state, "out.part");
    struct octet_error err = {.status = OCTET_OK};
    struct file_writer writer;
    enum { SIZE = 5 << 20 };
    char *bytes = malloc(SIZE);
    assert_non_null(bytes);
    for (size_t i = 0; i < SIZE; i++)
        bytes[i] = (char)(i * 31 >> 3);
    /* Pieces around the size of the write-behind buffer. */
    static const size_t pieces[] = {1, 0, (1 << 20) - 1, 1, 1 << 20, 100, (1 << 20) + 1, 1000000};
    assert_int_equal(file_writer_open(path, false, &writer, &err), OCTET_OK);
    size_t at = 0;
    for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++) {
        assert_int_equal(file_writer_write(&writer, bytes + at, pieces[i], &err), OCTET_OK);
        at += pieces[i];
        assert_int_equal(writer.offset, at);
        assert_true(file_exists(part) && !file_exists(path));
    }
    assert_int_equal(file_writer_commit(&writer, &err), OCTET_OK);
    assert_false(file_exists(part));
    assert_content(path, bytes, at);
    file_writer_abort(&writer); /* after a commit: does nothing */
    assert_content(path, bytes, at);

    /* Replaced whole or not at all. */
    assert_int_equal(file_writer_open(path, false, &writer, &err), OCTET_OK);
    assert_int_equal(file_writer_write(&writer, "new", 3, &err), OCTET_OK);
    file_writer_abort(&writer);
    assert_false(file_exists(part));
    assert_content(path, bytes, at);
    assert_int_equal(file_write_all(path, "new", 3, &err), OCTET_OK);
    assert_content(path, "new", 3);
    free(bytes);
    free(part);
    free(path);
}

static void test_writer_continues(void **state)
{
    char *path = in(state, "out"), *part = in(state, "out.part");
    struct octet_error err = {.status = OCTET_OK};
    struct file_writer writer;
    put(part, "half", 4);
    assert_int_equal(file_writer_open(path, true, &writer, &err), OCTET_OK);
    assert_int_equal(writer.offset, 4);
    assert_int_equal(file_writer_write(&writer, " whole", 6, &err), OCTET_OK);
    assert_int_equal(file_writer_commit(&writer, &err), OCTET_OK);
    assert_content(path, "half whole", 10);
    put(part, "stale", 5);
    assert_int_equal(file_write_all(path, "x", 1, &err), OCTET_OK);
    assert_content(path, "x", 1);
    free(part);
    free(path);
}

/* Links and further names of a file at NAME.part are replaced, what they lead to is not touched. */
static void test_writer_follows_no_link(void **state)
{
    char *path = in(state, "out"), *part = in(state, "out.part"), *other = in(state, "other");
    struct octet_error err = {.status = OCTET_OK};
    struct file_writer writer;
    put(other, "precious", 8);
    for (int keep = 0; keep <= 1; keep++) {
        for (int kind = 0; kind < 3; kind++) {
            int made = kind == 0   ? symlink(other, part)
                       : kind == 1 ? link(other, part)
                                   : mkfifo(part, 0600);
            assert_int_equal(made, 0);
            assert_int_equal(file_writer_open(path, keep, &writer, &err), OCTET_OK);
            assert_int_equal(writer.offset, 0);
            assert_int_equal(file_writer_write(&writer, "new", 3, &err), OCTET_OK);
            assert_int_equal(file_writer_commit(&writer, &err), OCTET_OK);
            assert_content(path, "new", 3);
            assert_content(other, "precious", 8);
        }
    }
    assert_int_equal(mkdir(part, 0700), 0);
    assert_int_equal(file_writer_open(path, false, &writer, &err), OCTET_IO);
    assert_contains(err.message, "out.part");
    assert_int_equal(rmdir(part), 0);
    free(other);
    free(part);
    free(path);
}

/* A disk that is full, played by the limit on the size of a file. */
static void test_writer_without_space(void **state)
{
    char *path = in(state, "out"), *part = in(state, "out.part");
    struct octet_error err = {.status = OCTET_OK};
    struct rlimit before, small;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = before;
    small.rlim_cur = 1000;
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    char bytes[4000] = {0};
    octet_status status = file_write_all(path, bytes, sizeof bytes, &err);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    signal(SIGXFSZ, handler);
    assert_int_equal(status, OCTET_IO);
    assert_contains(err.message, "out.part");
    assert_false(file_exists(path));
    assert_false(file_exists(part));
    char *nowhere = in(state, "no/such/place");
    assert_int_equal(file_write_all(nowhere, "x", 1, &err), OCTET_IO);
    assert_contains(err.message, nowhere);
    free(nowhere);
    free(part);
    free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_reading, setup, teardown),
        cmocka_unit_test_setup_teardown(test_refusals, setup, teardown),
        cmocka_unit_test_setup_teardown(test_read_all, setup, teardown),
        cmocka_unit_test(test_lfs_pointer),
        cmocka_unit_test_setup_teardown(test_directories, setup, teardown),
        cmocka_unit_test_setup_teardown(test_writer, setup, teardown),
        cmocka_unit_test_setup_teardown(test_writer_continues, setup, teardown),
        cmocka_unit_test_setup_teardown(test_writer_follows_no_link, setup, teardown),
        cmocka_unit_test_setup_teardown(test_writer_without_space, setup, teardown),
    };
    return cmocka_run_group_tests_name("file", tests, NULL, NULL);
}
