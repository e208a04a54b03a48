/* SPDX-License-Identifier: Apache-2.0 */
#include "api/api_response_parts.h"

void completion_write_choice(const struct api_response *response, size_t index, struct buffer *out)
{
    const struct api_request *request = response->request;
    const struct choice *choice = &response->choices[index];
    const struct api_prompt *prompt = response_prompt(response, index);
    buffer_printf(out, "{\"index\":%zu,\"text\":", index);
    json_append_string(out, buffer_text(&choice->delta.content), choice->delta.content.size);
    buffer_append_str(out, ",\"logprobs\":");
    logprob_write(response, &choice->logprobs, out);
    buffer_append_str(out, ",\"finish_reason\":");
    response_write_reason(response, choice, out);
    if (choice->finished) {
        buffer_append_str(out, ",\"stop_reason\":");
        response_write_stop(response, choice, out);
    }
    if (request->prompt_logprobs && !request->stream) {
        const struct buffer *list = &response->prompt_logprobs[index / (size_t)request->n];
        buffer_append_str(out, ",\"prompt_logprobs\":");
        buffer_append_str(out, list->size ? list->data : "null");
    }
    if (request->return_token_ids) {
        if (choice->pending == choice->tokens) { /* The first event, or the only one. */
            buffer_append_str(out, ",\"prompt_token_ids\":");
            response_write_ids(prompt->ids, prompt->id_count, out);
        }
        buffer_append_str(out, ",\"token_ids\":[");
        buffer_append(out, buffer_text(&choice->token_ids), choice->token_ids.size);
        buffer_append_char(out, ']');
    }
    buffer_append_char(out, '}');
}
