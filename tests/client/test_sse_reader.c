/* SPDX-License-Identifier: Apache-2.0 */
/* Event streams, whole and cut at every place. */
#include "support/testing.h"

#include "client/sse_reader.h"

struct seen {
    char text[512]; /* events, each in brackets */
    int stop_after; /* 0: never */
    int count;
};

static bool on_event(void *context, const char *data, size_t size)
{
    struct seen *seen = context;
    size_t used = strlen(seen->text);
    snprintf(seen->text + used, sizeof seen->text - used, "[%.*s]", (int)size, data);
    return ++seen->count != seen->stop_after;
}

static const struct {
    const char *bytes, *events;
} cases[] = {
    {"data: a\n\n", "[a]"},
    {"data:a\n\n", "[a]"},
    {"data:  a\n\n", "[ a]"},
    {"data: a\ndata: b\n\n", "[a\nb]"},
    {"data: a\r\n\r\ndata: b\r\n\r\n", "[a][b]"},
    {"data: a\r\rdata: b\r\r", "[a][b]"},
    {"data: a\r\n\ndata: b\n\r\n", "[a][b]"},
    {"\n\n: ping\n\ndata: a\n\n", "[a]"},
    {"event: x\nid: 7\nretry: 1\ndata: a\n\n", "[a]"},
    {"data\n\n", "[]"},
    {"dat: a\ndatas: b\n\n", ""},
    {"\xEF\xBB\xBF"
     "data: a\n\n",
     "[a]"},
    {"data: cut short\n", ""},
    {"data: cut", ""},
    {"data: {\"a\": 1}\n\ndata: [DONE]\n\n", "[{\"a\": 1}][[DONE]]"},
};

static void check(size_t index, size_t cut)
{
    struct sse_reader reader;
    struct seen seen = {0};
    const char *bytes = cases[index].bytes;
    sse_reader_init(&reader, 256);
    assert_int_equal(sse_reader_push(&reader, bytes, cut, on_event, &seen), SSE_MORE);
    assert_int_equal(sse_reader_push(&reader, bytes + cut, strlen(bytes) - cut, on_event, &seen),
                     SSE_MORE);
    assert_string_equal(seen.text, cases[index].events);
    sse_reader_free(&reader);
}

static void test_cut_anywhere(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        for (size_t cut = 0; cut <= strlen(cases[i].bytes); cut++)
            check(i, cut);
    }
}

/* Byte by byte, also "\r\n" and the empty line behind it. */
static void test_bytes(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct sse_reader reader;
        struct seen seen = {0};
        sse_reader_init(&reader, 256);
        for (const char *byte = cases[i].bytes; *byte; byte++) {
            assert_int_equal(sse_reader_push(&reader, byte, 1, on_event, &seen), SSE_MORE);
            assert_int_equal(sse_reader_push(&reader, byte, 0, on_event, &seen), SSE_MORE);
        }
        assert_string_equal(seen.text, cases[i].events);
        sse_reader_free(&reader);
    }
}

static void test_stop(void **state)
{
    (void)state;
    static const char bytes[] = "data: a\n\ndata: b\n\ndata: c\n\n";
    struct sse_reader reader;
    struct seen seen = {.stop_after = 2};
    sse_reader_init(&reader, 256);
    assert_int_equal(sse_reader_push(&reader, bytes, sizeof bytes - 1, on_event, &seen),
                     SSE_STOPPED);
    assert_string_equal(seen.text, "[a][b]");
    sse_reader_free(&reader);
}

static void test_limits(void **state)
{
    (void)state;
    static const char line[] = "data: 0123456789\n";
    struct sse_reader reader;
    struct seen seen = {0};
    sse_reader_init(&reader, 15);
    assert_int_equal(sse_reader_push(&reader, line, sizeof line - 1, on_event, &seen), SSE_FAILED);
    sse_reader_free(&reader);
    /* Short lines that grow into a long event. */
    sse_reader_init(&reader, 40);
    enum sse_result result = SSE_MORE;
    for (int i = 0; i < 4 && result == SSE_MORE; i++)
        result = sse_reader_push(&reader, line, sizeof line - 1, on_event, &seen);
    assert_int_equal(result, SSE_FAILED);
    sse_reader_free(&reader);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cut_anywhere),
        cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_stop),
        cmocka_unit_test(test_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
