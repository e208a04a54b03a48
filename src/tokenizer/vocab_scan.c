/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The scanner for the two large members of tokenizer.json (see vocab_source.h). Each function moves
 * `at` over what it understands and answers false for anything else; nothing here makes a message,
 * because the JSON library then reads the whole text and makes a better one.
 */
#include <string.h>

#include "base/utf8.h"
#include "tokenizer/vocab.h"
#include "tokenizer/vocab_source.h"

struct scanner {
    const char *at, *end;
    struct arena *strings;
};

/* Bytes [begin, end) of the text. */
struct span {
    const char *begin, *end;
};

static char peek(const struct scanner *scanner)
{
    return scanner->at < scanner->end ? *scanner->at : '\0';
}

static void skip_space(struct scanner *scanner)
{
    while (scanner->at < scanner->end && (*scanner->at == ' ' || *scanner->at == '\n' ||
                                          *scanner->at == '\r' || *scanner->at == '\t'))
        scanner->at++;
}

/* Skip white space, then one expected character and the white space behind it. */
static bool take(struct scanner *scanner, char expected)
{
    skip_space(scanner);
    if (peek(scanner) != expected)
        return false;
    scanner->at++;
    skip_space(scanner);
    return true;
}

/* A string as it is written, without its quotes. *escaped: it holds a backslash. */
static bool take_raw(struct scanner *scanner, struct span *out, bool *escaped)
{
    *escaped = false;
    if (peek(scanner) != '"')
        return false;
    const char *at = ++scanner->at;
    for (; at < scanner->end && *at != '"'; at++) {
        if ((uint8_t)*at < 0x20)
            return false;
        if (*at == '\\') {
            *escaped = true;
            at++;
        }
    }
    if (at >= scanner->end)
        return false;
    *out = (struct span){scanner->at, at};
    scanner->at = at + 1;
    return true;
}

/* Four hexadecimal digits; UTF8_INVALID when there are none. */
static uint32_t take_hex(const char **at, const char *end)
{
    uint32_t value = 0;
    if (end - *at < 4)
        return UTF8_INVALID;
    for (int i = 0; i < 4; i++) {
        char digit = *(*at)++;
        char lower = (char)(digit | 32);
        if (digit >= '0' && digit <= '9')
            value = value * 16 + (uint32_t)(digit - '0');
        else if (lower >= 'a' && lower <= 'f')
            value = value * 16 + (uint32_t)(lower - 'a' + 10);
        else
            return UTF8_INVALID;
    }
    return value;
}

/* What follows "\u": one code point, a surrogate pair joined. UTF8_INVALID for a lone surrogate. */
static uint32_t take_code_point(const char **at, const char *end)
{
    uint32_t value = take_hex(at, end);
    if (value < 0xD800 || value > 0xDFFF)
        return value;
    if (value > 0xDBFF || end - *at < 6 || (*at)[0] != '\\' || (*at)[1] != 'u')
        return UTF8_INVALID;
    *at += 2;
    uint32_t low = take_hex(at, end);
    if (low < 0xDC00 || low > 0xDFFF)
        return UTF8_INVALID;
    return 0x10000 + ((value - 0xD800) << 10) + (low - 0xDC00);
}

/* Replace the escapes of a raw string; the result is never longer than the source. */
static bool unescape(struct scanner *scanner, struct span *text)
{
    static const char escapes[] = "\"\"\\\\//b\bf\fn\nr\rt\t";
    char *out = arena_alloc(scanner->strings, (size_t)(text->end - text->begin) + 4);
    if (!out)
        return false;
    char *to = out;
    for (const char *at = text->begin; at < text->end;) {
        if (*at != '\\') {
            *to++ = *at++;
            continue;
        }
        char letter = at[1];
        at += 2;
        if (letter == 'u') {
            size_t size = utf8_encode(take_code_point(&at, text->end), to);
            if (size == 0)
                return false;
            to += size;
            continue;
        }
        size_t i = 0;
        while (escapes[i] && escapes[i] != letter)
            i += 2;
        if (!escapes[i])
            return false;
        *to++ = escapes[i + 1];
    }
    *text = (struct span){out, to};
    return true;
}

/* A string's text. Embedded NULs are left to the library. */
static bool take_string(struct scanner *scanner, struct span *out)
{
    bool escaped;
    if (!take_raw(scanner, out, &escaped) || (escaped && !unescape(scanner, out)))
        return false;
    size_t size = (size_t)(out->end - out->begin);
    return size <= UINT32_MAX && !memchr(out->begin, '\0', size) && utf8_valid(out->begin, size);
}

static bool take_id(struct scanner *scanner, int32_t *id)
{
    int32_t value = 0;
    const char *begin = scanner->at;
    while (peek(scanner) >= '0' && peek(scanner) <= '9') {
        value = value * 10 + (*scanner->at++ - '0');
        if (value >= VOCAB_ID_LIMIT)
            return false;
    }
    *id = value;
    return scanner->at > begin && (*begin != '0' || scanner->at == begin + 1);
}

static bool scan_vocab(struct scanner *scanner, struct vocab_source *source)
{
    if (!take(scanner, '{'))
        return false;
    do {
        struct span text;
        int32_t id;
        if (!take_string(scanner, &text) || !take(scanner, ':') || !take_id(scanner, &id))
            return false;
        struct vocab_pair pair = {text.begin, (uint32_t)(text.end - text.begin), id};
        if (!vocab_source_add_pair(source, pair))
            return false;
    } while (take(scanner, ','));
    return take(scanner, '}');
}

/* One merge: "a b" or ["a", "b"]. */
static bool take_merge(struct scanner *scanner, struct merge_text *out)
{
    struct span left, right;
    if (peek(scanner) == '"')
        return take_string(scanner, &left) &&
               merge_text_split(left.begin, (size_t)(left.end - left.begin), out);
    if (!take(scanner, '[') || !take_string(scanner, &left) || !take(scanner, ',') ||
        !take_string(scanner, &right) || !take(scanner, ']'))
        return false;
    *out = (struct merge_text){left.begin, right.begin, (uint32_t)(left.end - left.begin),
                               (uint32_t)(right.end - right.begin)};
    return out->left_size > 0 && out->right_size > 0;
}

static bool scan_merges(struct scanner *scanner, struct vocab_source *source)
{
    if (!take(scanner, '['))
        return false;
    do {
        struct merge_text merge;
        if (!take_merge(scanner, &merge) ||
            (merge.left_size >= 8 && memcmp(merge.left, "#version", 8) == 0) ||
            !vocab_source_add_merge(source, merge))
            return false;
    } while (take(scanner, ','));
    return take(scanner, ']');
}

/* Pass over any value; only its brackets and strings are looked at. */
static bool skip_value(struct scanner *scanner)
{
    size_t depth = 0;
    while (scanner->at < scanner->end) {
        char byte = *scanner->at;
        struct span text;
        bool escaped;
        if (depth == 0 && (byte == ',' || byte == '}' || byte == ']'))
            return true;
        if (byte == '"') {
            if (!take_raw(scanner, &text, &escaped))
                return false;
            continue;
        }
        depth += byte == '{' || byte == '[';
        depth -= byte == '}' || byte == ']';
        scanner->at++;
    }
    return false;
}

/* A member's name and the colon behind it. */
static bool take_key(struct scanner *scanner, struct span *key)
{
    bool escaped;
    return take_raw(scanner, key, &escaped) && !escaped && take(scanner, ':');
}

static bool is_named(const struct span *key, const char *name)
{
    size_t size = strlen(name);
    return (size_t)(key->end - key->begin) == size && memcmp(key->begin, name, size) == 0;
}

/* Go to the value of a member of the object at the scanner's place. */
static bool enter_member(struct scanner *scanner, const char *name)
{
    if (!take(scanner, '{'))
        return false;
    do {
        struct span key;
        if (!take_key(scanner, &key))
            return false;
        if (is_named(&key, name))
            return true;
        if (!skip_value(scanner))
            return false;
    } while (take(scanner, ','));
    return false;
}

/* Scan "model" until both members were met, in either order. */
static bool scan_model(struct scanner *scanner, struct vocab_source *source, struct span *vocab,
                       struct span *merges)
{
    if (!take(scanner, '{'))
        return false;
    do {
        struct span key, *value = NULL;
        if (!take_key(scanner, &key))
            return false;
        const char *begin = scanner->at;
        if (is_named(&key, "vocab"))
            value = vocab;
        else if (is_named(&key, "merges"))
            value = merges;
        if (value && value->begin)
            return false; /* a duplicate */
        if (!(value == vocab    ? scan_vocab(scanner, source)
              : value == merges ? scan_merges(scanner, source)
                                : skip_value(scanner)))
            return false;
        if (value)
            *value = (struct span){begin, scanner->at};
        if (vocab->begin && merges->begin)
            return true;
    } while (take(scanner, ','));
    return false;
}

bool vocab_source_scan(const char *text, size_t size, struct vocab_source *source,
                       struct buffer *rest)
{
    struct scanner scanner = {text, text + size, &source->strings};
    struct span vocab = {0}, merges = {0};
    if (!enter_member(&scanner, "model") || !scan_model(&scanner, source, &vocab, &merges))
        return false;
    bool vocab_first = vocab.begin < merges.begin;
    const struct span *first = vocab_first ? &vocab : &merges;
    const struct span *second = vocab_first ? &merges : &vocab;
    buffer_append(rest, text, (size_t)(first->begin - text));
    buffer_append_str(rest, vocab_first ? "{}" : "[]");
    buffer_append(rest, first->end, (size_t)(second->begin - first->end));
    buffer_append_str(rest, vocab_first ? "[]" : "{}");
    buffer_append(rest, second->end, (size_t)(text + size - second->end));
    return !buffer_failed(rest);
}
