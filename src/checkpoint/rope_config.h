/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CHECKPOINT_ROPE_CONFIG_H
#define CHECKPOINT_ROPE_CONFIG_H

#include "checkpoint/model_config.h"

/*
 * rope_theta and rope_scaling (transformers 4) or rope_parameters (transformers 5) of config.json.
 * max_position_embeddings is the default of original_max_position_embeddings. Formulas of the
 * attention factor: Peng et al., "YaRN", 2023, section 3.4, as transformers computes it.
 * Errors as model_config_parse.
 */
octet_status rope_config_parse(const struct json *config, const char *name,
                               int64_t max_position_embeddings, struct rope_config *out,
                               struct octet_error *err);

/* A JSON null means "not stated" in these files: is the key there and not null? */
bool config_states(const struct json *object, const char *key);

#endif
