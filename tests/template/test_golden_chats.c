/* SPDX-License-Identifier: Apache-2.0 */
/* Conversations rendered by Python's Jinja: every one byte for byte, through both Qwen3 templates.
 */
#include "template/render_case.h"

#include "base/json.h"

struct chats {
    const struct chat_template *current, *early;
    size_t passed, total, early_passed, early_total;
};

static void check_chat(const struct json *line, void *context)
{
    struct chats *chats = context;
    const char *id = json_string(json_get(line, "id"));
    struct json *variables = render_chat_variables(line);
    const struct json *rendered = json_get(line, "rendered");
    const char *error = json_string(json_get(line, "error"));
    chats->total++;
    chats->passed += render_matches(chats->current, variables, id, rendered, error);
    /* Where nothing is said of the early template, it renders the same. */
    const char *early_error = json_string(json_get(line, "error_early_template"));
    const struct json *early = json_get(line, "rendered_early_template");
    if (!early && !early_error) {
        early = rendered;
        early_error = error;
    }
    if (chats->early) {
        chats->early_total++;
        chats->early_passed += render_matches(chats->early, variables, id, early, early_error);
    }
    json_free(variables);
}

static void check_file(const char *path, const char *current, const char *early)
{
    struct chat_template *a = render_load_template(current);
    struct chat_template *b = render_load_config_template(early);
    struct chats chats = {.current = a, .early = b};
    render_each_line(path, check_chat, &chats);
    printf("%s: %zu/%zu with the current template, %zu/%zu with the early one\n", path,
           chats.passed, chats.total, chats.early_passed, chats.early_total);
    chat_template_free(a);
    chat_template_free(b);
    assert_true(chats.total > 0);
    assert_int_equal(chats.passed, chats.total);
    assert_int_equal(chats.early_passed, chats.early_total);
}

static void test_committed_chats(void **state)
{
    (void)state;
    check_file("tests/golden/template/chats.jsonl", "tests/golden/template/qwen3.jinja",
               "tests/golden/template/qwen3_early_config.json");
}

static void test_shared_chats(void **state)
{
    (void)state;
    char current[4096], early[4096], chats[4096];
    const char *test = "template_golden_chats";
    snprintf(current, sizeof(current), "%s",
             test_shared_or_skip(test, "data/qwen3-tokenizer/chat_template.jinja"));
    snprintf(early, sizeof(early), "%s",
             test_shared_or_skip(test, "data/qwen3-tokenizer/tokenizer_config.early-2025-04.json"));
    snprintf(chats, sizeof(chats), "%s", test_shared_or_skip(test, "data/golden_chat_dev.jsonl"));
    check_file(chats, current, early);
}

/* What SmolLM2's template does, said by hand. */
static void test_smollm2(void **state)
{
    (void)state;
    static const char text[] =
        "{\"messages\": [{\"role\": \"user\", \"content\": \"Hi\"}], \"add_generation_prompt\": "
        "true}";
    static const char wanted[] =
        "\"<|im_start|>system\\nYou are a helpful AI assistant named SmolLM, trained by Hugging "
        "Face<|im_end|>\\n<|im_start|>user\\nHi<|im_end|>\\n<|im_start|>assistant\\n\"";
    const char *path = test_shared_or_skip(
        "template_golden_chats", "models/smollm2-135m-instruct-fp8/tokenizer_config.json");
    struct chat_template *smollm2 = render_load_config_template(path);
    struct octet_error err = {.status = OCTET_OK};
    struct json *variables = NULL, *expected = NULL;
    assert_int_equal(json_parse(text, strlen(text), 4096, "variables", &variables, &err), OCTET_OK);
    assert_int_equal(json_parse(wanted, strlen(wanted), 4096, "expected", &expected, &err),
                     OCTET_OK);
    assert_true(render_matches(smollm2, variables, "smollm2", expected, NULL));
    json_free(variables);
    json_free(expected);
    chat_template_free(smollm2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_committed_chats),
        cmocka_unit_test(test_shared_chats),
        cmocka_unit_test(test_smollm2),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
