/* SPDX-License-Identifier: Apache-2.0 */
#include "base/status.h"
#include "base/utf8.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* The header's models for the analyser would hide the functions themselves. */
#undef error_set
#undef error_prefix
#undef error_memory
#undef error_errno

const char *octet_status_text(octet_status status)
{
    switch (status) {
#define STATUS_CASE(name, text)                                                                    \
    case OCTET_##name:                                                                             \
        return text;
        OCTET_STATUS_LIST(STATUS_CASE)
#undef STATUS_CASE
    }
    return "unknown status";
}

const char *octet_version(void)
{
    return OCTET_VERSION;
}

/* No allocation: the message about exhausted memory must be writable too. */
static void write_message(struct octet_error *err, const char *format, va_list arguments)
{
    char raw[sizeof err->message + 1];
    int length = vsnprintf(raw, sizeof raw, format, arguments);
    if (length < 0) /* a conversion failed; the bare format is better than nothing */
        length = snprintf(raw, sizeof raw, "%s", format);
    bool cut = (size_t)length >= sizeof raw;
    utf8_printable(err->message, sizeof err->message, raw, cut ? sizeof raw - 1 : (size_t)length,
                   cut);
}

octet_status error_set(struct octet_error *err, octet_status status, const char *format, ...)
{
    if (!err)
        return status;
    va_list arguments;
    va_start(arguments, format);
    write_message(err, format, arguments);
    va_end(arguments);
    err->status = status;
    return status;
}

octet_status error_prefix(struct octet_error *err, octet_status status, const char *format, ...)
{
    if (!err)
        return status;
    if (err->status == OCTET_OK)
        err->status = status;
    struct octet_error prefix;
    va_list arguments;
    va_start(arguments, format);
    write_message(&prefix, format, arguments);
    va_end(arguments);
    char joined[sizeof prefix.message + sizeof err->message + 2];
    int length = snprintf(joined, sizeof joined, "%s: %s", prefix.message, err->message);
    utf8_printable(err->message, sizeof err->message, joined, (size_t)length, false);
    return err->status;
}

octet_status error_memory(struct octet_error *err, const char *what, size_t bytes)
{
    return error_set(err, OCTET_MEMORY, "out of memory: %s (%zu bytes)", what, bytes);
}

octet_status error_errno(struct octet_error *err, int errnum, const char *what, const char *path)
{
    const char *remedy = "";
    if (errnum == ENOSPC || errnum == EDQUOT)
        remedy = "; free some space on that file system and run the command again";
    else if (errnum == ENOENT)
        remedy = "; check the path";
    else if (errnum == EACCES || errnum == EPERM)
        remedy = "; check the permissions of the file and of its directories";
    char text[128];
    return error_set(err, OCTET_IO, "%s: %s: %s%s", what, path,
                     strerror_r(errnum, text, sizeof text), remedy);
}
