/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One request of HTTP and its answer.
 *
 * The HTTP thread makes an exchange when a request line has come, and ends it when the answer is
 * sent or the connection is gone. In between it may be in the hands of a worker, the engine's
 * thread may say that there is news, and the watch may break it off; `mutex` guards what they
 * share. Order of locks: the server's, an exchange's, then the engine's and the HTTP library's.
 * request_set_notify() waits for callbacks that take an exchange's lock: never call it under one.
 *
 * An exchange that has nothing to send is suspended: the HTTP library forgets it until
 * exchange_wake(). Suspending and the check that nothing came meanwhile are one step under the
 * lock.
 */
#ifndef SERVER_EXCHANGE_H
#define SERVER_EXCHANGE_H

#include <pthread.h>
#include <stdatomic.h>

#include "server/answer.h"
#include "server/generating.h"
#include "server/head.h"

struct server;
struct connection;
struct route;

/* Why an exchange is broken off. */
enum break_cause {
    BREAK_NONE,
    BREAK_GONE,          /* the client left */
    BREAK_QUEUE_TIMEOUT, /* waited too long for its first step */
    BREAK_DRAINED,       /* the server ends */
};

struct exchange {
    struct server *server;
    struct connection *connection; /* the HTTP thread's, until it ends */
    void *transport;               /* the HTTP library's connection */
    atomic_int references;         /* the HTTP thread's, and a worker's */

    /* The HTTP thread's alone until a worker gets the exchange; unchanged from then on. */
    struct request_head head;
    const struct route *route;      /* NULL: none matches */
    const char *rest;               /* what follows a route's prefix in head.path */
    char id[132];                   /* x-request-id */
    uint64_t start_ns, received_ns; /* request line; end of the body */
    struct buffer body;             /* a worker may free it once it is parsed */
    size_t received_bytes;          /* of it */
    size_t counted_bytes;           /* of it, in the server's sum */

    /* The HTTP thread's. */
    bool head_checked;
    bool refused; /* the answer is an error already: the body is skipped */
    bool dispatched;
    bool too_large;    /* the body crossed the limit */
    int sent_status;   /* of the answer that the library has; 0: none */
    size_t sent_bytes; /* of the body */
    struct buffer out; /* events to be sent */
    size_t out_offset; /* sent of them */
    bool stream_ended; /* everything is in `out` */

    /* Between workers: the next job, while it waits for a worker. */
    struct exchange *next_job;
    void (*job)(struct exchange *exchange);

    pthread_mutex_t mutex;
    struct answer answer; /* a worker's while busy; complete when ready */
    bool ready;
    bool suspended;
    bool busy;       /* a worker has the request and will wake it */
    bool over;       /* the HTTP thread has ended it */
    bool has_news;   /* for a stream */
    bool ping_due;   /* the same */
    bool advancing;  /* a worker reads a whole answer, or will */
    bool news_again; /* while it does: something new came */
    enum break_cause cause;
    uint64_t suspended_ns;
    struct generating *generating; /* NULL: none (yet) */
};

/* One reference for the caller. NULL when out of memory. */
struct exchange *exchange_new(struct server *server, void *transport);
void exchange_retain(struct exchange *exchange);
/* Add bytes to the body; the HTTP thread. False: out of memory, or of what the bodies of all
 * requests may take together. */
bool exchange_add_body(struct exchange *exchange, const char *bytes, size_t size);
/* Nobody needs the body any more. */
void exchange_drop_body(struct exchange *exchange);
/* Not on the engine's thread, and under no lock. */
void exchange_release(struct exchange *exchange);

/* Suspend it and let a worker call work(exchange). The HTTP thread. False: the server stops; the
 * exchange is broken off. */
bool exchange_hand_over(struct exchange *exchange, void (*work)(struct exchange *exchange));
/* The worker's answer is complete. */
void exchange_ready(struct exchange *exchange);
/* The worker has begun the generation. */
void exchange_generate(struct exchange *exchange, struct generating *generating);
/* There is news from a choice of its generation. The engine's thread; under no lock of ours. */
void exchange_news(struct exchange *exchange);

/* Under the lock. Forget it until exchange_wake(); the HTTP thread. False: the server stops, and
 * nothing is suspended any more. */
bool exchange_suspend(struct exchange *exchange);
/* Under the lock. Let the HTTP thread go on if it was suspended. */
void exchange_wake(struct exchange *exchange);

/* Break it off; the first cause counts. The caller holds the server's lock. */
void exchange_break(struct exchange *exchange, enum break_cause cause);
/* Whether it was. Any thread; under no lock. */
bool exchange_broken(struct exchange *exchange);
/* The error that a client reads of a cause; false: it cannot read any more. */
bool exchange_explain(const struct exchange *exchange, enum break_cause cause,
                      struct api_error *error);
/* The HTTP thread ends it and drops its reference. */
void exchange_end(struct exchange *exchange);

#endif
