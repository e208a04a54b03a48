# SPDX-License-Identifier: Apache-2.0
# cmake -D IN=file -D OUT=file.c -D NAME=name -P embed.cmake; see octet_embed() in OctetRoom.cmake.
file(READ "${IN}" bytes HEX)
file(SIZE "${IN}" size)
string(REGEX REPLACE "(................................)" "\\1\n" bytes "${bytes}")
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")
file(WRITE "${OUT}" "/* Made from ${IN}. */
#include <stddef.h>
extern const unsigned char ${NAME}[];
extern const size_t ${NAME}_size;
const unsigned char ${NAME}[] = {
${bytes}0x00};
const size_t ${NAME}_size = ${size};
")
