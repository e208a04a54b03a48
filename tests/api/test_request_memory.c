/* SPDX-License-Identifier: Apache-2.0 */
/* Every allocation of a request refused in turn: 503 each time, nothing lost. */
#include "api/request_case.h"

#include "support/alloc_fail.h"
#include "support/testing.h"

static const char tools[] =
    "{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"a\"}]},{\"role\":"
    "\"assistant\",\"reasoning\":\"r\",\"tool_calls\":[{\"function\":{\"name\":\"f\",\"arguments\":"
    "\"{\\\"x\\\":1}\"}}]},{\"role\":\"tool\",\"name\":\"f\",\"content\":\"2\"}],\"tools\":[{"
    "\"type\":\"function\",\"function\":{\"name\":\"f\",\"parameters\":{\"type\":\"object\"}}}],"
    "\"stop\":[\"x\",\"y\"],\"logit_bias\":{\"5\":1},\"bad_words\":[\"no\"],\"cache_salt\":\"s\","
    "\"request_id\":\"id\",\"seed\":3,\"tool_choice\":{\"type\":\"allowed_tools\","
    "\"allowed_tools\":{\"mode\":\"auto\",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":"
    "\"f\"}}]}},\"reasoning_effort\":\"none\",\"stream\":true,\"stream_options\":{\"include_usage\""
    ":true},\"stop_token_ids\":[1],\"allowed_token_ids\":[2,3]}";
static const char schema[] =
    "{\"messages\":[{\"role\":\"user\",\"content\":\"a\"},{\"role\":\"assistant\",\"content\":\"b\""
    "}],\"continue_final_message\":true,\"echo\":true,\"add_generation_prompt\":false,"
    "\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"n\",\"schema\":{"
    "\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"string\"}}}}}}";
static const char completion[] =
    "{\"prompt\":[\"hello\",\"you\"],\"n\":2,\"echo\":true,\"logprobs\":1,\"structured_outputs\":{"
    "\"choice\":[\"yes\",\"no\"]}}";
static const char ids[] = "{\"prompt\":[[1,2],[3]],\"guided_regex\":\"a+\"}";
static const char text[] = "{\"prompt\":\"hello\",\"return_token_strs\":true,\"tokens\":[1,2]}";

static struct request_model served;

static bool read_request(octet_status status, struct api_request *request,
                         const struct api_error *error)
{
    if (status != OCTET_OK) {
        assert_null(request);
        if (error->http_status != 503)
            fail_msg("%d: %s", error->http_status, error->detail.message);
        assert_true(error->detail.message[0]);
        return false;
    }
    struct sampling_params sampling;
    struct octet_error err = {.status = OCTET_OK};
    status = api_request_sampling(request, 0, &sampling, &err);
    if (status == OCTET_OK)
        constraint_free(sampling.constraint);
    else
        assert_int_equal(status, OCTET_MEMORY);
    api_request_free(request);
    return status == OCTET_OK;
}

static bool chat(const char *body)
{
    struct api_request *request = NULL;
    struct api_error error = {0};
    octet_status status = api_chat_parse(&served.model, body, strlen(body), &request, &error);
    return read_request(status, request, &error);
}

static bool complete(const char *body)
{
    struct api_request *request = NULL;
    struct api_error error = {0};
    octet_status status = api_completion_parse(&served.model, body, strlen(body), &request, &error);
    return read_request(status, request, &error);
}

typedef octet_status text_call(const struct api_model *model, const char *body, size_t size,
                               struct buffer *out, struct api_error *error);

static bool call(text_call *function, const char *body)
{
    struct api_error error = {0};
    struct buffer out;
    buffer_init(&out, (size_t)1 << 20);
    octet_status status = function(&served.model, body, strlen(body), &out, &error);
    if (status != OCTET_OK)
        assert_int_equal(error.http_status, 503);
    buffer_free(&out);
    return status == OCTET_OK;
}

static bool run(size_t scenario)
{
    struct buffer out;
    struct api_error error = {0};
    bool fine = false;
    switch (scenario) {
    case 0:
        return chat(tools);
    case 1:
        return chat(schema);
    case 2:
        return complete(completion);
    case 3:
        return complete(ids);
    case 4:
        return call(api_tokenize, text);
    case 5:
        return call(api_detokenize, text);
    case 6:
        return call(api_render, schema);
    default:
        buffer_init(&out, (size_t)1 << 20);
        fine = api_models_body(&served.model, &out) && api_tokenizer_info(&served.model, &out) &&
               api_model_body(&served.model, "demo", &out, &error) == OCTET_OK;
        (void)api_error_set(&error, 400, NULL, "a", "b");
        fine = api_error_body(&error, &out) && fine;
        buffer_free(&out);
        return fine;
    }
}

static void test_failing_allocations(void **state)
{
    (void)state;
    for (size_t scenario = 0; scenario < 8; scenario++) {
        for (size_t n = 0;; n++) {
            long outstanding = 0;
            alloc_fail_begin(n);
            bool fine = run(scenario);
            bool failed = alloc_fail_end(&outstanding);
            if (outstanding != 0 || fine == failed)
                fail_msg("scenario %zu, allocation %zu: fine %d, failed %d, %ld not freed",
                         scenario, n, fine, failed, outstanding);
            if (!failed) {
                print_message("scenario %zu: %zu allocations refused in turn\n", scenario, n);
                assert_true(n > 3);
                break;
            }
        }
    }
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
        cmocka_unit_test(test_failing_allocations),
    };
    return cmocka_run_group_tests(tests, open_model, close_model);
}
