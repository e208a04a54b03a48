/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lines of the log, written by a thread of their own: a pipe that nobody reads or a full disk holds
 * back that thread and nothing else. When the queue is full, lines are dropped and counted.
 */
#ifndef SERVER_LOG_QUEUE_H
#define SERVER_LOG_QUEUE_H

#include "base/log.h"
#include "base/status.h"

struct log_queue;

/* write_line: for log_queue_line(); NULL: those lines go to the log's sink too. Errors:
 * OCTET_MEMORY, OCTET_IO (no thread). */
octet_status log_queue_start(void (*write_line)(void *context, const char *line), void *context,
                             struct log_queue **out, struct octet_error *err);
/* Waits a second at most for what is queued; a writer that is stuck is left behind. NULL is fine.
 */
void log_queue_stop(struct log_queue *queue);

/* Any thread; never waits. A line as it is, and a message for the log's sink. */
void log_queue_line(struct log_queue *queue, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void log_queue_message(struct log_queue *queue, enum log_level level, const char *file, int line,
                       const char *format, ...) __attribute__((format(printf, 5, 6)));

#define server_log(server, level, ...)                                                             \
    log_queue_message((server)->log, level, __FILE__, __LINE__, __VA_ARGS__)

#endif
