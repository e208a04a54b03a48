/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stdio.h>
#include "template/jinja_run.h"
#include "template/jinja_ast.h"

void *jinja_alloc(struct jinja_run *run, size_t size)
{
    void *memory = arena_alloc(run->arena, size);
    if (!memory && run->status == OCTET_OK) {
        if (size > run->arena->limit || run->arena->used > run->arena->limit - size)
            jinja_raise_limit(run, "the template needs more than %zu MiB of memory",
                              run->arena->limit >> 20);
        else
            run->status = error_memory(run->err, "chat template", size);
    }
    return memory;
}

bool jinja_charge(struct jinja_run *run, uint64_t steps)
{
    run->steps += steps;
    if (run->steps <= JINJA_STEPS_MAX)
        return true;
    if (run->status == OCTET_OK)
        jinja_raise_limit(run, "the template takes more than %u steps", JINJA_STEPS_MAX);
    return false;
}

static void place(const struct jinja_run *run, char *out, size_t size)
{
    if (run->at)
        snprintf(out, size, "%s:%u:%u: ", run->name, run->at->line, run->at->column);
    else
        snprintf(out, size, "%s: ", run->name);
}

struct jinja_value jinja_raise(struct jinja_run *run, const char *class_name, const char *format,
                               ...)
{
    char where[300], text[1600];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    place(run, where, sizeof(where));
    if (run->status == OCTET_OK)
        run->status = error_set(run->err, OCTET_INPUT, "%s%s: %s", where, class_name, text);
    return jinja_error();
}

struct jinja_value jinja_raise_limit(struct jinja_run *run, const char *format, ...)
{
    char where[300], text[300];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    place(run, where, sizeof(where));
    if (run->status == OCTET_OK)
        run->status = error_set(run->err, OCTET_LIMIT, "%s%s", where, text);
    return jinja_error();
}

struct jinja_value jinja_raise_text(struct jinja_run *run, const struct jinja_string *text)
{
    if (run->status == OCTET_OK)
        run->status = error_set(run->err, OCTET_INPUT, "%.*s",
                                (int)(text->size > 4096 ? 4096 : text->size), text->data);
    return jinja_error();
}

bool jinja_buffer_check(struct jinja_run *run, const struct buffer *buffer)
{
    if (!buffer_failed(buffer))
        return true;
    if (run->status == OCTET_OK && !buffer->full)
        run->status = error_memory(run->err, "the text of a template", buffer->size);
    else if (run->status == OCTET_OK)
        jinja_raise_limit(run, "the template writes more than %zu bytes", buffer->limit);
    return false;
}
