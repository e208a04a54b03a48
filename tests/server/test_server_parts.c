/* SPDX-License-Identifier: Apache-2.0 */
/* The server's pure parts: heads of requests, cross origins, keys, connections, histograms. */
#include "server/auth.h"
#include "server/connection.h"
#include "server/cors.h"
#include "server/metrics.h"
#include "server/route.h"
#include "server/server_internal.h"
#include "support/testing.h"

static const struct head_limits limits = {
    .header_bytes = 1000, .header_count = 10, .body_bytes = 100};

static void test_targets(void **state)
{
    static const struct {
        const char *target, *path;
    } cases[] = {
        {"/a/b", "/a/b"},
        {"/a%2Fb?c=%2F", "/a/b"},
        {"/a#b", "/a"},
        {"http://host:80/a?b", "/a"},
        {"HTTPS://host", "/"},
        {"https://", "/"},
        {"*", "*"},
        {"/%c3%a9", "/\xc3\xa9"},
        {"/%", NULL},
        {"/%4", NULL},
        {"/%4g", NULL},
        {"/%00", NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct request_head head = {0};
        assert_true(head_set_target(&head, cases[i].target));
        if (cases[i].path)
            assert_string_equal(head.path, cases[i].path);
        else
            assert_null(head.path);
        head_free(&head);
    }
}

static int check_headers(const char *method, const char *const *headers, bool http10)
{
    struct request_head head = {.http10 = http10};
    struct api_error error = {0};
    snprintf(head.method, sizeof head.method, "%s", method);
    assert_true(head_set_target(&head, "/x"));
    for (; *headers; headers += 2)
        head_add(&head, headers[0], headers[1]);
    bool right = head_check(&head, &limits, &error);
    head_free(&head);
    return right ? 0 : error.http_status;
}

#define CHECK_HEADERS(method, ...)                                                                 \
    check_headers(method, (const char *const[]){"Host", "x", __VA_ARGS__, NULL}, false)

static void test_framing(void **state)
{
    (void)state;
    assert_int_equal(CHECK_HEADERS("POST", "content-length", "100"), 0);
    assert_int_equal(CHECK_HEADERS("POST", "Content-Length", "101"), 413);
    assert_int_equal(CHECK_HEADERS("POST", "Content-Length", "18446744073709551616"), 400);
    assert_int_equal(CHECK_HEADERS("POST", "Content-Length", "-1"), 400);
    assert_int_equal(CHECK_HEADERS("POST", "Content-Length", " 1"), 400);
    assert_int_equal(CHECK_HEADERS("POST", "Content-Length", ""), 400);
    assert_int_equal(CHECK_HEADERS("POST", "Content-Length", "1", "Content-Length", "1"), 400);
    assert_int_equal(CHECK_HEADERS("POST", "Content-Length", "1", "Transfer-Encoding", "chunked"),
                     400);
    assert_int_equal(CHECK_HEADERS("POST", "Transfer-Encoding", "CHUNKED"), 0);
    assert_int_equal(CHECK_HEADERS("POST", "Transfer-Encoding", "gzip, chunked"), 400);
    assert_int_equal(CHECK_HEADERS("POST", "Accept", "x"), 411);
    assert_int_equal(CHECK_HEADERS("GET", "Accept", "x"), 0);
    assert_int_equal(CHECK_HEADERS("GET", "Accept ", "x"), 400);
    assert_int_equal(CHECK_HEADERS("GET", "", "x"), 400);
    assert_int_equal(CHECK_HEADERS("GET", "Accept", "x\ry"), 400);
    assert_int_equal(CHECK_HEADERS("GET", "Expect", "100-Continue"), 0);
    assert_int_equal(CHECK_HEADERS("GET", "Expect", "200-ok"), 417);
    const char *const none[] = {NULL};
    assert_int_equal(check_headers("GET", none, false), 400);
    assert_int_equal(check_headers("GET", none, true), 0);
    assert_int_equal(
        check_headers("POST", (const char *const[]){"Transfer-Encoding", "chunked", NULL}, true),
        400);
}

static void test_content_types(void **state)
{
    static const struct {
        const char *type, *encoding;
        int status;
    } cases[] = {
        {"application/json", NULL, 0},
        {"Application/JSON; charset=UTF-8", NULL, 0},
        {"application/json;charset=\"utf-8\"", "identity", 0},
        {"application/json; charset=latin1", NULL, 400},
        {"application/jsonp", NULL, 400},
        {"text/json", NULL, 400},
        {NULL, NULL, 400},
        {"application/json", "gzip", 415},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct request_head head = {.content_type = cases[i].type,
                                    .content_encoding = cases[i].encoding};
        struct api_error error = {0};
        bool right = head_check_content(&head, &error);
        assert_int_equal(right ? 0 : error.http_status, cases[i].status);
    }
}

static void test_ids(void **state)
{
    char text[140];
    (void)state;
    memset(text, 'a', sizeof text);
    text[128] = '\0';
    assert_true(head_id_is_usable(text));
    text[128] = 'a';
    text[129] = '\0';
    assert_false(head_id_is_usable(text));
    assert_false(head_id_is_usable(""));
    assert_false(head_id_is_usable("a b"));
    assert_false(head_id_is_usable("a\"b"));
    assert_false(head_id_is_usable("\xc3\xa9"));
    char one[33], two[33];
    server_make_id(one);
    server_make_id(two);
    assert_int_equal(strlen(one), 32);
    assert_string_not_equal(one, two);
}

static void test_cors(void **state)
{
    static const char *const origins[] = {"http://a"}, *const headers[] = {"x-one", "x-two"};
    struct cors_rules rules = {0};
    struct request_head head = {.method = "GET"};
    struct cors_headers out;
    (void)state;
    cors_decide(&rules, &head, &out);
    assert_null(out.allow_origin);
    head.origin = "http://b";
    cors_decide(&rules, &head, &out);
    assert_string_equal(out.allow_origin, "*");
    assert_false(out.vary);
    rules = (struct cors_rules){.origins = origins,
                                .origin_count = 1,
                                .headers = headers,
                                .header_count = 2,
                                .credentials = true};
    cors_decide(&rules, &head, &out);
    assert_null(out.allow_origin);
    assert_false(out.refused);
    snprintf(head.method, sizeof head.method, "OPTIONS");
    head.requested_method = "POST";
    cors_decide(&rules, &head, &out);
    assert_true(out.refused);
    head.origin = "http://a";
    cors_decide(&rules, &head, &out);
    assert_string_equal(out.allow_origin, "http://a");
    assert_true(out.vary && out.credentials && out.preflight && !out.refused);
    assert_string_equal(out.headers, "x-one, x-two");
    rules.header_count = 0;
    head.requested_headers = "a, b\r\nc: d";
    cors_decide(&rules, &head, &out);
    assert_string_equal(out.headers, "a, b");
}

static void test_keys(void **state)
{
    char *keys[] = {"one", "two"};
    struct auth auth;
    (void)state;
    assert_int_equal(auth_init(&auth, keys, 2, NULL, NULL), OCTET_OK);
    assert_true(auth_check(&auth, "Bearer one", NULL));
    assert_true(auth_check(&auth, "bearer two", NULL));
    assert_true(auth_check(&auth, NULL, "two"));
    assert_true(auth_check(&auth, "Bearer x", "two"));
    assert_false(auth_check(&auth, "Bearer", NULL));
    assert_false(auth_check(&auth, "Bearer ", NULL));
    assert_false(auth_check(&auth, "Basic one", NULL));
    assert_false(auth_check(&auth, "Bearer oneone", NULL));
    assert_false(auth_check(&auth, "Bearer on", NULL));
    assert_false(auth_check(&auth, NULL, ""));
    assert_false(auth_check(&auth, NULL, NULL));
    auth_free(&auth);
    assert_int_equal(auth_init(&auth, NULL, 0, NULL, NULL), OCTET_OK);
    assert_true(auth_check(&auth, NULL, NULL));
    auth_free(&auth);
    assert_int_equal(auth_init(&auth, NULL, 0, "no/such/file", NULL), OCTET_IO);
    auth_free(&auth);
}

static void test_routes(void **state)
{
    struct server server = {.options = {.root_path = "/proxy"}};
    const char *rest = NULL;
    (void)state;
    assert_string_equal(route_find(&server, "/v1/models", &rest)->pattern, "/v1/models");
    assert_string_equal(route_find(&server, "/v1/models/", &rest)->pattern, "/v1/models");
    assert_string_equal(route_find(&server, "/proxy/v1/models", &rest)->pattern, "/v1/models");
    assert_string_equal(route_find(&server, "/proxy", &rest)->pattern, "/");
    assert_string_equal(route_find(&server, "/v1/models/a/b", &rest)->pattern,
                        "/v1/models/{model}");
    assert_string_equal(rest, "a/b");
    assert_null(route_find(&server, "/proxyv1/models", &rest));
    assert_null(route_find(&server, "/v1/models2", &rest));
    assert_null(route_find(&server, "//", &rest));
    assert_null(route_find(&server, "", &rest));
    assert_null(route_find(&server, "/debug/requests", &rest));
    const struct route *chat = route_find(&server, "/v1/chat/completions", &rest);
    assert_true(route_allows(chat, "POST"));
    assert_false(route_allows(chat, "GET"));
    assert_false(route_allows(chat, "POS"));
    assert_false(route_allows(chat, ""));
}

static void test_connections(void **state)
{
    struct connection_table table;
    struct connection *slots[3];
    (void)state;
    assert_true(connection_table_init(&table, 3));
    for (int i = 0; i < 3; i++)
        slots[i] = connection_add(&table, -1, NULL, 1);
    assert_null(connection_add(&table, -1, NULL, 1));
    uint64_t old = slots[1]->id;
    assert_ptr_equal(connection_find(&table, old), slots[1]);
    connection_remove(&table, slots[1]);
    assert_null(connection_find(&table, old));
    struct connection *again = connection_add(&table, -1, NULL, 2);
    assert_ptr_equal(again, slots[1]);
    assert_true(again->id != old);
    assert_null(connection_find(&table, old));
    assert_null(connection_find(&table, UINT64_MAX));
    connection_table_free(&table);
}

static void test_histograms(void **state)
{
    struct metrics metrics;
    struct buffer text;
    (void)state;
    metrics_init(&metrics);
    metrics_set_model_len(&metrics, 8192);
    const struct histogram *tokens = &metrics.histograms[METRICS_PROMPT_TOKENS];
    assert_int_equal(tokens->bound_count, 12); /* 1 2 5 ... 5000 */
    assert_true(tokens->bounds[11] == 5000);
    metrics_observe(&metrics, METRICS_PROMPT_TOKENS, 5);
    metrics_observe(&metrics, METRICS_PROMPT_TOKENS, 6);
    metrics_observe(&metrics, METRICS_PROMPT_TOKENS, 9000);
    buffer_init(&text, 65536);
    metrics_write_histogram(&text, "m", "a=\"b\"", tokens);
    assert_contains(buffer_text(&text), "m_bucket{a=\"b\",le=\"5.0\"} 1.0\n");
    assert_contains(buffer_text(&text), "m_bucket{a=\"b\",le=\"10.0\"} 2.0\n");
    assert_contains(buffer_text(&text), "m_bucket{a=\"b\",le=\"5000.0\"} 2.0\n");
    assert_contains(buffer_text(&text), "m_bucket{a=\"b\",le=\"+Inf\"} 3.0\n");
    assert_contains(buffer_text(&text), "m_count{a=\"b\"} 3.0\n");
    assert_contains(buffer_text(&text), "m_sum{a=\"b\"} 9011.0\n");
    buffer_free(&text);
    metrics_free(&metrics);
}

/* A name with what a label must escape. */
static void test_labels(void **state)
{
    struct metrics metrics;
    struct buffer text;
    const struct metrics_scrape scrape = {
        .attached = true, .model_name = "a\"b\\c\nd", .version = "1", .cache_dtype = "bfloat16"};
    (void)state;
    metrics_init(&metrics);
    buffer_init(&text, (size_t)1 << 20);
    assert_true(metrics_render(&metrics, &scrape, &text));
    assert_contains(buffer_text(&text),
                    "vllm:num_requests_running{engine=\"0\",model_name=\"a\\\"b\\\\c\\nd\"} 0.0\n");
    buffer_free(&text);
    metrics_free(&metrics);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_targets),       cmocka_unit_test(test_framing),
        cmocka_unit_test(test_content_types), cmocka_unit_test(test_ids),
        cmocka_unit_test(test_cors),          cmocka_unit_test(test_keys),
        cmocka_unit_test(test_routes),        cmocka_unit_test(test_connections),
        cmocka_unit_test(test_histograms),    cmocka_unit_test(test_labels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
