/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The log sink: the library never prints; it hands lines to a sink that the program installs (none
 * by default). "INFO 11-24 02:28:40 [file.c:123] message" is the line format of the program's sink.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARNING, LOG_ERROR };

typedef void log_sink(void *context, enum log_level level, const char *file, int line,
                      const char *message);

/* Install a sink and the lowest level it wants; NULL removes it. Call before threads start. */
void log_set_sink(log_sink *sink, void *context, enum log_level lowest);

/* Thread safe. Control characters in the message are escaped. */
void log_write(enum log_level level, const char *file, int line, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

#define log_debug(...) log_write(LOG_DEBUG, __FILE__, __LINE__, __VA_ARGS__)
#define log_info(...) log_write(LOG_INFO, __FILE__, __LINE__, __VA_ARGS__)
#define log_warning(...) log_write(LOG_WARNING, __FILE__, __LINE__, __VA_ARGS__)
#define log_error(...) log_write(LOG_ERROR, __FILE__, __LINE__, __VA_ARGS__)

/* Writes lines in the format above to a FILE * (context); colour when it is a terminal and NO_COLOR
 * is unset. */
log_sink log_stderr_sink;

#endif
