/* SPDX-License-Identifier: Apache-2.0 */
/* The client against a server with canned answers, good and bad. */
#include "support/testing.h"

#include <unistd.h>
#include "client/canned_server.h"
#include "client/openai_client.h"

#define JSON_HEAD "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n"
#define STREAM_HEAD                                                                                \
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n"                        \
    "Connection: close\r\n\r\n"

static const struct canned_answer answers[] = {
    {.request = "GET /v1/models ", .bytes = JSON_HEAD "{\"data\": [{\"id\": \"m\"}]}"},
    {.request = "GET /v1/text ", .bytes = JSON_HEAD "hello"},
    {.request = "GET /v1/empty ", .bytes = ""},
    {.request = "GET /v1/short ",
     .bytes = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\nConnection: close\r\n\r\n{}"},
    {.request = "GET /v1/missing ",
     .bytes = "HTTP/1.1 404 Not Found\r\nConnection: close\r\n\r\n{\"error\": {\"message\": "
              "\"The model `x` does not exist.\", \"type\": \"NotFoundError\"}}"},
    {.request = "GET /v1/down ",
     .bytes = "HTTP/1.1 502 Bad Gateway\r\nConnection: close\r\n\r\n<html>"},
    {.request = "GET /v1/detail ",
     .bytes = "HTTP/1.1 405 No\r\nConnection: close\r\n\r\n{\"detail\": \"Method Not Allowed\"}"},
    {.request = "GET /v1/hang ", .bytes = "", .hang = true},
    {.request = "POST /v1/echo ", .bytes = JSON_HEAD "{\"ok\": true}"},
    {.request = "POST /v1/stream ",
     .bytes =
         STREAM_HEAD ": ping\n\ndata: {\"t\": \"a\"}\n\ndata: {\"t\": \"\\u00e9\"}\r\n\r\n"
                     "data: {\"t\":\ndata: \"c\"}\n\ndata: [DONE]\n\ndata: {\"t\": \"no\"}\n\n",
     .piece = 1},
    {.request = "POST /v1/cut ", .bytes = STREAM_HEAD "data: {\"t\": \"a\"}\n\n"},
    {.request = "POST /v1/error ",
     .bytes = STREAM_HEAD "data: {\"t\": \"a\"}\n\ndata: {\"error\": {\"message\": \"the engine "
                          "failed\"}}\n\ndata: [DONE]\n\n"},
    {.request = "POST /v1/bad ", .bytes = STREAM_HEAD "data: {\"t\": \n\n"},
    {.request = "POST /v1/whole ", .bytes = JSON_HEAD "{\"t\": \"a\"}"},
    {.request = "POST /v1/refused ",
     .bytes = "HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\nConnection: close\r\n"
              "\r\n{\"error\": {\"message\": \"top_p must be in (0, 1]\"}}"},
    {.request = "POST /v1/silent ", .bytes = STREAM_HEAD "data: {\"t\": \"a\"}\n\n", .hang = true},
    {.request = NULL},
};

struct fixture {
    struct canned_server *server;
    struct openai_client *client;
    volatile int cancel;
    char text[256];   /* "t" of all events */
    int stop_after;   /* 0: never */
    bool then_cancel; /* set the flag at the first event */
    int count;
};

static struct openai_client *make_client(int port, const char *socket_path, const char *key,
                                         const volatile int *cancel)
{
    char url[64];
    struct openai_client *client = NULL;
    struct octet_error err = {0};
    snprintf(url, sizeof url, "http://127.0.0.1:%d/v1/", port);
    const struct openai_client_options options = {
        .base_url = url, .api_key = key, .unix_socket = socket_path, .cancel = cancel};
    if (openai_client_new(&options, &client, &err) != OCTET_OK)
        fail_msg("%s", err.message);
    return client;
}

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    setenv("no_proxy", "127.0.0.1", 1);
    fixture->server = canned_server_start(answers, NULL);
    fixture->client =
        make_client(canned_server_port(fixture->server), NULL, "secret", &fixture->cancel);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    openai_client_free(fixture->client);
    canned_server_stop(fixture->server);
    free(fixture);
    return 0;
}

static void test_get(void **state)
{
    struct fixture *fixture = *state;
    struct json *answer = NULL;
    struct octet_error err = {0};
    assert_int_equal(openai_client_get(fixture->client, "/models", &answer, &err), OCTET_OK);
    assert_string_equal(json_string(json_get(json_at(json_get(answer, "data"), 0), "id")), "m");
    json_free(answer);
    const char *request = canned_server_request(fixture->server);
    assert_non_null(strstr(request, "Authorization: Bearer secret\r\n"));
}

static void test_bad_answers(void **state)
{
    static const struct {
        const char *path;
        octet_status status;
        const char *message;
    } cases[] = {
        {"/text", OCTET_INPUT, "/v1/text: line 1"},
        {"/empty", OCTET_IO, "closed the connection before its answer was complete"},
        {"/short", OCTET_IO, "closed the connection before its answer was complete"},
        {"/missing", OCTET_INPUT, "HTTP status 404: The model `x` does not exist."},
        {"/down", OCTET_INPUT, "HTTP status 502: the answer has no error message"},
        {"/detail", OCTET_INPUT, "HTTP status 405: Method Not Allowed"},
    };
    struct fixture *fixture = *state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct json *answer = NULL;
        struct octet_error err = {0};
        assert_int_equal(openai_client_get(fixture->client, cases[i].path, &answer, &err),
                         cases[i].status);
        assert_null(answer);
        if (!strstr(err.message, cases[i].message))
            fail_msg("%s: %s", cases[i].path, err.message);
    }
}

static void test_post(void **state)
{
    struct fixture *fixture = *state;
    struct json *answer = NULL, *body = json_new_object();
    struct octet_error err = {0};
    json_set(body, "prompt", json_new_string("Once"));
    assert_int_equal(openai_client_post(fixture->client, "/echo", body, &answer, &err), OCTET_OK);
    assert_true(json_bool(json_get(answer, "ok"), false));
    const char *request = canned_server_request(fixture->server);
    assert_non_null(strstr(request, "Content-Type: application/json\r\n"));
    assert_non_null(strstr(request, "\r\n\r\n{\"prompt\":"));
    json_free(answer);
    json_free(body);
}

static bool on_event(void *context, const struct json *object)
{
    struct fixture *fixture = context;
    const char *text = json_string(json_get(object, "t"));
    size_t used = strlen(fixture->text);
    snprintf(fixture->text + used, sizeof fixture->text - used, "%s", text ? text : "?");
    fixture->cancel = fixture->then_cancel;
    return ++fixture->count != fixture->stop_after;
}

static octet_status stream(struct fixture *fixture, const char *path, struct octet_error *err)
{
    struct json *body = json_new_object();
    json_set(body, "stream", json_new_bool(true));
    fixture->text[0] = '\0';
    fixture->count = 0;
    octet_status status = openai_client_stream(fixture->client, path, body, on_event, fixture, err);
    json_free(body);
    return status;
}

static void test_stream(void **state)
{
    struct fixture *fixture = *state;
    struct octet_error err = {0};
    assert_int_equal(stream(fixture, "/stream", &err), OCTET_OK);
    assert_string_equal(fixture->text, "a\xC3\xA9"
                                       "c");
    /* The same client goes on after a stream. */
    assert_int_equal(stream(fixture, "/stream", &err), OCTET_OK);
    assert_string_equal(fixture->text, "a\xC3\xA9"
                                       "c");
}

static void test_bad_streams(void **state)
{
    static const struct {
        const char *path, *text;
        octet_status status;
        const char *message;
    } cases[] = {
        {"/cut", "a", OCTET_IO, "the stream ended without [DONE]"},
        {"/error", "a", OCTET_INPUT, "the engine failed"},
        {"/bad", "", OCTET_INPUT, "/v1/bad: line 1"},
        {"/whole", "", OCTET_INPUT, "the answer is no event stream"},
        {"/refused", "", OCTET_INPUT, "HTTP status 400: top_p must be in (0, 1]"},
    };
    struct fixture *fixture = *state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct octet_error err = {0};
        assert_int_equal(stream(fixture, cases[i].path, &err), cases[i].status);
        assert_string_equal(fixture->text, cases[i].text);
        if (!strstr(err.message, cases[i].message))
            fail_msg("%s: %s", cases[i].path, err.message);
    }
}

static void test_stop_and_cancel(void **state)
{
    struct fixture *fixture = *state;
    struct octet_error err = {0};
    fixture->stop_after = 2;
    assert_int_equal(stream(fixture, "/stream", &err), OCTET_CANCELLED);
    assert_string_equal(fixture->text, "a\xC3\xA9");
    fixture->stop_after = 0;
    fixture->then_cancel = true;
    assert_int_equal(stream(fixture, "/silent", &err), OCTET_CANCELLED);
    assert_string_equal(fixture->text, "a");
    struct json *answer = NULL;
    assert_int_equal(openai_client_get(fixture->client, "/hang", &answer, &err), OCTET_CANCELLED);
    fixture->cancel = 0;
    assert_int_equal(openai_client_get(fixture->client, "/models", &answer, &err), OCTET_OK);
    json_free(answer);
}

static void test_nobody_listens(void **state)
{
    struct fixture *fixture = *state;
    int port = canned_server_port(fixture->server);
    struct json *answer = NULL;
    struct octet_error err = {0};
    canned_server_stop(fixture->server);
    assert_int_equal(openai_client_get(fixture->client, "/models", &answer, &err), OCTET_IO);
    char address[64];
    snprintf(address, sizeof address, "http://127.0.0.1:%d/v1/models: ", port);
    assert_non_null(strstr(err.message, address));
    assert_non_null(strstr(err.message, "is a server running there?"));
    fixture->server = canned_server_start(answers, NULL);
}

static void test_unix_socket(void **state)
{
    char path[] = "/tmp/octet-client-XXXXXX", socket_path[64];
    struct json *answer = NULL;
    struct octet_error err = {0};
    (void)state;
    assert_non_null(mkdtemp(path));
    snprintf(socket_path, sizeof socket_path, "%s/s", path);
    struct canned_server *server = canned_server_start(answers, socket_path);
    struct openai_client *client = make_client(1, socket_path, NULL, NULL);
    assert_int_equal(openai_client_get(client, "/models", &answer, &err), OCTET_OK);
    assert_null(strstr(canned_server_request(server), "Authorization"));
    json_free(answer);
    openai_client_free(client);
    canned_server_stop(server);
    unlink(socket_path);
    rmdir(path);
}

static void test_options(void **state)
{
    static const char *const urls[] = {
        "", "localhost", "ftp://localhost/v1", "file:///etc/passwd", "http://", "http://[::1"};
    (void)state;
    for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
        struct openai_client *client = NULL;
        struct octet_error err = {0};
        const struct openai_client_options options = {.base_url = urls[i]};
        assert_int_equal(openai_client_new(&options, &client, &err), OCTET_USAGE);
        assert_null(client);
        assert_non_null(strstr(err.message, "expected an address"));
    }
    struct openai_client *client = NULL;
    const struct openai_client_options options = {.base_url = "http://localhost/v1",
                                                  .api_key = "a\r\nX-Other: b"};
    assert_int_equal(openai_client_new(&options, &client, NULL), OCTET_USAGE);
    openai_client_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_get, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_bad_answers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_post, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_stream, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_bad_streams, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_stop_and_cancel, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_nobody_listens, set_up, tear_down),
        cmocka_unit_test(test_unix_socket),
        cmocka_unit_test(test_options),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
