/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/args.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "base/log.h"
#include "base/parse.h"

#define KEYS_BYTES_MAX ((size_t)1 << 16)

static octet_status out_of_range(const struct option_spec *option, const char *text,
                                 struct octet_error *err)
{
    return error_set(err, OCTET_USAGE, "--%s: got %s, expected %s%.15g to %.15g", option->name,
                     text, option->kind == KIND_NUMBER ? "a number from " : "a whole number from ",
                     option->min, option->max);
}

static octet_status append_to_list(const struct option_spec *option, const char *text,
                                   struct args *out, struct octet_error *err)
{
    if (!*text)
        return error_set(err, OCTET_USAGE, "--%s: the text is empty", option->name);
    if (out->list_count == ARGS_LIST_MAX)
        return error_set(err, OCTET_USAGE, "--%s: more than %d values of lists", option->name,
                         ARGS_LIST_MAX);
    /* Values of one option stay together. */
    int at = out->list_count, id = option_id_of(option);
    while (at > 0 && out->list_option[at - 1] > id)
        at--;
    for (int i = out->list_count; i > at; i--) {
        out->list[i] = out->list[i - 1];
        out->list_option[i] = out->list_option[i - 1];
    }
    out->list[at] = text;
    out->list_option[at] = id;
    out->list_count++;
    return OCTET_OK;
}

/* A refused option is an error unless its value asks for nothing. */
static octet_status refuse(const struct option_spec *option, const char *text, bool flag,
                           struct octet_error *err)
{
    if (option->class != OPTION_REFUSE || (option->kind == KIND_FLAG && !flag) ||
        (option->harmless && text && option_is_choice(option->harmless, text)))
        return OCTET_OK;
    if (option->kind == KIND_STRING && text && strlen(text) < 64)
        return error_set(err, OCTET_USAGE, "--%s %s: %s", option->name, text, option->reason);
    return error_set(err, OCTET_USAGE, "--%s: %s", option->name, option->reason);
}

static octet_status store_value(const struct option_spec *option, const char *text,
                                struct args *out, struct octet_error *err)
{
    int id = option_id_of(option);
    out->values[id].given = true;
    out->values[id].text = text;
    int64_t integer = 0;
    double number = 0;
    uint64_t size;
    switch (option->kind) {
    case KIND_FLAG:
    case KIND_STRING:
        return OCTET_OK;
    case KIND_LIST:
    case KIND_MANY:
        return append_to_list(option, text, out, err);
    case KIND_CHOICE:
        if (!option_is_choice(option->choices, text))
            return error_set(err, OCTET_USAGE, "--%s: got '%s', expected one of %s%s%s",
                             option->name, text, option->choices, option->reason ? ": " : "",
                             option->reason ? option->reason : "");
        return OCTET_OK;
    case KIND_JSON:
        args_drop_pieces(option, out);
        return OCTET_OK;
    case KIND_INT:
        if (!parse_int64(text, &integer))
            return out_of_range(option, text, err);
        number = (double)integer;
        break;
    case KIND_NUMBER:
        if (!parse_double(text, &number))
            return out_of_range(option, text, err);
        break;
    case KIND_SIZE:
        if (option->min < 0 && (strcmp(text, "-1") == 0 || strcmp(text, "auto") == 0))
            integer = -1;
        else if (parse_size(text, &size) && size <= INT64_MAX)
            integer = (int64_t)size;
        else
            return out_of_range(option, text, err);
        number = (double)integer;
        break;
    }
    if (number < option->min || number > option->max)
        return out_of_range(option, text, err);
    out->values[id].integer = integer;
    out->values[id].number = number;
    return OCTET_OK;
}

/* One spelling of an option on the command line. */
struct spelling {
    const struct option_spec *option;
    bool negated;
    const char *value; /* after '=', or stuck to "-O"; NULL */
    const char *path;  /* "--name.path": the keys; NULL */
    size_t length, path_length;
};

static octet_status find_spelling(const char *flag, const struct command_spec *command,
                                  struct spelling *out, struct octet_error *err)
{
    const char *equals = strchr(flag, '=');
    *out = (struct spelling){.length = equals ? (size_t)(equals - flag) : strlen(flag),
                             .value = equals ? equals + 1 : NULL};
    /* vLLM's -O3. */
    if (flag[1] == 'O' && flag[2] >= '0' && flag[2] <= '9') {
        out->length = 2;
        out->value = flag + 2;
    }
    out->option = option_find(flag, out->length, command->id, &out->negated);
    if (out->option)
        return OCTET_OK;
    const char *dot = memchr(flag, '.', out->length);
    const struct option_spec *object =
        dot ? option_find(flag, (size_t)(dot - flag), command->id, &out->negated) : NULL;
    if (!object || object->kind != KIND_JSON || out->negated)
        return option_unknown(command, flag, out->length, err);
    out->option = object;
    out->path = dot + 1;
    out->path_length = out->length - (size_t)(dot + 1 - flag);
    return OCTET_OK;
}

static bool flag_value(const char *text, bool *value)
{
    static const char *const words[] = {"true", "1", "yes", "on", "false", "0", "no", "off"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (strcasecmp(text, words[i]) == 0) {
            *value = i < 4;
            return true;
        }
    }
    return false;
}

static octet_status store_flag(const struct spelling *spelling, struct args *out,
                               struct octet_error *err)
{
    const struct option_spec *option = spelling->option;
    bool value = true;
    int id = option_id_of(option);
    if (id == OPT_HELP)
        out->help_topic = spelling->value;
    else if (spelling->value && !flag_value(spelling->value, &value))
        return error_set(err, OCTET_USAGE, "--%s: got '%s', expected true or false", option->name,
                         spelling->value);
    out->values[id].given = true;
    out->values[id].flag = spelling->negated ? !value : value;
    return refuse(option, NULL, out->values[id].flag, err);
}

static bool looks_like_option(const char *text)
{
    /* "-" alone and negative numbers are not options. */
    return text[0] == '-' && text[1] != '\0' && !(text[1] >= '0' && text[1] <= '9');
}

/* One argument that begins with '-'; *index moves past its values. *extra: the place in argv of the
 * last of several values, which may have been meant as the positional argument. */
static octet_status parse_option(int argc, char **argv, int *index, int *extra, struct args *out,
                                 struct octet_error *err)
{
    struct spelling spelling;
    RETURN_IF_ERROR(find_spelling(argv[*index], out->command, &spelling, err));
    const struct option_spec *option = spelling.option;
    if (option->kind == KIND_FLAG)
        return store_flag(&spelling, out, err);
    const char *text = spelling.value;
    if (!text) {
        if (*index + 1 >= argc)
            return error_set(err, OCTET_USAGE, "--%s needs a value (%s)", option->name,
                             option->value);
        *index += 1;
        text = argv[*index];
    }
    if (spelling.path) {
        RETURN_IF_ERROR(refuse(option, text, true, err));
        return args_set_piece(option, spelling.path, spelling.path_length, text, out, err);
    }
    RETURN_IF_ERROR(refuse(option, text, true, err));
    RETURN_IF_ERROR(store_value(option, text, out, err));
    if (option->kind != KIND_MANY || spelling.value)
        return OCTET_OK;
    while (*index + 1 < argc && !looks_like_option(argv[*index + 1]) && *argv[*index + 1]) {
        *index += 1;
        *extra = *index;
        RETURN_IF_ERROR(store_value(option, argv[*index], out, err));
    }
    return OCTET_OK;
}

static octet_status store_positional(const char *text, struct args *out, struct octet_error *err)
{
    const struct command_spec *command = out->command;
    enum option_id first = command->positional_option;
    if (first != OPT_COUNT && !out->values[first].given)
        return store_value(option_at((int)first), text, out, err);
    if (out->positional_count + (first != OPT_COUNT) >= command->positional_max)
        return error_set(err, OCTET_USAGE, "unexpected argument '%s'; usage: octet %s %s", text,
                         command->name, command->synopsis);
    out->positionals[out->positional_count++] = text;
    return OCTET_OK;
}

/* "--api-key KEY DIR": the list took the positional argument, as it does in vLLM; give it back. */
static octet_status take_back(const char *text, struct args *out, struct octet_error *err)
{
    for (int i = out->list_count; i-- > 0;) {
        if (out->list[i] != text)
            continue;
        out->list_count--;
        for (int k = i; k < out->list_count; k++) {
            out->list[k] = out->list[k + 1];
            out->list_option[k] = out->list_option[k + 1];
        }
        return store_positional(text, out, err);
    }
    return OCTET_OK;
}

static octet_status apply_entry(const struct config_entry *entry, const bool *given,
                                struct args *out, struct octet_error *err)
{
    char flag[128];
    int length = snprintf(flag, sizeof flag, "--%s", entry->name);
    if (length < 0 || (size_t)length >= sizeof flag)
        return error_set(err, OCTET_USAGE, "'%.64s...' is no option", entry->name);
    struct spelling spelling;
    RETURN_IF_ERROR(find_spelling(flag, out->command, &spelling, err));
    const struct option_spec *option = spelling.option;
    int id = option_id_of(option);
    if (spelling.value || spelling.path || id == OPT_CONFIG || id == OPT_HELP)
        return error_set(err, OCTET_USAGE, "'%s' is no option for a configuration file",
                         entry->name);
    if (given[id])
        return OCTET_OK;
    spelling.value = entry->value;
    if (option->kind == KIND_FLAG)
        return store_flag(&spelling, out, err);
    if (entry->element && option->kind != KIND_LIST && option->kind != KIND_MANY)
        return error_set(err, OCTET_USAGE, "--%s takes one value, found a list", option->name);
    RETURN_IF_ERROR(refuse(option, entry->value, true, err));
    return store_value(option, entry->value, out, err);
}

static octet_status apply_config(struct args *out, struct octet_error *err)
{
    const char *path = args_text(out, OPT_CONFIG, NULL);
    if (!path)
        return OCTET_OK;
    RETURN_IF_ERROR(config_file_read(path, &out->config, err));
    bool given[OPT_COUNT];
    for (int i = 0; i < OPT_COUNT; i++)
        given[i] = out->values[i].given;
    for (size_t i = 0; i < out->config.count; i++) {
        const struct config_entry *entry = &out->config.entries[i];
        octet_status status = apply_entry(entry, given, out, err);
        if (status != OCTET_OK)
            return error_prefix(err, status, "%s:%u", path, entry->line);
    }
    return OCTET_OK;
}

octet_status args_parse(const struct command_spec *command, int argc, char **argv, struct args *out,
                        struct octet_error *err)
{
    *out = (struct args){.command = command};
    bool options_ended = false;
    int extra = 0;
    for (int i = 2; i < argc; i++) {
        const char *text = argv[i];
        if (!options_ended && strcmp(text, "--") == 0) {
            options_ended = true;
            continue;
        }
        bool option = !options_ended && looks_like_option(text);
        RETURN_IF_ERROR(option ? parse_option(argc, argv, &i, &extra, out, err)
                               : store_positional(text, out, err));
        if (out->values[OPT_HELP].given || out->values[OPT_VERSION].given)
            return OCTET_OK;
    }
    RETURN_IF_ERROR(apply_config(out, err));
    enum option_id first = command->positional_option;
    if (extra && first != OPT_COUNT && !out->values[first].given)
        RETURN_IF_ERROR(take_back(argv[extra], out, err));
    if (out->positional_count < command->positional_min)
        return error_set(err, OCTET_USAGE, "an argument is missing; usage: octet %s %s",
                         command->name, command->synopsis);
    return OCTET_OK;
}

void args_free(struct args *args)
{
    for (int i = 0; i < args->piece_count; i++) {
        json_free(args->pieces[i].value);
        free(args->pieces[i].text);
    }
    args->piece_count = 0;
    free(args->found_model);
    args->found_model = NULL;
    config_file_free(&args->config);
}

/* "; ignored: a, b", the keys of an object that has no effect; "" for anything else. */
static void list_keys(const struct option_spec *option, const char *text, struct buffer *out)
{
    struct json *object = NULL;
    if (option->kind != KIND_JSON ||
        json_parse(text, strlen(text), KEYS_BYTES_MAX, option->name, &object, NULL) != OCTET_OK)
        return;
    for (struct json_iter it = json_iter(object); json_next(&it);)
        buffer_printf(out, "%s%s", out->size ? ", " : "; ignored: ", it.key);
    json_free(object);
}

void args_note_accepted(const struct args *args)
{
    for (int i = 0; i < OPT_COUNT; i++) {
        const struct option_spec *option = option_at(i);
        if (!args->values[i].given || option->class != OPTION_ACCEPT)
            continue;
        struct buffer keys;
        buffer_init(&keys, KEYS_BYTES_MAX);
        list_keys(option, args->values[i].text, &keys);
        log_info("--%s has no effect here: %s%s", option->name, option->reason, buffer_text(&keys));
        buffer_free(&keys);
    }
}

const char *const *args_list(const struct args *args, enum option_id id, size_t *count)
{
    const char *const *first = args->list;
    *count = 0;
    for (int i = 0; i < args->list_count; i++) {
        if (args->list_option[i] != (int)id)
            continue;
        if (*count == 0)
            first = &args->list[i];
        *count += 1;
    }
    return first;
}
