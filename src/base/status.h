/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Errors inside the library. A function that can fail returns octet_status; the sentence is made
 * where the facts are known and travels up unchanged. err may always be NULL.
 */
#ifndef BASE_STATUS_H
#define BASE_STATUS_H

#include <stdarg.h>
#include "octet/octet.h"

/*
 * Write a message and return status, so that `return error_set(err, OCTET_INPUT, "...")` reads as
 * one thought. Over-long messages are cut at a UTF-8 boundary and end in "...". Bytes of untrusted
 * strings that are control characters are written as \xNN so that a message never moves a cursor.
 */
octet_status error_set(struct octet_error *err, octet_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Put "prefix: " before a message that is already there; returns err's status (or `status`). */
octet_status error_prefix(struct octet_error *err, octet_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* OCTET_MEMORY with "out of memory: WHAT (N bytes)". */
octet_status error_memory(struct octet_error *err, const char *what, size_t bytes);

/* OCTET_IO with "WHAT: PATH: strerror(errnum)"; ENOSPC and ENOENT get a remedy. */
octet_status error_errno(struct octet_error *err, int errnum, const char *what, const char *path);

#ifdef __clang_analyzer__
/* The analyser sees one file at a time; without this it follows paths on which errors are OCTET_OK.
 */
static inline octet_status error_analysed(octet_status status, octet_status returned)
{
    (void)returned;
    return status;
}
#define error_set(err, status, ...) error_analysed(status, error_set(err, status, __VA_ARGS__))
#define error_prefix(err, status, ...)                                                             \
    error_analysed(status, error_prefix(err, status, __VA_ARGS__))
#define error_memory(...) error_analysed(OCTET_MEMORY, error_memory(__VA_ARGS__))
#define error_errno(...) error_analysed(OCTET_IO, error_errno(__VA_ARGS__))
#endif

#define RETURN_IF_ERROR(expression)                                                                \
    do {                                                                                           \
        octet_status status_ = (expression);                                                       \
        if (status_ != OCTET_OK)                                                                   \
            return status_;                                                                        \
    } while (0)

#endif
