/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests as rows of a table. A body is written with ' for ", and what stands in front of it says
 * where it goes:
 *   "h " a chat of one message with these further fields     "c " a completion, likewise
 *   "H " "C " "T " "D " "R " whole bodies of a chat, a completion, /tokenize, /detokenize, render
 */
#ifndef API_REQUEST_CASE_H
#define API_REQUEST_CASE_H

#include "api/request_model.h"

struct request_case {
    const char *body;
    int status;        /* 200: accepted */
    const char *param; /* of an error; NULL: null */
    const char *code;  /* of an error; NULL: null */
    /* What the error's sentence, or request_case_run()'s text of the request, must have in it;
     * parts are separated by '|'. */
    const char *expected;
};

/* Returns the status; out receives the sentence of an error, or the request or answer as text. */
int request_case_run(const struct api_model *model, const char *body, struct api_error *error,
                     struct buffer *out);

/* Run all; fails the cmocka test with every row that is wrong. */
void request_cases_check(const struct api_model *model, const struct request_case *cases,
                         size_t count);

#endif
