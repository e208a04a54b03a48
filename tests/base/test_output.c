/* SPDX-License-Identifier: Apache-2.0 */
/* Log lines, progress and the clock. */
#include "support/testing.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/progress.h"

struct seen {
    int count, line;
    enum log_level level;
    char message[8192];
};

static void remember(void *context, enum log_level level, const char *file, int line,
                     const char *message)
{
    struct seen *seen = context;
    seen->count++;
    seen->level = level;
    seen->line = line;
    assert_contains(file, "test_output.c");
    snprintf(seen->message, sizeof seen->message, "%s", message);
}

static void test_log(void **state)
{
    (void)state;
    struct seen seen = {0};
    log_info("nobody listens"); /* the library is silent unless a sink is installed */
    log_set_sink(remember, &seen, LOG_WARNING);
    log_debug("below");
    log_info("below");
    assert_int_equal(seen.count, 0);
    log_warning("%d files\033[0m", 3);
    assert_int_equal(seen.line, __LINE__ - 1);
    assert_int_equal(seen.level, LOG_WARNING);
    assert_string_equal(seen.message, "3 files\\x1b[0m");
    char text[9000];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    log_error("%s", text);
    assert_string_equal(seen.message + strlen(seen.message) - 4, "x...");
    log_set_sink(NULL, NULL, LOG_DEBUG);
    log_error("nobody listens");
    assert_int_equal(seen.count, 2);
}

/* Runs `write` on a stream in memory and gives what arrived there. */
static char *captured(void (*write)(FILE *stream))
{
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);
    assert_non_null(stream);
    write(stream);
    fclose(stream);
    return text;
}

static void write_log_line(FILE *stream)
{
    log_stderr_sink(stream, LOG_WARNING, "src/base/file.c", 123, "message");
}

static void test_log_line(void **state)
{
    (void)state;
    char *text = captured(write_log_line);
    /* "WARNING 11-24 02:28:40 [file.c:123] message" */
    static const char shape[] = "WARNING dd-dd dd:dd:dd [file.c:123] message\n";
    assert_int_equal(strlen(text), strlen(shape));
    for (size_t i = 0; i < sizeof shape - 1; i++) {
        if (i >= 8 && shape[i] == 'd')
            assert_true(text[i] >= '0' && text[i] <= '9');
        else if (i < 36)
            assert_int_equal(text[i], shape[i]);
    }
    assert_contains(text, "message\n");
    free(text);
}

static void write_progress(FILE *stream)
{
    struct progress_bar bar;
    progress_bar_init(&bar, stream, "tensors");
    struct progress progress = progress_bar_callback(&bar);
    for (uint64_t i = 0; i <= 1000; i++)
        assert_true(progress_report(&progress, "convert", i, 1000));
    /* A second phase starts again. */
    for (uint64_t i = 0; i <= 4; i++)
        assert_true(progress_report(&progress, "verify", i, 4));
    progress_bar_finish(&bar);
}

static void test_progress_in_a_file(void **state)
{
    (void)state;
    char *text = captured(write_progress);
    size_t lines = 0;
    for (const char *at = text; *at; at++)
        lines += *at == '\n';
    assert_int_equal(lines, 11 + 5);
    assert_contains(text, "convert: 0 %, 0 / 1,000 tensors, ");
    assert_contains(text, "convert: 50 %, 500 / 1,000 tensors, ");
    assert_contains(text, "convert: 100 %, 1,000 / 1,000 tensors, ");
    assert_contains(text, "verify: 75 %, 3 / 4 tensors, ");
    assert_null(strchr(text, '\r'));
    free(text);
}

static void write_bar(FILE *stream)
{
    struct progress_bar bar;
    progress_bar_init(&bar, stream, "B");
    bar.terminal = true;
    struct progress progress = progress_bar_callback(&bar);
    for (uint64_t i = 0; i <= 100000; i++)
        progress_report(&progress, "read", i * 20000, 2000000000);
    progress_bar_finish(&bar);
    progress_bar_finish(&bar);
}

static void test_progress_on_a_terminal(void **state)
{
    (void)state;
    uint64_t start = clock_now_ns();
    char *text = captured(write_bar);
    double seconds = clock_seconds_since(start);
    size_t draws = 0, lines = 0;
    for (const char *at = text; *at; at++) {
        draws += *at == '\r';
        lines += *at == '\n';
    }
    /* The first, the last, and ten a second between. */
    assert_true(draws >= 2 && (double)draws <= 3 + 10 * seconds);
    assert_int_equal(lines, 1);
    assert_contains(text, "read [");
    assert_contains(text, "100 % 2.00 GB / 2.00 GB");
    for (char *line = strtok(text, "\r\n"); line; line = strtok(NULL, "\r\n"))
        assert_true(strlen(line) <= 79 + strlen("\033[K"));
    free(text);
}

static void write_cancelled(FILE *stream)
{
    struct progress_bar bar;
    volatile int flag = 0;
    progress_bar_init(&bar, stream, "B");
    bar.cancel_flag = &flag;
    struct progress progress = progress_bar_callback(&bar);
    assert_true(progress_report(&progress, "x", 0, 10));
    flag = 1;
    assert_false(progress_report(&progress, "x", 0, 10));
    flag = 0;
    assert_true(progress_report(&progress, "x", 0, 0));   /* nothing to do is all done */
    assert_true(progress_report(&progress, "x", 11, 10)); /* more than all is all */
}

static void test_cancelling(void **state)
{
    (void)state;
    free(captured(write_cancelled));
    assert_true(progress_report(NULL, "x", 1, 2));
}

static void test_clock(void **state)
{
    (void)state;
    uint64_t before = clock_now_ns();
    for (int i = 0; i < 1000; i++) {
        uint64_t now = clock_now_ns();
        assert_true(now >= before);
        before = now;
    }
    assert_true(clock_seconds_since(before) >= 0 && clock_seconds_since(before) < 60);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_log),
        cmocka_unit_test(test_log_line),
        cmocka_unit_test(test_progress_in_a_file),
        cmocka_unit_test(test_progress_on_a_terminal),
        cmocka_unit_test(test_cancelling),
        cmocka_unit_test(test_clock),
    };
    return cmocka_run_group_tests_name("output", tests, NULL, NULL);
}
