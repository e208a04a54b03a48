/* SPDX-License-Identifier: Apache-2.0 */
/* The command line and the environment of `serve` as settings of runtime, protocol and server. */
#ifndef CLI_SERVE_SETTINGS_H
#define CLI_SERVE_SETTINGS_H

#include "base/arena.h"
#include "cli/args.h"
#include "cli/placement.h"
#include "server/server.h"

#define SERVE_NAMES_MAX 72

struct serve_settings {
    const struct args *args;
    struct server_options server;
    struct runtime_options runtime;
    struct api_model model;
    struct placement placement;
    double shutdown_timeout_s;
    bool keep_alive_dead; /* VLLM_KEEP_ALIVE_ON_ENGINE_DEATH */
    const char *typed;    /* the model as typed; args' */

    struct arena arena; /* strings and lists of the above */
    const char *names[SERVE_NAMES_MAX];
    char *path; /* of the model */
    struct json *template_kwargs;
    struct buffer chat_template; /* --chat-template; empty: the checkpoint's */
    char fingerprint[64];
};

/* Everything that needs no model. Errors: OCTET_USAGE, those of hub_find, of reading files,
 * OCTET_MEMORY. serve_settings_free() also after an error. */
octet_status serve_settings_read(const struct args *args, struct serve_settings *out,
                                 struct octet_error *err);
/* A log line for each option and variable that has no effect here. */
void serve_settings_note(const struct args *args);
/* What depends on the model: the chat template that was given is put into the runtime, and the
 * formats of thinking and tool calls follow from the template. Errors: OCTET_INPUT (no tokenizer),
 * those of the template. */
octet_status serve_settings_resolve(struct serve_settings *settings, struct runtime *runtime,
                                    struct octet_error *err);
void serve_settings_free(struct serve_settings *settings);

#endif
