/* SPDX-License-Identifier: Apache-2.0 */
#include "api/template_check.h"

#include <string.h>

#include "base/log.h"

#define USER "{\"role\":\"user\",\"content\":\"What is the weather in Paris?\"}"
#define OUT_LIMIT ((size_t)16 * 1024 * 1024)

struct conversation {
    const char *what;
    const char *body;
};

static const struct conversation conversations[] = {
    {"a user's message", "{\"messages\":[" USER "]}"},
    {"a system message",
     "{\"messages\":[{\"role\":\"system\",\"content\":\"Be brief.\"}," USER "]}"},
    {"several turns with reasoning",
     "{\"messages\":[" USER ",{\"role\":\"assistant\",\"reasoning\":\"They ask about today.\","
     "\"content\":\"Sunny.\"},{\"role\":\"user\",\"content\":\"And tomorrow?\"}]}"},
    {"thinking switched off",
     "{\"messages\":[" USER "],\"chat_template_kwargs\":{\"enable_thinking\":false}}"},
    {"tools, a call and its answer",
     "{\"messages\":[" USER ",{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[{\"id\":"
     "\"call-1\",\"type\":\"function\",\"function\":{\"name\":\"weather\",\"arguments\":"
     "\"{\\\"city\\\": \\\"Paris\\\"}\"}}]},{\"role\":\"tool\",\"tool_call_id\":\"call-1\","
     "\"content\":\"sunny\"}],\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"weather\","
     "\"description\":\"The weather of a city.\",\"parameters\":{\"type\":\"object\","
     "\"properties\":{\"city\":{\"type\":\"string\"}},\"required\":[\"city\"]}}}]}"},
};

octet_status template_check(const struct api_model *model, struct octet_error *err)
{
    if (!model->render || !model->tokenizer)
        return OCTET_OK;
    octet_status status = OCTET_OK;
    for (size_t i = 0; i < sizeof conversations / sizeof conversations[0]; i++) {
        const struct conversation *conversation = &conversations[i];
        struct buffer out;
        struct api_error error = {0};
        buffer_init(&out, OUT_LIMIT);
        octet_status rendered =
            api_render(model, conversation->body, strlen(conversation->body), &out, &error);
        buffer_free(&out);
        if (rendered == OCTET_OK)
            continue;
        if (i == 0) {
            status = error_set(err, OCTET_INPUT,
                               "the chat template cannot render %s: %s; give another one with "
                               "--chat-template",
                               conversation->what, error.detail.message);
            break;
        }
        log_warning("the chat template cannot render %s; clients that send it are told: %s",
                    conversation->what, error.detail.message);
    }
    return status;
}
