/* SPDX-License-Identifier: Apache-2.0 */
/* Where the model is that somebody typed: a directory, or an id in a local cache of Hugging Face or
 * ModelScope. Nothing is downloaded. */
#ifndef CLI_MODEL_FIND_H
#define CLI_MODEL_FIND_H

#include "base/status.h"

/*
 * *out is the directory, malloc'ed. revision (of an id in the Hugging Face cache): NULL is "main".
 * Caches: $HF_HUB_CACHE, $HF_HOME/hub or ~/.cache/huggingface/hub; $MODELSCOPE_CACHE or
 * ~/.cache/modelscope, which comes first with VLLM_USE_MODELSCOPE. Errors: OCTET_INPUT, with the
 * command that fetches the id; OCTET_MEMORY.
 */
octet_status model_find(const char *typed, const char *revision, char **out,
                        struct octet_error *err);

#endif
