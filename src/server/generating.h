/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The generation behind one answer: an API request, its choices as requests of the engine, and the
 * response made of their tokens. A worker begins it; then one thread at a time pulls it (the HTTP
 * thread for a stream, a worker for a whole answer); any thread may cancel it.
 */
#ifndef SERVER_GENERATING_H
#define SERVER_GENERATING_H

#include "api/api_response.h"

struct exchange;
struct generating;

/*
 * Make and submit a request of the engine for every choice: all or none. Takes over `request`.
 * On failure error is filled (429 with Retry-After when the queue is full) and nothing runs.
 * notify_exchange hears exchange_news() on the engine's thread.
 */
octet_status generating_start(struct exchange *notify_exchange, struct api_request *request,
                              struct generating **out, struct api_error *error);
/* Not under an exchange's lock. Cancels what still runs, and counts every choice. NULL is fine. */
void generating_free(struct generating *generating);

const struct api_request *generating_request(const struct generating *generating);
/* Any thread; not under an exchange's lock. */
void generating_cancel(struct generating *generating);

/*
 * Take at most one new token of each choice and write what comes of it to `out` (nothing for a
 * whole answer). *more: something was read, so ask again. False when out of memory.
 */
bool generating_pull(struct generating *generating, struct buffer *out, bool *more);
/* Every choice has ended for the client. */
bool generating_finished(const struct generating *generating);
struct api_response *generating_response(const struct generating *generating);

/* The engine's thread may ask these. */
bool generating_all_ended(struct generating *generating); /* the engine has done its part */
bool generating_reads_early(
    const struct generating *generating); /* stop strings: pull as it goes */

/* Any thread. No choice has been scheduled yet; submitted when. */
bool generating_queued(struct generating *generating, uint64_t *submitted_ns);
/* The answer's id without its prefix: what x-request-id tells. */
const char *generating_id(const struct generating *generating);
enum generating_state { GENERATING_QUEUED, GENERATING_PREFILL, GENERATING_DECODE };
enum generating_state generating_state(struct generating *generating);
/* What it has read and made so far, to be added to the counters of what has finished. */
struct generating_live {
    uint64_t prompt_tokens, cached_tokens, generated_tokens;
};
void generating_live(struct generating *generating, struct generating_live *out);
/* A failure of the engine before any token; NULL: none. status: OCTET_LIMIT, OCTET_DEVICE, ... */
const char *generating_early_error(struct generating *generating, octet_status *status);

#endif
