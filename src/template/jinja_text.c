/* SPDX-License-Identifier: Apache-2.0 */
/* What filters and methods do to text, by code points as Python does. */
#include <string.h>
#include "base/utf8.h"
#include "template/jinja_eval.h"
#include "template/jinja_unicode.h"

/* The code point that ends at text[end); *start receives where it begins. */
static uint32_t decode_before(const char *text, size_t end, size_t *start)
{
    size_t length = 1;
    *start = end - 1;
    while (*start > 0 && ((unsigned char)text[*start] & 0xC0) == 0x80)
        --*start;
    return utf8_decode(text + *start, end - *start, &length);
}

static bool in_set(struct jinja_run *run, uint32_t code_point, const struct jinja_string *chars)
{
    if (!chars)
        return jinja_unicode_is(code_point, UNICODE_IS_SPACE);
    if (!jinja_charge(run, chars->size / 64))
        return false;
    for (size_t i = 0, length = 1; i < chars->size; i += length) {
        if (utf8_decode(chars->data + i, chars->size - i, &length) == code_point)
            return true;
    }
    return false;
}

struct jinja_value jinja_strip(struct jinja_run *run, const struct jinja_string *string,
                               const struct jinja_string *chars, bool left, bool right)
{
    size_t begin = 0, end = string->size, length = 1, start = 0;
    while (left && begin < end &&
           in_set(run, utf8_decode(string->data + begin, end - begin, &length), chars))
        begin += length;
    while (right && end > begin && in_set(run, decode_before(string->data, end, &start), chars))
        end = start;
    if (!jinja_charge(run, (string->size - (end - begin)) / 64))
        return jinja_error();
    return jinja_string_view(run, string->data + begin, end - begin);
}

size_t jinja_find(const struct jinja_string *string, const struct jinja_string *needle, size_t from)
{
    if (from > string->size)
        return SIZE_MAX;
    if (!needle->size)
        return from;
    const char *found =
        memmem(string->data + from, string->size - from, needle->data, needle->size);
    return found ? (size_t)(found - string->data) : SIZE_MAX;
}

/* replace() of "": with goes before every code point and to the end. */
static void replace_nothing(struct buffer *out, const struct jinja_string *string,
                            const struct jinja_string *with, uint64_t left)
{
    size_t length = 1;
    for (size_t i = 0; i < string->size; i += length) {
        if (left) {
            buffer_append(out, with->data, with->size);
            left--;
        }
        utf8_decode(string->data + i, string->size - i, &length);
        buffer_append(out, string->data + i, length);
    }
    if (left)
        buffer_append(out, with->data, with->size);
}

struct jinja_value jinja_replace(struct jinja_run *run, const struct jinja_string *string,
                                 const struct jinja_string *old, const struct jinja_string *with,
                                 int64_t count)
{
    uint64_t left = count < 0 ? UINT64_MAX : (uint64_t)count;
    struct buffer out;
    if (!jinja_charge(run, string->size / 64))
        return jinja_error();
    buffer_init(&out, JINJA_MEMORY_MAX);
    if (!old->size) {
        replace_nothing(&out, string, with, left);
        return jinja_string_take(run, &out);
    }
    size_t from = 0, at = 0;
    while (left && (at = jinja_find(string, old, from)) != SIZE_MAX) {
        buffer_append(&out, string->data + from, at - from);
        buffer_append(&out, with->data, with->size);
        from = at + old->size;
        left--;
    }
    buffer_append(&out, string->data + from, string->size - from);
    return jinja_string_take(run, &out);
}

static void append_code_points(struct buffer *out, const uint32_t *code_points, size_t count)
{
    char bytes[4];
    for (size_t i = 0; i < count; i++)
        buffer_append(out, bytes, utf8_encode(code_points[i], bytes));
}

/* Greek sigma at the end of a word: a letter before it, none after, ignorable marks skipped. */
static bool is_final_sigma(const struct jinja_string *string, size_t at, size_t length)
{
    size_t before = at, start = 0, step = 1;
    uint32_t code_point = 0;
    bool letter = false;
    while (before > 0) {
        code_point = decode_before(string->data, before, &start);
        before = start;
        if (!jinja_unicode_is(code_point, UNICODE_IS_IGNORABLE)) {
            letter = jinja_unicode_is_cased(code_point);
            break;
        }
    }
    if (!letter)
        return false;
    for (size_t i = at + length; i < string->size; i += step) {
        code_point = utf8_decode(string->data + i, string->size - i, &step);
        if (!jinja_unicode_is(code_point, UNICODE_IS_IGNORABLE))
            return !jinja_unicode_is_cased(code_point);
    }
    return true;
}

static enum unicode_case case_of(enum jinja_case to, uint32_t code_point, bool first, bool inside)
{
    switch (to) {
    case CASE_UPPER:
        return UNICODE_TO_UPPER;
    case CASE_TITLE:
        return inside ? UNICODE_TO_LOWER : UNICODE_TO_TITLE;
    case CASE_CAPITALIZE:
        return first ? UNICODE_TO_TITLE : UNICODE_TO_LOWER;
    case CASE_SWAP:
        return jinja_unicode_is(code_point, UNICODE_IS_UPPER) ? UNICODE_TO_LOWER : UNICODE_TO_UPPER;
    default:
        return UNICODE_TO_LOWER;
    }
}

struct jinja_value jinja_change_case(struct jinja_run *run, const struct jinja_string *string,
                                     enum jinja_case to)
{
    struct buffer out;
    uint32_t mapped[3];
    bool inside = false; /* after a cased letter: within a word */
    if (!jinja_charge(run, string->size / 4))
        return jinja_error();
    buffer_init(&out, JINJA_MEMORY_MAX);
    for (size_t i = 0, length = 1; i < string->size; i += length) {
        uint32_t code_point = utf8_decode(string->data + i, string->size - i, &length);
        enum unicode_case way = case_of(to, code_point, i == 0, inside);
        if (to == CASE_SWAP && !jinja_unicode_is(code_point, UNICODE_IS_UPPER) &&
            !jinja_unicode_is(code_point, UNICODE_IS_LOWER)) {
            buffer_append(&out, string->data + i, length);
            continue;
        }
        if (code_point < 0x80) {
            bool lower = code_point >= 'a' && code_point <= 'z';
            bool upper = code_point >= 'A' && code_point <= 'Z';
            bool flip = way == UNICODE_TO_LOWER ? upper : lower;
            buffer_append_char(&out, (char)(flip ? code_point ^ 0x20 : code_point));
            inside = lower || upper;
            continue;
        }
        size_t count = jinja_unicode_map(code_point, way, mapped);
        if (code_point == 0x3A3 && way == UNICODE_TO_LOWER)
            mapped[0] = is_final_sigma(string, i, length) ? 0x3C2 : 0x3C3;
        append_code_points(&out, mapped, count);
        inside = jinja_unicode_is_cased(code_point);
    }
    return jinja_string_take(run, &out);
}

bool jinja_is_case(const struct jinja_string *string, bool upper)
{
    bool found = false;
    for (size_t i = 0, length = 1; i < string->size; i += length) {
        uint32_t code_point = utf8_decode(string->data + i, string->size - i, &length);
        bool is_upper = jinja_unicode_is(code_point, UNICODE_IS_UPPER);
        bool is_lower = jinja_unicode_is(code_point, UNICODE_IS_LOWER);
        if (jinja_unicode_is(code_point, UNICODE_IS_TITLE) || (upper ? is_lower : is_upper))
            return false;
        found |= upper ? is_upper : is_lower;
    }
    return found;
}

/* str.splitlines() ends lines at more than newlines. */
static bool ends_line(uint32_t code_point)
{
    return (code_point >= '\n' && code_point <= '\r') ||
           (code_point >= 0x1C && code_point <= 0x1E) || code_point == 0x85 ||
           code_point == 0x2028 || code_point == 0x2029;
}

struct jinja_value jinja_split_lines(struct jinja_run *run, const struct jinja_string *string,
                                     bool keep_ends)
{
    struct jinja_value list = jinja_list_new(run, JINJA_LIST, "list");
    size_t start = 0, length = 1;
    if (!list.kind || !jinja_charge(run, string->size / 16))
        return jinja_error();
    for (size_t i = 0; i <= string->size; i += length) {
        uint32_t code_point = 0;
        length = 1;
        if (i < string->size) {
            code_point = utf8_decode(string->data + i, string->size - i, &length);
            if (!ends_line(code_point))
                continue;
            if (code_point == '\r' && i + 1 < string->size && string->data[i + 1] == '\n')
                length = 2;
        } else if (start == string->size) {
            break;
        }
        size_t end = i < string->size && keep_ends ? i + length : i;
        struct jinja_value line = jinja_string_view(run, string->data + start, end - start);
        if (!line.kind || !jinja_list_push(run, list.as.list, line))
            return jinja_error();
        start = i + length;
    }
    return list;
}

struct jinja_value jinja_pad(struct jinja_run *run, const struct jinja_string *string,
                             int64_t width, const struct jinja_string *fill, int where)
{
    int64_t missing = width - (int64_t)string->chars;
    if (width <= 0 || missing <= 0)
        return jinja_from_string(string);
    if (missing > (int64_t)JINJA_MEMORY_MAX || !jinja_charge(run, (uint64_t)missing / 16))
        return jinja_raise_limit(run, "the template pads to %lld characters", (long long)width);
    /* As CPython's str.center(): the odd one goes left when the width is odd. */
    int64_t left = where < 0 ? 0 : where > 0 ? missing : missing / 2 + (missing & width & 1);
    struct buffer out;
    buffer_init(&out, JINJA_MEMORY_MAX);
    for (int64_t i = 0; i < left; i++)
        buffer_append(&out, fill->data, fill->size);
    buffer_append(&out, string->data, string->size);
    for (int64_t i = left; i < missing; i++)
        buffer_append(&out, fill->data, fill->size);
    return jinja_string_take(run, &out);
}

/* convert: items become str first (the join filter); otherwise they must be strings (str.join). */
struct jinja_value jinja_join(struct jinja_run *run, const struct jinja_string *separator,
                              struct jinja_value items, bool convert)
{
    struct jinja_iter iter;
    struct jinja_value item;
    struct buffer out;
    int more = 0;
    size_t index = 0;
    if (!convert && (items.kind == JINJA_NONE || items.kind == JINJA_BOOL ||
                     items.kind == JINJA_INT || items.kind == JINJA_FLOAT))
        return jinja_raise(run, "TypeError", "can only join an iterable");
    if (!jinja_iter_start(run, items, &iter))
        return jinja_error();
    buffer_init(&out, JINJA_MEMORY_MAX);
    for (; (more = jinja_iter_next(run, &iter, &item)) == 1; index++) {
        if (!convert && item.kind != JINJA_STRING) {
            jinja_raise(run, "TypeError", "sequence item %zu: expected str instance, %s found",
                        index, jinja_type_name(item));
            more = -1;
            break;
        }
        if (index)
            buffer_append(&out, separator->data, separator->size);
        if (!jinja_str_append(run, &out, item)) {
            more = -1;
            break;
        }
    }
    if (more < 0) {
        buffer_free(&out);
        return jinja_error();
    }
    return jinja_string_take(run, &out);
}

struct jinja_value jinja_escape(struct jinja_run *run, struct jinja_value value)
{
    static const char special[] = "&<>'\"";
    static const char *const entities[] = {"&amp;", "&lt;", "&gt;", "&#39;", "&#34;"};
    if (value.kind == JINJA_STRING && value.markup)
        return value;
    struct jinja_value text = jinja_str(run, value);
    if (!text.kind)
        return text;
    struct buffer out;
    buffer_init(&out, JINJA_MEMORY_MAX);
    for (size_t i = 0; i < text.as.string->size; i++) {
        char byte = text.as.string->data[i];
        const char *found = byte ? strchr(special, byte) : NULL;
        if (found)
            buffer_append_str(&out, entities[found - special]);
        else
            buffer_append_char(&out, byte);
    }
    text = jinja_string_take(run, &out);
    text.markup = text.kind == JINJA_STRING;
    return text;
}
