/* SPDX-License-Identifier: Apache-2.0 */
/* How the parts of the option table are written down. A part defines OPTION_BASE, the id of its
 * first place, before it includes this. */
#ifndef CLI_OPTION_MACROS_H
#define CLI_OPTION_MACROS_H

#include "cli/options.h"

#define BIT(command) (1u << CMD_##command)
#define ALL ((1u << CMD_COUNT) - 1)
#define GENERATE (BIT(INFER) | BIT(CHAT))
#define ENGINE (GENERATE | BIT(LOGITS) | BIT(SERVE))
#define PLAN (ENGINE | BIT(INSPECT))
#define TEXT (BIT(TOKENIZE) | BIT(DETOKENIZE) | BIT(RENDER))
#define MODEL (ENGINE | TEXT | BIT(CONVERT) | BIT(INSPECT) | BIT(VERIFY))
#define CLIENT (BIT(CHAT) | BIT(COMPLETE))
#define SAMPLE (GENERATE | BIT(COMPLETE))

#define FLAG(id_, name_, aliases_, group_, preset_, commands_, help_)                              \
    [OPT_##id_ - OPTION_BASE] = {.id = OPT_##id_,                                                  \
                                 .name = name_,                                                    \
                                 .aliases = aliases_,                                              \
                                 .kind = KIND_FLAG,                                                \
                                 .group = GROUP_##group_,                                          \
                                 .preset = preset_,                                                \
                                 .help = help_,                                                    \
                                 .commands = commands_}
#define TEXTUAL(kind_, id_, name_, aliases_, group_, value_, preset_, commands_, help_)            \
    [OPT_##id_ - OPTION_BASE] = {.id = OPT_##id_,                                                  \
                                 .name = name_,                                                    \
                                 .aliases = aliases_,                                              \
                                 .kind = KIND_##kind_,                                             \
                                 .group = GROUP_##group_,                                          \
                                 .value = value_,                                                  \
                                 .preset = preset_,                                                \
                                 .help = help_,                                                    \
                                 .commands = commands_}
#define CHOICE(id_, name_, aliases_, group_, choices_, preset_, commands_, help_)                  \
    [OPT_##id_ - OPTION_BASE] = {.id = OPT_##id_,                                                  \
                                 .name = name_,                                                    \
                                 .aliases = aliases_,                                              \
                                 .kind = KIND_CHOICE,                                              \
                                 .group = GROUP_##group_,                                          \
                                 .value = choices_,                                                \
                                 .choices = choices_,                                              \
                                 .preset = preset_,                                                \
                                 .help = help_,                                                    \
                                 .commands = commands_}
#define NUMERIC(kind_, id_, name_, aliases_, group_, value_, min_, max_, preset_, commands_,       \
                help_)                                                                             \
    [OPT_##id_ - OPTION_BASE] = {.id = OPT_##id_,                                                  \
                                 .name = name_,                                                    \
                                 .aliases = aliases_,                                              \
                                 .kind = KIND_##kind_,                                             \
                                 .group = GROUP_##group_,                                          \
                                 .value = value_,                                                  \
                                 .min = min_,                                                      \
                                 .max = max_,                                                      \
                                 .preset = preset_,                                                \
                                 .help = help_,                                                    \
                                 .commands = commands_}

/* A choice whose other values need a reason. */
#define CHOICE_BECAUSE(id_, name_, aliases_, group_, choices_, preset_, commands_, help_, reason_) \
    [OPT_##id_ - OPTION_BASE] = {.id = OPT_##id_,                                                  \
                                 .name = name_,                                                    \
                                 .aliases = aliases_,                                              \
                                 .kind = KIND_CHOICE,                                              \
                                 .group = GROUP_##group_,                                          \
                                 .value = choices_,                                                \
                                 .choices = choices_,                                              \
                                 .preset = preset_,                                                \
                                 .help = help_,                                                    \
                                 .reason = reason_,                                                \
                                 .commands = commands_}

#endif
