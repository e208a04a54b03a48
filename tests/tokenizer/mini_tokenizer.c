/* SPDX-License-Identifier: Apache-2.0 */
#include "tokenizer/mini_tokenizer.h"

#include <assert.h>

#include "base/utf8.h"
#include "tokenizer/byte_level.h"

static const char *or_default(const char *text, const char *otherwise)
{
    return text ? text : otherwise;
}

static void write_bytes(struct buffer *out)
{
    for (unsigned byte = 0; byte < 256; byte++) {
        char text[4];
        size_t size = utf8_encode(byte_level_code_point((uint8_t)byte), text);
        buffer_append_str(out, byte ? ",\"" : "\"");
        if (byte == '"' || byte == '\\')
            buffer_append_char(out, '\\');
        buffer_append(out, text, size);
        buffer_printf(out, "\":%u", byte);
    }
}

void mini_tokenizer_write(const struct mini_tokenizer *mini, struct buffer *out)
{
    static const char byte_level[] = "{\"type\":\"ByteLevel\",\"add_prefix_space\":false,\"trim_"
                                     "offsets\":true,\"use_regex\":true}";
    buffer_printf(out,
                  "{\"version\":\"1.0\",\"truncation\":null,\"padding\":null,\"added_tokens\":%s,",
                  or_default(mini->added_tokens, "[]"));
    buffer_printf(out,
                  "\"normalizer\":%s,\"pre_tokenizer\":%s,\"post_processor\":%s,\"decoder\":%s,",
                  or_default(mini->normalizer, "null"), or_default(mini->pre_tokenizer, byte_level),
                  or_default(mini->post_processor, "null"), or_default(mini->decoder, byte_level));
    buffer_append_str(out, "\"model\":{\"type\":\"BPE\",\"vocab\":{");
    write_bytes(out);
    buffer_printf(out, "%s},\"merges\":%s%s}}", or_default(mini->vocab, ""),
                  or_default(mini->merges, "[]"), or_default(mini->options, ""));
    assert(!buffer_failed(out));
}

octet_status mini_tokenizer_open(const struct mini_tokenizer *mini, struct tokenizer **out,
                                 struct octet_error *err)
{
    struct buffer text;
    buffer_init(&text, (size_t)1 << 26);
    mini_tokenizer_write(mini, &text);
    octet_status status = tokenizer_open_json(buffer_text(&text), text.size, "mini", out, err);
    buffer_free(&text);
    return status;
}
