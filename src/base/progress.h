/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Progress of long work. The library reports through a callback; the program draws a bar on a
 * terminal and a line per 10 % elsewhere. The callback also answers whether to go on, which is how
 * SIGINT reaches long work.
 */
#ifndef BASE_PROGRESS_H
#define BASE_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct progress {
    /* Called from one thread at a time. Returns false to cancel (the work then returns
     * OCTET_CANCELLED). */
    bool (*report)(void *context, const char *what, uint64_t done, uint64_t total);
    void *context;
};

/* True to go on. progress may be NULL. */
static inline bool progress_report(const struct progress *progress, const char *what, uint64_t done,
                                   uint64_t total)
{
    return !progress || progress->report(progress->context, what, done, total);
}

/* The program's drawer: to stream (stderr), units "B" (bytes, printed in MB/GB with rate and time
 * left) or a plural noun. */
struct progress_bar {
    FILE *stream;
    bool terminal;
    const char *unit;
    uint64_t started_ns, drawn_ns;
    int last_decile;
    bool open;                       /* a bar line is on the screen */
    const volatile int *cancel_flag; /* report answers false once it is non-zero; may be NULL */
};
void progress_bar_init(struct progress_bar *bar, FILE *stream, const char *unit);
struct progress progress_bar_callback(struct progress_bar *bar);
void progress_bar_finish(struct progress_bar *bar);

#endif
