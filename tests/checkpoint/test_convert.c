/* SPDX-License-Identifier: Apache-2.0 */
/* The converter's care for the folder it writes: resuming, cancelling, refusing, replacing. */
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include "checkpoint/checkpoint.h"
#include "checkpoint/checkpoint_image.h"
#include "checkpoint/convert.h"
#include "support/testing.h"

#define JOURNAL ".octet-convert.json.part"
#define SHARD_BYTES 60000 /* cuts the tiny checkpoint into several shards */

struct fixture {
    char source[IMAGE_PATH], output[IMAGE_PATH], base[IMAGE_PATH];
    struct convert_options options;
    struct convert_result result;
    struct octet_error err;
};

static void put(const char *directory, const char *name, const char *text)
{
    write_file(directory, name, text, strlen(text));
}

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    struct checkpoint_image image;
    temporary_directory(fixture->base);
    snprintf(fixture->source, IMAGE_PATH, "%.400s/source", fixture->base);
    snprintf(fixture->output, IMAGE_PATH, "%.400s/output", fixture->base);
    assert_int_equal(mkdir(fixture->source, 0777), 0);
    image_tiny_qwen3(&image);
    image_write(&image, fixture->source);
    image_free(&image);
    put(fixture->source, "tokenizer.json", "{\"model\": {}}\n");
    put(fixture->base, "elsewhere.txt", "followed\n");
    char link[2 * IMAGE_PATH];
    snprintf(link, sizeof link, "%s/LICENSE", fixture->source);
    assert_int_equal(symlink("../elsewhere.txt", link), 0);
    snprintf(link, sizeof link, "%s/folder", fixture->source);
    assert_int_equal(mkdir(link, 0777), 0);
    convert_options_default(&fixture->options);
    fixture->options.source = fixture->source;
    fixture->options.output = fixture->output;
    fixture->options.max_shard_size = SHARD_BYTES;
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    convert_result_free(&fixture->result);
    remove_tree(fixture->base);
    free(fixture);
    return 0;
}

static octet_status run(struct fixture *fixture, const struct progress *progress)
{
    convert_result_free(&fixture->result);
    fixture->err.message[0] = '\0';
    return checkpoint_convert(&fixture->options, progress, &fixture->result, &fixture->err);
}

static void run_well(struct fixture *fixture)
{
    if (run(fixture, NULL) != OCTET_OK)
        fail_msg("%s", fixture->err.message);
}

/* Everything in a folder as one text: names, sizes and bytes. */
static char *picture(const char *directory, size_t *size)
{
    char **names;
    size_t count;
    struct octet_error err;
    struct buffer text;
    buffer_init(&text, (size_t)1 << 28);
    assert_int_equal(directory_list(directory, &names, &count, &err), OCTET_OK);
    for (size_t i = 0; i < count; i++) {
        size_t bytes;
        char *content = read_file(directory, names[i], &bytes);
        buffer_printf(&text, "%s %zu\n", names[i], bytes);
        buffer_append(&text, content, bytes);
        free(content);
    }
    free(names);
    return buffer_take(&text, size);
}

static void assert_same_picture(const char *left, const char *right)
{
    size_t a, b;
    char *one = picture(left, &a), *two = picture(right, &b);
    assert_int_equal(a, b);
    assert_memory_equal(one, two, a);
    free(one);
    free(two);
}

/* No name in the folder is final: all of them end in .part. */
static void assert_only_parts(const char *directory)
{
    char **names;
    size_t count;
    struct octet_error err;
    assert_int_equal(directory_list(directory, &names, &count, &err), OCTET_OK);
    for (size_t i = 0; i < count; i++) {
        size_t length = strlen(names[i]);
        if (length < 5 || strcmp(names[i] + length - 5, ".part") != 0)
            fail_msg("%s has its final name", names[i]);
    }
    free(names);
}

static void result_is_complete(void **state)
{
    struct fixture *fixture = *state;
    run_well(fixture);
    const struct convert_result *result = &fixture->result;
    assert_true(result->shards >= 3);
    assert_int_equal(result->fp8_tensors, 7);
    assert_int_equal(result->tensors, 14);
    assert_int_equal(result->dropped_tensors, 7);
    assert_int_equal(result->carried_files, 2);
    assert_true(result->verified_elements > 0);
    assert_contains(result->notes, "folder: a folder, not carried along");
    struct checkpoint *out;
    assert_int_equal(checkpoint_open(fixture->output, &out, &fixture->err), OCTET_OK);
    assert_int_equal(checkpoint_tensor_count(out), 14);
    assert_int_equal(checkpoint_file_count(out), result->shards);
    assert_int_equal(checkpoint_note_count(out), 0); /* aligned, indexed, nothing dropped */
    const struct json *config = checkpoint_config(out);
    assert_null(json_get(config, "quantization_config"));
    assert_string_equal(json_string(json_get(config, "torch_dtype")), "bfloat16");
    assert_int_equal(json_integer(json_get(config, "hidden_size"), 0), 136);
    uint64_t bytes = 0;
    for (size_t i = 0; i < checkpoint_tensor_count(out); i++) {
        const struct tensor *tensor = checkpoint_tensor(out, i);
        bytes += tensor->bytes;
        assert_int_equal(tensor->offset % 2, 0);
    }
    checkpoint_close(out);
    char *index = read_file(fixture->output, "model.safetensors.index.json", NULL);
    char total[64];
    snprintf(total, sizeof total, "\"total_size\": %llu", (unsigned long long)bytes);
    assert_contains(index, total);
    free(index);
    char *license = read_file(fixture->output, "LICENSE", NULL);
    assert_string_equal(license, "followed\n");
    free(license);
    assert_false(path_exists(fixture->output, JOURNAL));
}

static void threads_do_not_matter(void **state)
{
    struct fixture *fixture = *state;
    char other[IMAGE_PATH];
    run_well(fixture);
    for (int threads = 2; threads <= 5; threads += 3) {
        snprintf(other, sizeof other, "%.400s/threads%d", fixture->base, threads);
        fixture->options.output = other;
        fixture->options.threads = threads;
        fixture->options.verify = threads == 2;
        run_well(fixture);
        assert_same_picture(fixture->output, other);
    }
}

static void one_shard_by_default(void **state)
{
    struct fixture *fixture = *state;
    fixture->options.max_shard_size = 0;
    run_well(fixture);
    assert_int_equal(fixture->result.shards, 1);
    assert_true(path_exists(fixture->output, "model.safetensors"));
}

struct canceller {
    int calls_left;
};

static bool cancel_later(void *context, const char *what, uint64_t done, uint64_t total)
{
    struct canceller *canceller = context;
    assert_non_null(what);
    assert_true(done <= total);
    return canceller->calls_left-- > 0;
}

/* Stop at every report in turn; each time nothing is final, and the next run finishes the same. */
static void cancel_and_resume(void **state)
{
    struct fixture *fixture = *state;
    char whole[IMAGE_PATH];
    run_well(fixture);
    snprintf(whole, sizeof whole, "%s", fixture->output);
    size_t resumed = 0;
    int calls = 0;
    for (bool finished = false; !finished; calls++) {
        char place[IMAGE_PATH];
        snprintf(place, sizeof place, "%.400s/cancel%d", fixture->base, calls);
        fixture->options.output = place;
        struct canceller canceller = {calls};
        struct progress progress = {cancel_later, &canceller};
        octet_status status = run(fixture, &progress);
        finished = status == OCTET_OK;
        if (!finished) {
            assert_int_equal(status, OCTET_CANCELLED);
            assert_only_parts(place);
            run_well(fixture);
            resumed += fixture->result.resumed_shards;
        }
        assert_same_picture(whole, place);
    }
    assert_true(calls > 6);
    assert_true(resumed > 0);
    fixture->options.output = fixture->output;
}

/* A finished shard that went bad meanwhile is written again, not trusted. */
static void damaged_part_is_rewritten(void **state)
{
    struct fixture *fixture = *state;
    char whole[IMAGE_PATH], place[IMAGE_PATH];
    run_well(fixture);
    snprintf(whole, sizeof whole, "%s", fixture->output);
    snprintf(place, sizeof place, "%.400s/again", fixture->base);
    fixture->options.output = place;
    struct canceller canceller = {4};
    struct progress progress = {cancel_later, &canceller};
    assert_int_equal(run(fixture, &progress), OCTET_CANCELLED);
    char **names;
    size_t count, size, damaged = 0;
    assert_int_equal(directory_list(place, &names, &count, &fixture->err), OCTET_OK);
    for (size_t i = 0; i < count; i++) {
        if (names[i][0] == '.')
            continue;
        char *bytes = read_file(place, names[i], &size);
        bytes[size - 1] ^= 1;
        write_file(place, names[i], bytes, size);
        free(bytes);
        damaged++;
    }
    free(names);
    assert_true(damaged > 0);
    fixture->options.verify = false;
    run_well(fixture);
    assert_int_equal(fixture->result.resumed_shards, 0);
    assert_same_picture(whole, place);
}

static void occupied_folder(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(mkdir(fixture->output, 0777), 0);
    put(fixture->output, "notes.txt", "mine\n");
    put(fixture->output, "model-00001-of-00009.safetensors", "old\n");
    put(fixture->output, "config.json", "{}\n");
    assert_int_equal(run(fixture, NULL), OCTET_USAGE);
    assert_contains(fixture->err.message, "not empty");
    assert_contains(fixture->err.message, "--overwrite");
    fixture->options.overwrite = true;
    run_well(fixture);
    assert_true(path_exists(fixture->output, "notes.txt"));
    assert_false(path_exists(fixture->output, "model-00001-of-00009.safetensors"));
    struct checkpoint *out;
    assert_int_equal(checkpoint_open(fixture->output, &out, &fixture->err), OCTET_OK);
    checkpoint_close(out);
}

static void finished_conversion_is_recognised(void **state)
{
    struct fixture *fixture = *state;
    run_well(fixture);
    assert_false(fixture->result.already_complete);
    run_well(fixture);
    assert_true(fixture->result.already_complete);
    size_t size;
    char shard[64];
    snprintf(shard, sizeof shard, "model-00002-of-%05zu.safetensors", fixture->result.shards);
    char *bytes = read_file(fixture->output, shard, &size);
    bytes[size - 3] ^= 4;
    write_file(fixture->output, shard, bytes, size);
    free(bytes);
    assert_int_equal(run(fixture, NULL), OCTET_USAGE);
}

static void other_conversion_is_refused(void **state)
{
    struct fixture *fixture = *state;
    struct canceller canceller = {3};
    struct progress progress = {cancel_later, &canceller};
    assert_int_equal(run(fixture, &progress), OCTET_CANCELLED);
    fixture->options.max_shard_size = 2 * SHARD_BYTES;
    assert_int_equal(run(fixture, NULL), OCTET_USAGE);
    assert_contains(fixture->err.message, "unfinished conversion");
    fixture->options.overwrite = true;
    run_well(fixture);
    assert_false(path_exists(fixture->output, JOURNAL));
    char **names;
    size_t count;
    assert_int_equal(directory_list(fixture->output, &names, &count, &fixture->err), OCTET_OK);
    for (size_t i = 0; i < count; i++)
        assert_null(strstr(names[i], ".part"));
    free(names);
}

static void place_of_the_output(void **state)
{
    struct fixture *fixture = *state;
    char place[2 * IMAGE_PATH], link[2 * IMAGE_PATH];
    fixture->options.output = fixture->source;
    assert_int_equal(run(fixture, NULL), OCTET_USAGE);
    snprintf(place, sizeof place, "%s/deep/er", fixture->source);
    fixture->options.output = place;
    assert_int_equal(run(fixture, NULL), OCTET_USAGE);
    assert_contains(fixture->err.message, "elsewhere");
    snprintf(link, sizeof link, "%s/link", fixture->base);
    assert_int_equal(symlink(fixture->source, link), 0);
    snprintf(place, sizeof place, "%s/link/out", fixture->base);
    fixture->options.output = place;
    assert_int_equal(run(fixture, NULL), OCTET_USAGE);
    fixture->options.output = fixture->base;
    fixture->options.overwrite = true;
    assert_int_equal(run(fixture, NULL), OCTET_USAGE);
    assert_contains(fixture->err.message, "holds the checkpoint");
    snprintf(place, sizeof place, "%s/elsewhere.txt", fixture->base);
    fixture->options.output = place;
    assert_int_equal(run(fixture, NULL), OCTET_USAGE);
    assert_contains(fixture->err.message, "expected a folder");
}

static void two_at_once(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(mkdir(fixture->output, 0777), 0);
    int fd = open(fixture->output, O_RDONLY | O_DIRECTORY);
    assert_int_equal(flock(fd, LOCK_EX), 0);
    assert_int_equal(run(fixture, NULL), OCTET_STATE);
    assert_contains(fixture->err.message, "another conversion");
    close(fd);
    run_well(fixture);
}

static void dry_run_writes_nothing(void **state)
{
    struct fixture *fixture = *state;
    fixture->options.dry_run = true;
    run_well(fixture);
    assert_true(fixture->result.shards >= 3);
    assert_true(fixture->result.needed_bytes > fixture->result.output_bytes);
    assert_false(file_exists(fixture->output));
}

static void bad_input_leaves_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct checkpoint_image image;
    image_tiny_qwen3(&image);
    image_bytes(&image, "model.layers.0.mlp.up_proj.weight", NULL)[777] = 0x7F;
    image_write(&image, fixture->source);
    image_free(&image);
    assert_int_equal(run(fixture, NULL), OCTET_INPUT);
    assert_contains(fixture->err.message, "model.layers.0.mlp.up_proj.weight");
    assert_contains(fixture->err.message, "row 5, column 97");
    assert_false(file_exists(fixture->output));
}

static void changed_source_is_another(void **state)
{
    struct fixture *fixture = *state;
    struct canceller canceller = {3};
    struct progress progress = {cancel_later, &canceller};
    assert_int_equal(run(fixture, &progress), OCTET_CANCELLED);
    put(fixture->source, "tokenizer.json", "{\"model\": {\"changed\": 1}}\n");
    assert_int_equal(run(fixture, NULL), OCTET_USAGE);
    assert_contains(fixture->err.message, "another checkpoint");
}

/* Quantisation inside a sub-model goes too; a dtype other than BF16 is corrected. */
static void config_of_a_vision_model(void **state)
{
    struct fixture *fixture = *state;
    struct checkpoint_image image;
    remove_tree(fixture->source);
    assert_int_equal(mkdir(fixture->source, 0777), 0);
    image_init(&image, 1,
               "{\"architectures\":[\"VisionForConditionalGeneration\"],\"dtype\":"
               "\"float8_e4m3fn\",\"text_config\":{\"hidden_size\":20,\"quantization_config\":{"
               "\"quant_method\":\"fp8\",\"weight_block_size\":[128,128]}},\"vision_config\":{"
               "\"depth\":3},\"big\":123456789012345678901234567890,\"eps\":1e-06}");
    image_add(&image, 0, "a.weight", "F8_E4M3", 2, 20, 30);
    image_add(&image, 0, "a.weight_scale_inv", "F32", 2, 1, 1);
    image_write(&image, fixture->source);
    image_free(&image);
    run_well(fixture);
    char *config = read_file(fixture->output, "config.json", NULL);
    assert_null(strstr(config, "quantization_config"));
    assert_contains(config, "\"dtype\": \"bfloat16\"");
    assert_null(strstr(config, "torch_dtype"));
    assert_contains(config, "\"hidden_size\": 20");
    assert_contains(config, "123456789012345678901234567890");
    assert_contains(config, "1e-06");
    free(config);
}

static void unquantised_is_copied(void **state)
{
    struct fixture *fixture = *state;
    run_well(fixture);
    char copy[IMAGE_PATH];
    snprintf(copy, sizeof copy, "%.400s/copy", fixture->base);
    fixture->options.source = fixture->output;
    fixture->options.output = copy;
    run_well(fixture);
    assert_contains(fixture->result.notes, "no tensor is FP8");
    assert_int_equal(fixture->result.fp8_tensors, 0);
}

int main(void)
{
#define WITH_FOLDER(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        WITH_FOLDER(result_is_complete),
        WITH_FOLDER(threads_do_not_matter),
        WITH_FOLDER(one_shard_by_default),
        WITH_FOLDER(cancel_and_resume),
        WITH_FOLDER(damaged_part_is_rewritten),
        WITH_FOLDER(occupied_folder),
        WITH_FOLDER(finished_conversion_is_recognised),
        WITH_FOLDER(other_conversion_is_refused),
        WITH_FOLDER(place_of_the_output),
        WITH_FOLDER(two_at_once),
        WITH_FOLDER(dry_run_writes_nothing),
        WITH_FOLDER(bad_input_leaves_nothing),
        WITH_FOLDER(changed_source_is_another),
        WITH_FOLDER(config_of_a_vision_model),
        WITH_FOLDER(unquantised_is_copied),
    };
    return cmocka_run_group_tests_name("convert", tests, NULL, NULL);
}
