/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/utf8.h"
#include "tokenizer/tokenizer.h"

void detokenizer_init(struct detokenizer *detokenizer, const struct tokenizer *tokenizer,
                      bool skip_special)
{
    *detokenizer = (struct detokenizer){.tokenizer = tokenizer, .skip_special = skip_special};
}

/* Show what of the held bytes is decided; the rest (at most 3 bytes) stays. */
static bool release(struct detokenizer *detokenizer, struct buffer *out)
{
    size_t complete = utf8_complete_prefix(detokenizer->held, detokenizer->held_size);
    bool ok = utf8_append_lossy(out, detokenizer->held, complete);
    detokenizer->held_size -= complete;
    memmove(detokenizer->held, detokenizer->held + complete, detokenizer->held_size);
    return ok;
}

bool detokenizer_push(struct detokenizer *detokenizer, int32_t id, struct buffer *out)
{
    size_t size;
    const char *bytes = tokenizer_token_bytes(detokenizer->tokenizer, id, &size);
    if (detokenizer->skip_special && tokenizer_is_special(detokenizer->tokenizer, id))
        return true;
    while (size > 0 && detokenizer->held_size > 0) {
        detokenizer->held[detokenizer->held_size++] = *bytes++;
        size--;
        if (!release(detokenizer, out))
            return false;
    }
    size_t complete = utf8_complete_prefix(bytes, size);
    if (!utf8_append_lossy(out, bytes, complete))
        return false;
    if (complete < size) {
        detokenizer->held_size = size - complete;
        memcpy(detokenizer->held, bytes + complete, detokenizer->held_size);
    }
    return true;
}

bool detokenizer_finish(struct detokenizer *detokenizer, struct buffer *out)
{
    bool ok = utf8_append_lossy(out, detokenizer->held, detokenizer->held_size);
    detokenizer->held_size = 0;
    return ok;
}
