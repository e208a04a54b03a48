/* SPDX-License-Identifier: Apache-2.0 */
/* "..." % values and "...".format(values), for the conversions that text needs. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "base/utf8.h"
#include "template/jinja_eval.h"

#define FORMAT_WIDTH_MAX 10000
#define FORMAT_PRECISION_MAX 300

/* One conversion: how a value is to be written. */
struct format_spec {
    bool left, plus, space, zero, alternate, comma, centre, aligned;
    int64_t width, precision; /* precision -1: not given */
    const char *fill;
    size_t fill_size;
    char type;
};

/* The values of a % operator. */
struct format_values {
    const struct jinja_list *tuple; /* NULL: one value */
    struct jinja_value single;
    size_t next;
    bool keyed; /* something was taken by name */
};

static void pad_out(struct buffer *out, const struct format_spec *spec, size_t chars, bool after)
{
    int64_t missing = spec->width - (int64_t)chars;
    int64_t left = spec->left ? 0 : spec->centre ? missing / 2 : missing;
    for (int64_t i = after ? left : 0; i < (after ? missing : left); i++)
        buffer_append(out, spec->fill, spec->fill_size);
}

static void write_text(struct buffer *out, const struct format_spec *spec,
                       const struct jinja_string *text)
{
    size_t chars = text->chars, size = text->size;
    if (spec->precision >= 0 && (size_t)spec->precision < chars) {
        chars = (size_t)spec->precision;
        size = jinja_string_offset(text, chars);
    }
    pad_out(out, spec, chars, false);
    buffer_append(out, text->data, size);
    pad_out(out, spec, chars, true);
}

/* Digits with a sign: zeros go between the two. */
static void write_digits(struct buffer *out, const struct format_spec *spec, const char *sign,
                         const char *digits)
{
    size_t size = strlen(sign) + strlen(digits);
    struct format_spec plain = *spec;
    if (plain.zero && !plain.left) {
        buffer_append_str(out, sign);
        for (int64_t i = (int64_t)size; i < plain.width; i++)
            buffer_append_char(out, '0');
        buffer_append_str(out, digits);
        return;
    }
    pad_out(out, &plain, size, false);
    buffer_append_str(out, sign);
    buffer_append_str(out, digits);
    pad_out(out, &plain, size, true);
}

static const char *sign_text(const struct format_spec *spec, bool negative)
{
    return negative ? "-" : spec->plus ? "+" : spec->space ? " " : "";
}

/* Commas between groups of three of the digits before the point. */
static void group_digits(const char *digits, char *out, size_t size)
{
    size_t whole = strspn(digits, "0123456789"), n = 0;
    for (size_t i = 0; digits[i] && n + 2 < size; i++) {
        if (i && i < whole && (whole - i) % 3 == 0)
            out[n++] = ',';
        out[n++] = digits[i];
    }
    out[n] = '\0';
}

static void write_integer(struct buffer *out, const struct format_spec *spec, int64_t value)
{
    char digits[80], grouped[120];
    uint64_t size = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    const char *prefix = "";
    if (spec->type == 'x' || spec->type == 'X') {
        snprintf(digits, sizeof(digits), spec->type == 'x' ? "%" PRIx64 : "%" PRIX64, size);
        prefix = spec->type == 'x' ? "0x" : "0X";
    } else if (spec->type == 'o') {
        snprintf(digits, sizeof(digits), "%" PRIo64, size);
        prefix = "0o";
    } else {
        snprintf(digits, sizeof(digits), "%" PRIu64, size);
    }
    char sign[8];
    snprintf(sign, sizeof(sign), "%s%s", sign_text(spec, value < 0), spec->alternate ? prefix : "");
    group_digits(digits, grouped, sizeof(grouped));
    write_digits(out, spec, sign, spec->comma ? grouped : digits);
}

static void write_real(struct buffer *out, const struct format_spec *spec, double value)
{
    char pattern[16], digits[800], grouped[1100];
    int precision = spec->precision < 0 ? 6 : (int)spec->precision;
    char type = spec->type == 'F' ? 'f' : spec->type;
    snprintf(pattern, sizeof(pattern), "%%%s.*%c", spec->alternate ? "#" : "", type);
    bool negative = signbit(value) && !isnan(value);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    snprintf(digits, sizeof(digits), pattern, precision, fabs(value));
#pragma GCC diagnostic pop
    group_digits(digits, grouped, sizeof(grouped));
    struct format_spec finite = *spec;
    finite.zero = spec->zero && isfinite(value);
    write_digits(out, &finite, sign_text(spec, negative), spec->comma ? grouped : digits);
}

static bool take_value(struct jinja_run *run, struct format_values *values, struct jinja_value *out)
{
    size_t count = values->tuple ? values->tuple->count : 1;
    if (values->next >= count || values->keyed)
        return jinja_raise(run, "TypeError", "not enough arguments for format string").kind;
    *out = values->tuple ? values->tuple->items[values->next] : values->single;
    values->next++;
    return true;
}

/* Digits at *at, or '*' for the next value. */
static bool read_count(struct jinja_run *run, const struct jinja_string *format, size_t *at,
                       struct format_values *values, int64_t max, int64_t *out)
{
    struct jinja_value value = {0};
    if (*at < format->size && format->data[*at] == '*') {
        ++*at;
        if (!take_value(run, values, &value))
            return false;
        if (!jinja_as_int(value, out))
            return jinja_raise(run, "TypeError", "* wants int").kind;
    } else {
        for (*out = 0; *at < format->size && format->data[*at] >= '0' && format->data[*at] <= '9';
             ++*at)
            *out = *out > max ? *out : *out * 10 + (format->data[*at] - '0');
    }
    if (*out > max || *out < -max)
        return jinja_raise_limit(run, "a format asks for more than %lld characters", (long long)max)
            .kind;
    return true;
}

static bool write_number(struct jinja_run *run, struct buffer *out, struct format_spec *spec,
                         struct jinja_value value)
{
    int64_t integer = 0;
    double real = 0;
    if (value.kind == JINJA_UNDEFINED)
        return jinja_undefined_raise(run, value).kind;
    if (strchr("eEfFgG", spec->type)) {
        if (!jinja_as_double(value, &real))
            return jinja_raise(run, "TypeError", "must be real number, not %s",
                               jinja_type_name(value))
                .kind;
        write_real(out, spec, real);
        return true;
    }
    bool decimal = strchr("diu", spec->type) != NULL;
    if (decimal && value.kind == JINJA_FLOAT && fabs(value.as.real) < 0x1p63)
        value = jinja_int((int64_t)value.as.real);
    if (!jinja_as_int(value, &integer))
        return jinja_raise(run, "TypeError", "%%%c format: %s is required, not %s", spec->type,
                           decimal ? "a real number" : "an integer", jinja_type_name(value))
            .kind;
    write_integer(out, spec, integer);
    return true;
}

/* "(key)" at *at: takes the value from the mapping. */
static bool take_key(struct jinja_run *run, const struct jinja_string *format, size_t *at,
                     struct format_values *values, struct jinja_value *out)
{
    const char *start = format->data + *at + 1;
    const char *end = memchr(start, ')', format->size - *at - 1);
    if (values->single.kind != JINJA_DICT || values->tuple)
        return jinja_raise(run, "TypeError", "format requires a mapping").kind;
    if (!end)
        return jinja_raise(run, "ValueError", "incomplete format key").kind;
    struct jinja_string key = {start, (size_t)(end - start), 0, NULL};
    const struct jinja_value *found = jinja_dict_find(values->single.as.dict, &key);
    if (!found)
        return jinja_raise(run, "KeyError", "'%.*s'", (int)key.size, key.data).kind;
    *out = *found;
    *at += key.size + 2;
    values->keyed = true;
    return true;
}

/* One conversion; *at is behind its '%'. */
static bool convert(struct jinja_run *run, struct buffer *out, const struct jinja_string *format,
                    size_t *at, struct format_values *values)
{
    struct format_spec spec = {.precision = -1, .fill = " ", .fill_size = 1};
    struct jinja_value value = jinja_error();
    if (*at < format->size && format->data[*at] == '(' &&
        !take_key(run, format, at, values, &value))
        return false;
    for (; *at < format->size && format->data[*at] && strchr("-+ #0", format->data[*at]); ++*at) {
        char flag = format->data[*at];
        spec.left |= flag == '-';
        spec.plus |= flag == '+';
        spec.space |= flag == ' ';
        spec.alternate |= flag == '#';
        spec.zero |= flag == '0';
    }
    if (!read_count(run, format, at, values, FORMAT_WIDTH_MAX, &spec.width))
        return false;
    if (spec.width < 0) {
        spec.left = true;
        spec.width = -spec.width;
    }
    if (*at < format->size && format->data[*at] == '.') {
        ++*at;
        if (!read_count(run, format, at, values, FORMAT_PRECISION_MAX, &spec.precision))
            return false;
    }
    while (*at < format->size && format->data[*at] && strchr("hlL", format->data[*at]))
        ++*at;
    if (*at >= format->size)
        return jinja_raise(run, "ValueError", "incomplete format").kind;
    spec.type = format->data[(*at)++];
    if (spec.type == '%')
        return buffer_append_char(out, '%');
    if (!value.kind && !take_value(run, values, &value))
        return false;
    if (spec.type == 's' || spec.type == 'r') {
        struct jinja_value text = spec.type == 's' ? jinja_str(run, value) : jinja_repr(run, value);
        if (text.kind)
            write_text(out, &spec, text.as.string);
        return text.kind != JINJA_ERROR;
    }
    if (spec.type && strchr("diuxXoeEfFgG", spec.type))
        return write_number(run, out, &spec, value);
    return jinja_raise(run, "ValueError", "unsupported format character '%c' (0x%x) at index %zu",
                       spec.type, (unsigned char)spec.type,
                       jinja_count_chars(format->data, *at - 1))
        .kind;
}

struct jinja_value jinja_percent_format(struct jinja_run *run, const struct jinja_string *format,
                                        struct jinja_value value)
{
    struct format_values values = {.single = value};
    struct buffer out;
    bool fine = true;
    if (value.kind == JINJA_TUPLE)
        values.tuple = value.as.list;
    buffer_init(&out, JINJA_MEMORY_MAX);
    for (size_t at = 0; fine && at < format->size;) {
        const char *percent = memchr(format->data + at, '%', format->size - at);
        size_t end = percent ? (size_t)(percent - format->data) : format->size;
        buffer_append(&out, format->data + at, end - at);
        at = end + 1;
        fine = jinja_charge(run, 1) && (!percent || convert(run, &out, format, &at, &values));
    }
    bool mapping = value.kind == JINJA_DICT || value.kind == JINJA_LIST ||
                   value.kind == JINJA_UNDEFINED || value.kind == JINJA_RANGE;
    size_t count = values.tuple ? values.tuple->count : mapping ? 0 : 1;
    if (fine && !values.keyed && values.next < count) {
        jinja_raise(run, "TypeError", "not all arguments converted during string formatting");
        fine = false;
    }
    if (!fine) {
        buffer_free(&out);
        return jinja_error();
    }
    return jinja_string_take(run, &out);
}

static bool unsupported_field(struct jinja_run *run, const char *field, size_t size)
{
    return jinja_raise(run, "ValueError", "octet does not support the format field '{%.*s}'",
                       (int)(size < 100 ? size : 100), field)
        .kind;
}

/* "[[fill]align][sign][0][width][,][.precision][type]" */
static bool parse_spec(const char *text, size_t size, struct format_spec *spec)
{
    size_t at = 0, length = 1;
    if (size)
        utf8_decode(text, size, &length);
    bool filled = size > length && strchr("<>^", text[length]) != NULL && text[length];
    if (filled) {
        spec->fill = text;
        spec->fill_size = length;
        at = length;
    }
    if (at < size && text[at] && strchr("<>^", text[at])) {
        spec->left = text[at] == '<';
        spec->centre = text[at] == '^';
        spec->aligned = true;
        at++;
    }
    if (at < size && text[at] && strchr("+- ", text[at])) {
        spec->plus = text[at] == '+';
        spec->space = text[at] == ' ';
        at++;
    }
    if (at < size && text[at] == '0' && !spec->aligned) {
        spec->zero = true;
        at++;
    }
    for (; at < size && text[at] >= '0' && text[at] <= '9'; at++)
        spec->width =
            spec->width > FORMAT_WIDTH_MAX ? spec->width : spec->width * 10 + text[at] - '0';
    if (at < size && text[at] == ',') {
        spec->comma = true;
        at++;
    }
    if (at < size && text[at] == '.') {
        if (at + 1 >= size || text[at + 1] < '0' || text[at + 1] > '9')
            return false;
        spec->precision = 0;
        for (at++; at < size && text[at] >= '0' && text[at] <= '9'; at++)
            spec->precision = spec->precision > FORMAT_WIDTH_MAX
                                  ? spec->precision
                                  : spec->precision * 10 + text[at] - '0';
    }
    if (at < size)
        spec->type = text[at++];
    return at == size && spec->width <= FORMAT_WIDTH_MAX &&
           spec->precision <= FORMAT_PRECISION_MAX && !(spec->zero && spec->comma);
}

/* A value by a format specification; what octet does not write as Python does is refused. */
static bool write_spec(struct jinja_run *run, struct buffer *out, struct jinja_value value,
                       const char *text, size_t size)
{
    struct format_spec spec = {.precision = -1, .fill = " ", .fill_size = 1};
    int64_t integer = 0;
    double real = 0;
    if (!size)
        return jinja_str_append(run, out, value);
    if (!parse_spec(text, size, &spec))
        return unsupported_field(run, text, size);
    if (value.kind == JINJA_STRING && (!spec.type || spec.type == 's') && !spec.zero &&
        !spec.plus && !spec.space && !spec.comma) {
        spec.left |= !spec.aligned;
        write_text(out, &spec, value.as.string);
        return true;
    }
    if (value.kind == JINJA_INT && spec.precision < 0 &&
        (!spec.type || strchr("dxXo", spec.type)) &&
        !(spec.comma && spec.type && spec.type != 'd') && jinja_as_int(value, &integer)) {
        write_integer(out, &spec, integer);
        return true;
    }
    if ((value.kind == JINJA_INT || value.kind == JINJA_FLOAT) && spec.type &&
        strchr("feEFgG", spec.type) && jinja_as_double(value, &real)) {
        write_real(out, &spec, real);
        return true;
    }
    return unsupported_field(run, text, size);
}

/* Which value a field names: "" the next, digits an index, a name a keyword. */
static bool field_value(struct jinja_run *run, const struct jinja_args *args, const char *name,
                        size_t size, size_t *next, struct jinja_value *out)
{
    size_t index = 0, digits = 0;
    while (digits < size && digits < 6 && name[digits] >= '0' && name[digits] <= '9')
        index = index * 10 + (size_t)(name[digits++] - '0');
    if (digits == size) {
        if (!size)
            index = (*next)++;
        if (index >= args->count)
            return jinja_raise(run, "IndexError", "tuple index out of range").kind;
        *out = args->positional[index];
        return true;
    }
    if (memchr(name, '.', size) || memchr(name, '[', size))
        return unsupported_field(run, name, size);
    for (size_t i = 0; i < args->named_count; i++) {
        if (args->names[i]->size == size && !memcmp(args->names[i]->data, name, size)) {
            *out = args->named[i];
            return true;
        }
    }
    return jinja_raise(run, "KeyError", "'%.*s'", (int)(size < 200 ? size : 200), name).kind;
}

/* "name!r:spec" between the braces. */
static bool write_field(struct jinja_run *run, struct buffer *out, const char *field, size_t size,
                        const struct jinja_args *args, size_t *next)
{
    struct jinja_value value = {0};
    const char *colon = memchr(field, ':', size);
    size_t head = colon ? (size_t)(colon - field) : size;
    const char *bang = memchr(field, '!', head);
    size_t name = bang ? (size_t)(bang - field) : head;
    if (!field_value(run, args, field, name, next, &value))
        return false;
    if (bang) {
        if (head - name != 2 || (bang[1] != 'r' && bang[1] != 's'))
            return unsupported_field(run, field, size);
        value = bang[1] == 'r' ? jinja_repr(run, value) : jinja_str(run, value);
        if (!value.kind)
            return false;
    }
    return write_spec(run, out, value, colon ? colon + 1 : field, colon ? size - head - 1 : 0);
}

struct jinja_value jinja_brace_format(struct jinja_run *run, const struct jinja_string *format,
                                      const struct jinja_args *args)
{
    struct buffer out;
    size_t next = 0;
    bool fine = true;
    buffer_init(&out, JINJA_MEMORY_MAX);
    for (size_t at = 0; fine && at < format->size;) {
        char byte = format->data[at];
        bool doubled = at + 1 < format->size && format->data[at + 1] == byte;
        fine = jinja_charge(run, 1);
        if (byte != '{' && byte != '}') {
            buffer_append_char(&out, byte);
            at++;
        } else if (doubled) {
            buffer_append_char(&out, byte);
            at += 2;
        } else {
            const char *field = format->data + at + 1;
            const char *end = byte == '{' ? memchr(field, '}', format->size - at - 1) : NULL;
            size_t size = end ? (size_t)(end - field) : 0;
            if (!end)
                fine =
                    jinja_raise(run, "ValueError", "Single '%c' encountered in format string", byte)
                        .kind;
            else if (memchr(field, '{', size))
                fine = unsupported_field(run, field, size);
            else
                fine = write_field(run, &out, field, size, args, &next);
            at += size + 2;
        }
    }
    if (!fine) {
        buffer_free(&out);
        return jinja_error();
    }
    return jinja_string_take(run, &out);
}
