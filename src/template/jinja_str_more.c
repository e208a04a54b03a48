/* SPDX-License-Identifier: Apache-2.0 */
/* Methods of str that change, join and classify text. */
#include <string.h>
#include "base/utf8.h"
#include "template/jinja_eval.h"
#include "template/jinja_registry.h"
#include "template/jinja_unicode.h"

#define METHOD(name)                                                                               \
    static struct jinja_value method_##name(struct jinja_run *run, struct jinja_value self,        \
                                            const struct jinja_value *bound,                       \
                                            const struct jinja_args *args)

static const struct jinja_string blank = {" ", 1, 1, NULL};

#define CASE_METHOD(name, to)                                                                      \
    METHOD(name)                                                                                   \
    {                                                                                              \
        (void)bound;                                                                               \
        (void)args;                                                                                \
        return jinja_change_case(run, self.as.string, to);                                         \
    }

CASE_METHOD(upper, CASE_UPPER)
CASE_METHOD(lower, CASE_LOWER)
CASE_METHOD(title, CASE_TITLE)
CASE_METHOD(capitalize, CASE_CAPITALIZE)
CASE_METHOD(swapcase, CASE_SWAP)

METHOD(replace)
{
    (void)args;
    int64_t count = -1;
    for (int i = 0; i < 2; i++) {
        if (bound[i].kind != JINJA_STRING)
            return jinja_raise(run, "TypeError", "replace() argument %d must be str, not %s", i + 1,
                               jinja_type_name(bound[i]));
    }
    if (bound[2].kind && !jinja_index(run, bound[2], &count))
        return jinja_error();
    return jinja_replace(run, self.as.string, bound[0].as.string, bound[1].as.string, count);
}

METHOD(join)
{
    (void)args;
    return jinja_join(run, self.as.string, bound[0], false);
}

METHOD(format)
{
    (void)bound;
    return jinja_brace_format(run, self.as.string, args);
}

/* Is every code point of a non-empty text of this class? */
static struct jinja_value all_are(struct jinja_run *run, struct jinja_value self,
                                  enum unicode_class a, enum unicode_class b, bool empty)
{
    const struct jinja_string *string = self.as.string;
    if (!jinja_charge(run, string->size / 16))
        return jinja_error();
    for (size_t i = 0, length = 1; i < string->size; i += length) {
        uint32_t code_point = utf8_decode(string->data + i, string->size - i, &length);
        if (!jinja_unicode_is(code_point, a) && !jinja_unicode_is(code_point, b))
            return jinja_bool(false);
    }
    return jinja_bool(string->size > 0 || empty);
}

#define CLASS_METHOD(name, a, b, empty)                                                            \
    METHOD(name)                                                                                   \
    {                                                                                              \
        (void)bound;                                                                               \
        (void)args;                                                                                \
        return all_are(run, self, a, b, empty);                                                    \
    }

CLASS_METHOD(isalpha, UNICODE_IS_ALPHA, UNICODE_IS_ALPHA, false)
CLASS_METHOD(isdecimal, UNICODE_IS_DECIMAL, UNICODE_IS_DECIMAL, false)
CLASS_METHOD(isdigit, UNICODE_IS_DIGIT, UNICODE_IS_DIGIT, false)
CLASS_METHOD(isnumeric, UNICODE_IS_NUMERIC, UNICODE_IS_NUMERIC, false)
CLASS_METHOD(isalnum, UNICODE_IS_ALPHA, UNICODE_IS_NUMERIC, false)
CLASS_METHOD(isspace, UNICODE_IS_SPACE, UNICODE_IS_SPACE, false)
CLASS_METHOD(isprintable, UNICODE_IS_PRINTABLE, UNICODE_IS_PRINTABLE, true)

METHOD(isascii)
{
    (void)run;
    (void)bound;
    (void)args;
    return jinja_bool(self.as.string->chars == self.as.string->size);
}

METHOD(isupper)
{
    (void)run;
    (void)bound;
    (void)args;
    return jinja_bool(jinja_is_case(self.as.string, true));
}

METHOD(islower)
{
    (void)run;
    (void)bound;
    (void)args;
    return jinja_bool(jinja_is_case(self.as.string, false));
}

static struct jinja_value pad_with(struct jinja_run *run, struct jinja_value self,
                                   const struct jinja_value *bound, int where)
{
    int64_t width = 0;
    const struct jinja_string *fill = &blank;
    if (!jinja_index(run, bound[0], &width))
        return jinja_error();
    if (bound[1].kind == JINJA_STRING && bound[1].as.string->chars == 1)
        fill = bound[1].as.string;
    else if (bound[1].kind)
        return jinja_raise(run, "TypeError",
                           "The fill character must be exactly one character long");
    return jinja_pad(run, self.as.string, width, fill, where);
}

METHOD(ljust)
{
    (void)args;
    return pad_with(run, self, bound, -1);
}

METHOD(rjust)
{
    (void)args;
    return pad_with(run, self, bound, 1);
}

METHOD(center)
{
    (void)args;
    return pad_with(run, self, bound, 0);
}

/* Zeros between a sign and the rest. */
METHOD(zfill)
{
    (void)args;
    static const struct jinja_string zero = {"0", 1, 1, NULL};
    const struct jinja_string *string = self.as.string;
    int64_t width = 0;
    if (!jinja_index(run, bound[0], &width))
        return jinja_error();
    size_t sign = string->size && (string->data[0] == '-' || string->data[0] == '+');
    struct jinja_value head = jinja_string_view(run, string->data, sign);
    struct jinja_value tail = jinja_string_view(run, string->data + sign, string->size - sign);
    if (!head.kind || !tail.kind)
        return jinja_error();
    tail = jinja_pad(run, tail.as.string, width - (int64_t)sign, &zero, 1);
    return tail.kind ? jinja_string_concat(run, head.as.string, tail.as.string) : tail;
}

/* self without a prefix or suffix that it has. */
static struct jinja_value remove_affix(struct jinja_run *run, struct jinja_value self,
                                       struct jinja_value affix, bool suffix)
{
    const struct jinja_string *string = self.as.string;
    if (affix.kind != JINJA_STRING)
        return jinja_raise(run, "TypeError", "%s() argument must be str, not %s",
                           suffix ? "removesuffix" : "removeprefix", jinja_type_name(affix));
    size_t size = affix.as.string->size;
    if (!size || size > string->size)
        return self;
    size_t at = suffix ? string->size - size : 0;
    if (memcmp(string->data + at, affix.as.string->data, size) != 0)
        return self;
    return jinja_string_view(run, string->data + (suffix ? 0 : size), string->size - size);
}

METHOD(removeprefix)
{
    (void)args;
    return remove_affix(run, self, bound[0], false);
}

METHOD(removesuffix)
{
    (void)args;
    return remove_affix(run, self, bound[0], true);
}

const struct jinja_method jinja_str_more_methods[] = {
    {"upper", METHOD_SUPPORTED, "", 0, method_upper},
    {"lower", METHOD_SUPPORTED, "", 0, method_lower},
    {"title", METHOD_SUPPORTED, "", 0, method_title},
    {"capitalize", METHOD_SUPPORTED, "", 0, method_capitalize},
    {"swapcase", METHOD_SUPPORTED, "", 0, method_swapcase},
    {"replace", METHOD_SUPPORTED, "old new count", 2, method_replace},
    {"join", METHOD_SUPPORTED, "iterable", 1, method_join},
    {"format", METHOD_SUPPORTED, NULL, 0, method_format},
    {"isalpha", METHOD_SUPPORTED, "", 0, method_isalpha},
    {"isdecimal", METHOD_SUPPORTED, "", 0, method_isdecimal},
    {"isdigit", METHOD_SUPPORTED, "", 0, method_isdigit},
    {"isnumeric", METHOD_SUPPORTED, "", 0, method_isnumeric},
    {"isalnum", METHOD_SUPPORTED, "", 0, method_isalnum},
    {"isspace", METHOD_SUPPORTED, "", 0, method_isspace},
    {"isprintable", METHOD_SUPPORTED, "", 0, method_isprintable},
    {"isascii", METHOD_SUPPORTED, "", 0, method_isascii},
    {"isupper", METHOD_SUPPORTED, "", 0, method_isupper},
    {"islower", METHOD_SUPPORTED, "", 0, method_islower},
    {"ljust", METHOD_SUPPORTED, "width fillchar", 1, method_ljust},
    {"rjust", METHOD_SUPPORTED, "width fillchar", 1, method_rjust},
    {"center", METHOD_SUPPORTED, "width fillchar", 1, method_center},
    {"zfill", METHOD_SUPPORTED, "width", 1, method_zfill},
    {"removeprefix", METHOD_SUPPORTED, "prefix", 1, method_removeprefix},
    {"removesuffix", METHOD_SUPPORTED, "suffix", 1, method_removesuffix},
    {"casefold", METHOD_UNSUPPORTED, NULL, 0, NULL},
    {"encode", METHOD_UNSUPPORTED, NULL, 0, NULL},
    {"expandtabs", METHOD_UNSUPPORTED, NULL, 0, NULL},
    {"format_map", METHOD_UNSUPPORTED, NULL, 0, NULL},
    {"isidentifier", METHOD_UNSUPPORTED, NULL, 0, NULL},
    {"istitle", METHOD_UNSUPPORTED, NULL, 0, NULL},
    {"maketrans", METHOD_UNSUPPORTED, NULL, 0, NULL},
    {"translate", METHOD_UNSUPPORTED, NULL, 0, NULL},
    {0},
};
