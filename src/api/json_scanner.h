/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Follows one JSON value byte by byte and says where it ends or stops being JSON (RFC 8259), with
 * one leniency: control characters inside strings pass, for the caller to escape. Decodes nothing,
 * allocates nothing.
 */
#ifndef API_JSON_SCANNER_H
#define API_JSON_SCANNER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JSON_SCANNER_DEPTH_MAX 256

enum json_scan {
    JSON_SCAN_MORE,
    JSON_SCAN_END,        /* the byte was the value's last */
    JSON_SCAN_END_BEFORE, /* a number ended before the byte, which is not part of it */
    JSON_SCAN_BAD,        /* no JSON, or nested too deep */
};

struct json_scanner {
    uint8_t state;
    bool key;            /* the string being read is a key */
    uint8_t digits;      /* of \u still to come */
    const char *literal; /* the rest of true, false, null */
    uint32_t depth;
    uint64_t
        objects[JSON_SCANNER_DEPTH_MAX / 64]; /* bit d: the container at depth d is an object */
};

/* White space may precede the value. After END, END_BEFORE or BAD: init before the next byte. */
void json_scanner_init(struct json_scanner *scanner);
enum json_scan json_scanner_byte(struct json_scanner *scanner, char byte);
/* The next byte belongs to a string. */
bool json_scanner_in_string(const struct json_scanner *scanner);

/* The first byte of the value when text is one JSON value and white space; 0 otherwise. */
char json_scanner_check(const char *text, size_t size);

/* The four characters that JSON takes for white space. */
static inline bool json_space(char byte)
{
    return byte == ' ' || byte == '\n' || byte == '\r' || byte == '\t';
}

#endif
