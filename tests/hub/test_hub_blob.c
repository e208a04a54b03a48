/* SPDX-License-Identifier: Apache-2.0 */
/* A file on its way: resumed, wrong, locked, and Git's hash. */
#include "support/testing.h"

#include <sys/stat.h>
#include <unistd.h>
#include "hub/hub_blob.h"
#include "hub/hub_snapshot.h"

#define HELLO_GIT "ce013625030ba8dba906f756967f9e9ca394464a" /* echo hello | git hash-object */

struct fixture {
    char folder[64];
    struct hub_place place;
    struct hub_file file;
    struct hub_spot spot;
};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    snprintf(fixture->folder, sizeof fixture->folder, "/tmp/octet-hub-XXXXXX");
    if (!mkdtemp(fixture->folder))
        return -1;
    setenv("HF_HUB_CACHE", fixture->folder, 1);
    fixture->file = (struct hub_file){.path = "config.json", .size = 6, .hash = HELLO_GIT};
    hub_place_of(HUB_HUGGING_FACE, "a/b", &fixture->place, NULL);
    hub_spot_of(&fixture->place, &fixture->file, &fixture->spot, NULL);
    *state = fixture;
    return directory_create(fixture->place.pending, NULL) == OCTET_OK &&
                   directory_create(fixture->place.locks, NULL) == OCTET_OK
               ? 0
               : -1;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    char command[128];
    snprintf(command, sizeof command, "rm -r '%s'", fixture->folder);
    int failed = system(command);
    free(fixture);
    return failed;
}

static enum hub_blob_state open_blob(struct fixture *fixture, struct hub_blob *blob)
{
    enum hub_blob_state opened;
    assert_int_equal(
        hub_blob_open(&fixture->place, &fixture->file, &fixture->spot, &opened, blob, NULL),
        OCTET_OK);
    return opened;
}

static void test_resume(void **state)
{
    struct fixture *fixture = *state;
    struct hub_blob blob, other;
    assert_int_equal(open_blob(fixture, &blob), HUB_BLOB_OPEN);
    assert_int_equal(hub_blob_append(&blob, "hel", 3, NULL), OCTET_OK);
    assert_int_equal(open_blob(fixture, &other), HUB_BLOB_BUSY);
    hub_blob_close(&other);
    hub_blob_close(&blob);
    assert_true(hub_blob_gathered(&fixture->file, &fixture->spot) == 3);
    assert_int_equal(open_blob(fixture, &blob), HUB_BLOB_OPEN);
    assert_true(blob.size == 3);
    assert_int_equal(hub_blob_append(&blob, "lo\n!", 4, NULL), OCTET_MISMATCH);
    assert_int_equal(hub_blob_append(&blob, "lo\n", 3, NULL), OCTET_OK);
    assert_int_equal(hub_blob_finish(&blob, NULL), OCTET_OK);
    hub_blob_close(&blob);
    assert_int_equal(open_blob(fixture, &blob), HUB_BLOB_PRESENT);
    hub_blob_close(&blob);
    assert_false(file_exists(fixture->spot.pending));
    size_t size;
    char *bytes = test_read_file(fixture->spot.final, &size);
    assert_int_equal(size, 6);
    assert_memory_equal(bytes, "hello\n", 6);
    free(bytes);
}

static void test_wrong_bytes_leave_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct hub_blob blob;
    assert_int_equal(open_blob(fixture, &blob), HUB_BLOB_OPEN);
    assert_int_equal(hub_blob_append(&blob, "hellO\n", 6, NULL), OCTET_OK);
    assert_int_equal(hub_blob_finish(&blob, NULL), OCTET_MISMATCH);
    assert_true(blob.size == 0);
    assert_int_equal(hub_blob_append(&blob, "hello\n", 6, NULL), OCTET_OK);
    assert_int_equal(hub_blob_finish(&blob, NULL), OCTET_OK);
    hub_blob_close(&blob);
}

static void test_too_many_bytes_lie_there(void **state)
{
    struct fixture *fixture = *state;
    struct hub_blob blob;
    assert_int_equal(file_write_all(fixture->spot.pending, "hello\nhello\n", 12, NULL), OCTET_OK);
    assert_true(hub_blob_gathered(&fixture->file, &fixture->spot) == 0);
    assert_int_equal(open_blob(fixture, &blob), HUB_BLOB_OPEN);
    assert_true(blob.size == 0);
    hub_blob_close(&blob);
}

static void test_snapshot(void **state)
{
    struct fixture *fixture = *state;
    struct hub_file files[] = {{.path = "a/b/c.json", .hash = HELLO_GIT},
                               {.path = "config.json", .hash = HELLO_GIT}};
    char *folder = NULL, path[4200], target[200] = "";
    for (int twice = 0; twice < 2; twice++) {
        assert_int_equal(
            hub_snapshot_write(&fixture->place, "c0ffee", "x/y", files, 2, &folder, NULL),
            OCTET_OK);
        snprintf(path, sizeof path, "%s/a/b/c.json", folder);
        assert_true(readlink(path, target, sizeof target - 1) > 0);
        assert_string_equal(target, "../../../../blobs/" HELLO_GIT);
        free(folder);
    }
    snprintf(path, sizeof path, "%s/refs/x/y", fixture->place.repository);
    size_t size;
    char *commit = test_read_file(path, &size);
    assert_string_equal(commit, "c0ffee");
    free(commit);
    files[1].path = "a"; /* a folder already */
    assert_int_equal(hub_snapshot_write(&fixture->place, "c0ffee", "z", files, 2, &folder, NULL),
                     OCTET_IO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_resume, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_wrong_bytes_leave_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_too_many_bytes_lie_there, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_snapshot, set_up, tear_down)};
    return cmocka_run_group_tests_name("hub_blob", tests, NULL, NULL);
}
