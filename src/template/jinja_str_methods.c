/* SPDX-License-Identifier: Apache-2.0 */
/* Methods of str that search, split and strip. */
#include <string.h>
#include "base/utf8.h"
#include "template/jinja_eval.h"
#include "template/jinja_lexer.h"
#include "template/jinja_registry.h"
#include "template/jinja_unicode.h"

#define METHOD(name)                                                                               \
    static struct jinja_value method_##name(struct jinja_run *run, struct jinja_value self,        \
                                            const struct jinja_value *bound,                       \
                                            const struct jinja_args *args)

static struct jinja_value strip_with(struct jinja_run *run, struct jinja_value self,
                                     struct jinja_value chars, bool left, bool right)
{
    const char *name = left && right ? "strip" : left ? "lstrip" : "rstrip";
    if (chars.kind && chars.kind != JINJA_NONE && chars.kind != JINJA_STRING)
        return jinja_raise(run, "TypeError", "%s arg must be None or str", name);
    return jinja_strip(run, self.as.string, chars.kind == JINJA_STRING ? chars.as.string : NULL,
                       left, right);
}

METHOD(strip)
{
    (void)args;
    return strip_with(run, self, bound[0], true, true);
}

METHOD(lstrip)
{
    (void)args;
    return strip_with(run, self, bound[0], true, false);
}

METHOD(rstrip)
{
    (void)args;
    return strip_with(run, self, bound[0], false, true);
}

static bool push_part(struct jinja_run *run, struct jinja_list *list,
                      const struct jinja_string *string, size_t from, size_t to)
{
    struct jinja_value part = jinja_string_view(run, string->data + from, to - from);
    return part.kind && jinja_list_push(run, list, part);
}

/* split() at runs of white space; at most limit cuts. */
static bool split_space(struct jinja_run *run, struct jinja_list *list,
                        const struct jinja_string *string, uint64_t limit)
{
    size_t at = jinja_space_prefix(string->data, string->size);
    while (at < string->size) {
        size_t end = at, length = 1;
        if (!limit--) /* the rest as it is, white space at its end included */
            return push_part(run, list, string, at, string->size);
        while (end < string->size &&
               !jinja_unicode_is(utf8_decode(string->data + end, string->size - end, &length),
                                 UNICODE_IS_SPACE))
            end += length;
        if (!push_part(run, list, string, at, end))
            return false;
        at = end + jinja_space_prefix(string->data + end, string->size - end);
    }
    return true;
}

static bool split_at(struct jinja_run *run, struct jinja_list *list,
                     const struct jinja_string *string, const struct jinja_string *separator,
                     uint64_t limit)
{
    size_t from = 0, at = 0;
    while (limit-- && (at = jinja_find(string, separator, from)) != SIZE_MAX) {
        if (!push_part(run, list, string, from, at))
            return false;
        from = at + separator->size;
    }
    return push_part(run, list, string, from, string->size);
}

/* The last occurrence of needle in string[from..end), SIZE_MAX when there is none (or no step
 * left). */
static size_t find_last(struct jinja_run *run, const struct jinja_string *string,
                        const struct jinja_string *needle, size_t from, size_t end)
{
    if (end < from || end - from < needle->size)
        return SIZE_MAX;
    for (size_t at = end - needle->size + 1; at-- > from;) {
        if (!jinja_charge(run, needle->size / 64))
            break;
        if (!needle->size || !memcmp(string->data + at, needle->data, needle->size))
            return at;
    }
    return SIZE_MAX;
}

static void reverse_list(struct jinja_list *list)
{
    for (size_t i = 0; i < list->count / 2; i++) {
        struct jinja_value swap = list->items[i];
        list->items[i] = list->items[list->count - 1 - i];
        list->items[list->count - 1 - i] = swap;
    }
}

static bool rsplit_at(struct jinja_run *run, struct jinja_list *list,
                      const struct jinja_string *string, const struct jinja_string *separator,
                      uint64_t limit)
{
    size_t end = string->size, at = 0;
    while (limit-- && (at = find_last(run, string, separator, 0, end)) != SIZE_MAX) {
        if (!push_part(run, list, string, at + separator->size, end))
            return false;
        end = at;
    }
    if (!push_part(run, list, string, 0, end))
        return false;
    reverse_list(list);
    return true;
}

static bool rsplit_space(struct jinja_run *run, struct jinja_list *list,
                         const struct jinja_string *string, uint64_t limit)
{
    size_t end = string->size - jinja_space_suffix(string->data, string->size);
    while (end > 0) {
        size_t at = end;
        if (!limit--) { /* the rest as it is, white space at its start included */
            if (!push_part(run, list, string, 0, end))
                return false;
            break;
        }
        while (at > 0 && !jinja_space_suffix(string->data, at)) {
            at--;
            while (at > 0 && ((unsigned char)string->data[at] & 0xC0) == 0x80)
                at--;
        }
        if (!push_part(run, list, string, at, end))
            return false;
        end = at - jinja_space_suffix(string->data, at);
    }
    reverse_list(list);
    return true;
}

static struct jinja_value split_with(struct jinja_run *run, struct jinja_value self,
                                     const struct jinja_value *bound, bool right)
{
    const struct jinja_string *string = self.as.string;
    struct jinja_value list = jinja_list_new(run, JINJA_LIST, "list");
    int64_t limit = -1;
    bool done = false;
    if (!list.kind || (bound[1].kind && !jinja_index(run, bound[1], &limit)) ||
        !jinja_charge(run, string->size / 32))
        return jinja_error();
    if (bound[0].kind && bound[0].kind != JINJA_NONE && bound[0].kind != JINJA_STRING)
        return jinja_raise(run, "TypeError", "must be str or None, not %s",
                           jinja_type_name(bound[0]));
    uint64_t cuts = limit < 0 ? UINT64_MAX : (uint64_t)limit;
    if (bound[0].kind != JINJA_STRING)
        done = right ? rsplit_space(run, list.as.list, string, cuts)
                     : split_space(run, list.as.list, string, cuts);
    else if (!bound[0].as.string->size)
        return jinja_raise(run, "ValueError", "empty separator");
    else
        done = right ? rsplit_at(run, list.as.list, string, bound[0].as.string, cuts)
                     : split_at(run, list.as.list, string, bound[0].as.string, cuts);
    return done ? list : jinja_error();
}

METHOD(split)
{
    (void)args;
    return split_with(run, self, bound, false);
}

METHOD(rsplit)
{
    (void)args;
    return split_with(run, self, bound, true);
}

METHOD(splitlines)
{
    (void)args;
    return jinja_split_lines(run, self.as.string, jinja_truth(bound[0]));
}

/* The bytes of self[start:end], which searches look at; false after a TypeError. */
static bool window(struct jinja_run *run, struct jinja_value self, const struct jinja_value *start,
                   size_t *from, size_t *to)
{
    int64_t count = (int64_t)self.as.string->chars, low = 0, high = count;
    for (size_t i = 0; i < 2; i++) {
        int64_t *place = i ? &high : &low;
        if (!start[i].kind || start[i].kind == JINJA_NONE)
            continue;
        if (!jinja_as_int(start[i], place))
            return jinja_raise(run, "TypeError",
                               "slice indices must be integers or None or have an __index__ "
                               "method")
                .kind;
        if (*place < 0)
            *place = *place + count < 0 ? 0 : *place + count;
    }
    if (high > count)
        high = count;
    /* A start past the end finds nothing, not even "". */
    *from = low > count ? SIZE_MAX : jinja_string_offset(self.as.string, (size_t)low);
    *to = jinja_string_offset(self.as.string, (size_t)high);
    return jinja_charge(run, self.as.string->size / 64);
}

static bool matches_at(const struct jinja_string *string, const struct jinja_string *affix,
                       size_t from, size_t to, bool end)
{
    if (from == SIZE_MAX || to < from || to - from < affix->size)
        return false;
    size_t at = end ? to - affix->size : from;
    return !affix->size || !memcmp(string->data + at, affix->data, affix->size);
}

static struct jinja_value starts_or_ends(struct jinja_run *run, struct jinja_value self,
                                         const struct jinja_value *bound, bool end)
{
    size_t from = 0, to = 0;
    const char *name = end ? "endswith" : "startswith";
    if (!window(run, self, bound + 1, &from, &to))
        return jinja_error();
    if (bound[0].kind == JINJA_STRING)
        return jinja_bool(matches_at(self.as.string, bound[0].as.string, from, to, end));
    if (bound[0].kind != JINJA_TUPLE)
        return jinja_raise(run, "TypeError", "%s first arg must be str or a tuple of str, not %s",
                           name, jinja_type_name(bound[0]));
    for (size_t i = 0; i < bound[0].as.list->count; i++) {
        struct jinja_value affix = bound[0].as.list->items[i];
        if (affix.kind != JINJA_STRING)
            return jinja_raise(run, "TypeError", "tuple for %s must only contain str, not %s", name,
                               jinja_type_name(affix));
        if (matches_at(self.as.string, affix.as.string, from, to, end))
            return jinja_bool(true);
    }
    return jinja_bool(false);
}

METHOD(startswith)
{
    (void)args;
    return starts_or_ends(run, self, bound, false);
}

METHOD(endswith)
{
    (void)args;
    return starts_or_ends(run, self, bound, true);
}

/* find() and its kin: the index in code points, -1 when absent. */
static bool search(struct jinja_run *run, struct jinja_value self, const struct jinja_value *bound,
                   bool last, int64_t *index)
{
    size_t from = 0, to = 0, at = SIZE_MAX;
    *index = -1;
    if (bound[0].kind != JINJA_STRING)
        return jinja_raise(run, "TypeError", "must be str, not %s", jinja_type_name(bound[0])).kind;
    if (!window(run, self, bound + 1, &from, &to))
        return false;
    const struct jinja_string *needle = bound[0].as.string;
    if (from != SIZE_MAX && last)
        at = find_last(run, self.as.string, needle, from, to);
    else if (from != SIZE_MAX && from <= to)
        at = jinja_find(self.as.string, needle, from);
    if (at != SIZE_MAX && at + needle->size <= to)
        *index = (int64_t)jinja_count_chars(self.as.string->data, at);
    return true;
}

METHOD(find)
{
    (void)args;
    int64_t index = 0;
    return search(run, self, bound, false, &index) ? jinja_int(index) : jinja_error();
}

METHOD(rfind)
{
    (void)args;
    int64_t index = 0;
    return search(run, self, bound, true, &index) ? jinja_int(index) : jinja_error();
}

METHOD(index)
{
    (void)args;
    int64_t index = 0;
    if (!search(run, self, bound, false, &index))
        return jinja_error();
    return index < 0 ? jinja_raise(run, "ValueError", "substring not found") : jinja_int(index);
}

METHOD(rindex)
{
    (void)args;
    int64_t index = 0;
    if (!search(run, self, bound, true, &index))
        return jinja_error();
    return index < 0 ? jinja_raise(run, "ValueError", "substring not found") : jinja_int(index);
}

METHOD(count)
{
    (void)args;
    size_t from = 0, to = 0;
    int64_t found = 0;
    if (bound[0].kind != JINJA_STRING)
        return jinja_raise(run, "TypeError", "must be str, not %s", jinja_type_name(bound[0]));
    if (!window(run, self, bound + 1, &from, &to))
        return jinja_error();
    const struct jinja_string *needle = bound[0].as.string;
    if (from == SIZE_MAX || from > to)
        return jinja_int(0);
    if (!needle->size)
        return jinja_int((int64_t)jinja_count_chars(self.as.string->data + from, to - from) + 1);
    while ((from = jinja_find(self.as.string, needle, from)) != SIZE_MAX &&
           from + needle->size <= to) {
        from += needle->size;
        found++;
    }
    return jinja_int(found);
}

static struct jinja_value partition(struct jinja_run *run, struct jinja_value self,
                                    struct jinja_value separator, bool last)
{
    const struct jinja_string *string = self.as.string;
    struct jinja_value out = jinja_list_new(run, JINJA_TUPLE, "tuple");
    if (separator.kind != JINJA_STRING)
        return jinja_raise(run, "TypeError", "must be str, not %s", jinja_type_name(separator));
    if (!separator.as.string->size)
        return jinja_raise(run, "ValueError", "empty separator");
    size_t at = last ? find_last(run, string, separator.as.string, 0, string->size)
                     : jinja_find(string, separator.as.string, 0);
    size_t end = at + separator.as.string->size;
    if (at == SIZE_MAX) { /* the whole first, or last, and two empty strings */
        at = last ? 0 : string->size;
        end = at;
    }
    if (!out.kind || !jinja_charge(run, string->size / 64) ||
        !push_part(run, out.as.list, string, 0, at) ||
        !push_part(run, out.as.list, string, at, end) ||
        !push_part(run, out.as.list, string, end, string->size))
        return jinja_error();
    return out;
}

METHOD(partition)
{
    (void)args;
    return partition(run, self, bound[0], false);
}

METHOD(rpartition)
{
    (void)args;
    return partition(run, self, bound[0], true);
}

const struct jinja_method jinja_str_methods[] = {
    {"strip", METHOD_SUPPORTED, "chars", 0, method_strip},
    {"lstrip", METHOD_SUPPORTED, "chars", 0, method_lstrip},
    {"rstrip", METHOD_SUPPORTED, "chars", 0, method_rstrip},
    {"split", METHOD_SUPPORTED, "sep maxsplit", 0, method_split},
    {"rsplit", METHOD_SUPPORTED, "sep maxsplit", 0, method_rsplit},
    {"splitlines", METHOD_SUPPORTED, "keepends", 0, method_splitlines},
    {"startswith", METHOD_SUPPORTED, "prefix start end", 1, method_startswith},
    {"endswith", METHOD_SUPPORTED, "suffix start end", 1, method_endswith},
    {"find", METHOD_SUPPORTED, "sub start end", 1, method_find},
    {"rfind", METHOD_SUPPORTED, "sub start end", 1, method_rfind},
    {"index", METHOD_SUPPORTED, "sub start end", 1, method_index},
    {"rindex", METHOD_SUPPORTED, "sub start end", 1, method_rindex},
    {"count", METHOD_SUPPORTED, "sub start end", 1, method_count},
    {"partition", METHOD_SUPPORTED, "sep", 1, method_partition},
    {"rpartition", METHOD_SUPPORTED, "sep", 1, method_rpartition},
    {0},
};
