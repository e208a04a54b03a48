/* SPDX-License-Identifier: Apache-2.0 */
#include "server/log_queue.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/utf8.h"

#define QUEUE_LENGTH 1024
#define LINE_MAX_BYTES 4096
#define STOP_WAIT_S 1

struct queued_line {
    bool raw;
    enum log_level level;
    const char *file;
    int line;
    char *text; /* owned */
};

struct log_queue {
    void (*write_line)(void *context, const char *line);
    void *context;
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    struct queued_line lines[QUEUE_LENGTH];
    size_t head, count;
    size_t dropped; /* since the last line that was written */
    bool stopping, ended;
};

static void write_out(const struct log_queue *queue, const struct queued_line *line)
{
    if (line->raw && queue->write_line)
        queue->write_line(queue->context, line->text);
    else
        log_write(line->level, line->file, line->line, "%s", line->text);
}

static void *thread_main(void *argument)
{
    struct log_queue *queue = argument;
    pthread_setname_np(pthread_self(), "octet-log");
    pthread_mutex_lock(&queue->mutex);
    for (;;) {
        while (queue->count == 0 && !queue->stopping)
            pthread_cond_wait(&queue->changed, &queue->mutex);
        if (queue->count == 0)
            break;
        struct queued_line line = queue->lines[queue->head];
        queue->head = (queue->head + 1) % QUEUE_LENGTH;
        queue->count--;
        size_t dropped = queue->dropped;
        queue->dropped = 0;
        pthread_mutex_unlock(&queue->mutex);
        write_out(queue, &line);
        free(line.text);
        if (dropped > 0)
            log_warning("%zu lines of the log were dropped: they were written too slowly", dropped);
        pthread_mutex_lock(&queue->mutex);
    }
    queue->ended = true;
    pthread_cond_broadcast(&queue->changed);
    pthread_mutex_unlock(&queue->mutex);
    return NULL;
}

octet_status log_queue_start(void (*write_line)(void *context, const char *line), void *context,
                             struct log_queue **out, struct octet_error *err)
{
    struct log_queue *queue = calloc(1, sizeof *queue);
    if (!queue)
        return error_memory(err, "queue of log lines", sizeof *queue);
    queue->write_line = write_line;
    queue->context = context;
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_mutex_init(&queue->mutex, NULL);
    pthread_cond_init(&queue->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    int result = pthread_create(&queue->thread, NULL, thread_main, queue);
    if (result != 0) {
        pthread_cond_destroy(&queue->changed);
        pthread_mutex_destroy(&queue->mutex);
        free(queue);
        return error_errno(err, result, "cannot start", "the log's thread");
    }
    *out = queue;
    return OCTET_OK;
}

void log_queue_stop(struct log_queue *queue)
{
    if (!queue)
        return;
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += STOP_WAIT_S;
    pthread_mutex_lock(&queue->mutex);
    queue->stopping = true;
    pthread_cond_broadcast(&queue->changed);
    int result = 0;
    while (!queue->ended && result != ETIMEDOUT)
        result = pthread_cond_timedwait(&queue->changed, &queue->mutex, &until);
    bool ended = queue->ended;
    pthread_mutex_unlock(&queue->mutex);
    if (!ended) {
        /* The writer may wake up at any time: its queue stays. */
        pthread_detach(queue->thread);
        return;
    }
    pthread_join(queue->thread, NULL);
    pthread_cond_destroy(&queue->changed);
    pthread_mutex_destroy(&queue->mutex);
    free(queue);
}

static void add(struct log_queue *queue, struct queued_line line)
{
    pthread_mutex_lock(&queue->mutex);
    bool fits = line.text && queue->count < QUEUE_LENGTH;
    if (fits) {
        queue->lines[(queue->head + queue->count) % QUEUE_LENGTH] = line;
        queue->count++;
        pthread_cond_signal(&queue->changed);
    } else {
        queue->dropped++;
    }
    pthread_mutex_unlock(&queue->mutex);
    if (!fits)
        free(line.text);
}

/* The text with its control characters escaped, or NULL. */
static char *make_text(const char *format, va_list arguments)
{
    char raw[LINE_MAX_BYTES], text[LINE_MAX_BYTES];
    int length = vsnprintf(raw, sizeof raw, format, arguments);
    if (length < 0)
        return NULL;
    bool cut = (size_t)length >= sizeof raw;
    utf8_printable(text, sizeof text, raw, cut ? sizeof raw - 1 : (size_t)length, cut);
    return strdup(text);
}

void log_queue_line(struct log_queue *queue, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    char *text = make_text(format, arguments);
    va_end(arguments);
    add(queue,
        (struct queued_line){
            .raw = true, .level = LOG_INFO, .file = __FILE__, .line = __LINE__, .text = text});
}

void log_queue_message(struct log_queue *queue, enum log_level level, const char *file, int line,
                       const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    char *text = make_text(format, arguments);
    va_end(arguments);
    add(queue, (struct queued_line){.level = level, .file = file, .line = line, .text = text});
}
