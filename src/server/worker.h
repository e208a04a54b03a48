/* SPDX-License-Identifier: Apache-2.0 */
/* The threads that parse requests and make whole answers. */
#ifndef SERVER_WORKER_H
#define SERVER_WORKER_H

#include "base/status.h"

struct exchange;
struct workers;

/* Errors: OCTET_MEMORY, OCTET_IO (no thread). */
octet_status workers_start(int count, struct workers **out, struct octet_error *err);
/* What is queued is still done; what is pushed afterwards is not. */
void workers_stop(struct workers *workers);
/* Once nobody pushes any more. Stops them. NULL is fine. */
void workers_free(struct workers *workers);

/* Call work(exchange) on one of them, which then drops one reference. Never waits, never fails. An
 * exchange is pushed again only after its job has begun. */
void workers_push(struct workers *workers, void (*work)(struct exchange *exchange),
                  struct exchange *exchange);

#endif
