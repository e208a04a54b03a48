/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which tensors a checkpoint of a known architecture (Qwen3, Qwen2, Llama) must hold, with their
 * shapes, and no others.
 */
#ifndef CHECKPOINT_ARCHITECTURE_CHECK_H
#define CHECKPOINT_ARCHITECTURE_CHECK_H

#include "checkpoint/checkpoint.h"
#include "checkpoint/model_config.h"

/*
 * Compare with config. A tied head that is stored as well must hold the bytes of the embedding; it
 * is then used once, which becomes a note of the checkpoint (call before other threads use it).
 * Errors: OCTET_INPUT naming the tensor that is missing, extra, misshapen or of a type that is no
 * weight, with found, expected and remedy; OCTET_IO.
 */
octet_status checkpoint_check_architecture(struct checkpoint *checkpoint,
                                           const struct model_config *config,
                                           struct octet_error *err);

#endif
