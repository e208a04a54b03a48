/* SPDX-License-Identifier: Apache-2.0 */
/* tokenize, detokenize, render: for scripts and for comparing with other implementations. */
#include <stdlib.h>
#include <string.h>
#include "base/parse.h"
#include "cli/command.h"
#include "cli/common.h"

#define TEXT_BYTES_MAX ((size_t)1 << 30)

static octet_status open_text(const struct args *args, struct runtime **out,
                              struct octet_error *err)
{
    const char *path;
    RETURN_IF_ERROR(cli_model_path(args, &path, err));
    RETURN_IF_ERROR(runtime_prepare_text(path, out, err));
    octet_status status = cli_chat_template(args, *out, err);
    if (status != OCTET_OK) {
        runtime_close(*out);
        *out = NULL;
    }
    return status;
}

static struct json *json_ids(const struct token_ids *ids)
{
    struct json *array = json_new_array();
    for (size_t i = 0; i < ids->count && array; i++) {
        if (!json_push(array, json_new_integer(ids->ids[i]))) {
            json_free(array);
            return NULL;
        }
    }
    return array;
}

/* {"error": MESSAGE}: the answer to one bad line. */
static struct json *json_error(const char *message)
{
    struct json *object = json_new_object();
    json_set(object, "error", json_new_string(message));
    return object;
}

/*
 * Answer each line of standard input by fn; a line that fails gets {"error": ...} and the command
 * fails at its end.
 */
static octet_status for_each_line(
    octet_status (*fn)(const struct json *line, const struct args *args, struct runtime *runtime,
                       struct json *answer, struct octet_error *err),
    const struct args *args, struct runtime *runtime, struct octet_error *err)
{
    struct line_reader reader = {.stream = stdin, .name = "standard input"};
    octet_status status;
    uint64_t failures = 0, lines = 0;
    while (line_reader_next(&reader, &status, err)) {
        if (reader.length == 0)
            continue;
        lines++;
        char name[64];
        snprintf(name, sizeof name, "line %llu", (unsigned long long)reader.number);
        struct octet_error line_err = {0};
        struct json *line = NULL, *answer = json_new_object();
        octet_status line_status =
            json_parse(reader.line, reader.length, TEXT_BYTES_MAX, name, &line, &line_err);
        if (line_status == OCTET_OK)
            line_status = fn(line, args, runtime, answer, &line_err);
        json_free(line);
        if (line_status != OCTET_OK) {
            json_free(answer);
            answer = json_error(line_err.message);
            failures++;
        }
        status = cli_print_json_line(answer, stdout, err);
        if (status != OCTET_OK)
            break;
    }
    line_reader_free(&reader);
    if (status == OCTET_OK && failures)
        status = error_set(err, OCTET_INPUT, "%llu of %llu lines were answered by an error",
                           (unsigned long long)failures, (unsigned long long)lines);
    return status;
}

static enum special_mode special_mode(const struct args *args)
{
    if (args_flag(args, OPT_SPLIT_SPECIAL, false))
        return SPECIAL_SPLIT;
    return args_flag(args, OPT_PARSE_SPECIAL, true) ? SPECIAL_PARSE : SPECIAL_NONE;
}

/* The bytes of {"text": ...} or {"b64": ...}; *decoded is freed by the caller. */
static octet_status line_text(const struct json *line, const char **text, size_t *size,
                              char **decoded, struct octet_error *err)
{
    *decoded = NULL;
    *text = json_string_n(json_get(line, "text"), size);
    if (*text)
        return OCTET_OK;
    size_t length;
    const char *base64 = json_string_n(json_get(line, "b64"), &length);
    if (!base64)
        return error_set(err, OCTET_INPUT, "expected {\"text\": string} or {\"b64\": string}");
    *text = *decoded = base64_decode(base64, length, size);
    if (!*decoded)
        return error_set(err, OCTET_INPUT, "\"b64\" is not base64");
    return OCTET_OK;
}

static octet_status tokenize_line(const struct json *line, const struct args *args,
                                  struct runtime *runtime, struct json *answer,
                                  struct octet_error *err)
{
    const char *text;
    char *decoded;
    size_t size;
    RETURN_IF_ERROR(line_text(line, &text, &size, &decoded, err));
    struct token_ids ids = {0};
    octet_status status =
        tokenizer_encode(runtime_tokenizer(runtime), text, size, special_mode(args),
                         args_flag(args, OPT_ADD_SPECIAL_TOKENS, true), &ids, err);
    if (status == OCTET_OK && !json_set(answer, "ids", json_ids(&ids)))
        status = error_memory(err, "ids", ids.count);
    token_ids_free(&ids);
    free(decoded);
    return status;
}

static octet_status tokenize_all(const struct args *args, struct runtime *runtime,
                                 struct octet_error *err)
{
    struct buffer text;
    struct token_ids ids = {0};
    buffer_init(&text, TEXT_BYTES_MAX);
    octet_status status = cli_read_stream(stdin, "standard input", TEXT_BYTES_MAX, &text, err);
    if (status == OCTET_OK)
        status = tokenizer_encode(runtime_tokenizer(runtime), buffer_text(&text), text.size,
                                  special_mode(args), args_flag(args, OPT_ADD_SPECIAL_TOKENS, true),
                                  &ids, err);
    for (size_t i = 0; status == OCTET_OK && i < ids.count; i++)
        printf("%s%d", i ? "," : "", ids.ids[i]);
    if (status == OCTET_OK)
        putchar('\n');
    token_ids_free(&ids);
    buffer_free(&text);
    return status;
}

octet_status command_tokenize(const struct args *args, struct octet_error *err)
{
    struct runtime *runtime;
    RETURN_IF_ERROR(open_text(args, &runtime, err));
    octet_status status = args_flag(args, OPT_JSONL, false)
                              ? for_each_line(tokenize_line, args, runtime, err)
                              : tokenize_all(args, runtime, err);
    runtime_close(runtime);
    return status;
}

/* What a stream may show after each token, and at the end. */
static octet_status add_stream(const struct token_ids *ids, const struct args *args,
                               const struct tokenizer *tokenizer, struct json *answer,
                               struct octet_error *err)
{
    struct json *stream = json_new_array();
    struct buffer text;
    struct detokenizer detokenizer;
    buffer_init(&text, TEXT_BYTES_MAX);
    detokenizer_init(&detokenizer, tokenizer, args_flag(args, OPT_SKIP_SPECIAL, false));
    bool ok = stream != NULL;
    for (size_t i = 0; ok && i <= ids->count; i++) {
        buffer_clear(&text);
        ok = (i < ids->count ? detokenizer_push(&detokenizer, ids->ids[i], &text)
                             : detokenizer_finish(&detokenizer, &text)) &&
             json_push(stream, json_new_string_n(buffer_text(&text), text.size));
    }
    buffer_free(&text);
    if (ok)
        ok = json_set(answer, "stream", stream);
    else
        json_free(stream);
    return ok ? OCTET_OK : error_memory(err, "stream", ids->count);
}

static octet_status read_ids(const struct json *array, struct token_ids *ids,
                             struct octet_error *err)
{
    if (json_type(array) != JSON_TYPE_ARRAY)
        return error_set(err, OCTET_INPUT, "expected {\"ids\": [...]}, \"ids\" is %s",
                         json_type_name(json_type(array)));
    for (size_t i = 0; i < json_count(array); i++) {
        int64_t id = json_integer(json_at(array, i), -1);
        if (id < 0 || id > INT32_MAX)
            return error_set(err, OCTET_INPUT, "ids[%zu]: expected a token id, a whole number >= 0",
                             i);
        if (!token_ids_push(ids, (int32_t)id))
            return error_memory(err, "ids", i);
    }
    return OCTET_OK;
}

static octet_status detokenize_line(const struct json *line, const struct args *args,
                                    struct runtime *runtime, struct json *answer,
                                    struct octet_error *err)
{
    const struct tokenizer *tokenizer = runtime_tokenizer(runtime);
    struct token_ids ids = {0};
    struct buffer text;
    buffer_init(&text, TEXT_BYTES_MAX);
    octet_status status = read_ids(json_get(line, "ids"), &ids, err);
    if (status == OCTET_OK &&
        (!tokenizer_decode(tokenizer, ids.ids, ids.count, args_flag(args, OPT_SKIP_SPECIAL, false),
                           &text) ||
         !json_set(answer, "text", json_new_string_n(buffer_text(&text), text.size))))
        status = error_memory(err, "text", text.size);
    if (status == OCTET_OK && args_flag(args, OPT_STREAM, false))
        status = add_stream(&ids, args, tokenizer, answer, err);
    buffer_free(&text);
    token_ids_free(&ids);
    return status;
}

/* "1,2,3", "[1, 2, 3]" or ids separated by white space. */
octet_status cli_parse_ids(const char *text, size_t size, const char *name, struct token_ids *out,
                           struct octet_error *err)
{
    size_t i = 0;
    while (i < size) {
        if (strchr(" \t\r\n,[]", text[i]) && text[i] != '\0') {
            i++;
            continue;
        }
        size_t start = i;
        int64_t value = 0;
        while (i < size && text[i] >= '0' && text[i] <= '9' && value <= INT32_MAX)
            value = value * 10 + (text[i++] - '0');
        if (i == start || value > INT32_MAX)
            return error_set(err, OCTET_INPUT,
                             "%s: byte %zu: expected token ids separated by commas", name, start);
        if (!token_ids_push(out, (int32_t)value))
            return error_memory(err, "ids", out->count);
    }
    return OCTET_OK;
}

static octet_status detokenize_all(const struct args *args, struct runtime *runtime,
                                   struct octet_error *err)
{
    struct buffer input, text;
    struct token_ids ids = {0};
    buffer_init(&input, TEXT_BYTES_MAX);
    buffer_init(&text, TEXT_BYTES_MAX);
    octet_status status = cli_read_stream(stdin, "standard input", TEXT_BYTES_MAX, &input, err);
    if (status == OCTET_OK)
        status = cli_parse_ids(buffer_text(&input), input.size, "standard input", &ids, err);
    if (status == OCTET_OK && !tokenizer_decode(runtime_tokenizer(runtime), ids.ids, ids.count,
                                                args_flag(args, OPT_SKIP_SPECIAL, false), &text))
        status = error_memory(err, "text", text.size);
    if (status == OCTET_OK)
        fwrite(buffer_text(&text), 1, text.size, stdout);
    token_ids_free(&ids);
    buffer_free(&text);
    buffer_free(&input);
    return status;
}

octet_status command_detokenize(const struct args *args, struct octet_error *err)
{
    struct runtime *runtime;
    RETURN_IF_ERROR(open_text(args, &runtime, err));
    octet_status status = args_flag(args, OPT_JSONL, false)
                              ? for_each_line(detokenize_line, args, runtime, err)
                              : detokenize_all(args, runtime, err);
    runtime_close(runtime);
    return status;
}

static octet_status render_line(const struct json *line, const struct args *args,
                                struct runtime *runtime, struct json *answer,
                                struct octet_error *err)
{
    if (json_type(line) != JSON_TYPE_OBJECT)
        return error_set(err, OCTET_INPUT, "expected an object with \"messages\", got %s",
                         json_type_name(json_type(line)));
    struct json *variables = json_copy(line);
    if (!variables)
        return error_memory(err, "variables", 0);
    bool ok = true;
    if (args_given(args, OPT_ENABLE_THINKING))
        ok = json_set(variables, "enable_thinking",
                      json_new_bool(args_flag(args, OPT_ENABLE_THINKING, true)));
    struct buffer text;
    struct token_ids ids = {0};
    buffer_init(&text, TEXT_BYTES_MAX);
    octet_status status = ok ? runtime_render_chat(runtime, variables, &text, err)
                             : error_memory(err, "variables", 0);
    if (status == OCTET_OK)
        status = tokenizer_encode(runtime_tokenizer(runtime), buffer_text(&text), text.size,
                                  SPECIAL_PARSE, false, &ids, err);
    if (status == OCTET_OK &&
        (!json_set(answer, "rendered", json_new_string_n(buffer_text(&text), text.size)) ||
         !json_set(answer, "ids", json_ids(&ids))))
        status = error_memory(err, "answer", text.size);
    token_ids_free(&ids);
    buffer_free(&text);
    json_free(variables);
    return status;
}

octet_status command_render(const struct args *args, struct octet_error *err)
{
    struct runtime *runtime;
    RETURN_IF_ERROR(open_text(args, &runtime, err));
    octet_status status = for_each_line(render_line, args, runtime, err);
    runtime_close(runtime);
    return status;
}
