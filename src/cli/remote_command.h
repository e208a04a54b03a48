/* SPDX-License-Identifier: Apache-2.0 */
/* A conversation with a server. */
#ifndef CLI_REMOTE_COMMAND_H
#define CLI_REMOTE_COMMAND_H

#include "cli/args.h"

/* chat: messages to /chat/completions; else prompts to /completions. Ctrl-C and Ctrl-D end it well.
 * Errors: those of openai_client.h. */
octet_status remote_run(const struct args *args, bool chat, struct octet_error *err);

#endif
