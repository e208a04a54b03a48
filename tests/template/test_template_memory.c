/* SPDX-License-Identifier: Apache-2.0 */
/* Every allocation refused in turn: an error each time, nothing lost. */
#include "template/render_case.h"

#include "base/json.h"
#include "support/alloc_fail.h"

#define LIMIT ((size_t)1 << 20)

static bool compile_and_render(const char *source, size_t size, const struct json *variables)
{
    struct octet_error err = {.status = OCTET_OK};
    struct chat_template *chat_template = NULL;
    struct buffer out;
    buffer_init(&out, LIMIT);
    octet_status status = chat_template_compile(source, size, "t", &chat_template, &err);
    if (status == OCTET_OK)
        status = chat_template_render(chat_template, variables, &out, &err);
    if (status != OCTET_OK)
        assert_true(err.status == status && err.message[0]);
    chat_template_free(chat_template);
    buffer_free(&out);
    return status == OCTET_OK;
}

static void test_failing_allocations(void **state)
{
    (void)state;
    static const char text[] =
        "{\"messages\": [{\"role\": \"user\", \"content\": \"Hi\"}, {\"role\": \"assistant\", "
        "\"content\": \"Yes\", \"tool_calls\": [{\"name\": \"f\", \"arguments\": {\"a\": 1}}]}], "
        "\"tools\": [{\"x\": {\"y\": [1.5]}}], \"add_generation_prompt\": true}";
    struct octet_error err = {.status = OCTET_OK};
    struct json *variables = NULL;
    size_t size = 0;
    char *source = test_read_file("tests/golden/template/qwen3.jinja", &size);
    assert_int_equal(json_parse(text, strlen(text), LIMIT, "variables", &variables, &err),
                     OCTET_OK);
    for (size_t n = 0;; n++) {
        long outstanding = 0;
        alloc_fail_begin(n);
        bool fine = compile_and_render(source, size, variables);
        bool failed = alloc_fail_end(&outstanding);
        assert_int_equal(outstanding, 0);
        assert_true(fine != failed);
        if (!failed) {
            printf("%zu allocations refused in turn\n", n);
            assert_true(n > 3);
            break;
        }
    }
    json_free(variables);
    free(source);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_failing_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
