/* SPDX-License-Identifier: Apache-2.0 */
/* What a sequence is in: free text, in which tags are looked for, or the grammar. */
#include "grammar/constraint.h"

#include <stdlib.h>
#include <string.h>

#include "grammar/constraint_mask.h"

enum constraint_mode {
    MODE_FREE,
    MODE_GRAMMAR,
    MODE_OVER, /* nothing is constrained any more */
};

struct constraint {
    const struct grammar_vocab *vocab;
    struct grammar *grammar; /* a reference; NULL: none */
    struct constraint_walk walk;
    struct mask_maker maker;
    enum constraint_start start;
    enum constraint_mode mode;
    bool complete; /* of MODE_OVER: the text was complete when it ended */
    bool thinking;
    bool may_think; /* no thinking has begun yet */
    int32_t budget, spent;
    int32_t *think_end_ids;
    size_t think_end_id_count;
    size_t forced;              /* of think_end_ids, how many were said by force */
    uint8_t matched[TAG_COUNT]; /* bytes of each tag that the free text ends with */
};

static void begin_grammar(struct constraint *constraint, uint32_t node)
{
    constraint_walk_start(&constraint->walk, node);
    constraint->mode = MODE_GRAMMAR;
}

static void begin_free(struct constraint *constraint)
{
    memset(constraint->matched, 0, sizeof constraint->matched);
    constraint->mode = MODE_FREE;
}

static void begin(struct constraint *constraint, bool in_thinking)
{
    const struct grammar *grammar = constraint->grammar;
    begin_free(constraint);
    if (grammar && constraint->start == CONSTRAINT_AT_ONCE) {
        begin_grammar(constraint, grammar->start);
        return;
    }
    constraint->thinking = in_thinking;
    constraint->may_think = !in_thinking;
    if (grammar && constraint->start == CONSTRAINT_AFTER_THINKING && !in_thinking)
        begin_grammar(constraint, grammar->or_thinking);
}

/* Whether a mask of the grammar's own beginning has a bit. The cache keeps it for later. */
static octet_status check_beginning(struct constraint *constraint, struct octet_error *err)
{
    const struct grammar_vocab *vocab = constraint->vocab;
    bool lazy = constraint->start == CONSTRAINT_IN_TOOL_CALLS;
    uint32_t *bits = calloc(vocab->words + 1, sizeof *bits);
    if (!bits)
        return error_memory(err, "constraint", vocab->words * sizeof *bits);
    constraint_walk_start(&constraint->walk,
                          lazy ? constraint->grammar->in_call : constraint->grammar->start);
    bool any = constraint->walk.levels[0].complete;
    mask_maker_fill(&constraint->maker, bits);
    for (size_t i = 0; i < vocab->words && !any; i++)
        any = bits[i] != 0;
    free(bits);
    if (!any)
        return error_set(err, OCTET_INPUT,
                         "no token of the vocabulary can begin a text of this grammar");
    return OCTET_OK;
}

octet_status constraint_new(const struct constraint_options *options, struct constraint **out,
                            struct octet_error *err)
{
    struct constraint *constraint = NULL;
    if (options->grammar && options->start == CONSTRAINT_IN_TOOL_CALLS &&
        !options->grammar->in_call)
        return error_set(err, OCTET_USAGE, "constraint in tool calls: the grammar has none");
    if (!(constraint = calloc(1, sizeof *constraint)))
        return error_memory(err, "constraint", sizeof *constraint);
    constraint->vocab = options->vocab;
    constraint->grammar = grammar_share(options->grammar);
    constraint->start = options->start;
    constraint->budget = options->think_end_id_count ? options->thinking_budget : -1;
    constraint->think_end_id_count = options->think_end_id_count;
    octet_status status = OCTET_OK;
    constraint->think_end_ids =
        calloc(options->think_end_id_count + 1, sizeof *constraint->think_end_ids);
    if (!constraint->think_end_ids)
        status = error_memory(err, "constraint", options->think_end_id_count * sizeof(int32_t));
    else if (options->think_end_id_count)
        memcpy(constraint->think_end_ids, options->think_end_ids,
               options->think_end_id_count * sizeof *options->think_end_ids);
    if (status == OCTET_OK && constraint->grammar)
        status = constraint_walk_init(&constraint->walk, constraint->grammar, err);
    if (status == OCTET_OK)
        status = mask_maker_init(&constraint->maker, options->vocab,
                                 constraint->grammar ? &constraint->walk : NULL, err);
    if (status == OCTET_OK && constraint->grammar)
        status = check_beginning(constraint, err);
    if (status != OCTET_OK) {
        constraint_free(constraint);
        return status;
    }
    begin(constraint, options->in_thinking);
    *out = constraint;
    return OCTET_OK;
}

size_t constraint_bytes(const struct grammar_vocab *vocab)
{
    return sizeof(struct constraint) + constraint_walk_bytes() + mask_maker_bytes(vocab);
}

void constraint_free(struct constraint *constraint)
{
    if (!constraint)
        return;
    mask_maker_free(&constraint->maker);
    constraint_walk_free(&constraint->walk);
    free(constraint->think_end_ids);
    grammar_free(constraint->grammar);
    free(constraint);
}

static bool is_forcing(const struct constraint *constraint)
{
    return constraint->thinking && constraint->budget >= 0 &&
           constraint->spent >= constraint->budget;
}

/* The tag behind which free text becomes the grammar's; TAG_COUNT: none. */
static enum grammar_tag entry_tag(const struct constraint *constraint)
{
    if (!constraint->grammar)
        return TAG_COUNT;
    return constraint->start == CONSTRAINT_IN_TOOL_CALLS ? TAG_TOOL_OPEN : TAG_THINK_CLOSE;
}

static uint32_t entry_node(const struct constraint *constraint)
{
    return constraint->start == CONSTRAINT_IN_TOOL_CALLS ? constraint->grammar->in_call
                                                         : constraint->grammar->after_thinking;
}

static bool is_watched(const struct constraint *constraint, enum grammar_tag tag)
{
    switch (tag) {
    case TAG_TOOL_OPEN:
        return entry_tag(constraint) == tag;
    case TAG_THINK_OPEN:
        return constraint->may_think && !constraint->thinking;
    case TAG_THINK_CLOSE:
        return constraint->thinking;
    default:
        return false;
    }
}

/* A watched tag was said. */
static void meet_tag(struct constraint *constraint, enum grammar_tag tag)
{
    begin_free(constraint);
    constraint->thinking = tag == TAG_THINK_OPEN;
    constraint->may_think = false;
    if (entry_tag(constraint) == tag)
        begin_grammar(constraint, entry_node(constraint));
}

/* The grammar has come to its NODE_ANY. */
static void leave_grammar(struct constraint *constraint)
{
    enum grammar_tag tag = (enum grammar_tag)constraint->walk.levels[0].over_tag;
    begin_free(constraint);
    if (tag == TAG_THINK_OPEN) {
        constraint->thinking = true;
        constraint->may_think = false;
    }
}

/* No tag has a border (a beginning that is also an end), so a mismatch starts over. */
static void accept_free_byte(struct constraint *constraint, uint8_t byte)
{
    for (int i = 0; i < TAG_COUNT; i++) {
        const char *text = grammar_tag_text((enum grammar_tag)i);
        uint8_t *matched = &constraint->matched[i];
        if ((uint8_t)text[*matched] != byte)
            *matched = 0;
        if ((uint8_t)text[*matched] == byte)
            ++*matched;
        if (text[*matched])
            continue;
        *matched = 0;
        if (is_watched(constraint, (enum grammar_tag)i)) {
            meet_tag(constraint, (enum grammar_tag)i);
            return;
        }
    }
}

/* The walk has read into level 1. */
static void keep_step(struct constraint *constraint, bool alive)
{
    if (!alive) {
        constraint->mode = MODE_OVER;
        return;
    }
    constraint_walk_keep(&constraint->walk, 1);
    if (constraint->walk.levels[0].over)
        leave_grammar(constraint);
}

static void accept_bytes(struct constraint *constraint, const char *bytes, size_t size)
{
    for (size_t i = 0; i < size && constraint->mode != MODE_OVER; i++) {
        if (constraint->mode == MODE_FREE) {
            accept_free_byte(constraint, (uint8_t)bytes[i]);
            continue;
        }
        constraint->walk.budget = WALK_BUDGET;
        keep_step(constraint, constraint_walk_step(&constraint->walk, 0, (uint8_t)bytes[i]));
    }
}

static void accept_tag(struct constraint *constraint, enum grammar_tag tag)
{
    if (constraint->mode == MODE_GRAMMAR) {
        constraint->walk.budget = WALK_BUDGET;
        keep_step(constraint, constraint_walk_tag(&constraint->walk, 0, tag));
    } else if (is_watched(constraint, tag)) {
        meet_tag(constraint, tag);
    } else {
        begin_free(constraint);
    }
}

static void accept_forced(struct constraint *constraint, int32_t id)
{
    if (id != constraint->think_end_ids[constraint->forced]) {
        constraint->mode = MODE_OVER;
        return;
    }
    if (++constraint->forced == constraint->think_end_id_count)
        meet_tag(constraint, TAG_THINK_CLOSE);
}

static void end_constraint(struct constraint *constraint)
{
    constraint->complete = constraint_complete(constraint);
    constraint->mode = MODE_OVER;
}

void constraint_accept(struct constraint *constraint, int32_t id)
{
    const struct grammar_vocab *vocab = constraint->vocab;
    if (constraint->mode == MODE_OVER)
        return;
    if (is_forcing(constraint)) {
        accept_forced(constraint, id);
        return;
    }
    if (vocab_is_eos(vocab, id)) {
        end_constraint(constraint);
        return;
    }
    if (constraint->thinking)
        constraint->spent++;
    for (int tag = 0; tag < TAG_COUNT; tag++)
        if (id >= 0 && vocab->tags[tag] == id) {
            accept_tag(constraint, (enum grammar_tag)tag);
            return;
        }
    if (vocab_is_text(vocab, id)) {
        size_t size;
        const char *bytes = tokenizer_token_bytes(vocab->tokenizer, id, &size);
        accept_bytes(constraint, bytes, size);
    } else if (constraint->mode == MODE_FREE) {
        begin_free(constraint);
    } else {
        constraint->mode = MODE_OVER;
    }
}

static bool mask_grammar(struct constraint *constraint, uint32_t *bits)
{
    const struct grammar_vocab *vocab = constraint->vocab;
    mask_maker_fill(&constraint->maker, bits);
    bool any = false;
    for (size_t i = 0; i < vocab->words && !any; i++)
        any = bits[i] != 0;
    /* Without a way on, which takes a vocabulary that lacks single bytes, the text ends. */
    if (constraint->walk.levels[0].complete || !any)
        for (size_t i = 0; i < vocab->eos_id_count; i++, any = true)
            vocab_set_bit(bits, vocab->eos_ids[i]);
    return any;
}

static bool mask_forced(const struct constraint *constraint, uint32_t *bits)
{
    int32_t id = constraint->think_end_ids[constraint->forced];
    if (id < 0 || id >= constraint->vocab->vocab_size)
        return false;
    memset(bits, 0, constraint->vocab->words * sizeof *bits);
    vocab_set_bit(bits, id);
    return true;
}

/* In free text only a token that spells the end of the entry tag and goes on can be wrong. */
static bool mask_free(struct constraint *constraint, uint32_t *bits)
{
    enum grammar_tag tag = entry_tag(constraint);
    if (tag == TAG_COUNT || !is_watched(constraint, tag) || !constraint->matched[tag])
        return false;
    constraint_walk_start(&constraint->walk, entry_node(constraint));
    return mask_maker_refuse_beyond(&constraint->maker,
                                    grammar_tag_text(tag) + constraint->matched[tag], bits);
}

bool constraint_mask(struct constraint *constraint, uint32_t *bits)
{
    if (constraint->mode == MODE_OVER)
        return false;
    if (is_forcing(constraint))
        return mask_forced(constraint, bits);
    return constraint->mode == MODE_GRAMMAR ? mask_grammar(constraint, bits)
                                            : mask_free(constraint, bits);
}

bool constraint_complete(const struct constraint *constraint)
{
    if (!constraint->grammar)
        return false;
    switch (constraint->mode) {
    case MODE_FREE:
        return constraint->start == CONSTRAINT_IN_TOOL_CALLS && !constraint->thinking;
    case MODE_GRAMMAR:
        return constraint->walk.levels[0].complete;
    default:
        return constraint->complete;
    }
}
