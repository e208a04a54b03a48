/* SPDX-License-Identifier: Apache-2.0 */
#include "tokenizer/pretok_pattern.h"

#include <string.h>

#include "base/utf8.h"
#include "tokenizer/unicode_class.h"

#define GROUP_DEPTH_MAX 64

/* A set of class bytes. */
struct byte_set {
    uint64_t words[4];
};

struct rewriter {
    const char *pattern;
    size_t size, at;
    struct buffer *out;
    struct octet_error *err;
    bool caseless[GROUP_DEPTH_MAX + 1]; /* by group depth */
    size_t depth;
};

static void set_add(struct byte_set *set, uint8_t byte)
{
    set->words[byte / 64] |= (uint64_t)1 << byte % 64;
}

static bool set_has(const struct byte_set *set, uint8_t byte)
{
    return set->words[byte / 64] >> byte % 64 & 1;
}

static void set_add_range(struct byte_set *set, uint8_t first, uint8_t last)
{
    for (unsigned byte = first; byte <= last; byte++)
        set_add(set, (uint8_t)byte);
}

static void set_invert(struct byte_set *set)
{
    for (size_t i = 0; i < 4; i++)
        set->words[i] = ~set->words[i];
}

static void set_merge(struct byte_set *set, const struct byte_set *other)
{
    for (size_t i = 0; i < 4; i++)
        set->words[i] |= other->words[i];
}

/* Add the other case of each letter. Folding joins U+017F to s and U+212A to k and nothing else to
 * ASCII. */
static void set_fold(struct byte_set *set)
{
    for (unsigned letter = 'A'; letter <= 'Z'; letter++) {
        uint8_t upper = (uint8_t)letter, lower = (uint8_t)(letter + 32);
        if (set_has(set, upper) || set_has(set, lower)) {
            set_add(set, upper);
            set_add(set, lower);
        }
    }
    if (set_has(set, 's'))
        set_add(set, PRETOK_LONG_S);
    if (set_has(set, 'k'))
        set_add(set, PRETOK_KELVIN);
}

/* Write the set as a PCRE2 class. */
static void emit_set(struct rewriter *rewriter, const struct byte_set *set)
{
    bool empty = true;
    for (unsigned first = 0; first < 256; first++) {
        if (!set_has(set, (uint8_t)first))
            continue;
        unsigned last = first;
        while (last < 255 && set_has(set, (uint8_t)(last + 1)))
            last++;
        buffer_printf(rewriter->out, "%s\\x%02X-\\x%02X", empty ? "[" : "", first, last);
        empty = false;
        first = last;
    }
    buffer_append_str(rewriter->out, empty ? "(?!)" : "]");
}

static octet_status refuse(const struct rewriter *rewriter, size_t at, const char *what)
{
    return error_set(rewriter->err, OCTET_UNSUPPORTED,
                     "%s at byte %zu of the expression is not supported", what, at);
}

static octet_status cut_short(const struct rewriter *rewriter, const char *what)
{
    return error_set(rewriter->err, OCTET_INPUT, "the expression ends inside %s", what);
}

static bool looking_at(const struct rewriter *rewriter, const char *text)
{
    size_t size = strlen(text);
    return rewriter->size - rewriter->at >= size &&
           memcmp(rewriter->pattern + rewriter->at, text, size) == 0;
}

static void add_letters(struct byte_set *set)
{
    set_add_range(set, 'A', 'Z');
    set_add_range(set, 'a', 'z');
    set_add(set, PRETOK_LETTER);
    set_add(set, PRETOK_LONG_S);
    set_add(set, PRETOK_KELVIN);
}

static void add_numbers(struct byte_set *set)
{
    set_add_range(set, '0', '9');
    set_add(set, PRETOK_NUMBER);
}

static void add_spaces(struct byte_set *set)
{
    set_add_range(set, '\t', '\r');
    set_add(set, ' ');
    set_add(set, PRETOK_SPACE);
}

/* "\..." at the current place. *single: the one character it stands for, -1 for a class. */
static octet_status read_escape(struct rewriter *rewriter, struct byte_set *set, int *single)
{
    static const char controls[][2] = {
        {'r', '\r'}, {'n', '\n'}, {'t', '\t'}, {'f', '\f'}, {'v', '\v'}};
    size_t start = rewriter->at++;
    *set = (struct byte_set){0};
    *single = -1;
    if (rewriter->at == rewriter->size)
        return cut_short(rewriter, "an escape");
    char letter = rewriter->pattern[rewriter->at];
    if (letter == 'p' || letter == 'P') {
        rewriter->at++;
        if (looking_at(rewriter, "{L}"))
            add_letters(set);
        else if (looking_at(rewriter, "{N}"))
            add_numbers(set);
        else
            return refuse(rewriter, start, "a property other than \\p{L} and \\p{N}");
        rewriter->at += 3;
        if (letter == 'P')
            set_invert(set);
        return OCTET_OK;
    }
    rewriter->at++;
    if (letter == 's' || letter == 'S') {
        add_spaces(set);
        if (letter == 'S')
            set_invert(set);
        return OCTET_OK;
    }
    for (size_t i = 0; i < sizeof controls / sizeof controls[0]; i++)
        if (letter == controls[i][0])
            *single = (uint8_t)controls[i][1];
    bool punctuation = letter >= 0x20 && letter < 0x7F && !(letter >= '0' && letter <= '9') &&
                       !((letter | 32) >= 'a' && (letter | 32) <= 'z');
    if (punctuation)
        *single = (uint8_t)letter;
    if (*single < 0)
        return refuse(rewriter, start, "an escape other than \\p \\P \\s \\S \\r \\n \\t \\f \\v");
    set_add(set, (uint8_t)*single);
    return OCTET_OK;
}

/* One member of a class: a character or an escape. */
static octet_status read_member(struct rewriter *rewriter, struct byte_set *set, int *single)
{
    char letter = rewriter->pattern[rewriter->at];
    if (letter == '\\')
        return read_escape(rewriter, set, single);
    if (letter == '[')
        return refuse(rewriter, rewriter->at, "a class inside a class");
    if (looking_at(rewriter, "&&"))
        return refuse(rewriter, rewriter->at, "an intersection of classes");
    if ((uint8_t)letter >= 0x80)
        return refuse(rewriter, rewriter->at, "a character outside ASCII");
    *set = (struct byte_set){0};
    set_add(set, (uint8_t)letter);
    *single = (uint8_t)letter;
    rewriter->at++;
    return OCTET_OK;
}

/* "[...]" at the current place. */
static octet_status read_class(struct rewriter *rewriter, struct byte_set *set)
{
    size_t start = rewriter->at++;
    bool negated = looking_at(rewriter, "^");
    rewriter->at += negated;
    *set = (struct byte_set){0};
    if (looking_at(rewriter, "]"))
        return refuse(rewriter, start, "an empty class");
    while (!looking_at(rewriter, "]")) {
        struct byte_set member = {0};
        int first = -1, last = -1;
        if (rewriter->at == rewriter->size)
            return cut_short(rewriter, "a class");
        RETURN_IF_ERROR(read_member(rewriter, &member, &first));
        bool range = looking_at(rewriter, "-") && rewriter->at + 1 < rewriter->size &&
                     rewriter->pattern[rewriter->at + 1] != ']';
        if (range) {
            rewriter->at++;
            RETURN_IF_ERROR(read_member(rewriter, &member, &last));
            if (first < 0 || last < first)
                return refuse(rewriter, start, "a class with such a range");
            set_add_range(&member, (uint8_t)first, (uint8_t)last);
        }
        set_merge(set, &member);
    }
    rewriter->at++;
    if (rewriter->caseless[rewriter->depth])
        set_fold(set);
    if (negated)
        set_invert(set);
    return OCTET_OK;
}

/* "(" at the current place. */
static octet_status open_group(struct rewriter *rewriter)
{
    static const struct {
        const char *text, *written;
        bool caseless;
    } kinds[] = {
        {"(?:", "(?:", false}, {"(?i:", "(?:", true}, {"(?!", "(?!", false}, {"(?=", "(?=", false}};
    if (rewriter->depth == GROUP_DEPTH_MAX)
        return error_set(rewriter->err, OCTET_LIMIT, "the expression nests more than %d groups",
                         GROUP_DEPTH_MAX);
    bool caseless = rewriter->caseless[rewriter->depth++];
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (!looking_at(rewriter, kinds[i].text))
            continue;
        rewriter->caseless[rewriter->depth] = caseless || kinds[i].caseless;
        rewriter->at += strlen(kinds[i].text);
        buffer_append_str(rewriter->out, kinds[i].written);
        return OCTET_OK;
    }
    if (looking_at(rewriter, "(?") || looking_at(rewriter, "(*"))
        return refuse(rewriter, rewriter->at, "a group other than (?:, (?i:, (?! and (?=");
    rewriter->caseless[rewriter->depth] = caseless;
    rewriter->at++;
    buffer_append_str(rewriter->out, "(?:");
    return OCTET_OK;
}

/* "{n}", "{n,}" or "{n,m}" at the current place. */
static octet_status copy_interval(struct rewriter *rewriter)
{
    size_t start = rewriter->at;
    size_t end = start + 1, digits = 0, commas = 0;
    for (; end < rewriter->size && rewriter->pattern[end] != '}'; end++) {
        char letter = rewriter->pattern[end];
        bool digit = letter >= '0' && letter <= '9';
        if (!digit && !(letter == ',' && digits > 0 && commas == 0))
            return refuse(rewriter, start, "such an interval");
        digits += digit;
        commas += !digit;
    }
    if (end == rewriter->size)
        return cut_short(rewriter, "an interval");
    /* What follows an interval means another thing in each of the two syntaxes. */
    char after = end + 1 < rewriter->size ? rewriter->pattern[end + 1] : '\0';
    if (digits == 0 || after == '+' || after == '?' || after == '*')
        return refuse(rewriter, start, "such an interval");
    buffer_append(rewriter->out, rewriter->pattern + start, end + 1 - start);
    rewriter->at = end + 1;
    return OCTET_OK;
}

static octet_status rewrite_atom(struct rewriter *rewriter)
{
    struct byte_set set = {0};
    int single = -1;
    char letter = rewriter->pattern[rewriter->at];
    if (letter == '[') {
        RETURN_IF_ERROR(read_class(rewriter, &set));
        emit_set(rewriter, &set);
        return OCTET_OK;
    }
    if (letter == '.' || letter == '^' || letter == '$')
        return refuse(rewriter, rewriter->at, "one of . ^ $");
    RETURN_IF_ERROR(read_member(rewriter, &set, &single));
    if (single >= 0 && rewriter->caseless[rewriter->depth])
        set_fold(&set);
    emit_set(rewriter, &set);
    return OCTET_OK;
}

static octet_status rewrite_next(struct rewriter *rewriter)
{
    char letter = rewriter->pattern[rewriter->at];
    switch (letter) {
    case '(':
        return open_group(rewriter);
    case ')':
        if (rewriter->depth == 0)
            return error_set(rewriter->err, OCTET_INPUT,
                             "byte %zu of the expression closes no group", rewriter->at);
        rewriter->depth--;
        break;
    case '|':
    case '*':
    case '+':
    case '?':
        break;
    case '{':
        return copy_interval(rewriter);
    default:
        return rewrite_atom(rewriter);
    }
    buffer_append_char(rewriter->out, letter);
    rewriter->at++;
    return OCTET_OK;
}

octet_status pretok_pattern_rewrite(const char *pattern, size_t size, struct buffer *out,
                                    struct octet_error *err)
{
    struct rewriter rewriter = {.pattern = pattern, .size = size, .out = out, .err = err};
    if (size > PRETOK_PATTERN_LIMIT)
        return error_set(err, OCTET_LIMIT, "the expression has %zu bytes, at most %d are accepted",
                         size, PRETOK_PATTERN_LIMIT);
    while (rewriter.at < size)
        RETURN_IF_ERROR(rewrite_next(&rewriter));
    if (rewriter.depth > 0)
        return cut_short(&rewriter, "a group");
    if (buffer_failed(out))
        return error_memory(err, "an expression", out->size);
    return OCTET_OK;
}

size_t pretok_pattern_classify(const char *text, size_t size, uint8_t *out)
{
    static const uint8_t bytes[] = {[UNICODE_OTHER] = PRETOK_OTHER,
                                    [UNICODE_LETTER] = PRETOK_LETTER,
                                    [UNICODE_NUMBER] = PRETOK_NUMBER,
                                    [UNICODE_SPACE] = PRETOK_SPACE};
    size_t count = 0, hint = 0;
    for (size_t at = 0, length; at < size; at += length) {
        uint8_t byte = (uint8_t)text[at];
        length = 1;
        if (byte >= 0x80) {
            uint32_t code_point = utf8_decode(text + at, size - at, &length);
            byte = bytes[unicode_flags(code_point, &hint) & UNICODE_CLASS_MASK];
            if (code_point == 0x17F)
                byte = PRETOK_LONG_S;
            else if (code_point == 0x212A)
                byte = PRETOK_KELVIN;
        }
        out[count++] = byte;
    }
    return count;
}
