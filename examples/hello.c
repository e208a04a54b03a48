/* SPDX-License-Identifier: Apache-2.0 */
/* The shortest useful program: hello MODEL_DIR [PROMPT] prints what follows the prompt. */
#include <octet/octet.h>

#include <stdio.h>
#include <string.h>

static int fail(const char *what, const struct octet_error *err)
{
    fprintf(stderr, "hello: %s: %s\n", what, err->message);
    return 1;
}

static int complete(struct octet_model *model, const char *text)
{
    struct octet_error err;
    struct octet_prompt prompt;
    octet_prompt_init(model, &prompt);
    prompt.text = text;
    prompt.text_size = strlen(text);
    prompt.sampling.temperature = 0;
    prompt.sampling.max_tokens = 64;

    struct octet_request *request;
    if (octet_submit(model, &prompt, &request, &err) != OCTET_OK)
        return fail("submit", &err);
    printf("%s", text);
    struct octet_event event;
    int result = 0;
    while (octet_next(request, OCTET_FOREVER, &event)) {
        fwrite(event.text, 1, event.text_size, stdout);
        fflush(stdout);
        if (event.finish == OCTET_FINISH_ERROR) {
            fprintf(stderr, "hello: %s\n", event.message);
            result = 1;
        }
    }
    printf("\n");
    octet_request_free(&request);
    return result;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        fprintf(stderr, "usage: hello MODEL_DIR [PROMPT]\n");
        return 2;
    }
    struct octet_error err;
    struct octet_options options;
    struct octet_model *model;
    octet_options_init(&options);
    options.model_path = argv[1];
    options.max_num_seqs = 1;
    if (octet_open(&model, &options, &err) != OCTET_OK)
        return fail(argv[1], &err);
    int result = complete(model, argc > 2 ? argv[2] : "Once upon a time");
    octet_close(&model);
    return result;
}
