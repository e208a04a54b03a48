/* SPDX-License-Identifier: Apache-2.0 */
/*
 * octet: inference of FP8 checkpoints on processors that have no FP8 arithmetic.
 *
 * This is the one installed header. Every function that can fail returns an octet_status and, where
 * it takes a struct octet_error, writes a sentence there that names the file, the tensor or field,
 * what was found, what was expected and what to do about it.
 */
#ifndef OCTET_H
#define OCTET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define OCTET_API __attribute__((visibility("default")))

/* X(name, text): the class of a failure. The text of OCTET_<name> is octet_status_text(). */
#define OCTET_STATUS_LIST(X)                                                                       \
    X(OK, "ok")                                                                                    \
    X(USAGE, "bad arguments")                 /* the caller's mistake; a program exits 2 */        \
    X(INPUT, "bad input")                     /* a file, checkpoint, template or text is wrong */  \
    X(UNSUPPORTED, "not supported")           /* valid, and octet does not do it */                \
    X(LIMIT, "limit exceeded")                /* larger than a stated limit */                     \
    X(MEMORY, "out of memory")                /* allocation refused or plan does not fit */        \
    X(IO, "input/output error")               /* the operating system said no */                   \
    X(STATE, "wrong state")                   /* not possible now */                               \
    X(MISMATCH, "verification failed")        /* a check ran and found a difference; exits 3 */    \
    X(CANCELLED, "cancelled")                 /* the caller or a signal asked to stop */           \
    X(DEVICE, "device error")

typedef enum octet_status {
#define OCTET_STATUS_ENUM(name, text) OCTET_##name,
    OCTET_STATUS_LIST(OCTET_STATUS_ENUM)
#undef OCTET_STATUS_ENUM
} octet_status;

/* What went wrong, in the caller's memory. message is always NUL-terminated UTF-8. */
struct octet_error {
    octet_status status;
    char message[2048];
};

/* A short English name of a status; never NULL. */
OCTET_API const char *octet_status_text(octet_status status);

/* "0.1.0". */
OCTET_API const char *octet_version(void);

#ifdef __cplusplus
}
#endif
#endif
