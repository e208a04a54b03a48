/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"
#include "base/utf8.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define MESSAGE_MAX 4096

/* The one sink of the process; it is installed before threads start and only read afterwards. */
static struct {
    log_sink *sink;
    void *context;
    enum log_level lowest;
} installed;

void log_set_sink(log_sink *sink, void *context, enum log_level lowest)
{
    installed.sink = sink;
    installed.context = context;
    installed.lowest = lowest;
}

void log_write(enum log_level level, const char *file, int line, const char *format, ...)
{
    if (!installed.sink || level < installed.lowest)
        return;
    char raw[MESSAGE_MAX], message[MESSAGE_MAX];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(raw, sizeof raw, format, arguments);
    va_end(arguments);
    if (length < 0)
        return;
    bool cut = (size_t)length >= sizeof raw;
    utf8_printable(message, sizeof message, raw, cut ? sizeof raw - 1 : (size_t)length, cut);
    installed.sink(installed.context, level, file, line, message);
}

void log_stderr_sink(void *context, enum log_level level, const char *file, int line,
                     const char *message)
{
    static const char *const names[] = {"DEBUG", "INFO", "WARNING", "ERROR"};
    static const char *const colours[] = {"\033[2m", "\033[32m", "\033[33m", "\033[31m"};
    FILE *stream = context ? context : stderr;
    const char *slash = strrchr(file, '/');
    const char *no_colour = getenv("NO_COLOR");
    bool colour = isatty(fileno(stream)) && !(no_colour && no_colour[0]);
    time_t now = time(NULL);
    struct tm local;
    char stamp[32] = "";
    if (localtime_r(&now, &local))
        strftime(stamp, sizeof stamp, "%m-%d %H:%M:%S", &local);
    /* One call, so that lines of several threads do not mix: a stream locks itself for each. */
    fprintf(stream, "%s%s%s %s [%s:%d] %s\n", colour ? colours[level] : "", names[level],
            colour ? "\033[0m" : "", stamp, slash ? slash + 1 : file, line, message);
    fflush(stream);
}
