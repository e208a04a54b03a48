/* SPDX-License-Identifier: Apache-2.0 */
/* Answers as the HTTP library sends them. The HTTP thread. */
#ifndef SERVER_STREAM_H
#define SERVER_STREAM_H

#include "server/exchange.h"

/* Queue exchange->answer, or the events of its generation. False: the connection must be closed. */
bool stream_answer(struct exchange *exchange);
bool stream_events(struct exchange *exchange);

#endif
