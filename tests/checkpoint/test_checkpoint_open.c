/* SPDX-License-Identifier: Apache-2.0 */
/* Opening what is right: which files are read, notes, scales, summary; and failing allocations. */
#include <math.h>
#include "checkpoint/architecture_check.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/checkpoint_image.h"
#include "checkpoint/model_config.h"
#include "checkpoint/summary.h"
#include "numeric/half.h"
#include "support/alloc_fail.h"
#include "support/testing.h"

#define FP8 "{\"quantization_config\":{\"quant_method\":\"fp8\",\"weight_block_size\":[128,128]}}"

static struct checkpoint *open_well(const char *directory)
{
    struct checkpoint *checkpoint;
    struct octet_error err;
    if (checkpoint_open(directory, &checkpoint, &err) != OCTET_OK)
        fail_msg("%s", err.message);
    return checkpoint;
}

static bool has_note(const struct checkpoint *checkpoint, const char *part)
{
    for (size_t i = 0; i < checkpoint_note_count(checkpoint); i++) {
        if (strstr(checkpoint_note(checkpoint, i), part))
            return true;
    }
    return false;
}

static void no_index_reads_every_file(void **state)
{
    (void)state;
    char directory[IMAGE_PATH];
    struct checkpoint_image image;
    temporary_directory(directory);
    image_tiny_qwen3(&image);
    json_free(image.index);
    image.index = NULL;
    image_write(&image, directory);
    struct checkpoint *checkpoint = open_well(directory);
    assert_int_equal(checkpoint_file_count(checkpoint), 2);
    assert_int_equal(checkpoint_tensor_count(checkpoint), 21);
    assert_true(has_note(checkpoint, "all 2 .safetensors files were read"));
    for (size_t i = 0; i < checkpoint_tensor_count(checkpoint); i++) {
        const struct tensor *tensor = checkpoint_tensor(checkpoint, i);
        assert_ptr_equal(checkpoint_find(checkpoint, tensor->name), tensor);
    }
    assert_null(checkpoint_find(checkpoint, "absent"));
    checkpoint_close(checkpoint);
    image_free(&image);
    remove_tree(directory);
}

static void file_beside_the_index_is_not_read(void **state)
{
    (void)state;
    char directory[IMAGE_PATH];
    struct checkpoint_image image;
    temporary_directory(directory);
    image_tiny_qwen3(&image);
    image_write(&image, directory);
    write_file(directory, "consolidated.safetensors", "rubbish", 7);
    struct checkpoint *checkpoint = open_well(directory);
    assert_true(has_note(checkpoint, "consolidated.safetensors: not in the index"));
    checkpoint_close(checkpoint);
    image_free(&image);
    remove_tree(directory);
}

/* Scales of each type are read exactly; reading stays inside the tensor. */
static void scales_are_exact(void **state)
{
    (void)state;
    static const char *const types[] = {"F32", "BF16", "F16", "F8_E8M0"};
    for (size_t i = 0; i < 4; i++) {
        char directory[IMAGE_PATH];
        struct checkpoint_image image;
        struct octet_error err;
        float *scales;
        temporary_directory(directory);
        image_init(&image, 1, FP8);
        image_add(&image, 0, "a.weight", "F8_E4M3", 2, 300, 129);
        image_add(&image, 0, "a.weight_scale_inv", types[i], 2, 3, 2);
        image_write(&image, directory);
        struct checkpoint *checkpoint = open_well(directory);
        const struct tensor *weight = checkpoint_find(checkpoint, "a.weight");
        assert_int_equal(checkpoint_role(checkpoint, weight), ROLE_FP8);
        assert_int_equal(checkpoint_read_scales(checkpoint, weight, &scales, &err), OCTET_OK);
        const unsigned char *raw = image_bytes(&image, "a.weight_scale_inv", NULL);
        for (int j = 0; j < 6; j++) {
            uint16_t half;
            float wide;
            memcpy(&half, raw + 2 * j * (i == 1 || i == 2), 2);
            memcpy(&wide, raw + 4 * j * (i == 0), 4);
            float want = i == 0   ? wide
                         : i == 1 ? bf16_to_f32(half)
                         : i == 2 ? f16_to_f32(half)
                                  : ldexpf(1, raw[j] - 127);
            assert_true(scales[j] == want);
        }
        unsigned char byte;
        assert_int_equal(checkpoint_read(checkpoint, weight, 300 * 129 - 1, &byte, 1, &err),
                         OCTET_OK);
        assert_int_equal(checkpoint_read(checkpoint, weight, 300 * 129, &byte, 1, &err),
                         OCTET_USAGE);
        free(scales);
        checkpoint_close(checkpoint);
        image_free(&image);
        remove_tree(directory);
    }
}

/* A tied head that is stored as well: equal bytes are used once, and said. */
static void tied_head_stored_as_well(void **state)
{
    (void)state;
    char directory[IMAGE_PATH];
    struct checkpoint_image image;
    struct model_config config;
    struct octet_error err;
    temporary_directory(directory);
    image_tiny_qwen3(&image);
    json_set(image.config, "tie_word_embeddings", json_new_bool(true));
    size_t size;
    const unsigned char *embedding = image_bytes(&image, "model.embed_tokens.weight", &size);
    memcpy(image_bytes(&image, "lm_head.weight", NULL), embedding, size);
    image_write(&image, directory);
    struct checkpoint *checkpoint = open_well(directory);
    assert_int_equal(
        model_config_parse(checkpoint_config(checkpoint), NULL, "config.json", &config, &err),
        OCTET_OK);
    if (checkpoint_check_architecture(checkpoint, &config, &err) != OCTET_OK)
        fail_msg("%s", err.message);
    assert_true(has_note(checkpoint, "used once"));
    checkpoint_close(checkpoint);
    image_free(&image);
    remove_tree(directory);
}

static void summary_and_its_json(void **state)
{
    (void)state;
    char directory[IMAGE_PATH];
    struct checkpoint_image image;
    struct checkpoint_summary summary;
    temporary_directory(directory);
    image_tiny_qwen3(&image);
    image_add(&image, 0, "model.layers.0.self_attn.k_proj.k_scale", "F32", 0, 0, 0);
    image_write(&image, directory);
    struct checkpoint *checkpoint = open_well(directory);
    checkpoint_summarize(checkpoint, &summary);
    assert_string_equal(summary.architecture, "Qwen3ForCausalLM");
    assert_true(summary.runs);
    assert_int_equal(summary.layers, 1);
    assert_int_equal(summary.head_dim, 64);
    assert_int_equal(summary.weights_fp8, 7);
    assert_int_equal(summary.scales, 7);
    assert_int_equal(summary.dropped, 1);
    assert_int_equal(summary.layout_count, 1);
    assert_int_equal(summary.layouts[0].tensors, 7);
    assert_int_equal(summary.layouts[0].scales, 26);
    uint64_t weights = 128 * 136 + 2 * 64 * 136 + 136 * 128 + 3 * 264 * 136;
    assert_int_equal(summary.parameters, weights + 2 * 32 * 136 + 3 * 136 + 2 * 64);
    assert_int_equal(summary.converted_bytes, 2 * summary.parameters);
    struct json *json = checkpoint_summary_json(&summary);
    assert_int_equal(json_integer(json_get_path(json, "dtypes.F8_E4M3.bytes"), 0), weights);
    assert_int_equal(json_integer(json_get(json, "kv_heads"), 0), 1);
    assert_string_equal(
        json_string(json_get(json_at(json_get(json, "scale_layouts"), 0), "layout")),
        "block 128x128");
    assert_int_equal(json_count(json_get(json, "notes")), checkpoint_note_count(checkpoint));
    json_free(json);
    checkpoint_close(checkpoint);
    image_free(&image);
    remove_tree(directory);
}

static void shared_checkpoints(void **state)
{
    (void)state;
    char base[4096];
    snprintf(base, sizeof base, "%s", test_shared_or_skip("shared checkpoints", "models"));
    char **names;
    size_t count, opened = 0, known = 0;
    struct octet_error err;
    assert_int_equal(directory_list(base, &names, &count, &err), OCTET_OK);
    for (size_t i = 0; i < count; i++) {
        char path[8192];
        snprintf(path, sizeof path, "%s/%s/config.json", base, names[i]);
        if (!file_exists(path))
            continue;
        *strrchr(path, '/') = '\0';
        struct model_config config;
        struct checkpoint *checkpoint = open_well(path);
        opened++;
        if (model_config_runs(checkpoint_config(checkpoint))) {
            if (model_config_parse(checkpoint_config(checkpoint), NULL, "config.json", &config,
                                   &err) != OCTET_OK ||
                checkpoint_check_architecture(checkpoint, &config, &err) != OCTET_OK)
                fail_msg("%s", err.message);
            known++;
        }
        checkpoint_close(checkpoint);
    }
    free(names);
    print_message("shared checkpoints: %zu open, %zu of a known architecture\n", opened, known);
    assert_true(opened >= 9 && known >= 8);
}

/* Every allocation of an opening fails once: a status, no leak, no crash. */
static void failing_allocations(void **state)
{
    (void)state;
    char directory[IMAGE_PATH];
    struct checkpoint_image image;
    temporary_directory(directory);
    image_tiny_qwen3(&image);
    image_write(&image, directory);
    image_free(&image);
    size_t tried = 0;
    for (bool refused = true; refused; tried++) {
        struct checkpoint *checkpoint = NULL;
        struct octet_error err = {.status = OCTET_OK};
        long outstanding;
        alloc_fail_begin(tried);
        octet_status status = checkpoint_open(directory, &checkpoint, &err);
        checkpoint_close(checkpoint);
        refused = alloc_fail_end(&outstanding);
        assert_int_equal(outstanding, 0);
        if (status != OCTET_OK)
            assert_int_equal(status, OCTET_MEMORY);
        assert_true(refused || status == OCTET_OK);
    }
    print_message("%zu allocations failed in turn\n", tried - 1);
    assert_true(tried > 40);
    remove_tree(directory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_index_reads_every_file),
        cmocka_unit_test(file_beside_the_index_is_not_read),
        cmocka_unit_test(scales_are_exact),
        cmocka_unit_test(tied_head_stored_as_well),
        cmocka_unit_test(summary_and_its_json),
        cmocka_unit_test(shared_checkpoints),
        cmocka_unit_test(failing_allocations),
    };
    return cmocka_run_group_tests_name("checkpoint_open", tests, NULL, NULL);
}
