/* SPDX-License-Identifier: Apache-2.0 */
/*
 * octet: inference of FP8 checkpoints on processors that have no FP8 arithmetic.
 *
 * A struct octet_model is a loaded model and one thread that computes for it. Requests go to it
 * from any thread and are answered side by side; each gives its events in order, a token or its end
 * at a time, to whoever reads it:
 *
 *     struct octet_options options;
 *     octet_options_init(&options);
 *     options.model_path = "models/demo";
 *     if (octet_open(&model, &options, &err) != OCTET_OK)
 *         return fail(err.message);
 *     octet_prompt_init(model, &prompt);
 *     prompt.text = "Once upon a time";
 *     prompt.text_size = strlen(prompt.text);
 *     if (octet_submit(model, &prompt, &request, &err) != OCTET_OK)
 *         ...
 *     while (octet_next(request, OCTET_FOREVER, &event))
 *         fwrite(event.text, 1, event.text_size, stdout);
 *     octet_request_free(&request);
 *     octet_close(&model);
 *
 * What a request produces depends on the request alone: not on others beside it, on the number of
 * threads, or on how its prompt was cut into steps.
 *
 * This is the one installed header. Every function that can fail returns an octet_status and, where
 * it takes a struct octet_error, writes a sentence there that names the file, the tensor or field,
 * what was found, what was expected and what to do about it; err may be NULL. Structures that the
 * caller fills have a function that sets defaults and reserved bytes that must stay zero. The
 * library never prints, exits or installs signal handlers. Functions may be called from any thread;
 * a request is read by one thread at a time.
 */
#ifndef OCTET_H
#define OCTET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define OCTET_API __attribute__((visibility("default")))

/* X(name, text): the class of a failure. The text of OCTET_<name> is octet_status_text(). */
#define OCTET_STATUS_LIST(X)                                                                       \
    X(OK, "ok")                                                                                    \
    X(USAGE, "bad arguments")          /* the caller's mistake; a program exits 2 */               \
    X(INPUT, "bad input")              /* a file, checkpoint, template or text is wrong */         \
    X(UNSUPPORTED, "not supported")    /* valid, and octet does not do it */                       \
    X(LIMIT, "limit exceeded")         /* larger than a stated limit */                            \
    X(MEMORY, "out of memory")         /* allocation refused or plan does not fit */               \
    X(IO, "input/output error")        /* the operating system said no */                          \
    X(STATE, "wrong state")            /* not possible now */                                      \
    X(MISMATCH, "verification failed") /* a check ran and found a difference; exits 3 */           \
    X(CANCELLED, "cancelled")          /* the caller or a signal asked to stop */                  \
    X(DEVICE, "device error")

typedef enum octet_status {
#define OCTET_STATUS_ENUM(name, text) OCTET_##name,
    OCTET_STATUS_LIST(OCTET_STATUS_ENUM)
#undef OCTET_STATUS_ENUM
} octet_status;

/* What went wrong, in the caller's memory. message is always NUL-terminated UTF-8. */
struct octet_error {
    octet_status status;
    char message[2048];
};

/* A short English name of a status; never NULL. */
OCTET_API const char *octet_status_text(octet_status status);

/* "0.1.0". */
OCTET_API const char *octet_version(void);

/* Frees what octet_tokenize, octet_detokenize, octet_render and octet_convert give; NULL is fine.
 */
OCTET_API void octet_free(void *memory);

/* ---- a model ---- */

struct octet_model;
struct octet_request;

/*
 * Zero and NULL mean "automatic". Strings are borrowed until octet_open returns.
 */
struct octet_options {
    const char *model_path;     /* required: a directory with config.json and *.safetensors */
    const char *tokenizer_path; /* where tokenizer.json is; NULL: model_path */
    const char *dtype;          /* of activations: "auto" (bfloat16), "bfloat16", "float32" */
    const char *weight_dtype;   /* resident: "auto" (as stored), "fp8", "bfloat16", "float32" */
    const char *hf_overrides;   /* a JSON object that replaces keys of config.json */
    const char
        *generation_config; /* "auto": the model's sampling defaults; "vllm": none; or a path */
    int32_t threads;        /* that compute; 0: the processors this process may use */
    int32_t max_model_len;  /* 0: the smaller of config.json's and what fits in memory */
    int32_t max_num_seqs;   /* requests computed side by side; 0: 16 */
    int32_t max_num_batched_tokens; /* tokens a step; 0: 2048 */
    int32_t max_queued;             /* requests unfinished at once; 0: no limit */
    uint64_t kv_cache_memory_bytes; /* 0: what is left of the memory limit, up to what is of use */
    uint64_t seed;                  /* of requests without one */
    bool text_only;                 /* tokenizer and chat template; no weights */
    /* Reports loading; false cancels it (OCTET_CANCELLED). what is static text; done <= total. */
    bool (*progress)(void *context, const char *what, uint64_t done, uint64_t total);
    void *progress_context;
    unsigned char reserved[128];
};
OCTET_API void octet_options_init(struct octet_options *options);

/*
 * Check the checkpoint, plan memory, load, start the thread. On success *model is the caller's:
 * octet_close. On failure *model is NULL.
 * Errors: OCTET_USAGE (an option), OCTET_INPUT (a file is wrong), OCTET_UNSUPPORTED (architecture,
 * quantisation, template syntax), OCTET_MEMORY (weights and one sequence of max_model_len do not
 * fit; the sentence has the largest length that does), OCTET_IO, OCTET_LIMIT, OCTET_CANCELLED.
 */
OCTET_API octet_status octet_open(struct octet_model **model, const struct octet_options *options,
                                  struct octet_error *err);
/*
 * Unfinished requests end as OCTET_FINISH_ABORT; *model becomes NULL. Free requests before: a
 * request must not outlive its model. NULL and a pointer to NULL are fine.
 */
OCTET_API void octet_close(struct octet_model **model);

struct octet_model_info {
    char architecture[64]; /* "Qwen3ForCausalLM"; "" with text_only */
    char quantization[128];
    int64_t vocab_size;
    int64_t max_model_len;
    int64_t kv_cache_tokens; /* positions that the KV pool holds for all requests together */
    uint64_t weight_bytes, activation_bytes, kv_cache_bytes;
    int32_t threads;
    bool has_tokenizer, has_chat_template;
    unsigned char reserved[128];
};
OCTET_API void octet_get_info(const struct octet_model *model, struct octet_model_info *info);

/* Lines worth telling a user (what was ignored, a length that was reduced); NULL past the last. */
OCTET_API const char *octet_note(const struct octet_model *model, size_t index);

/* ---- text and ids ---- */

/*
 * *ids: *count ids, octet_free. add_special_tokens: BOS where the tokenizer adds one.
 * Errors: OCTET_UNSUPPORTED (no tokenizer), OCTET_LIMIT (over 1 GiB), OCTET_MEMORY.
 */
OCTET_API octet_status octet_tokenize(const struct octet_model *model, const char *text,
                                      size_t text_size, bool add_special_tokens, int32_t **ids,
                                      size_t *count, struct octet_error *err);
/*
 * *text: *text_size bytes and a NUL, octet_free; it may end inside a character.
 * Errors: OCTET_UNSUPPORTED, OCTET_MEMORY.
 */
OCTET_API octet_status octet_detokenize(const struct octet_model *model, const int32_t *ids,
                                        size_t count, bool keep_special, char **text,
                                        size_t *text_size, struct octet_error *err);
/*
 * Render the chat template. variables: a JSON object with "messages" and whatever the template
 * knows
 * ("tools", "add_generation_prompt", "enable_thinking"). *text as above.
 * Errors: OCTET_UNSUPPORTED (no template), OCTET_INPUT (bad JSON; or the template's own message),
 * OCTET_LIMIT, OCTET_MEMORY.
 */
OCTET_API octet_status octet_render(const struct octet_model *model, const char *variables,
                                    size_t variables_size, char **text, size_t *text_size,
                                    struct octet_error *err);

/* ---- requests ---- */

/* How tokens are chosen; the order of operations is vLLM's (docs/sampling.md). */
struct octet_sampling {
    int32_t max_tokens; /* < 0: as far as the context reaches */
    int32_t min_tokens; /* no end before this many */
    double temperature; /* below 1e-5: the largest logit, ties to the lowest id */
    double top_p;       /* (0, 1]; 1: off */
    double min_p;       /* [0, 1]; 0: off */
    int32_t top_k;      /* <= 0: off */
    int32_t logprobs;   /* < 0: none; n: the chosen token's, and the n best */
    double repetition_penalty, presence_penalty, frequency_penalty; /* 1, 0, 0: off */
    uint64_t seed;
    bool has_seed;   /* false: one derived from the model's seed and the order of submission */
    bool ignore_eos; /* go on past end-of-text tokens */
    const int32_t *stop_token_ids;
    size_t stop_token_id_count;
    unsigned char reserved[64];
};

/* Borrowed until octet_submit returns. */
struct octet_prompt {
    const char *text; /* text_size bytes; NULL: ids */
    size_t text_size;
    const int32_t *ids;
    size_t id_count;
    bool add_special_tokens; /* of text: BOS where the tokenizer adds one; false for rendered chats
                              */
    bool keep_special;       /* show the text of special tokens */
    bool include_stop;       /* keep what stopped it in the text */
    const char *const *stop; /* strings at which the text ends */
    size_t stop_count;
    struct octet_sampling sampling;
    /* Called on the model's thread when there is something to read; must not call into the model.
     */
    void (*notify)(void *context);
    void *notify_context;
    unsigned char reserved[64];
};
/* The model's own sampling defaults; add_special_tokens. */
OCTET_API void octet_prompt_init(const struct octet_model *model, struct octet_prompt *prompt);

/*
 * Queue a request. *request is the caller's: octet_request_free.
 * Errors: OCTET_USAGE (parameters, ids), OCTET_LIMIT (longer than the context; too many queued),
 * OCTET_UNSUPPORTED (text or stop strings without tokenizer), OCTET_STATE (text_only),
 * OCTET_MEMORY.
 */
OCTET_API octet_status octet_submit(struct octet_model *model, const struct octet_prompt *prompt,
                                    struct octet_request **request, struct octet_error *err);

typedef enum octet_finish {
    OCTET_FINISH_NONE,   /* goes on */
    OCTET_FINISH_STOP,   /* end-of-text, stop token or stop string */
    OCTET_FINISH_LENGTH, /* max_tokens or the context's end */
    OCTET_FINISH_ABORT,  /* cancelled */
    OCTET_FINISH_ERROR   /* see status and message */
} octet_finish;

struct octet_logprob {
    int32_t token;
    float logprob;
};

/* One token, or the end, or both. Pointers live until the next call for this request. */
struct octet_event {
    const char *text; /* what may be shown now: valid UTF-8, NUL-terminated, may be empty */
    size_t text_size;
    int32_t token; /* -1: none with this event */
    int32_t rank;  /* with logprobs: 1 + how many tokens were likelier */
    float logprob; /* with logprobs: natural logarithm, before temperature and penalties */
    int32_t top_count;
    const struct octet_logprob *top; /* [top_count], best first */
    octet_finish finish;             /* not NONE: this is the last event */
    octet_status status;             /* OCTET_FINISH_ERROR: why */
    const char *message;             /* its sentence; "" otherwise */
    unsigned char reserved[64];
};

#define OCTET_FOREVER ((int64_t)-1)

/*
 * The next event: true and *event; false when timeout_ms passed (0: only look) or the last event
 * was given before.
 */
OCTET_API bool octet_next(struct octet_request *request, int64_t timeout_ms,
                          struct octet_event *event);

/* End it within one step; its last event says OCTET_FINISH_ABORT unless it was over before. */
OCTET_API void octet_cancel(struct octet_request *request);

struct octet_usage {
    size_t prompt_tokens, cached_tokens, output_tokens;
    double queue_s, ttft_s, time_per_token_s, total_s; /* seconds; 0: not yet */
    unsigned char reserved[64];
};
OCTET_API void octet_get_usage(struct octet_request *request, struct octet_usage *usage);

/* Cancels what is not over; notify is not called any more; *request becomes NULL. NULL and a
 * pointer to NULL are fine. */
OCTET_API void octet_request_free(struct octet_request **request);

/* ---- conversion ---- */

/* Borrowed until octet_convert returns. */
struct octet_convert_options {
    const char *source, *output; /* directories; output is made */
    uint64_t max_shard_size;     /* bytes of tensors a file; 0: 5e9 */
    int32_t threads;             /* 0: 1 */
    bool dry_run;                /* plan and check; write nothing */
    bool overwrite;              /* output may hold files; those of the same name are replaced */
    bool skip_verify;            /* do not compare what was written with the exact product */
    bool (*progress)(void *context, const char *what, uint64_t done, uint64_t total);
    void *progress_context;
    unsigned char reserved[64];
};
OCTET_API void octet_convert_options_init(struct octet_convert_options *options);

struct octet_convert_result {
    uint64_t source_bytes, output_bytes;
    uint64_t verified_elements; /* FP8 elements compared with the exact product, rounded once */
    size_t shards, tensors, fp8_tensors, carried_files;
    double seconds;
    unsigned char reserved[64];
};

/*
 * FP8 checkpoint -> BF16 checkpoint that other engines load, whatever its architecture. Memory is
 * a few windows of 64 MiB, whatever the size. A run that was interrupted leaves nothing under a
 * final name, and the next one goes on where it was. result may be NULL.
 * Errors: OCTET_USAGE, OCTET_INPUT (the source is wrong), OCTET_UNSUPPORTED (its quantisation),
 * OCTET_STATE (another conversion writes there), OCTET_IO, OCTET_MISMATCH (what was read back
 * differs), OCTET_CANCELLED, OCTET_MEMORY.
 */
OCTET_API octet_status octet_convert(const struct octet_convert_options *options,
                                     struct octet_convert_result *result, struct octet_error *err);

/*
 * Check a checkpoint: no NaN code, every scale positive and finite; and, when `converted` is not
 * NULL, that every FP8 element of it is the exact product of code and scale rounded once to BF16,
 * every other tensor the same bytes, none missing or too many. threads 0: 1.
 * Errors: OCTET_MISMATCH naming the first difference, OCTET_INPUT (a checkpoint is wrong in
 * itself), OCTET_USAGE, OCTET_UNSUPPORTED, OCTET_IO, OCTET_MEMORY.
 */
OCTET_API octet_status octet_verify(const char *source, const char *converted, int32_t threads,
                                    struct octet_error *err);

#ifdef __cplusplus
}
#endif
#endif
