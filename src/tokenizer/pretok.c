/* SPDX-License-Identifier: Apache-2.0 */
#include "tokenizer/pretok.h"

#include <stdlib.h>
#include <string.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "tokenizer/pretok_pattern.h"

#define STAGES_MAX 16
#define SEQUENCE_DEPTH_MAX 4

/* The expression of the ByteLevel step with use_regex, as GPT-2's reference code has it. */
static const char byte_level_pattern[] =
    "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

struct stage {
    pcre2_code *code; /* NULL: split at numbers */
    bool keep_matches, keep_gaps;
    bool individual; /* each number alone, else runs of them */
};

struct pretok {
    struct stage stages[STAGES_MAX];
    size_t count;
    bool prefix_space; /* text that does not begin with a space gets one */
    bool ends_in_byte_level;
};

struct pretok_scratch {
    uint8_t *classes;
    size_t capacity;
    pcre2_match_data *match;
    pcre2_match_context *context;
};

/* One walk over one text. */
struct walk {
    const struct pretok *pretok;
    struct pretok_scratch *scratch;
    const uint8_t *classes; /* a byte a code point */
    const char *text;
    bool ascii;      /* classes and text have the same offsets */
    size_t class_at; /* text + byte_at is the code point of classes[class_at] */
    size_t byte_at;
    pretok_word *word;
    void *context;
    struct octet_error *err;
};

static octet_status compile(const char *pattern, size_t size, pcre2_code **out,
                            struct octet_error *err)
{
    struct buffer rewritten;
    buffer_init(&rewritten, (size_t)4 << 20);
    octet_status status = pretok_pattern_rewrite(pattern, size, &rewritten, err);
    if (status == OCTET_OK) {
        int code;
        PCRE2_SIZE offset;
        *out = pcre2_compile((PCRE2_SPTR)buffer_text(&rewritten), rewritten.size,
                             PCRE2_NEVER_UTF | PCRE2_NEVER_UCP, &code, &offset, NULL);
        if (!*out) {
            PCRE2_UCHAR message[256] = "";
            pcre2_get_error_message(code, message, sizeof message);
            status = error_set(err, OCTET_INPUT, "the expression does not compile: %s",
                               (const char *)message);
        }
    }
    buffer_free(&rewritten);
    if (status != OCTET_OK)
        return status;
    uint32_t matches_empty = 0;
    pcre2_pattern_info(*out, PCRE2_INFO_MATCHEMPTY, &matches_empty);
    if (matches_empty) {
        pcre2_code_free(*out);
        *out = NULL;
        return error_set(err, OCTET_UNSUPPORTED,
                         "an expression that matches nothing at all (an empty "
                         "match) is not supported");
    }
    /* Without a just-in-time compiler the interpreter does the same work. */
    (void)pcre2_jit_compile(*out, PCRE2_JIT_COMPLETE);
    return OCTET_OK;
}

static octet_status add_expression(struct pretok *pretok, const char *pattern, size_t size,
                                   bool keep_matches, bool keep_gaps, const char *where,
                                   struct octet_error *err)
{
    struct stage *stage = &pretok->stages[pretok->count];
    octet_status status = compile(pattern, size, &stage->code, err);
    if (status != OCTET_OK)
        return error_prefix(err, status, "%s", where);
    stage->keep_matches = keep_matches;
    stage->keep_gaps = keep_gaps;
    pretok->count++;
    return OCTET_OK;
}

static octet_status load_split(struct pretok *pretok, const struct json *value, const char *where,
                               struct octet_error *err)
{
    size_t size;
    const char *pattern = json_string_n(json_get_path(value, "pattern.Regex"), &size);
    const char *behavior = json_string(json_get(value, "behavior"));
    if (!pattern)
        return error_set(err, OCTET_UNSUPPORTED,
                         "%s: a Split whose pattern is not {\"Regex\": text} is not supported",
                         where);
    bool isolated = behavior && strcmp(behavior, "Isolated") == 0;
    if (!isolated && !(behavior && strcmp(behavior, "Removed") == 0))
        return error_set(
            err, OCTET_UNSUPPORTED,
            "%s: Split behavior \"%.100s\" is not supported (Isolated and Removed are)", where,
            behavior ? behavior : "absent");
    bool invert = false;
    RETURN_IF_ERROR(json_field_bool(value, where, "invert", false, &invert, err));
    return add_expression(pretok, pattern, size, isolated || invert, isolated || !invert, where,
                          err);
}

static octet_status load_byte_level(struct pretok *pretok, const struct json *value,
                                    const char *where, struct octet_error *err)
{
    bool prefix = true, use_regex = true; /* the reference's defaults */
    RETURN_IF_ERROR(json_field_bool(value, where, "add_prefix_space", false, &prefix, err));
    RETURN_IF_ERROR(json_field_bool(value, where, "use_regex", false, &use_regex, err));
    if (prefix && pretok->count > 0)
        return error_set(err, OCTET_UNSUPPORTED,
                         "%s: ByteLevel with add_prefix_space after another step is not supported",
                         where);
    pretok->prefix_space = prefix;
    pretok->ends_in_byte_level = true;
    if (!use_regex)
        return OCTET_OK;
    return add_expression(pretok, byte_level_pattern, sizeof byte_level_pattern - 1, true, true,
                          where, err);
}

static octet_status load_steps(struct pretok *pretok, const struct json *value, const char *where,
                               size_t depth, struct octet_error *err);

static octet_status load_sequence(struct pretok *pretok, const struct json *value,
                                  const char *where, size_t depth, struct octet_error *err)
{
    const struct json *steps = json_get(value, "pretokenizers");
    if (json_type(steps) != JSON_TYPE_ARRAY)
        return error_set(err, OCTET_INPUT, "%s.pretokenizers is %s, expected an array", where,
                         json_type_name(json_type(steps)));
    if (depth == SEQUENCE_DEPTH_MAX)
        return error_set(err, OCTET_LIMIT, "%s nests more than %d sequences", where,
                         SEQUENCE_DEPTH_MAX);
    struct buffer inner;
    octet_status status = OCTET_OK;
    buffer_init(&inner, 4096);
    for (size_t i = 0; i < json_count(steps) && status == OCTET_OK; i++) {
        buffer_clear(&inner);
        if (!buffer_printf(&inner, "%s.pretokenizers[%zu]", where, i))
            status = error_memory(err, "a pre-tokenizer's name", inner.size);
        else
            status = load_steps(pretok, json_at(steps, i), buffer_text(&inner), depth + 1, err);
    }
    buffer_free(&inner);
    return status;
}

/* Read one component; recursion ends at SEQUENCE_DEPTH_MAX. */
static octet_status load_steps(struct pretok *pretok, const struct json *value, const char *where,
                               size_t depth, struct octet_error *err)
{
    const char *type = json_string(json_get(value, "type"));
    if (!type)
        return error_set(err, OCTET_INPUT, "%s has no \"type\"", where);
    if (strcmp(type, "Sequence") == 0)
        return load_sequence(pretok, value, where, depth, err);
    if (pretok->count == STAGES_MAX)
        return error_set(err, OCTET_LIMIT, "%s is past the %d steps that are accepted", where,
                         STAGES_MAX);
    if (pretok->ends_in_byte_level)
        return error_set(err, OCTET_UNSUPPORTED,
                         "%s: a \"%.100s\" step after ByteLevel is not supported", where, type);
    if (strcmp(type, "ByteLevel") == 0)
        return load_byte_level(pretok, value, where, err);
    if (strcmp(type, "Split") == 0)
        return load_split(pretok, value, where, err);
    if (strcmp(type, "Digits") == 0) {
        struct stage *stage = &pretok->stages[pretok->count];
        RETURN_IF_ERROR(
            json_field_bool(value, where, "individual_digits", false, &stage->individual, err));
        pretok->count++;
        return OCTET_OK;
    }
    return error_set(
        err, OCTET_UNSUPPORTED,
        "%s: the pre-tokenizer \"%.100s\" is not supported (Split, Digits, ByteLevel and "
        "Sequence are)",
        where, type);
}

octet_status pretok_open(const struct json *pre_tokenizer, const char *name, struct pretok **out,
                         struct octet_error *err)
{
    struct buffer where;
    struct pretok *pretok = calloc(1, sizeof *pretok);
    if (!pretok)
        return error_memory(err, "a pre-tokenizer", sizeof *pretok);
    buffer_init(&where, 8192);
    octet_status status = OCTET_OK;
    if (!buffer_printf(&where, "%s: pre_tokenizer", name))
        status = error_memory(err, "a pre-tokenizer's name", where.size);
    if (status == OCTET_OK)
        status = load_steps(pretok, pre_tokenizer, buffer_text(&where), 0, err);
    if (status == OCTET_OK && !pretok->ends_in_byte_level)
        status = error_set(err, OCTET_UNSUPPORTED,
                           "%s does not end in ByteLevel; only byte-level tokenizers are supported",
                           buffer_text(&where));
    buffer_free(&where);
    if (status != OCTET_OK) {
        pretok_close(pretok);
        return status;
    }
    *out = pretok;
    return OCTET_OK;
}

void pretok_close(struct pretok *pretok)
{
    if (!pretok)
        return;
    for (size_t i = 0; i < STAGES_MAX; i++)
        pcre2_code_free(pretok->stages[i].code);
    free(pretok);
}

struct pretok_scratch *pretok_scratch_new(void)
{
    struct pretok_scratch *scratch = calloc(1, sizeof *scratch);
    if (!scratch)
        return NULL;
    scratch->match = pcre2_match_data_create(1, NULL);
    scratch->context = pcre2_match_context_create(NULL);
    if (!scratch->match || !scratch->context) {
        pretok_scratch_free(scratch);
        return NULL;
    }
    return scratch;
}

void pretok_scratch_free(struct pretok_scratch *scratch)
{
    if (!scratch)
        return;
    pcre2_match_context_free(scratch->context);
    pcre2_match_data_free(scratch->match);
    free(scratch->classes);
    free(scratch);
}

/* Byte offset of the code point at classes[index]; indices never go back within a walk. */
static size_t byte_of(struct walk *walk, size_t index)
{
    if (walk->ascii)
        return index;
    while (walk->class_at < index) {
        uint8_t lead = (uint8_t)walk->text[walk->byte_at];
        walk->byte_at += lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
        walk->class_at++;
    }
    return walk->byte_at;
}

static octet_status run_stage(struct walk *walk, size_t stage, size_t begin, size_t end);

/* Hand a piece to the next stage, or to the caller after the last. */
static octet_status pass_on(struct walk *walk, size_t stage, size_t begin, size_t end)
{
    if (begin == end)
        return OCTET_OK;
    if (stage + 1 < walk->pretok->count)
        return run_stage(walk, stage + 1, begin, end);
    size_t first = byte_of(walk, begin);
    return walk->word(walk->context, walk->text + first, byte_of(walk, end) - first, walk->err);
}

static octet_status match_failed(const struct walk *walk, int code)
{
    PCRE2_UCHAR message[256] = "";
    if (code == PCRE2_ERROR_NOMEMORY)
        return error_memory(walk->err, "matching an expression", 0);
    pcre2_get_error_message(code, message, sizeof message);
    return error_set(walk->err, OCTET_LIMIT,
                     "pre_tokenizer: the expression gave up on this text: %s",
                     (const char *)message);
}

static int match_next(const struct walk *walk, const struct stage *stage, size_t begin, size_t at,
                      size_t end)
{
    struct pretok_scratch *scratch = walk->scratch;
    int found = pcre2_match(stage->code, walk->classes + begin, end - begin, at - begin, 0,
                            scratch->match, scratch->context);
    if (found == PCRE2_ERROR_JIT_STACKLIMIT)
        found = pcre2_match(stage->code, walk->classes + begin, end - begin, at - begin,
                            PCRE2_NO_JIT, scratch->match, scratch->context);
    return found;
}

static octet_status split_by_expression(struct walk *walk, size_t index, size_t begin, size_t end)
{
    const struct stage *stage = &walk->pretok->stages[index];
    const PCRE2_SIZE *ends = pcre2_get_ovector_pointer(walk->scratch->match);
    for (size_t at = begin; at < end;) {
        int found = match_next(walk, stage, begin, at, end);
        if (found == PCRE2_ERROR_NOMATCH)
            return stage->keep_gaps ? pass_on(walk, index, at, end) : OCTET_OK;
        if (found < 0)
            return match_failed(walk, found);
        size_t first = begin + ends[0], last = begin + ends[1];
        if (last <= first)
            return match_failed(walk, PCRE2_ERROR_INTERNAL);
        if (stage->keep_gaps)
            RETURN_IF_ERROR(pass_on(walk, index, at, first));
        if (stage->keep_matches)
            RETURN_IF_ERROR(pass_on(walk, index, first, last));
        at = last;
    }
    return OCTET_OK;
}

static bool is_number(uint8_t class)
{
    return (class >= '0' && class <= '9') || class == PRETOK_NUMBER;
}

static octet_status split_by_numbers(struct walk *walk, size_t index, size_t begin, size_t end)
{
    bool individual = walk->pretok->stages[index].individual;
    for (size_t at = begin; at < end;) {
        size_t last = at + 1;
        bool number = is_number(walk->classes[at]);
        if (!number || !individual)
            while (last < end && is_number(walk->classes[last]) == number)
                last++;
        RETURN_IF_ERROR(pass_on(walk, index, at, last));
        at = last;
    }
    return OCTET_OK;
}

/* Cut a piece by one stage; recursion is as deep as there are stages. */
static octet_status run_stage(struct walk *walk, size_t stage, size_t begin, size_t end)
{
    if (walk->pretok->stages[stage].code)
        return split_by_expression(walk, stage, begin, end);
    return split_by_numbers(walk, stage, begin, end);
}

static bool is_ascii(const char *text, size_t size)
{
    uint64_t bits = 0;
    for (; size >= 8; text += 8, size -= 8) {
        uint64_t word;
        memcpy(&word, text, 8);
        bits |= word;
    }
    for (; size > 0; text++, size--)
        bits |= (uint8_t)*text;
    return !(bits & 0x8080808080808080u);
}

static octet_status start_walk(struct walk *walk, size_t size, size_t *count)
{
    struct pretok_scratch *scratch = walk->scratch;
    *count = size;
    walk->ascii = is_ascii(walk->text, size);
    walk->classes = (const uint8_t *)walk->text;
    if (!walk->ascii) {
        if (scratch->capacity < size) {
            free(scratch->classes);
            scratch->capacity = 0;
            scratch->classes = malloc(size);
            if (!scratch->classes)
                return error_memory(walk->err, "a class string", size);
            scratch->capacity = size;
        }
        *count = pretok_pattern_classify(walk->text, size, scratch->classes);
        walk->classes = scratch->classes;
    }
    /* Every step back over a long run counts: the limit grows with the text. */
    uint64_t limit = 1000000 + 64 * (uint64_t)size;
    pcre2_set_match_limit(scratch->context, limit < UINT32_MAX ? (uint32_t)limit : UINT32_MAX);
    return OCTET_OK;
}

octet_status pretok_split(const struct pretok *pretok, struct pretok_scratch *scratch,
                          const char *text, size_t size, pretok_word *word, void *context,
                          struct octet_error *err)
{
    if (size == 0)
        return OCTET_OK;
    char *prefixed = NULL;
    if (pretok->prefix_space && text[0] != ' ') {
        prefixed = malloc(size + 1);
        if (!prefixed)
            return error_memory(err, "a text with a space before it", size + 1);
        prefixed[0] = ' ';
        memcpy(prefixed + 1, text, size);
        text = prefixed;
        size++;
    }
    struct walk walk = {.pretok = pretok,
                        .scratch = scratch,
                        .text = text,
                        .word = word,
                        .context = context,
                        .err = err};
    size_t count;
    octet_status status = start_walk(&walk, size, &count);
    if (status == OCTET_OK && pretok->count == 0)
        status = word(context, text, size, err);
    else if (status == OCTET_OK)
        status = run_stage(&walk, 0, 0, count);
    free(prefixed);
    return status;
}
