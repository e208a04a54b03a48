/* SPDX-License-Identifier: Apache-2.0 */
/* The conformance suite over the CPU backend: activation types, threads, head shapes, scalar code
 * and best. */
#include "conformance.h"

#include <stdio.h>
#include <string.h>
#include "base/log.h"

static struct backend_options base_options(void)
{
    return (struct backend_options){.dtype = ACTIVATION_F32,
                                    .threads = 2,
                                    .max_batch_tokens = 400,
                                    .max_batch_sequences = 4,
                                    .max_logit_rows = 16,
                                    .max_model_len = 704,
                                    .heads = 6,
                                    .kv_heads = 2,
                                    .head_dim = 32,
                                    .max_linear_inputs = 512,
                                    .block_size = 16};
}

static void each_form_of_weight_multiplies(void **state)
{
    (void)state;
    for (int dtype = 0; dtype < 2; dtype++) {
        for (int threads = 1; threads <= 3; threads++) {
            struct backend_options options = base_options();
            options.dtype = dtype ? ACTIVATION_F32 : ACTIVATION_BF16;
            options.threads = threads;
            options.cpu_mask = threads == 1 ? "scalar" : NULL;
            conformance_linear(&backend_cpu, &options);
        }
    }
}

static void each_step_operation_is_its_definition(void **state)
{
    (void)state;
    static const struct {
        int32_t heads, kv_heads, head_dim, block_size, threads;
    } shapes[] = {{6, 2, 32, 16, 2}, {7, 1, 64, 48, 3}, {4, 4, 16, 128, 1}, {66, 1, 16, 16, 2}};
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        for (int dtype = 0; dtype < 2; dtype++) {
            struct backend_options options = base_options();
            options.dtype = dtype ? ACTIVATION_F32 : ACTIVATION_BF16;
            options.heads = shapes[i].heads;
            options.kv_heads = shapes[i].kv_heads;
            options.head_dim = shapes[i].head_dim;
            options.block_size = shapes[i].block_size;
            options.threads = shapes[i].threads;
            conformance_steps(&backend_cpu, &options);
        }
    }
}

static void shapes_that_the_cpu_cannot_hold_are_refused(void **state)
{
    (void)state;
    struct backend *backend;
    struct octet_error err;
    struct backend_options options = base_options();
    options.head_dim = 40;
    assert_int_equal(backend_cpu.open(&options, &backend, &err), OCTET_UNSUPPORTED);
    assert_null(backend);
    options = base_options();
    options.block_size = 24;
    assert_int_equal(backend_cpu.open(&options, &backend, &err), OCTET_USAGE);
    options = base_options();
    options.kv_heads = 4;
    assert_int_equal(backend_cpu.open(&options, &backend, &err), OCTET_UNSUPPORTED);
    options = base_options();
    options.cpu_mask = "sse9";
    assert_int_equal(backend_cpu.open(&options, &backend, &err), OCTET_USAGE);
}

static void keep_last(void *context, enum log_level level, const char *file, int line,
                      const char *message)
{
    (void)level, (void)file, (void)line;
    snprintf(context, 256, "%s", message);
}

static octet_status read_zeros(void *context, int64_t row, int64_t count, void *out,
                               struct octet_error *err)
{
    (void)row, (void)err;
    memset(out, 0, (size_t)count * *(const size_t *)context);
    return OCTET_OK;
}

static void a_block_that_fits_no_panel_is_said(void **state)
{
    (void)state;
    char said[256] = "";
    struct backend_options options = base_options();
    struct backend *backend;
    struct linear *linear;
    size_t cols = 128;
    const float scales[8] = {1, 1, 1, 1, 1, 1, 1, 1};
    struct linear_part part = {.name = "model.layers.0.mlp.up_proj.weight",
                               .source = SOURCE_F8_E4M3,
                               .rows = 64,
                               .cols = 128,
                               .row_end = 64,
                               .col_end = 128,
                               .scales = scales,
                               .scale_block_rows = 32,
                               .scale_block_cols = 64,
                               .scale_grid_cols = 2,
                               .read = read_zeros,
                               .context = &cols};
    struct linear_spec spec = {"up", &part, 1, WEIGHT_AUTO};
    log_set_sink(keep_last, said, LOG_INFO);
    assert_int_equal(backend_cpu.open(&options, &backend, NULL), OCTET_OK);
    assert_int_equal(backend_cpu.linear_create(backend, &spec, &linear, NULL), OCTET_OK);
    backend_cpu.linear_free(backend, linear);
    backend_cpu.close(backend);
    log_set_sink(NULL, NULL, LOG_ERROR);
    assert_non_null(strstr(said, part.name));
    assert_non_null(strstr(said, "32 x 64"));
    assert_int_equal(backend_cpu.linear_bytes(&options, &spec), 64 * 128 * 4);
}

int main(void)
{
    printf("OCTET_TEST_SEED=%llu\n", (unsigned long long)test_seed());
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_form_of_weight_multiplies),
        cmocka_unit_test(each_step_operation_is_its_definition),
        cmocka_unit_test(a_block_that_fits_no_panel_is_said),
        cmocka_unit_test(shapes_that_the_cpu_cannot_hold_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
