/* SPDX-License-Identifier: Apache-2.0 */
/* The conformance suite over the CPU backend: activation types, threads, head shapes, scalar code
 * and best. */
#include "conformance.h"

#include <stdio.h>

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
    } shapes[] = {{6, 2, 32, 16, 2}, {7, 1, 64, 48, 3}, {4, 4, 16, 128, 1}};
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

int main(void)
{
    printf("OCTET_TEST_SEED=%llu\n", (unsigned long long)test_seed());
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_form_of_weight_multiplies),
        cmocka_unit_test(each_step_operation_is_its_definition),
        cmocka_unit_test(shapes_that_the_cpu_cannot_hold_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
