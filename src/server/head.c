/* SPDX-License-Identifier: Apache-2.0 */
#include "server/head.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define REQUEST_ID_MAX 128
/* What a header's name consists of (RFC 9110, section 5.6.2). */
#define TOKEN_CHARACTERS                                                                           \
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&'*+-.^_`|~"

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* %XX -> bytes, in place. False for a bad escape and for NUL. */
static bool percent_decode(char *text)
{
    char *out = text;
    for (const char *in = text; *in; in++) {
        if (*in != '%') {
            *out++ = *in;
            continue;
        }
        int high = hex_value(in[1]);
        int low = high < 0 ? -1 : hex_value(in[2]);
        if (low < 0 || high * 16 + low == 0)
            return false;
        *out++ = (char)(high * 16 + low);
        in += 2;
    }
    *out = '\0';
    return true;
}

bool head_set_target(struct request_head *head, const char *target)
{
    head->target = strdup(target);
    if (!head->target)
        return false;
    const char *path = target;
    if (strncasecmp(path, "http://", 7) == 0 || strncasecmp(path, "https://", 8) == 0) {
        path = strchr(strstr(path, "//") + 2, '/');
        if (!path)
            path = "/";
    }
    head->path = strndup(path, strcspn(path, "?#"));
    if (!head->path)
        return false;
    if (!percent_decode(head->path)) {
        free(head->path);
        head->path = NULL;
    }
    return true;
}

void head_free(struct request_head *head)
{
    free(head->target);
    free(head->path);
    head->target = head->path = NULL;
}

void head_add(struct request_head *head, const char *name, const char *value)
{
    const struct {
        const char *name;
        const char **slot;
        int *count;
    } known[] = {
        {"Content-Length", &head->content_length, &head->length_count},
        {"Transfer-Encoding", &head->transfer_encoding, &head->transfer_count},
        {"Content-Type", &head->content_type, NULL},
        {"Content-Encoding", &head->content_encoding, NULL},
        {"Expect", &head->expect, NULL},
        {"Authorization", &head->authorization, NULL},
        {"X-Api-Key", &head->x_api_key, NULL},
        {"X-Request-Id", &head->x_request_id, NULL},
        {"Origin", &head->origin, NULL},
        {"Access-Control-Request-Method", &head->requested_method, NULL},
        {"Access-Control-Request-Headers", &head->requested_headers, NULL},
    };
    head->malformed |= !*name || name[strspn(name, TOKEN_CHARACTERS)] != '\0';
    head->malformed |= value && strpbrk(value, "\r\n");
    head->has_host |= strcasecmp(name, "Host") == 0;
    head->header_count++;
    head->header_bytes += strlen(name) + (value ? strlen(value) : 0) + 4; /* ": " and CRLF */
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (strcasecmp(name, known[i].name) == 0) {
            *known[i].slot = value ? value : "";
            if (known[i].count)
                ++*known[i].count;
        }
    }
}

/* Digits alone, and no overflow. */
static bool parse_length(const char *text, uint64_t *out)
{
    uint64_t value = 0;
    if (!*text)
        return false;
    for (; *text; text++) {
        if (*text < '0' || *text > '9')
            return false;
        unsigned digit = (unsigned)(*text - '0');
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, digit, &value))
            return false;
    }
    *out = value;
    return true;
}

static bool refuse(struct api_error *error, int status, const char *code, const char *sentence)
{
    api_error_set(error, status, code, NULL, "%s", sentence);
    return false;
}

static bool check_sizes(const struct request_head *head, const struct head_limits *limits,
                        struct api_error *error)
{
    if (strlen(head->target) > HEAD_URI_MAX) {
        api_error_set(error, 414, "invalid_value", NULL, "The URI is longer than %d bytes.",
                      HEAD_URI_MAX);
        return false;
    }
    if (head->header_bytes > limits->header_bytes) {
        api_error_set(error, 431, "invalid_value", NULL, "The headers are larger than %zu bytes.",
                      limits->header_bytes);
        return false;
    }
    if (head->header_count > limits->header_count) {
        api_error_set(error, 431, "invalid_value", NULL, "There are more than %d headers.",
                      limits->header_count);
        return false;
    }
    if (head->malformed)
        return refuse(error, 400, "invalid_value", "A header line is malformed.");
    if (!head->has_host && !head->http10)
        return refuse(error, 400, "invalid_value", "HTTP/1.1 needs a Host header.");
    if (!head->path)
        return refuse(error, 400, "invalid_value", "The URI has a malformed percent escape.");
    return true;
}

/* A request that two servers could read in two ways is refused (RFC 9112, section 6.3). */
static bool check_framing(struct request_head *head, struct api_error *error)
{
    if (head->transfer_count > 0 && head->length_count > 0)
        return refuse(error, 400, "invalid_value",
                      "Content-Length and Transfer-Encoding contradict each other.");
    if (head->length_count > 1)
        return refuse(error, 400, "invalid_value", "There is more than one Content-Length.");
    if (head->length_count == 1 && !parse_length(head->content_length, &head->length))
        return refuse(error, 400, "invalid_value", "Content-Length is not a number.");
    if (head->transfer_count > 1 ||
        (head->transfer_count == 1 && strcasecmp(head->transfer_encoding, "chunked") != 0))
        return refuse(error, 400, "invalid_value", "Transfer-Encoding is not \"chunked\".");
    if (head->transfer_count == 1 && head->http10)
        return refuse(error, 400, "invalid_value", "HTTP/1.0 has no Transfer-Encoding.");
    if (strcmp(head->method, "POST") == 0 && head->transfer_count + head->length_count == 0)
        return refuse(error, 411, "invalid_value", "A POST needs a Content-Length.");
    return true;
}

bool head_check(struct request_head *head, const struct head_limits *limits,
                struct api_error *error)
{
    if (!check_sizes(head, limits, error) || !check_framing(head, error))
        return false;
    if (head->length > limits->body_bytes) {
        api_error_set(error, 413, "invalid_value", NULL,
                      "The body of %llu bytes is larger than the limit of %zu bytes "
                      "(--max-request-bytes).",
                      (unsigned long long)head->length, limits->body_bytes);
        return false;
    }
    if (head->expect && strcasecmp(head->expect, "100-continue") != 0)
        return refuse(error, 417, "invalid_value", "Only \"100-continue\" can be expected.");
    return true;
}

/* The media type before ';', without white space. */
static bool is_json(const char *type)
{
    static const char json[] = "application/json";
    type += strspn(type, " \t");
    size_t length = strcspn(type, "; \t");
    return length == sizeof json - 1 && strncasecmp(type, json, length) == 0;
}

/* A charset other than UTF-8 would make other text of the same bytes. */
static bool charset_is_wrong(const char *type)
{
    const char *charset = strcasestr(type, "charset=");
    if (!charset)
        return false;
    charset += strlen("charset=");
    charset += strspn(charset, "\"'");
    return strncasecmp(charset, "utf-8", 5) != 0 && strncasecmp(charset, "utf8", 4) != 0 &&
           strncasecmp(charset, "us-ascii", 8) != 0;
}

bool head_check_content(const struct request_head *head, struct api_error *error)
{
    if (head->content_encoding && strcasecmp(head->content_encoding, "identity") != 0)
        return refuse(error, 415, "invalid_value",
                      "Content-Encoding is not supported: send the body as it is.");
    if (!head->content_type || !is_json(head->content_type))
        return refuse(error, 400, NULL,
                      "Unsupported Media Type: Only 'application/json' is allowed");
    if (charset_is_wrong(head->content_type))
        return refuse(error, 400, NULL, "Unsupported Media Type: the charset of JSON is UTF-8");
    return true;
}

bool head_has_body(const struct request_head *head)
{
    return head->transfer_count > 0 || head->length > 0;
}

bool head_id_is_usable(const char *id)
{
    size_t length = strlen(id);
    if (length == 0 || length > REQUEST_ID_MAX)
        return false;
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)id[i];
        if (c <= 0x20 || c >= 0x7f || c == '"' || c == '\'' || c == '\\')
            return false;
    }
    return true;
}
