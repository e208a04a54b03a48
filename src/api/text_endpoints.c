/* SPDX-License-Identifier: Apache-2.0 */
/* /tokenize, /detokenize and /v1/chat/completions/render: text and ids without the engine. */
#include "api/api_parse.h"

#include <stdlib.h>
#include <string.h>

/* Two bytes of a body name a token of hundreds, and the answer has its text twice. */
#define DETOKENIZED_MAX ((size_t)1 << 20)

#define AT(member) offsetof(struct request_fields, member)

static const struct field tokenize_fields[] = {
    {.name = "add_generation_prompt", .kind = FIELD_BOOL, .offset = AT(add_generation_prompt)},
    {.name = "add_special", .kind = FIELD_BOOL, .offset = AT(add_special_tokens)},
    {.name = "add_special_tokens", .kind = FIELD_BOOL, .offset = AT(add_special_tokens)},
    {.name = "chat_template",
     .kind = FIELD_REFUSED,
     .rule = "chat_template: templates in requests are not accepted; start the server with "
             "--chat-template"},
    {.name = "chat_template_kwargs",
     .kind = FIELD_ANY,
     .types = FIELD_IS_OBJECT,
     .offset = AT(template_kwargs)},
    {.name = "content", .kind = FIELD_ANY, .types = FIELD_IS_STRING, .offset = AT(content)},
    {.name = "continue_final_message", .kind = FIELD_BOOL, .offset = AT(continue_final_message)},
    {.name = "messages", .kind = FIELD_ANY, .types = FIELD_IS_ARRAY, .offset = AT(messages)},
    {.name = "model", .kind = FIELD_STRING, .offset = AT(model)},
    {.name = "parse_special", .kind = FIELD_IGNORED},
    {.name = "prompt", .kind = FIELD_ANY, .types = FIELD_IS_STRING, .offset = AT(prompt)},
    {.name = "reasoning_effort", .kind = FIELD_STRING, .offset = AT(reasoning_effort)},
    {.name = "return_token_strs", .kind = FIELD_BOOL, .offset = AT(return_token_strs)},
    {.name = "tools", .kind = FIELD_ANY, .types = FIELD_IS_ARRAY, .offset = AT(tools)},
    {.name = "with_pieces", .kind = FIELD_BOOL, .offset = AT(with_pieces)},
};

static const struct field detokenize_fields[] = {
    {.name = "model", .kind = FIELD_STRING, .offset = AT(model)},
    {.name = "tokens", .kind = FIELD_ANY, .types = FIELD_IS_ARRAY, .offset = AT(tokens)},
};

static octet_status begin(struct request_parse *parse, const struct field_table *tables,
                          size_t table_count, const char *body, size_t size)
{
    RETURN_IF_ERROR(request_parse_begin(parse, API_CHAT, body, size));
    RETURN_IF_ERROR(request_parse_fields(parse, tables, table_count));
    return request_check_model(parse->model, parse->fields.model, parse->error);
}

static void end(struct request_parse *parse)
{
    struct api_request *request = NULL;
    request_parse_end(parse, OCTET_OK, &request);
    api_request_free(request);
}

static octet_status written(struct request_parse *parse, bool fine)
{
    return fine ? OCTET_OK : request_parse_memory(parse);
}

static bool write_value(struct buffer *out, struct json *value)
{
    bool fine = value && json_dump(value, 0, out);
    json_free(value);
    return fine;
}

static bool write_ids(struct buffer *out, const struct api_prompt *prompt)
{
    bool fine = buffer_append_char(out, '[');
    for (size_t i = 0; fine && i < prompt->id_count; i++)
        fine = buffer_printf(out, "%s%d", i ? ", " : "", prompt->ids[i]);
    return fine && buffer_append_char(out, ']');
}

static struct json *piece(const struct tokenizer *tokenizer, int32_t id)
{
    size_t size = 0;
    const char *bytes = tokenizer_token_bytes(tokenizer, id, &size);
    return json_new_string_n(bytes, size);
}

/* Each token's text; bytes that are no text of their own are U+FFFD. */
static bool write_pieces(struct buffer *out, const struct request_parse *parse, bool with_ids)
{
    const struct api_prompt *prompt = &parse->request->prompts[0];
    bool fine = buffer_append_char(out, '[');
    for (size_t i = 0; fine && i < prompt->id_count; i++) {
        fine = buffer_append_str(out, i ? ", " : "");
        if (with_ids)
            fine = fine && buffer_printf(out, "{\"id\": %d, \"piece\": ", prompt->ids[i]);
        fine = fine && write_value(out, piece(parse->model->tokenizer, prompt->ids[i]));
        if (with_ids)
            fine = fine && buffer_append_char(out, '}');
    }
    return fine && buffer_append_char(out, ']');
}

/* Messages through the template; the text lands in prompts[0]. */
static octet_status render_chat(struct request_parse *parse)
{
    RETURN_IF_ERROR(message_fields_apply(parse));
    RETURN_IF_ERROR(tool_fields_apply(parse));
    RETURN_IF_ERROR(chat_prompt_render(parse));
    return prompt_fields_ids(parse, 0);
}

static octet_status take_text(struct request_parse *parse, const struct json *value)
{
    struct api_request *request = parse->request;
    size_t size = 0;
    const char *text = json_string_n(value, &size);
    request->prompts = arena_calloc(&parse->owner->arena, 1, sizeof *request->prompts);
    if (!request->prompts)
        return request_parse_memory(parse);
    request->prompt_count = 1;
    request->prompts[0].text = malloc(size + 1);
    if (!request->prompts[0].text)
        return request_parse_memory(parse);
    memcpy(request->prompts[0].text, text, size + 1);
    request->prompts[0].text_size = size;
    return prompt_fields_ids(parse, 0);
}

/* vLLM's request has prompt or messages, llama.cpp's has content. */
static octet_status find_input(struct request_parse *parse)
{
    struct request_fields *fields = &parse->fields;
    bool stated =
        field_get(parse->body, "add_special_tokens") || field_get(parse->body, "add_special");
    if (!stated)
        fields->add_special_tokens = fields->prompt != NULL;
    if (fields->prompt)
        return take_text(parse, fields->prompt);
    if (fields->content)
        return take_text(parse, fields->content);
    if (fields->messages)
        return render_chat(parse);
    return request_invalid(parse, "prompt", "prompt: expected prompt, messages or content");
}

static bool write_tokenized(const struct request_parse *parse, struct buffer *out)
{
    const struct api_prompt *prompt = &parse->request->prompts[0];
    bool fine =
        buffer_printf(out, "{\"count\": %zu, \"max_model_len\": %d, \"tokens\": ", prompt->id_count,
                      parse->model->max_model_len);
    fine = fine &&
           (parse->fields.with_pieces ? write_pieces(out, parse, true) : write_ids(out, prompt));
    fine = fine && buffer_append_str(out, ", \"token_strs\": ");
    fine = fine && (parse->fields.return_token_strs ? write_pieces(out, parse, false)
                                                    : buffer_append_str(out, "null"));
    return fine && buffer_append_char(out, '}');
}

octet_status api_tokenize(const struct api_model *model, const char *body, size_t size,
                          struct buffer *out, struct api_error *error)
{
    struct request_parse parse = {.model = model, .error = error};
    const struct field_table table = FIELD_TABLE(tokenize_fields);
    octet_status status = begin(&parse, &table, 1, body, size);
    if (status == OCTET_OK)
        status = find_input(&parse);
    if (status == OCTET_OK)
        status = written(&parse, write_tokenized(&parse, out));
    end(&parse);
    return status;
}

static octet_status read_tokens(struct request_parse *parse, struct token_ids *ids)
{
    const struct json *tokens = parse->fields.tokens;
    if (!tokens)
        return request_type_error(parse, "tokens", FIELD_IS_ARRAY, NULL);
    if (json_count(tokens) > DETOKENIZED_MAX)
        return api_error_set(parse->error, 400, "invalid_value", "tokens",
                             "tokens has %zu entries; at most %zu are allowed", json_count(tokens),
                             DETOKENIZED_MAX);
    for (size_t i = 0; i < json_count(tokens); i++) {
        const struct json *value = json_at(tokens, i);
        int64_t id = -1;
        if (!json_text(value) && !field_integer(value, &id))
            return request_type_error(parse, "tokens", FIELD_TYPE(JSON_TYPE_INTEGER), value);
        if (json_text(value) || id < 0 || id >= parse->model->vocab_size)
            return api_error_set(parse->error, 400, "invalid_value", "tokens",
                                 "tokens.%zu is out of vocabulary: ids go from 0 to %d", i,
                                 parse->model->vocab_size - 1);
        if (!token_ids_push(ids, (int32_t)id))
            return request_parse_memory(parse);
    }
    return OCTET_OK;
}

/* Both spellings of the answer: vLLM's prompt and llama.cpp's content. */
static bool write_detokenized(const struct api_model *model, const struct token_ids *ids,
                              struct buffer *out)
{
    struct buffer text, quoted;
    buffer_init(&text, SIZE_MAX);
    buffer_init(&quoted, SIZE_MAX);
    bool fine = tokenizer_decode(model->tokenizer, ids->ids, ids->count, false, &text) &&
                write_value(&quoted, json_new_string_n(buffer_text(&text), text.size));
    fine = fine && buffer_append_str(out, "{\"prompt\": ") &&
           buffer_append(out, quoted.data, quoted.size) &&
           buffer_append_str(out, ", \"content\": ") &&
           buffer_append(out, quoted.data, quoted.size) && buffer_append_char(out, '}');
    buffer_free(&quoted);
    buffer_free(&text);
    return fine;
}

octet_status api_detokenize(const struct api_model *model, const char *body, size_t size,
                            struct buffer *out, struct api_error *error)
{
    struct request_parse parse = {.model = model, .error = error};
    const struct field_table table = FIELD_TABLE(detokenize_fields);
    struct token_ids ids = {0};
    octet_status status = begin(&parse, &table, 1, body, size);
    if (status == OCTET_OK)
        status = read_tokens(&parse, &ids);
    if (status == OCTET_OK)
        status = written(&parse, write_detokenized(model, &ids, out));
    token_ids_free(&ids);
    end(&parse);
    return status;
}

static bool write_rendered(const struct request_parse *parse, struct buffer *out)
{
    const struct api_prompt *prompt = &parse->request->prompts[0];
    bool fine = buffer_append_str(out, "{\"prompt\": ") &&
                write_value(out, json_new_string_n(prompt->text, prompt->text_size));
    fine = fine && buffer_printf(out, ", \"count\": %zu, \"max_model_len\": %d, ", prompt->id_count,
                                 parse->model->max_model_len);
    fine = fine && buffer_append_str(out, "\"prompt_token_ids\": ") && write_ids(out, prompt);
    return fine && buffer_append_char(out, '}');
}

octet_status api_render(const struct api_model *model, const char *body, size_t size,
                        struct buffer *out, struct api_error *error)
{
    struct request_parse parse = {.model = model, .error = error};
    const struct field_table tables[] = {common_field_table, chat_field_table};
    octet_status status = begin(&parse, tables, 2, body, size);
    if (status == OCTET_OK)
        status = render_chat(&parse);
    if (status == OCTET_OK)
        status = written(&parse, write_rendered(&parse, out));
    end(&parse);
    return status;
}
