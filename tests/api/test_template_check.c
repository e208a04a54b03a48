/* SPDX-License-Identifier: Apache-2.0 */
/* What is said of a chat template before the first request. */
#include "api/request_model.h"
#include "api/template_check.h"
#include "base/log.h"

#include "support/testing.h"

struct warnings {
    int count;
    char last[512];
};

static void count_warning(void *context, enum log_level level, const char *file, int line,
                          const char *message)
{
    struct warnings *warnings = context;
    (void)file;
    (void)line;
    if (level == LOG_WARNING) {
        warnings->count++;
        snprintf(warnings->last, sizeof warnings->last, "%s", message);
    }
}

/* source NULL: the file's own. */
static octet_status check(const char *source, struct warnings *warnings, struct octet_error *err)
{
    struct request_model model;
    assert_true(request_model_open(&model, "tests/golden/template/qwen3.jinja"));
    if (source)
        assert_true(request_model_set_template(&model, source));
    *warnings = (struct warnings){0};
    log_set_sink(count_warning, warnings, LOG_WARNING);
    octet_status status = template_check(&model.model, err);
    log_set_sink(NULL, NULL, LOG_WARNING);
    request_model_close(&model);
    return status;
}

static void test_every_conversation_renders(void **state)
{
    (void)state;
    struct warnings warnings;
    struct octet_error err = {0};
    assert_int_equal(check(NULL, &warnings, &err), OCTET_OK);
    assert_int_equal(warnings.count, 0);
}

static void test_a_refusal_is_a_warning(void **state)
{
    (void)state;
    struct warnings warnings;
    struct octet_error err = {0};
    assert_int_equal(check("{%- for m in messages %}{%- if m.role == 'system' %}"
                           "{{ raise_exception('no system here') }}{%- endif %}{{ m.content }}"
                           "{%- endfor %}",
                           &warnings, &err),
                     OCTET_OK);
    assert_int_equal(warnings.count, 1);
    assert_non_null(strstr(warnings.last, "a system message"));
    assert_non_null(strstr(warnings.last, "no system here"));
}

static void test_a_useless_template_is_an_error(void **state)
{
    (void)state;
    struct warnings warnings;
    struct octet_error err = {0};
    assert_int_equal(check("{{ raise_exception('never') }}", &warnings, &err), OCTET_INPUT);
    assert_non_null(strstr(err.message, "never"));
    assert_non_null(strstr(err.message, "--chat-template"));
}

static void test_no_template_passes(void **state)
{
    (void)state;
    struct api_model model = {0};
    assert_int_equal(template_check(&model, NULL), OCTET_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_conversation_renders),
        cmocka_unit_test(test_a_refusal_is_a_warning),
        cmocka_unit_test(test_a_useless_template_is_an_error),
        cmocka_unit_test(test_no_template_passes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
