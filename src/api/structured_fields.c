/* SPDX-License-Identifier: Apache-2.0 */
#include "api/api_parse.h"

octet_status structured_fields_apply(struct request_parse *parse)
{
    const struct request_fields *fields = &parse->fields;
    enum tool_mode mode = parse->request->tool_mode;
    const char *type = json_string(field_get(fields->response_format, "type"));
    bool text = !fields->response_format || (type && type[0] == 't');
    bool forced = mode == TOOL_MODE_REQUIRED || mode == TOOL_MODE_NAMED;
    if (text && !forced && !fields->structured_outputs && fields->thinking_token_budget < 0)
        return OCTET_OK;
    return api_error_set(parse->error, 400, "unsupported_parameter",
                         forced ? "tool_choice" : "response_format",
                         "Structured output is not available.");
}
