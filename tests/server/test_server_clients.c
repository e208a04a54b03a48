/* SPDX-License-Identifier: Apache-2.0 */
/* Clients that leave, stall or are many, and the server's own end. */
#include <sys/socket.h>
#include <unistd.h>

#include "server/fake_server.h"

#define TEXT "/v1/completions"

/* A prompt of ids, `tokens` tokens, never an end of its own. */
static const char *body(int prompt, int tokens, const char *more)
{
    static char text[65536];
    int used = snprintf(text, sizeof text,
                        "{\"model\":\"" FAKE_MODEL "\",\"ignore_eos\":true,\"max_tokens\":%d%s,"
                        "\"prompt\":[5",
                        tokens, more);
    for (int i = 1; i < prompt; i++)
        used += snprintf(text + used, sizeof text - (size_t)used, ",%d", 5 + i % 50);
    snprintf(text + used, sizeof text - (size_t)used, "]}");
    return text;
}

static void reset(int fd)
{
    const struct linger now = {.l_onoff = 1};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    close(fd);
}

enum leaving { LEAVE_CLOSE, LEAVE_RESET, LEAVE_HALF };

static void leave(struct client *client, enum leaving how)
{
    if (how == LEAVE_HALF)
        shutdown(client->fd, SHUT_WR);
    else if (how == LEAVE_RESET)
        reset(client->fd);
    else
        close(client->fd);
}

static void forget(struct client *client, enum leaving how)
{
    if (how == LEAVE_HALF)
        close(client->fd);
    buffer_free(&client->kept);
}

static void test_leave_while_decoding(void **state)
{
    struct fake_server fake;
    (void)state;
    fake_server_init(&fake);
    fake.delay_us = 500;
    fake_server_open(&fake, false);
    for (int how = LEAVE_CLOSE; how <= LEAVE_HALF; how++) {
        for (int stream = 0; stream < 2; stream++) {
            struct client client;
            client_open(&client, fake.port);
            client_post(&client, TEXT, body(4, 4000, stream ? ",\"stream\":true" : ""));
            fake_server_wait_engine(&fake, 1, 0);
            if (stream) {
                char bytes[256];
                assert_true(recv(client.fd, bytes, sizeof bytes, 0) > 0);
            }
            leave(&client, (enum leaving)how);
            fake_server_wait_idle(&fake);
            forget(&client, (enum leaving)how);
        }
    }
    assert_true(fake_server_metric(&fake, "vllm:request_success_total{engine=\"0\",model_name="
                                          "\"" FAKE_MODEL "\",finished_reason=\"abort\"}") == 6);
    fake_server_close(&fake);
}

static void test_leave_while_queued(void **state)
{
    struct fake_server fake;
    struct client running, queued, other;
    struct reply reply;
    (void)state;
    fake_server_init(&fake);
    fake.engine_options.max_num_seqs = 1;
    fake.delay_us = 2000;
    fake_server_open(&fake, false);
    client_open(&running, fake.port);
    client_open(&queued, fake.port);
    client_open(&other, fake.port);
    client_post(&running, TEXT, body(4, 400, ",\"stream\":true"));
    fake_server_wait_engine(&fake, 1, 0);
    client_post(&queued, TEXT, body(5, 10, ",\"stream\":true"));
    fake_server_wait_engine(&fake, 1, 1);
    client_post(&other, TEXT, body(6, 10, ""));
    fake_server_wait_engine(&fake, 1, 2);
    client_close(&queued);
    fake_server_wait_engine(&fake, 1, 1);
    client_read(&running, &reply, false);
    assert_contains(buffer_text(&reply.body), "data: [DONE]");
    reply_free(&reply);
    client_read(&other, &reply, false);
    assert_int_equal(reply.status, 200);
    assert_int_equal(reply_number(buffer_text(&reply.body), "completion_tokens"), 10);
    reply_free(&reply);
    assert_true(fake_server_metric(&fake, "octet_client_disconnects_total{state=\"queued\"}") == 1);
    client_close(&running);
    client_close(&other);
    fake_server_close(&fake);
}

static void test_leave_while_prefilling(void **state)
{
    struct fake_server fake;
    struct client client;
    (void)state;
    fake_server_init(&fake);
    fake.delay_us = 20000; /* 2000 tokens take 32 steps of 64 */
    fake_server_open(&fake, false);
    client_open(&client, fake.port);
    client_post(&client, TEXT, body(2000, 10, ""));
    fake_server_wait_engine(&fake, 1, 0);
    client_close(&client);
    fake_server_wait_idle(&fake);
    struct engine_stats stats;
    engine_stats(fake.engine, &stats);
    assert_true(stats.steps < 32);
    assert_true(fake_server_metric(&fake, "octet_client_disconnects_total{state=\"prefill\"}") ==
                1);
    fake_server_close(&fake);
}

/* A reader that takes nothing is dropped, and others never notice. */
static void test_slow_reader(void **state)
{
    struct fake_server fake;
    struct client slow, other;
    struct reply reply;
    const int small = 4096;
    (void)state;
    fake_server_init(&fake);
    fake.options.slow_client_timeout_s = 1;
    fake_server_open(&fake, false);
    client_open(&slow, fake.port);
    client_open(&other, fake.port);
    setsockopt(slow.fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    client_post(&slow, TEXT, body(4, 4000, ",\"stream\":true,\"logprobs\":5"));
    client_post(&other, TEXT, body(5, 200, ""));
    client_read(&other, &reply, false);
    assert_int_equal(reply_number(buffer_text(&reply.body), "completion_tokens"), 200);
    reply_free(&reply);
    for (int i = 0; fake_server_metric(&fake, "octet_slow_client_closed_total") != 1; i++) {
        assert_true(i < 600);
        usleep(50000);
    }
    fake_server_wait_idle(&fake);
    client_close(&slow);
    client_close(&other);
    fake_server_close(&fake);
}

/* A slow reader that does read gets everything. */
static void test_patient_reader(void **state)
{
    struct fake_server fake;
    struct client client;
    struct reply reply;
    (void)state;
    fake_server_init(&fake);
    fake_server_open(&fake, false);
    client_open(&client, fake.port);
    client_post(&client, TEXT,
                body(4, 1000, ",\"stream\":true,\"stream_options\":{\"include_usage\":true}"));
    usleep(300000); /* the engine is long done */
    client_read(&client, &reply, false);
    assert_int_equal(reply_number(buffer_text(&reply.body), "completion_tokens"), 1000);
    assert_contains(buffer_text(&reply.body), "data: [DONE]");
    reply_free(&reply);
    client_close(&client);
    fake_server_close(&fake);
}

static void test_full_queue(void **state)
{
    struct fake_server fake;
    struct client client;
    struct reply reply;
    (void)state;
    fake_server_init(&fake);
    fake.engine_options.max_queued = 1;
    fake.delay_us = 2000;
    fake_server_open(&fake, false);
    client_open(&client, fake.port);
    client_post(&client, TEXT, body(4, 2000, ",\"stream\":true"));
    fake_server_wait_engine(&fake, 1, 0);
    client_ask(fake.port, TEXT, body(4, 10, ""), &reply);
    assert_int_equal(reply.status, 429);
    assert_contains(buffer_text(&reply.body), "rate_limit_exceeded");
    assert_non_null(reply_header(&reply, "Retry-After"));
    assert_true(strtol(reply_header(&reply, "retry-after-ms"), NULL, 10) > 0);
    reply_free(&reply);
    /* All choices or none. */
    client_ask(fake.port, TEXT, body(4, 10, ",\"n\":3,\"temperature\":1"), &reply);
    assert_int_equal(reply.status, 429);
    reply_free(&reply);
    fake_server_wait_engine(&fake, 1, 0);
    client_close(&client);
    fake_server_wait_idle(&fake);
    assert_true(fake_server_metric(&fake, "octet_requests_rejected_total{reason=\"queue_full\"}") ==
                2);
    fake_server_close(&fake);
}

static void test_queue_timeout(void **state)
{
    struct fake_server fake;
    struct client client;
    struct reply reply;
    (void)state;
    fake_server_init(&fake);
    fake.engine_options.max_num_seqs = 1;
    fake.options.request_timeout_s = 1;
    fake.delay_us = 2000;
    fake_server_open(&fake, false);
    client_open(&client, fake.port);
    client_post(&client, TEXT, body(4, 4000, ",\"stream\":true"));
    fake_server_wait_engine(&fake, 1, 0);
    for (int stream = 0; stream < 2; stream++) {
        client_ask(fake.port, TEXT, body(5, 10, stream ? ",\"stream\":true" : ""), &reply);
        assert_int_equal(reply.status, 503);
        assert_contains(buffer_text(&reply.body), "server_overloaded");
        reply_free(&reply);
    }
    client_close(&client);
    fake_server_wait_idle(&fake);
    fake_server_close(&fake);
}

static void test_pings(void **state)
{
    struct fake_server fake;
    struct reply reply;
    (void)state;
    fake_server_init(&fake);
    fake.options.sse_keep_alive_s = 0.2;
    fake.delay_us = 900000;
    fake_server_open(&fake, false);
    client_ask(fake.port, TEXT, body(4, 2, ",\"stream\":true"), &reply);
    assert_int_equal(reply.status, 200);
    assert_memory_equal(buffer_text(&reply.body), ": ping\n\n", 8);
    assert_contains(buffer_text(&reply.body), "data: [DONE]");
    reply_free(&reply);
    fake_server_close(&fake);
}

static void test_failing_steps(void **state)
{
    struct fake_server fake;
    struct reply reply;
    (void)state;
    fake_server_init(&fake);
    fake_server_open(&fake, false);
    for (int stream = 0; stream < 2; stream++) {
        fake.executor.fail_next = true;
        client_ask(fake.port, TEXT, body(4, 10, stream ? ",\"stream\":true" : ""), &reply);
        assert_int_equal(reply.status, 500);
        assert_contains(buffer_text(&reply.body), "told to fail");
        reply_free(&reply);
    }
    client_ask(fake.port, TEXT, body(4, 10, ""), &reply);
    assert_int_equal(reply.status, 200);
    reply_free(&reply);
    fake_server_close(&fake);
}

/* An engine that gives no sign of life while a request waits is not healthy; one that is busy is.
 */
static void test_hang(void **state)
{
    struct fake_server fake;
    struct client client;
    (void)state;
    fake_server_init(&fake);
    fake.options.hang_timeout_s = 1;
    fake.delay_us = 3000000;
    fake_server_open(&fake, false);
    client_open(&client, fake.port);
    client_post(&client, TEXT, body(4, 1, ""));
    for (int status = 200; status != 503;) {
        struct reply reply;
        client_get(fake.port, "/health", &reply);
        status = reply.status;
        assert_true(status == 200 || status == 503);
        reply_free(&reply);
        usleep(20000);
    }
    assert_false(server_engine_failed(fake.server));
    fake_server_wait_idle(&fake);
    for (int i = 0; health_problem(fake.server); i++) {
        assert_true(i < 1000);
        usleep(20000);
    }
    client_close(&client);
    fake_server_close(&fake);
}

struct draining {
    struct server *server;
    double timeout_s;
};

static void *drain(void *context)
{
    struct draining *draining = context;
    server_drain(draining->server, draining->timeout_s, NULL);
    return NULL;
}

/* What runs finishes; what comes is refused; what does not finish is told so. */
static void test_drain(void **state)
{
    (void)state;
    for (int late = 0; late < 2; late++) {
        struct fake_server fake;
        struct client client, kept;
        struct reply reply;
        pthread_t thread;
        fake_server_init(&fake);
        fake.delay_us = 2000;
        fake_server_open(&fake, false);
        client_open(&client, fake.port);
        client_open(&kept, fake.port);
        client_post(&client, TEXT, body(4, late ? 4000 : 300, ",\"stream\":true"));
        fake_server_wait_engine(&fake, 1, 0);
        struct draining draining = {.server = fake.server, .timeout_s = late ? 0.3 : 60};
        assert_int_equal(pthread_create(&thread, NULL, drain, &draining), 0);
        while (server_phase(fake.server) != SERVER_DRAINING)
            usleep(1000);
        client_post(&kept, TEXT, body(4, 10, ""));
        client_read(&kept, &reply, false);
        assert_int_equal(reply.status, 503);
        assert_contains(buffer_text(&reply.body), "server_shutting_down");
        assert_non_null(reply_header(&reply, "Retry-After"));
        reply_free(&reply);
        client_get(fake.port, "/health", &reply);
        assert_int_equal(reply.status, 503);
        reply_free(&reply);
        client_read(&client, &reply, false);
        assert_false(reply.closed);
        assert_contains(buffer_text(&reply.body), "data: [DONE]");
        assert_int_equal(strstr(buffer_text(&reply.body), "\"error\"") != NULL, late);
        reply_free(&reply);
        pthread_join(thread, NULL);
        client_close(&client);
        client_close(&kept);
        fake_server_close(&fake);
    }
}

/* The end in the middle of everything: nothing leaks, nothing hangs. */
static void test_abrupt_end(void **state)
{
    (void)state;
    for (int round = 0; round < 5; round++) {
        struct fake_server fake;
        struct client clients[8];
        fake_server_init(&fake);
        fake.engine_options.max_num_seqs = 2;
        fake.delay_us = 1000;
        fake_server_open(&fake, false);
        for (int i = 0; i < 8; i++) {
            client_open(&clients[i], fake.port);
            client_post(&clients[i], TEXT, body(4 + i, 4000, i % 2 ? ",\"stream\":true" : ""));
        }
        usleep((useconds_t)(round * 5000));
        fake_server_close(&fake);
        for (int i = 0; i < 8; i++)
            client_close(&clients[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_leave_while_decoding),
        cmocka_unit_test(test_leave_while_queued),
        cmocka_unit_test(test_leave_while_prefilling),
        cmocka_unit_test(test_slow_reader),
        cmocka_unit_test(test_patient_reader),
        cmocka_unit_test(test_full_queue),
        cmocka_unit_test(test_queue_timeout),
        cmocka_unit_test(test_pings),
        cmocka_unit_test(test_failing_steps),
        cmocka_unit_test(test_hang),
        cmocka_unit_test(test_drain),
        cmocka_unit_test(test_abrupt_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
