/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One prompt of `infer`: a line of a prompts file, or --prompt. Lines are {"prompt": ...},
 * {"messages": ...} or OpenAI batch lines {"custom_id", "method", "url", "body"}.
 */
#ifndef CLI_INFER_JOB_H
#define CLI_INFER_JOB_H

#include "cli/common.h"

struct infer_job {
    struct json *line;     /* owned; NULL for --prompt */
    const char *custom_id; /* of a batch line; the line's */
    struct buffer prompt;  /* what the model sees */
    bool rendered;         /* the chat template made it: no BOS is added */
    struct sampling_params sampling;
    const char **stops; /* owned array of borrowed strings */
    size_t stop_count;
    struct buffer text;   /* the answer so far */
    struct token_ids ids; /* its tokens */
    bool finished;
    enum finish_reason finish_reason;
    struct octet_error error; /* status not OK: this job failed, and why */
};

/* Fill from --prompt TEXT. Errors of rendering. */
octet_status infer_job_from_prompt(struct infer_job *job, const struct args *args,
                                   struct runtime *runtime, const char *prompt, size_t size,
                                   struct octet_error *err);

/* Fill from a line; what is wrong with it goes to job->error and is no failure of the call. */
void infer_job_from_line(struct infer_job *job, const struct args *args, struct runtime *runtime,
                         const char *line, size_t size, uint64_t number);

void infer_job_options(const struct infer_job *job, const struct runtime *runtime,
                       struct generation_options *options);

/* The output line: prompt, text, finish_reason, prompt_tokens, output_tokens, ttft_ms, tpot_ms; or
 * error. NULL: out of memory. */
struct json *infer_job_result(const struct infer_job *job,
                              const struct generation_summary *summary);

void infer_job_free(struct infer_job *job);

#endif
