/* SPDX-License-Identifier: Apache-2.0 */
/* What the server says of itself, and the sampling parameters of each choice. */
#include "api/request_case.h"

#include "support/testing.h"

static struct request_model served;

static struct json *parse(const char *text, size_t size)
{
    struct octet_error err = {.status = OCTET_OK};
    struct json *value = NULL;
    if (json_parse(text, size, (size_t)1 << 24, "answer", &value, &err) != OCTET_OK)
        fail_msg("%s", err.message);
    return value;
}

static void check_card(const struct json *card, const char *name)
{
    assert_string_equal(json_string(json_get(card, "id")), name);
    assert_string_equal(json_string(json_get(card, "object")), "model");
    assert_int_equal(json_integer(json_get(card, "created"), 0), 1764000000);
    assert_string_equal(json_string(json_get(card, "owned_by")), "octet");
    assert_string_equal(json_string(json_get(card, "root")), "models/demo");
    assert_int_equal(json_type(json_get(card, "parent")), JSON_TYPE_NULL);
    assert_int_equal(json_integer(json_get(card, "max_model_len"), 0), REQUEST_MODEL_CONTEXT);
    const struct json *permission = json_at(json_get(card, "permission"), 0);
    assert_string_equal(json_string(json_get(permission, "object")), "model_permission");
    assert_true(json_bool(json_get(permission, "allow_sampling"), false));
}

static void test_models(void **state)
{
    (void)state;
    struct api_error error;
    struct buffer out;
    buffer_init(&out, (size_t)1 << 20);
    assert_true(api_models_body(&served.model, &out));
    struct json *list = parse(buffer_text(&out), out.size);
    assert_string_equal(json_string(json_get(list, "object")), "list");
    assert_int_equal(json_count(json_get(list, "data")), 2);
    check_card(json_at(json_get(list, "data"), 0), "demo");
    check_card(json_at(json_get(list, "data"), 1), "models/demo");
    json_free(list);
    buffer_clear(&out);
    assert_int_equal(api_model_body(&served.model, "models/demo", &out, &error), OCTET_OK);
    struct json *card = parse(buffer_text(&out), out.size);
    check_card(card, "models/demo");
    json_free(card);
    assert_int_equal(api_model_body(&served.model, "x", &out, &error), OCTET_INPUT);
    assert_int_equal(error.http_status, 404);
    assert_string_equal(error.code, "model_not_found");
    assert_contains(error.detail.message, "The model `x` does not exist.");
    buffer_free(&out);
}

static void test_tokenizer_info(void **state)
{
    (void)state;
    struct buffer out;
    buffer_init(&out, (size_t)1 << 20);
    assert_true(api_tokenizer_info(&served.model, &out));
    struct json *info = parse(buffer_text(&out), out.size);
    assert_string_equal(json_string(json_get(info, "tokenizer_class")), "PreTrainedTokenizerFast");
    assert_string_equal(json_string(json_get(info, "eos_token")), "<|im_end|>");
    assert_string_equal(json_string(json_get(info, "chat_template")), served.source);
    assert_int_equal(json_integer(json_get(info, "vocab_size"), 0), 4096);
    json_free(info);
    buffer_free(&out);
}

/* Every $ref of the description leads somewhere. */
static void check_references(const struct json *root, const struct json *value)
{
    for (size_t i = 0; json_type(value) == JSON_TYPE_ARRAY && i < json_count(value); i++)
        check_references(root, json_at(value, i));
    if (json_type(value) != JSON_TYPE_OBJECT)
        return;
    for (struct json_iter it = json_iter(value); json_next(&it);) {
        const char *reference = strcmp(it.key, "$ref") == 0 ? json_string(it.value) : NULL;
        if (reference) {
            char path[128];
            assert_true(strncmp(reference, "#/", 2) == 0 && strlen(reference) < sizeof path);
            strcpy(path, reference + 2);
            for (char *at = path; *at; at++)
                *at = *at == '/' ? '.' : *at;
            if (!json_get_path(root, path))
                fail_msg("%s leads nowhere", reference);
        }
        check_references(root, it.value);
    }
}

static void test_openapi(void **state)
{
    (void)state;
    size_t size = 0;
    const char *text = api_openapi(&size);
    assert_int_equal(text[size], '\0');
    struct json *root = parse(text, size);
    assert_string_equal(json_string(json_get(root, "openapi")), "3.1.0");
    check_references(root, root);
    json_free(root);
}

/* The description's example requests are accepted. */
static void check_example(const struct json *root, const char *schema, char kind)
{
    char path[96];
    struct buffer body;
    snprintf(path, sizeof path, "components.schemas.%s", schema);
    const struct json *examples = json_get(json_get_path(root, path), "examples");
    assert_true(json_count(examples) > 0);
    buffer_init(&body, (size_t)1 << 20);
    buffer_printf(&body, "%c ", kind);
    assert_true(json_dump(json_at(examples, 0), 0, &body));
    struct request_case row = {buffer_text(&body), 200, NULL, NULL, ""};
    request_cases_check(&served.model, &row, 1);
    buffer_free(&body);
}

static void test_examples(void **state)
{
    (void)state;
    size_t size = 0;
    const char *text = api_openapi(&size);
    struct json *root = parse(text, size);
    check_example(root, "ChatCompletionRequest", 'H');
    check_example(root, "ChatCompletionRequest", 'R');
    check_example(root, "CompletionRequest", 'C');
    check_example(root, "TokenizeRequest", 'T');
    check_example(root, "DetokenizeRequest", 'D');
    json_free(root);
}

static struct api_request *chat(const char *body)
{
    struct api_error error;
    struct api_request *request = NULL;
    if (api_chat_parse(&served.model, body, strlen(body), &request, &error) != OCTET_OK)
        fail_msg("%s", error.detail.message);
    return request;
}

#define USER_HI "\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]"

static void test_seeds(void **state)
{
    (void)state;
    struct octet_error err;
    struct sampling_params first, second;
    struct api_request *request = chat("{" USER_HI ",\"n\":3,\"seed\":10}");
    assert_int_equal(api_request_choices(request), 3);
    assert_int_equal(api_request_sampling(request, 0, &first, &err), OCTET_OK);
    assert_int_equal(api_request_sampling(request, 2, &second, &err), OCTET_OK);
    assert_true(first.has_seed && first.seed == 10 && second.seed == 12);
    assert_null(first.constraint);
    api_request_free(request);
}

/* Each choice has a constraint of its own, which begins anew. */
static void test_constraints(void **state)
{
    (void)state;
    struct octet_error err;
    struct sampling_params first, second;
    uint32_t bits[4096 / 32] = {0}, again[4096 / 32] = {0};
    struct api_request *request =
        chat("{" USER_HI ",\"n\":2,\"structured_outputs\":{\"choice\":[\"yes\",\"no\"]},"
             "\"chat_template_kwargs\":{\"enable_thinking\":false}}");
    assert_int_equal(api_request_sampling(request, 0, &first, &err), OCTET_OK);
    assert_int_equal(api_request_sampling(request, 1, &second, &err), OCTET_OK);
    assert_true(first.constraint && second.constraint && first.constraint != second.constraint);
    assert_true(constraint_mask(first.constraint, bits));
    int32_t y = tokenizer_token_id(served.tokenizer, "y");
    assert_true(y >= 0 && (bits[y >> 5] >> (y & 31) & 1));
    constraint_accept(first.constraint, y);
    assert_true(constraint_mask(second.constraint, again));
    assert_memory_equal(bits, again, sizeof bits);
    constraint_free(first.constraint);
    constraint_free(second.constraint);
    api_request_free(request);
}

static int open_model(void **state)
{
    (void)state;
    return request_model_open(&served, "tests/golden/template/qwen3.jinja") ? 0 : -1;
}

static int close_model(void **state)
{
    (void)state;
    request_model_close(&served);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_models),  cmocka_unit_test(test_tokenizer_info),
        cmocka_unit_test(test_openapi), cmocka_unit_test(test_examples),
        cmocka_unit_test(test_seeds),   cmocka_unit_test(test_constraints),
    };
    return cmocka_run_group_tests(tests, open_model, close_model);
}
