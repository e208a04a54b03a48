/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Recorded texts of models and what they are, for the tests of the parser and of the responses.
 * The situations are those of vLLM's tests/reasoning/test_qwen3_reasoning_parser.py and
 * tests/tool_parsers/test_hermes_tool_parser.py, and of the threads that the names mention.
 */
#ifndef API_PARSER_CASES_H
#define API_PARSER_CASES_H

#include "api/output_parser.h"

#define CASE_CALLS_MAX 4

struct parser_case {
    const char *name;
    enum reasoning_start start;
    enum tool_format tools;
    const char *text;
    const char *reasoning, *content;
    struct {
        const char *name, *arguments;
    } calls[CASE_CALLS_MAX];
    bool first_call_only; /* parallel_tool_calls false */
    bool no_reasoning;    /* REASONING_NONE */
};

/* The request's tools of the qwen3_coder cases. */
extern const char parser_case_tools[];

extern const struct parser_case parser_cases[];
extern const size_t parser_case_count;

#endif
