/* SPDX-License-Identifier: Apache-2.0 */
#include "api/api_response_parts.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"

/*
 * The usual range, quickly: the fewest decimals k so that m / 10^k is the float again, m the
 * nearest integer. Both are exact in double (m < 2^53, k <= 22), so the division is the decimal's
 * nearest double, and nine digits always suffice.
 */
static bool format_fast(double value, char out[32])
{
    if (!(value >= 1e-4 && value < 1e4))
        return false;
    double power = 1, digits = nearbyint(value);
    int decimals = 0;
    while ((float)(digits / power) != (float)value) {
        power *= 10;
        digits = nearbyint(value * power);
        if (++decimals > 13)
            return false;
    }
    char text[24];
    int at = (int)sizeof text;
    uint64_t left = (uint64_t)digits;
    for (int i = 0; i < decimals; i++, left /= 10)
        text[--at] = (char)('0' + left % 10);
    if (decimals == 0)
        text[--at] = '0';
    text[--at] = '.';
    do {
        text[--at] = (char)('0' + left % 10);
        left /= 10;
    } while (left > 0);
    out[0] = '-';
    memcpy(out + 1, text + at, sizeof text - (size_t)at);
    out[1 + sizeof text - (size_t)at] = '\0';
    return true;
}

void logprob_format(float logprob, char out[32])
{
    float value = logprob > LOGPROB_FLOOR ? logprob : LOGPROB_FLOOR; /* NaN is the floor, too */
    if (format_fast(-(double)value, out))
        return;
    for (int digits = 6; digits <= 9; digits++) {
        snprintf(out, 32, "%.*g", digits, (double)value);
        if (strtof(out, NULL) == value)
            break;
    }
    if (!strpbrk(out, ".,e"))
        strncat(out, ".0", 3);
    char *comma = strchr(out, ','); /* The program's locale may want one. */
    if (comma)
        *comma = '.';
}

size_t token_characters(const struct tokenizer *tokenizer, int32_t id)
{
    size_t size, count = 0;
    const char *bytes = tokenizer_token_bytes(tokenizer, id, &size);
    for (size_t i = 0; i < size; i++)
        count += ((unsigned char)bytes[i] & 0xC0) != 0x80;
    return count;
}

/* ---- Lists ---- */

void logprob_lists_init(struct logprob_lists *lists)
{
    buffer_init(&lists->content, RESPONSE_LIMIT);
    buffer_init(&lists->tokens, RESPONSE_LIMIT);
    buffer_init(&lists->values, RESPONSE_LIMIT);
    buffer_init(&lists->tops, RESPONSE_LIMIT);
    buffer_init(&lists->offsets, RESPONSE_LIMIT);
    lists->count = 0;
}

void logprob_lists_clear(struct logprob_lists *lists)
{
    buffer_clear(&lists->content);
    buffer_clear(&lists->tokens);
    buffer_clear(&lists->values);
    buffer_clear(&lists->tops);
    buffer_clear(&lists->offsets);
    lists->count = 0;
}

void logprob_lists_free(struct logprob_lists *lists)
{
    buffer_free(&lists->offsets);
    buffer_free(&lists->tops);
    buffer_free(&lists->values);
    buffer_free(&lists->tokens);
    buffer_free(&lists->content);
}

bool logprob_lists_failed(const struct logprob_lists *lists)
{
    return buffer_failed(&lists->content) || buffer_failed(&lists->tokens) ||
           buffer_failed(&lists->values) || buffer_failed(&lists->tops) ||
           buffer_failed(&lists->offsets);
}

/* ---- Tokens ---- */

static void write_logprob(float logprob, struct buffer *out)
{
    char text[32];
    logprob_format(logprob, text);
    buffer_append_str(out, text);
}

/*
 * A token's text in quotes. Bytes that are not UTF-8 are U+FFFD in chat, which shows the bytes
 * beside; completions spell them "bytes:\xe4\xbd" as OpenAI does, so that two such tokens never
 * have the same key in top_logprobs, and a NUL, which parsers written in C refuse in keys, too.
 */
static void write_token(struct api_response *response, int32_t id, bool unique, struct buffer *out)
{
    if (response->request->tokens_as_token_ids) {
        buffer_printf(out, "\"token_id:%d\"", id);
        return;
    }
    size_t size;
    const char *bytes = tokenizer_token_bytes(response->request->model->tokenizer, id, &size);
    if (utf8_valid(bytes, size) && !(unique && memchr(bytes, 0, size))) {
        json_append_string(out, bytes, size);
        return;
    }
    struct buffer *text = &response->scratch;
    buffer_clear(text);
    if (unique) {
        buffer_append_str(text, "bytes:");
        for (size_t i = 0; i < size; i++)
            buffer_printf(text, "\\x%02x", (unsigned)(unsigned char)bytes[i]);
    } else {
        utf8_append_lossy(text, bytes, size);
    }
    json_append_string(out, buffer_text(text), text->size);
    out->failed = out->failed || text->failed;
}

/* `"token":...,"logprob":...,"bytes":[...]` */
static void write_chat_token(struct api_response *response, int32_t id, float logprob,
                             struct buffer *out)
{
    buffer_append_str(out, "\"token\":");
    write_token(response, id, false, out);
    buffer_append_str(out, ",\"logprob\":");
    write_logprob(logprob, out);
    buffer_append_str(out, ",\"bytes\":[");
    size_t size;
    const char *bytes = tokenizer_token_bytes(response->request->model->tokenizer, id, &size);
    for (size_t i = 0; i < size; i++) {
        if (i > 0)
            buffer_append_char(out, ',');
        response_write_number((unsigned char)bytes[i], out);
    }
    buffer_append_char(out, ']');
}

void logprob_add_chat(struct api_response *response, struct logprob_lists *lists, int32_t id,
                      const struct position_logprobs *position)
{
    struct buffer *out = &lists->content;
    buffer_append_str(out, lists->count++ ? ",{" : "{");
    write_chat_token(response, id, position ? position->logprob : -INFINITY, out);
    buffer_append_str(out, ",\"top_logprobs\":[");
    for (int32_t i = 0; position && i < position->top_count; i++) {
        buffer_append_str(out, i ? ",{" : "{");
        write_chat_token(response, position->top[i].id, position->top[i].logprob, out);
        buffer_append_char(out, '}');
    }
    buffer_append_str(out, "]}");
}

static bool same_spelling(const struct api_response *response, int32_t a, int32_t b)
{
    if (a == b || response->request->tokens_as_token_ids)
        return a == b;
    size_t a_size, b_size;
    const char *a_bytes = tokenizer_token_bytes(response->request->model->tokenizer, a, &a_size);
    const char *b_bytes = tokenizer_token_bytes(response->request->model->tokenizer, b, &b_size);
    return a_size == b_size && memcmp(a_bytes, b_bytes, a_size) == 0;
}

/*
 * The chosen token and the best ones: N or N + 1 entries. Keys are unique: of tokens with the same
 * text (ids without text have none) the chosen one is kept, then the best.
 */
static void write_top(struct api_response *response, int32_t id,
                      const struct position_logprobs *position, struct buffer *out)
{
    buffer_append_char(out, '{');
    write_token(response, id, true, out);
    buffer_append_char(out, ':');
    write_logprob(position->logprob, out);
    for (int32_t i = 0; i < position->top_count; i++) {
        bool known = same_spelling(response, position->top[i].id, id);
        for (int32_t k = 0; k < i && !known; k++)
            known = same_spelling(response, position->top[i].id, position->top[k].id);
        if (known)
            continue;
        buffer_append_char(out, ',');
        write_token(response, position->top[i].id, true, out);
        buffer_append_char(out, ':');
        write_logprob(position->top[i].logprob, out);
    }
    buffer_append_char(out, '}');
}

void logprob_add_completion(struct api_response *response, struct logprob_lists *lists, int32_t id,
                            const struct position_logprobs *position, size_t offset)
{
    if (lists->count++) {
        buffer_append_char(&lists->tokens, ',');
        buffer_append_char(&lists->values, ',');
        buffer_append_char(&lists->tops, ',');
        buffer_append_char(&lists->offsets, ',');
    }
    write_token(response, id, true, &lists->tokens);
    response_write_number(offset, &lists->offsets);
    if (!position) {
        buffer_append_str(&lists->values, "null");
        buffer_append_str(&lists->tops, "null");
        return;
    }
    write_logprob(position->logprob, &lists->values);
    write_top(response, id, position, &lists->tops);
}

static void write_list(const char *key, const struct buffer *list, struct buffer *out)
{
    buffer_append_str(out, key);
    buffer_append(out, buffer_text(list), list->size);
}

void logprob_write(const struct api_response *response, const struct logprob_lists *lists,
                   struct buffer *out)
{
    const struct api_request *request = response->request;
    if (!request->logprobs || response_hides(request)) {
        buffer_append_str(out, "null");
    } else if (request->kind == API_CHAT) {
        write_list("{\"content\":[", &lists->content, out);
        buffer_append_str(out, "],\"refusal\":null}");
    } else {
        write_list("{\"text_offset\":[", &lists->offsets, out);
        write_list("],\"token_logprobs\":[", &lists->values, out);
        write_list("],\"tokens\":[", &lists->tokens, out);
        write_list("],\"top_logprobs\":[", &lists->tops, out);
        buffer_append_str(out, "]}");
    }
}

/* One entry of a position's map in prompt_logprobs. */
static void write_ranked(const struct tokenizer *tokenizer, int32_t id, float logprob, int32_t rank,
                         struct buffer *scratch, struct buffer *out)
{
    size_t size;
    const char *bytes = tokenizer_token_bytes(tokenizer, id, &size);
    buffer_clear(scratch);
    utf8_append_lossy(scratch, bytes, size);
    buffer_printf(out, "\"%d\":{\"logprob\":", id);
    write_logprob(logprob, out);
    buffer_printf(out, ",\"rank\":%d,\"decoded_token\":", rank);
    json_append_string(out, buffer_text(scratch), scratch->size);
    buffer_append_char(out, '}');
    out->failed = out->failed || scratch->failed;
}

void logprob_write_prompt(const struct api_response *response, const struct api_prompt *prompt,
                          const struct position_logprobs *positions, size_t count,
                          struct buffer *out)
{
    const struct tokenizer *tokenizer = response->request->model->tokenizer;
    struct buffer scratch;
    buffer_init(&scratch, RESPONSE_LIMIT);
    buffer_append_str(out, prompt->id_count ? "[null" : "[");
    for (size_t i = 0; i < count && i + 1 < prompt->id_count; i++) {
        const struct position_logprobs *position = &positions[i];
        int32_t id = prompt->ids[i + 1];
        buffer_append_str(out, ",{");
        write_ranked(tokenizer, id, position->logprob, position->rank, &scratch, out);
        for (int32_t k = 0; k < position->top_count; k++) {
            if (position->top[k].id == id)
                continue;
            buffer_append_char(out, ',');
            write_ranked(tokenizer, position->top[k].id, position->top[k].logprob, k + 1, &scratch,
                         out);
        }
        buffer_append_char(out, '}');
    }
    buffer_append_char(out, ']');
    buffer_free(&scratch);
}
