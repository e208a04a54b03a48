/* SPDX-License-Identifier: Apache-2.0 */
/* What the server answers: states, routes, limits, keys, metrics. */
#include <sys/stat.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/rng.h"
#include "server/fake_server.h"

#define TEXT "/v1/completions"
#define LABELS "{engine=\"0\",model_name=\"" FAKE_MODEL "\"}"

static const char simple[] = "{\"prompt\":[5,6,7],\"max_tokens\":4,\"ignore_eos\":true}";

static void test_loading(void **state)
{
    struct fake_server fake;
    struct reply reply;
    (void)state;
    fake_server_init(&fake);
    fake_server_open(&fake, true);
    client_get(fake.port, "/health", &reply);
    assert_int_equal(reply.status, 503);
    reply_free(&reply);
    client_ask(fake.port, TEXT, simple, &reply);
    assert_int_equal(reply.status, 503);
    assert_contains(buffer_text(&reply.body), "loading");
    assert_non_null(reply_header(&reply, "Retry-After"));
    reply_free(&reply);
    client_get(fake.port, "/v1/models", &reply);
    assert_int_equal(reply.status, 503);
    reply_free(&reply);
    client_get(fake.port, "/metrics", &reply);
    assert_int_equal(reply.status, 200);
    assert_contains(buffer_text(&reply.body), "process_open_fds");
    reply_free(&reply);
    fake_server_attach(&fake);
    client_get(fake.port, "/health", &reply);
    assert_int_equal(reply.status, 200);
    assert_string_equal(buffer_text(&reply.body), "{\"status\":\"ok\"}");
    reply_free(&reply);
    client_ask(fake.port, TEXT, simple, &reply);
    assert_int_equal(reply.status, 200);
    reply_free(&reply);
    assert_true(fake_server_logged(&fake, "\"POST " TEXT " HTTP/1.1\" 503 Service Unavailable"));
    assert_true(fake_server_logged(&fake, "\"POST " TEXT " HTTP/1.1\" 200 OK"));
    fake_server_close(&fake);
}

/* A request, the status it gets, and a part of the answer (headers and body). */
struct exchange_case {
    const char *request;
    int status;
    const char *part;
    bool closes;
};

static void check_case(struct fake_server *fake, const struct exchange_case *wanted)
{
    struct client client;
    struct reply reply;
    char all[65536];
    client_open(&client, fake->port);
    client_send_text(client.fd, wanted->request);
    client_read(&client, &reply, strncmp(wanted->request, "HEAD", 4) == 0);
    snprintf(all, sizeof all, "%s%s", reply.headers, buffer_text(&reply.body));
    if (reply.status != wanted->status)
        fail_msg("%.80s: %d, expected %d", wanted->request, reply.status, wanted->status);
    if (wanted->part)
        assert_contains(all, wanted->part);
    reply_free(&reply);
    if (!wanted->closes) {
        client_send_text(client.fd, "GET /version HTTP/1.1\r\nHost: x\r\n\r\n");
        client_read(&client, &reply, false);
        assert_int_equal(reply.status, 200);
        reply_free(&reply);
    }
    client_close(&client);
}

#define HOST "Host: x\r\n"
#define JSON "Content-Type: application/json\r\n"

static void test_routes_and_limits(void **state)
{
    static const struct exchange_case cases[] = {
        {"GET /version HTTP/1.1\r\n" HOST "\r\n", 200, "{\"version\":", false},
        {"GET /version/ HTTP/1.1\r\n" HOST "\r\n", 200, NULL, false},
        {"GET //version HTTP/1.1\r\n" HOST "\r\n", 404, "\"error\"", false},
        {"GET http://x/version?a=b HTTP/1.1\r\n" HOST "\r\n", 200, NULL, false},
        {"HEAD /version HTTP/1.1\r\n" HOST "\r\n", 200, "Content-Length: ", false},
        {"GET /ver%73ion HTTP/1.1\r\n" HOST "\r\n", 200, NULL, false},
        {"GET /version%00 HTTP/1.1\r\n" HOST "\r\n", 400, NULL, true},
        {"GET /%zz HTTP/1.1\r\n" HOST "\r\n", 400, NULL, true},
        {"GET /nowhere HTTP/1.1\r\n" HOST "\r\n", 404, "\"code\"", false},
        {"DELETE /version HTTP/1.1\r\n" HOST "\r\n", 405, "Allow: GET, HEAD, OPTIONS\r\n", false},
        {"GET " TEXT " HTTP/1.1\r\n" HOST "\r\n", 405, "Allow: POST, OPTIONS\r\n", false},
        {"OPTIONS " TEXT " HTTP/1.1\r\n" HOST "\r\n", 204, "Allow: POST, OPTIONS\r\n", false},
        {"OPTIONS " TEXT " HTTP/1.1\r\n" HOST "Origin: http://a\r\n"
         "Access-Control-Request-Method: POST\r\nAccess-Control-Request-Headers: x-b\r\n\r\n",
         204, "Access-Control-Allow-Headers: x-b\r\n", false},
        {"GET /v1/models/" FAKE_MODEL " HTTP/1.1\r\n" HOST "\r\n", 200, FAKE_MODEL, false},
        {"GET /v1/models/fake%2Fmodel HTTP/1.1\r\n" HOST "\r\n", 200, FAKE_MODEL, false},
        {"GET /v1/models/other HTTP/1.1\r\n" HOST "\r\n", 404, "model_not_found", false},
        {"GET /version HTTP/1.1\r\n\r\n", 400, "Host", true},
        {"GET /version HTTP/1.1\r\n" HOST "X : a\r\n\r\n", 400, NULL, true},
        {"GET /version HTTP/1.1\r\n" HOST "X: a\r\n b\r\n\r\n", 400, NULL, true},
        {"GET /version HTTP/1.1\r\n" HOST ": a\r\n\r\n", 400, NULL, true},
        {"POST " TEXT " HTTP/1.1\r\n" HOST JSON "\r\n", 411, NULL, true},
        {"POST " TEXT " HTTP/1.1\r\n" HOST JSON "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
         400, "more than one", true},
        {"POST " TEXT " HTTP/1.1\r\n" HOST JSON
         "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}",
         400, "contradict", true},
        {"POST " TEXT " HTTP/1.1\r\n" HOST JSON "Transfer-Encoding: xchunked\r\n\r\n", 400,
         "Transfer-Encoding", true},
        {"POST " TEXT " HTTP/1.1\r\n" HOST JSON "Content-Length: +2\r\n\r\n{}", 400,
         "Content-Length", true},
        {"POST " TEXT " HTTP/1.1\r\n" HOST JSON "Content-Length: 5000\r\n\r\n", 413,
         "--max-request-bytes", true},
        {"POST " TEXT " HTTP/1.1\r\n" HOST JSON
         "Content-Length: 5000\r\nExpect: 100-continue\r\n\r\n",
         413, NULL, true},
        {"POST " TEXT " HTTP/1.1\r\n" HOST JSON "Content-Length: 2\r\nExpect: tea\r\n\r\n", 417,
         NULL, true},
        {"POST " TEXT " HTTP/1.1\r\n" HOST
         "Content-Type: text/plain\r\nContent-Length: 2\r\n\r\n{}",
         400, "Unsupported Media Type: Only 'application/json' is allowed", false},
        {"POST " TEXT " HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\n{}", 400,
         "Unsupported Media Type", false},
        {"POST " TEXT " HTTP/1.1\r\n" HOST JSON
         "Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}",
         415, NULL, false},
        {"POST " TEXT " HTTP/1.1\r\n" HOST JSON "Content-Length: 2\r\n\r\n{}", 400, "prompt",
         false},
        {"GET / HTTP/1.1\r\n" HOST "\r\n", 200, "Content-Security-Policy: default-src 'none'",
         false},
        {"GET /openapi.json HTTP/1.1\r\n" HOST "\r\n", 200, "\"openapi\"", false},
        {"GET /debug/requests HTTP/1.1\r\n" HOST "\r\n", 200, "\"requests\"", false},
        {"GET /tokenizer_info HTTP/1.1\r\n" HOST "\r\n", 404, NULL, false},
        {"GET /load HTTP/1.1\r\n" HOST "\r\n", 200, "{\"server_load\":0}", false},
        {"POST /ping HTTP/1.1\r\n" HOST "Content-Length: 0\r\n\r\n", 200, NULL, false},
    };
    struct fake_server fake;
    (void)state;
    fake_server_init(&fake);
    fake.options.max_request_bytes = 4096;
    fake_server_open(&fake, false);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        check_case(&fake, &cases[i]);
    fake_server_close(&fake);
}

/* One header too many, one byte too many, and a body that crosses the limit on its way. */
static void test_sizes(void **state)
{
    struct fake_server fake;
    struct buffer text;
    (void)state;
    fake_server_init(&fake);
    fake.options.max_header_bytes = 8192;
    fake.options.max_request_bytes = 4096;
    fake_server_open(&fake, false);
    buffer_init(&text, (size_t)1 << 20);
    for (int over = 0; over < 2; over++) {
        buffer_clear(&text);
        buffer_append_str(&text, "GET /version HTTP/1.1\r\n" HOST);
        for (int i = 0; i < 255 + over; i++)
            buffer_printf(&text, "X%d: 1\r\n", i);
        buffer_append_str(&text, "\r\n");
        check_case(&fake,
                   &(struct exchange_case){buffer_text(&text), over ? 431 : 200, NULL, over});

        buffer_clear(&text);
        buffer_append_str(&text, "GET /version HTTP/1.1\r\n" HOST "X: ");
        /* Of 8192 bytes, "Host: x" takes 9 and "X: " with its end 5. */
        for (int i = 0; i < 8192 - 9 - 5 + over; i++)
            buffer_append_char(&text, 'a');
        buffer_append_str(&text, "\r\n\r\n");
        check_case(&fake,
                   &(struct exchange_case){buffer_text(&text), over ? 431 : 200, NULL, over});

        buffer_clear(&text);
        buffer_append_str(&text, "GET /version?");
        for (int i = 0; i < HEAD_URI_MAX - 9 + over; i++)
            buffer_append_char(&text, 'a');
        buffer_append_str(&text, " HTTP/1.1\r\n" HOST "\r\n");
        check_case(&fake,
                   &(struct exchange_case){buffer_text(&text), over ? 414 : 200, NULL, over});

        buffer_clear(&text);
        buffer_append_str(&text, "POST " TEXT " HTTP/1.1\r\n" HOST JSON
                                 "Transfer-Encoding: chunked\r\n\r\n");
        for (int i = 0; i < 4096 / 16; i++)
            buffer_append_str(&text, "10\r\n0123456789abcdef\r\n");
        buffer_append_str(&text, over ? "1\r\nx\r\n0\r\n\r\n" : "0\r\n\r\n");
        check_case(&fake,
                   &(struct exchange_case){buffer_text(&text), over ? 413 : 400, NULL, over});
    }
    buffer_free(&text);
    fake_server_close(&fake);
}

/* Bodies that never end may take 16 times the largest one, and whoever comes then is told so. */
static void test_many_bodies(void **state)
{
    struct fake_server fake;
    struct client clients[17];
    struct reply reply;
    char most[4097];
    (void)state;
    fake_server_init(&fake);
    fake.options.max_request_bytes = 4096;
    fake_server_open(&fake, false);
    memset(most, ' ', 4095);
    most[4095] = '\0';
    for (int i = 0; i < 17; i++) {
        client_open(&clients[i], fake.port);
        client_send_text(clients[i].fd,
                         "POST " TEXT " HTTP/1.1\r\n" HOST JSON "Content-Length: 4096\r\n\r\n");
        client_send_text(clients[i].fd, most);
        while (atomic_load(&fake.server->body_bytes) < 4095 * (size_t)(i < 16 ? i + 1 : 16))
            usleep(1000);
    }
    client_send_text(clients[16].fd, "x");
    client_read(&clients[16], &reply, false);
    assert_int_equal(reply.status, 503);
    assert_contains(buffer_text(&reply.body), "server_overloaded");
    assert_non_null(reply_header(&reply, "Retry-After"));
    reply_free(&reply);
    for (int i = 0; i < 17; i++)
        client_close(&clients[i]);
    fake_server_wait_idle(&fake);
    client_ask(fake.port, TEXT, simple, &reply);
    assert_int_equal(reply.status, 200);
    reply_free(&reply);
    while (atomic_load(&fake.server->body_bytes) > 0)
        usleep(1000);
    fake_server_close(&fake);
}

/* The answers of many requests in one write, cut at every byte, are the same and in order. */
static void test_pipelining(void **state)
{
    static const char requests[] =
        "GET /version HTTP/1.1\r\n" HOST "x-request-id: one\r\n\r\n"
        "POST " TEXT " HTTP/1.1\r\n" HOST JSON "x-request-id: two\r\nContent-Length: 54\r\n\r\n"
        "{\"prompt\":[5,6,7],\"max_tokens\":4,\"ignore_eos\":true   }"
        "POST " TEXT " HTTP/1.1\r\n" HOST JSON "x-request-id: three\r\n"
        "Transfer-Encoding: chunked\r\n\r\n4\r\n{\"pr\r\n1\r\no\r\n0\r\n\r\n"
        "GET /nowhere HTTP/1.1\r\n" HOST "x-request-id: four\r\n\r\n";
    static const char *const ids[] = {"one", "two", "three", "four"};
    static const int statuses[] = {200, 200, 400, 404};
    struct fake_server fake;
    (void)state;
    fake_server_init(&fake);
    fake_server_open(&fake, false);
    for (size_t cut = 1; cut < sizeof requests - 1; cut += 3) {
        struct client client;
        client_open(&client, fake.port);
        client_send(client.fd, requests, cut);
        client_send(client.fd, requests + cut, sizeof requests - 1 - cut);
        for (int i = 0; i < 4; i++) {
            struct reply reply;
            client_read(&client, &reply, false);
            assert_int_equal(reply.status, statuses[i]);
            assert_string_equal(reply_header(&reply, "x-request-id"), ids[i]);
            reply_free(&reply);
        }
        client_close(&client);
    }
    fake_server_close(&fake);
}

static void test_keys(void **state)
{
    static const char *const keys[] = {"secret-one"};
    static const struct exchange_case cases[] = {
        {"GET /health HTTP/1.1\r\n" HOST "\r\n", 200, NULL, false},
        {"GET / HTTP/1.1\r\n" HOST "\r\n", 200, NULL, false},
        {"GET /metrics HTTP/1.1\r\n" HOST "\r\n", 200, NULL, false},
        {"OPTIONS /v1/models HTTP/1.1\r\n" HOST "\r\n", 204, NULL, false},
        {"GET /v1/models HTTP/1.1\r\n" HOST "\r\n", 401, "WWW-Authenticate: Bearer\r\n", false},
        {"GET /v1/models HTTP/1.1\r\n" HOST "Authorization: Bearer secret\r\n\r\n", 401,
         "\"type\": \"invalid_request_error\", \"param\": null, \"code\": \"invalid_api_key\"",
         false},
        {"GET /v1/models HTTP/1.1\r\n" HOST "Authorization: Bearer secret-one1\r\n\r\n", 401, NULL,
         false},
        {"GET /v1/models HTTP/1.1\r\n" HOST "Authorization: Bearer secret-one\r\n\r\n", 200, NULL,
         false},
        {"GET /v1/models HTTP/1.1\r\n" HOST "x-api-key: secret-one\r\n\r\n", 200, NULL, false},
        {"GET /v1/models HTTP/1.1\r\n" HOST "x-api-key: file-key\r\n\r\n", 200, NULL, false},
        {"GET /nowhere HTTP/1.1\r\n" HOST "\r\n", 401, NULL, false},
        {"POST " TEXT " HTTP/1.1\r\n" HOST JSON "Content-Length: 2\r\n\r\n{}", 401, NULL, false},
    };
    struct fake_server fake;
    char path[4200];
    (void)state;
    snprintf(path, sizeof path, "%s/keys", test_temporary_directory());
    assert_int_equal(file_write_all(path, "# keys\nfile-key\n", 16, NULL), OCTET_OK);
    fake_server_init(&fake);
    fake.options.api_keys = keys;
    fake.options.api_key_count = 1;
    fake.options.api_key_file = path;
    fake_server_open(&fake, false);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        check_case(&fake, &cases[i]);
    /* A file without keys or with a bad line changes nothing; another key replaces the old one. */
    const struct exchange_case old = {
        "GET /v1/models HTTP/1.1\r\n" HOST "x-api-key: file-key\r\n\r\n", 200, NULL, false};
    assert_int_equal(file_write_all(path, "\n", 1, NULL), OCTET_OK);
    assert_int_equal(server_reload(fake.server, NULL), OCTET_INPUT);
    check_case(&fake, &old);
    static const char *const wrong[] = {"two words\n", "a\n\x01\n", "a\n\x7f", "a\rb\n"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_int_equal(file_write_all(path, wrong[i], strlen(wrong[i]), NULL), OCTET_OK);
        assert_int_equal(server_reload(fake.server, NULL), OCTET_INPUT);
    }
    assert_int_equal(file_write_all(path, "a\0b\nc\n", 6, NULL), OCTET_OK);
    assert_int_equal(server_reload(fake.server, NULL), OCTET_INPUT);
    check_case(&fake, &old);
    static const char marked[] = "\xEF\xBB\xBF# note\r\n\n \t# more\n new-key \r\n";
    assert_int_equal(file_write_all(path, marked, sizeof marked - 1, NULL), OCTET_OK);
    assert_int_equal(server_reload(fake.server, NULL), OCTET_OK);
    check_case(&fake, &(struct exchange_case){old.request, 401, NULL, false});
    check_case(&fake, &(struct exchange_case){"GET /v1/models HTTP/1.1\r\n" HOST
                                              "x-api-key: new-key\r\n\r\n",
                                              200, NULL, false});
    fake_server_close(&fake);
    unlink(path);
}

/* Slow headers and slow bodies end with 408. */
static void test_deadlines(void **state)
{
    static const char *const parts[] = {"GET /version HT", "GET /version HTTP/1.1\r\nHost:",
                                        "POST " TEXT " HTTP/1.1\r\n" HOST JSON
                                        "Content-Length: 20\r\n\r\n{"};
    struct fake_server fake;
    (void)state;
    fake_server_init(&fake);
    fake.options.header_timeout_s = 1;
    fake.options.body_timeout_s = 1;
    fake_server_open(&fake, false);
    for (int i = 0; i < 3; i++) {
        struct client client;
        struct reply reply;
        client_open(&client, fake.port);
        client_send_text(client.fd, parts[i]);
        client_read(&client, &reply, false);
        assert_int_equal(reply.status, 408);
        reply_free(&reply);
        client_close(&client);
    }
    /* One that says nothing is closed without a word. */
    struct client silent;
    char byte;
    fake_server_close(&fake);
    fake_server_init(&fake);
    fake.options.keep_alive_s = 1;
    fake_server_open(&fake, false);
    client_open(&silent, fake.port);
    assert_int_equal(recv(silent.fd, &byte, 1, 0), 0);
    client_close(&silent);
    fake_server_close(&fake);
}

struct totals {
    int64_t prompt, completion, cached, answers, choices;
};

static void add_usage(struct totals *totals, const struct reply *reply, int choices)
{
    const char *usage = strstr(buffer_text(&reply->body), "\"usage\":{");
    assert_int_equal(reply->status, 200);
    assert_non_null(usage);
    totals->prompt += reply_number(usage, "prompt_tokens");
    totals->completion += reply_number(usage, "completion_tokens");
    totals->cached += reply_number(usage, "cached_tokens");
    totals->answers++;
    totals->choices += choices;
}

/* The counters are the sums over the answers. */
static void test_counters(void **state)
{
    struct fake_server fake;
    struct totals totals = {0};
    struct rng rng = {.seed = test_seed()};
    (void)state;
    fake_server_init(&fake);
    fake_server_open(&fake, false);
    for (int i = 0; i < 120; i++) {
        char body[1024];
        struct reply reply;
        int n = 1 + (int)rng_below(&rng, 3), length = 1 + (int)rng_below(&rng, 40);
        bool stream = rng_below(&rng, 2), stop = rng_below(&rng, 4) == 0;
        int used =
            snprintf(body, sizeof body,
                     "{\"max_tokens\":%d,\"n\":%d,\"temperature\":1,\"seed\":%d%s%s,"
                     "\"prompt\":[5",
                     1 + (int)rng_below(&rng, 30), n, i, stop ? ",\"stop\":\"e\"" : "",
                     stream ? ",\"stream\":true,\"stream_options\":{\"include_usage\":true}" : "");
        for (int k = 1; k < length; k++)
            used += snprintf(body + used, sizeof body - (size_t)used, ",%d",
                             5 + (int)rng_below(&rng, 2));
        snprintf(body + used, sizeof body - (size_t)used, "]}");
        client_ask(fake.port, TEXT, body, &reply);
        add_usage(&totals, &reply, n);
        reply_free(&reply);
    }
    fake_server_wait_idle(&fake);
    assert_true(fake_server_metric(&fake, "vllm:prompt_tokens_total" LABELS) ==
                (double)totals.prompt);
    assert_true(fake_server_metric(&fake, "vllm:generation_tokens_total" LABELS) ==
                (double)totals.completion);
    assert_true(fake_server_metric(&fake, "vllm:prompt_tokens_cached_total" LABELS) ==
                (double)totals.cached);
    assert_true(fake_server_metric(&fake, "vllm:request_generation_tokens_sum" LABELS) ==
                (double)totals.completion);
    assert_true(fake_server_metric(&fake, "vllm:request_generation_tokens_count" LABELS) ==
                (double)totals.choices);
    assert_true(fake_server_metric(&fake, "vllm:request_prompt_tokens_sum" LABELS) ==
                (double)totals.prompt);
    assert_true(fake_server_metric(&fake, "vllm:request_prompt_tokens_count" LABELS) ==
                (double)totals.answers);
    assert_true(fake_server_metric(&fake, "vllm:request_params_n_count" LABELS) ==
                (double)totals.answers);
    assert_true(fake_server_metric(&fake, "vllm:time_to_first_token_seconds_count" LABELS) ==
                (double)totals.choices);
    assert_true(fake_server_metric(&fake, "vllm:inter_token_latency_seconds_count" LABELS) ==
                (double)(totals.completion - totals.choices));
    assert_true(fake_server_metric(&fake,
                                   "http_requests_total{handler=\"" TEXT
                                   "\",method=\"POST\",status=\"2xx\"}") == (double)totals.answers);
    fake_server_close(&fake);
}

static void test_start_errors(void **state)
{
    struct fake_server fake;
    struct server_options options;
    struct server *second = NULL;
    struct octet_error err;
    struct stat info;
    (void)state;
    fake_server_init(&fake);
    fake_server_open(&fake, false);
    server_options_init(&options);
    options.host = "127.0.0.1";
    options.port = fake.port;
    assert_int_equal(server_listen(&options, &second, &err), OCTET_IO);
    assert_contains(err.message, "in use");
    server_options_init(&options);
    options.allow_credentials = true;
    assert_int_equal(server_listen(&options, &second, &err), OCTET_USAGE);
    server_options_init(&options);
    options.ssl_certfile = "no/such/file.pem";
    assert_int_not_equal(server_listen(&options, &second, &err), OCTET_OK);
    fake_server_close(&fake);

    char path[100];
    snprintf(path, sizeof path, "%.80s/socket", test_temporary_directory());
    for (int round = 0; round < 2; round++) {
        fake_server_init(&fake);
        fake.options.host = NULL;
        fake.options.uds = path;
        fake_server_open(&fake, false);
        server_options_init(&options);
        options.uds = path;
        assert_int_equal(server_listen(&options, &second, &err), OCTET_IO);
        struct client client;
        struct reply reply;
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
        client.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        buffer_init(&client.kept, 65536);
        assert_int_equal(connect(client.fd, (struct sockaddr *)&address, sizeof address), 0);
        client_send_text(client.fd, "GET /health HTTP/1.1\r\n" HOST "\r\n");
        client_read(&client, &reply, false);
        assert_int_equal(reply.status, 200);
        reply_free(&reply);
        client_close(&client);
        fake_server_close(&fake);
        assert_int_not_equal(stat(path, &info), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_loading),      cmocka_unit_test(test_routes_and_limits),
        cmocka_unit_test(test_sizes),        cmocka_unit_test(test_many_bodies),
        cmocka_unit_test(test_pipelining),   cmocka_unit_test(test_keys),
        cmocka_unit_test(test_deadlines),    cmocka_unit_test(test_counters),
        cmocka_unit_test(test_start_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
