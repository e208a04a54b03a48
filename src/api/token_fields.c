/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of strings and ids that steer sampling: their checks, and arrays of the request's own. */
#include "api/api_parse.h"

#include "base/parse.h"
#include "text/text_stream.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define BIAS_MOST 100.0
#define WORD_BYTES_MAX 4096

/* A non-empty string as a member of a list. */
static octet_status copy_string(struct request_parse *parse, const struct json *value,
                                const char *param, const char *empty_sentence, size_t most,
                                char **out)
{
    size_t size = 0;
    const char *text = json_string_n(value, &size);
    if (!text)
        return request_type_error(parse, param, FIELD_TYPE(JSON_TYPE_STRING), value);
    if (size == 0)
        return request_invalid(parse, param, empty_sentence);
    if (size > most)
        return api_error_set(parse->error, 400, "invalid_value", param,
                             "%s has %zu bytes; at most %zu are allowed", param, size, most);
    *out = arena_strndup(&parse->owner->arena, text, size);
    return *out ? OCTET_OK : request_parse_memory(parse);
}

static octet_status apply_stops(struct request_parse *parse)
{
    const struct json *stop = parse->fields.stop;
    struct api_request *request = parse->request;
    if (!stop)
        return OCTET_OK;
    bool list = json_type(stop) == JSON_TYPE_ARRAY;
    size_t count = list ? json_count(stop) : 1, most = (size_t)parse->model->max_stop_strings;
    if (most > TEXT_STREAM_STOPS_MAX)
        most = TEXT_STREAM_STOPS_MAX;
    if (count > most)
        return api_error_set(parse->error, 400, "invalid_value", "stop",
                             "stop has %zu strings; at most %zu are allowed", count, most);
    request->stops = arena_calloc(&parse->owner->arena, count, sizeof *request->stops);
    if (!request->stops)
        return request_parse_memory(parse);
    for (size_t i = 0; i < count; i++) {
        char param[32] = "stop";
        if (list)
            (void)snprintf(param, sizeof param, "stop.%zu", i);
        RETURN_IF_ERROR(copy_string(parse, list ? json_at(stop, i) : stop, param,
                                    "stop cannot contain an empty string.",
                                    TEXT_STREAM_STOP_BYTES_MAX, &request->stops[i]));
    }
    request->stop_count = count;
    request->include_stop = parse->fields.include_stop;
    return OCTET_OK;
}

/* An array of ids within the vocabulary. */
static octet_status copy_ids(struct request_parse *parse, const char *name, const struct json *list,
                             size_t most, const int32_t **out, size_t *count)
{
    size_t length = json_count(list);
    if (length > most)
        return api_error_set(parse->error, 400, "invalid_value", name,
                             "%s has %zu entries; at most %zu are allowed", name, length, most);
    int32_t *ids = arena_calloc(&parse->owner->arena, length, sizeof *ids);
    if (!ids)
        return request_parse_memory(parse);
    for (size_t i = 0; i < length; i++) {
        const struct json *value = json_at(list, i);
        char param[64];
        int64_t id = -1;
        (void)snprintf(param, sizeof param, "%s.%zu", name, i);
        if (!json_text(value) && !field_integer(value, &id))
            return request_type_error(parse, param, FIELD_TYPE(JSON_TYPE_INTEGER), value);
        char digits[32];
        (void)snprintf(digits, sizeof digits, "%" PRId64, id);
        if (json_text(value) || id < 0 || id >= parse->model->vocab_size)
            return api_error_set(parse->error, 400, "invalid_value", param,
                                 "token_id(s) [%.24s] in %s contain out-of-vocab token ids. "
                                 "Vocabulary size: %d",
                                 json_text(value) ? json_text(value) : digits, name,
                                 parse->model->vocab_size);
        ids[i] = (int32_t)id;
    }
    *out = ids;
    *count = length;
    return OCTET_OK;
}

static octet_status apply_ids(struct request_parse *parse)
{
    struct sampling_params *sampling = &parse->request->sampling;
    if (parse->fields.stop_token_ids)
        RETURN_IF_ERROR(copy_ids(parse, "stop_token_ids", parse->fields.stop_token_ids,
                                 SAMPLING_STOP_IDS_MAX, &sampling->stop_token_ids,
                                 &sampling->stop_token_id_count));
    if (!parse->fields.allowed_token_ids)
        return OCTET_OK;
    if (json_count(parse->fields.allowed_token_ids) == 0)
        return request_invalid(
            parse, "allowed_token_ids",
            "allowed_token_ids is not None and empty; leave it out to allow all");
    return copy_ids(parse, "allowed_token_ids", parse->fields.allowed_token_ids, SIZE_MAX,
                    &sampling->allowed_ids, &sampling->allowed_id_count);
}

static octet_status read_bias(struct request_parse *parse, const char *key,
                              const struct json *value, struct logit_bias *out)
{
    char param[64];
    int64_t id = -1;
    (void)snprintf(param, sizeof param, "logit_bias.%.40s", key);
    if (!parse_int64(key, &id))
        return api_error_set(parse->error, 400, "invalid_value", param,
                             "logit_bias contains key(s) that cannot be converted to integer token "
                             "IDs: ['%.40s']",
                             key);
    if (id < 0 || id >= parse->model->vocab_size)
        return api_error_set(parse->error, 400, "invalid_value", param,
                             "token_id(s) [%" PRId64 "] in logit_bias contain out-of-vocab token "
                             "ids. Vocabulary size: %d",
                             id, parse->model->vocab_size);
    enum json_type type = json_type(value);
    if (type != JSON_TYPE_INTEGER && type != JSON_TYPE_REAL && type != JSON_TYPE_BIG_INTEGER)
        return request_type_error(parse, param, FIELD_TYPE(JSON_TYPE_REAL), value);
    double bias = json_number(value, 0);
    bias = bias > BIAS_MOST ? BIAS_MOST : bias < -BIAS_MOST ? -BIAS_MOST : bias;
    *out = (struct logit_bias){.id = (int32_t)id, .bias = (float)bias};
    return OCTET_OK;
}

static octet_status apply_bias(struct request_parse *parse)
{
    const struct json *object = parse->fields.logit_bias;
    struct sampling_params *sampling = &parse->request->sampling;
    size_t count = json_count(object), filled = 0;
    if (!object || count == 0)
        return OCTET_OK;
    if (count > SAMPLING_BIAS_MAX)
        return api_error_set(parse->error, 400, "invalid_value", "logit_bias",
                             "logit_bias has %zu entries; at most %d are allowed", count,
                             SAMPLING_BIAS_MAX);
    struct logit_bias *biases = arena_calloc(&parse->owner->arena, count, sizeof *biases);
    if (!biases)
        return request_parse_memory(parse);
    for (struct json_iter it = json_iter(object); json_next(&it) && filled < count; filled++)
        RETURN_IF_ERROR(read_bias(parse, it.key, it.value, &biases[filled]));
    sampling->logit_bias = biases;
    sampling->logit_bias_count = filled;
    return OCTET_OK;
}

/* The words' ids while they are gathered: two entries a word at most. */
struct word_list {
    const int32_t **ids;
    size_t *lengths;
    size_t count;
    size_t total; /* ids of all */
};

/*
 * A word at the start of a text and in its middle, as vLLM does it: without a leading space, and
 * with one where that makes other ids of the same number.
 */
static octet_status add_word(struct request_parse *parse, const char *word, bool space,
                             struct word_list *list)
{
    struct octet_error err = {.status = OCTET_OK};
    struct token_ids ids = {0};
    char text[WORD_BYTES_MAX + 2];
    int size = snprintf(text, sizeof text, "%s%s", space ? " " : "", word);
    octet_status status = tokenizer_encode(parse->model->tokenizer, text, (size_t)size,
                                           SPECIAL_PARSE, false, &ids, &err);
    if (status != OCTET_OK) {
        api_error_from(parse->error, &err);
        goto out;
    }
    size_t last = list->count - 1;
    bool wanted = !space || (ids.count && ids.count == list->lengths[last] &&
                             ids.ids[0] != list->ids[last][0]);
    if (!ids.count && !space)
        status = request_invalid(parse, "bad_words",
                                 "bad_words entries must tokenize to at least one token.");
    else if (list->total + ids.count > SAMPLING_BAD_WORD_IDS_MAX)
        status = request_invalid(parse, "bad_words", "bad_words has too many tokens in all");
    if (status != OCTET_OK || !wanted)
        goto out;
    int32_t *copy = arena_calloc(&parse->owner->arena, ids.count, sizeof *copy);
    if (!copy) {
        status = request_parse_memory(parse);
        goto out;
    }
    memcpy(copy, ids.ids, ids.count * sizeof *copy);
    list->ids[list->count] = copy;
    list->lengths[list->count++] = ids.count;
    list->total += ids.count;
out:
    token_ids_free(&ids);
    return status;
}

static octet_status apply_words(struct request_parse *parse)
{
    const struct json *words = parse->fields.bad_words;
    size_t count = json_count(words);
    if (!words || count == 0)
        return OCTET_OK;
    if (count > SAMPLING_BAD_WORDS_MAX / 2)
        return api_error_set(parse->error, 400, "invalid_value", "bad_words",
                             "bad_words has %zu entries; at most %d are allowed", count,
                             SAMPLING_BAD_WORDS_MAX / 2);
    struct word_list list = {0};
    list.ids = arena_calloc(&parse->owner->arena, count * 2, sizeof *list.ids);
    list.lengths = arena_calloc(&parse->owner->arena, count * 2, sizeof *list.lengths);
    if (!list.ids || !list.lengths)
        return request_parse_memory(parse);
    for (size_t i = 0; i < count; i++) {
        char param[32];
        char *word = NULL;
        (void)snprintf(param, sizeof param, "bad_words.%zu", i);
        RETURN_IF_ERROR(copy_string(parse, json_at(words, i), param,
                                    "bad_words cannot contain an empty string.", WORD_BYTES_MAX,
                                    &word));
        if (!word)
            return request_parse_memory(parse);
        word += strspn(word, " \t\r\n\v\f");
        RETURN_IF_ERROR(add_word(parse, word, false, &list));
        RETURN_IF_ERROR(add_word(parse, word, true, &list));
    }
    parse->request->sampling.bad_words = list.ids;
    parse->request->sampling.bad_word_lengths = list.lengths;
    parse->request->sampling.bad_word_count = list.count;
    return OCTET_OK;
}

octet_status token_fields_apply(struct request_parse *parse)
{
    RETURN_IF_ERROR(apply_stops(parse));
    RETURN_IF_ERROR(apply_ids(parse));
    RETURN_IF_ERROR(apply_bias(parse));
    return apply_words(parse);
}
