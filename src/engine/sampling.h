/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sampling parameters, and the sampler: float32 logits of one position -> one token id, with
 * log-probabilities where they are asked for. Everything is a pure function of its arguments; draw
 * n of a request depends on (seed, n) and on its logits only, never on what else runs.
 *
 * The order of operations is vLLM's:
 *   1. raw log-probabilities (what `logprobs` reports) from the logits as they came;
 *   2. allowed_ids and the constraint: other tokens become -inf; bad_words: so does the last id of
 *      each sequence whose other ids are the latest of the output;
 *   3. min_tokens: stop tokens become -inf until that many tokens exist;
 *   4. logit_bias is added;
 *   5. repetition_penalty r, for ids in the prompt or the output: x > 0 ? x / r : x * r;
 *      then x -= frequency_penalty * count in the output; x -= presence_penalty if that count > 0;
 *   6. temperature below 1e-5: the largest logit, ties to the lowest id, is the token (greedy); the
 *      rest is skipped;
 *   7. weight w = expf((x - max) / temperature), 0 where (x - max) / temperature < -50;
 *   8. min_p: drop where w < min_p (the largest w is 1);
 *   9. top_k: keep the k first in the order (x descending, id ascending);
 *  10. top_p: over what is left, in that order, keep an id while the weights before it sum to less
 *      than top_p times the sum of all; the first is always kept;
 *  11. draw: u = rng_uniform(seed, 0, n); over the kept ids in ascending order, the first whose
 *      running sum of weights (float64) exceeds u times their sum.
 */
#ifndef ENGINE_SAMPLING_H
#define ENGINE_SAMPLING_H

#include "base/status.h"
#include "grammar/constraint.h"

#define SAMPLING_STOP_IDS_MAX 128
#define SAMPLING_BIAS_MAX 1024
#define SAMPLING_BAD_WORDS_MAX 1024     /* sequences */
#define SAMPLING_BAD_WORD_IDS_MAX 16384 /* ids of all of them */
#define SAMPLING_GREEDY_BELOW 1e-5

struct logit_bias {
    int32_t id;
    float bias;
};

/* What a request asks for. Arrays are borrowed until request_new() has copied them. */
struct sampling_params {
    int32_t max_tokens; /* most tokens to generate; < 0: as far as the context reaches; 0: none */
    int32_t min_tokens; /* stop tokens are impossible before this many */
    double temperature; /* >= 0; below 1e-5 greedy */
    int32_t top_k;      /* <= 0: off */
    double top_p;       /* (0, 1]; 1: off */
    double min_p;       /* [0, 1]; 0: off */
    double repetition_penalty; /* > 0; 1: off */
    double presence_penalty;   /* 0: off */
    double frequency_penalty;  /* 0: off */
    bool has_seed; /* false: a seed derived from the engine's and the request's number */
    uint64_t seed;
    bool ignore_eos;               /* the engine's end-of-text ids do not stop this request */
    const int32_t *stop_token_ids; /* further ids that stop it */
    size_t stop_token_id_count;
    const struct logit_bias *logit_bias;
    size_t logit_bias_count;
    const int32_t *allowed_ids; /* NULL: all */
    size_t allowed_id_count;
    int32_t logprobs;        /* < 0: none; n: the chosen token's and those of the n best */
    int32_t prompt_logprobs; /* < 0: none; n: for each prompt token after the first, likewise */
    int32_t priority;        /* lower goes first under priority scheduling; ties by arrival */
    /* What may be said next (step 2, beside allowed_ids); NULL: no constraint. request_new() takes
     * it over when it succeeds. min_tokens gives way where the constraint allows only the end. */
    struct constraint *constraint;
    /* Sequences of ids that must not appear: their last id becomes -inf where the others have just
     * been said. bad_words[i] has bad_word_lengths[i] ids, at least one. */
    const int32_t *const *bad_words;
    const size_t *bad_word_lengths;
    size_t bad_word_count;
};

/* temperature 1, everything else off, max_tokens -1: vLLM's neutral values. */
void sampling_params_init(struct sampling_params *params);

/* OCTET_USAGE naming the parameter, found and expected. vocab_size bounds ids; max_logprobs the two
 * logprobs. */
octet_status sampling_params_check(const struct sampling_params *params, int32_t vocab_size,
                                   int32_t max_logprobs, struct octet_error *err);

struct token_logprob {
    int32_t id;
    float logprob; /* natural; -inf possible */
};

/* Log-probabilities of one position. */
struct position_logprobs {
    float logprob; /* of the token that was chosen (or of the prompt's token) */
    int32_t rank;  /* 1 + the number of ids with a larger logit */
    int32_t top_count;
    struct token_logprob *top; /* [top_count], best first, ties to the lowest id; caller's memory */
};

/* How often ids occur: what penalties need. One per request that has penalties. */
struct token_counts {
    int32_t vocab_size;
    uint32_t
        *counts; /* [vocab_size]: occurrences in the output << 1 | occurs in prompt or output */
    int32_t *distinct; /* ids with a non-zero entry, in order of appearance */
    int32_t distinct_count;
};
octet_status token_counts_init(struct token_counts *counts, int32_t vocab_size,
                               struct octet_error *err);
void token_counts_free(struct token_counts *counts);
void token_counts_add(struct token_counts *counts, int32_t id, bool output);

/* Scratch for one thread of sampling; allocated once. */
struct sampler {
    int32_t vocab_size;
    struct sampler_candidate *candidates; /* [vocab_size] */
    float *raw;                           /* [vocab_size] logits before steps 2 to 5 */
    float *block_best;                    /* largest logit of each block of ids */
};
octet_status sampler_init(struct sampler *sampler, int32_t vocab_size, struct octet_error *err);
void sampler_free(struct sampler *sampler);

/* One draw. Pointers are borrowed. */
struct sample_input {
    float *logits; /* [vocab_size]; changed by steps 2 to 5 */
    const struct sampling_params *params;
    const struct token_counts *counts; /* NULL without penalties */
    const uint32_t *allowed_bits;      /* bit (id & 31) of word id >> 5; NULL: all */
    const int32_t *masked_ids;         /* step 3 */
    size_t masked_id_count;
    uint64_t seed;
    uint64_t draw;         /* n: how many tokens the request has generated before */
    const int32_t *output; /* [draw] these tokens; may be NULL without bad_words */
};

/*
 * Sample one token. logprobs may be NULL; else its top has room for params->logprobs entries.
 * Errors: OCTET_DEVICE for NaN or +inf logits, OCTET_INPUT when every id is masked.
 */
octet_status sampler_sample(struct sampler *sampler, const struct sample_input *input,
                            int32_t *token, struct position_logprobs *logprobs,
                            struct octet_error *err);

/*
 * Raw log-probabilities of one position: log-softmax over the whole vocabulary in float32 with a
 * float64 sum. out->top has room for top_count entries. OCTET_DEVICE for NaN or +inf logits.
 */
octet_status sampler_logprobs(struct sampler *sampler, const float *logits, int32_t chosen,
                              int32_t top_count, struct position_logprobs *out,
                              struct octet_error *err);

#endif
