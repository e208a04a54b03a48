/* SPDX-License-Identifier: Apache-2.0 */
/* Names: which are taken, which files are wanted, how they stand in a URL. */
#ifndef HUB_HUB_NAME_H
#define HUB_HUB_NAME_H

#include "base/buffer.h"
#include "hub/hub.h"

/* A branch, tag, commit or "refs/pr/1": words of letters, digits and "-_.", none beginning with
 * '.', separated by '/'. */
bool hub_is_revision(const char *text);

/* Exactly `digits` lower-case hex digits? */
bool hub_is_hash(const char *text, size_t digits);

/*
 * A path of a listing, which becomes a path below the cache: relative, at most 1024 bytes and 32
 * folders, no empty, "." or ".." component, none over 200 bytes, no backslash or control character.
 * OCTET_INPUT otherwise.
 */
octet_status hub_check_path(const char *path, struct octet_error *err);

/* In the top folder: *.safetensors but for Mistral's consolidated*, *.json, *.jinja, *.txt,
 * tokenizer files, licences. */
bool hub_wanted_by_default(const char *path);
bool hub_is_wanted(const struct hub_options *options, const char *path);

/* Append text with everything escaped that is not unreserved (RFC 3986, 2.3), but for '/' when it
 * may stay. */
void hub_append_escaped(struct buffer *out, const char *text, bool keep_slashes);

/* The addresses of the listing and of a file. commit: what the listing said, "" if nothing. The
 * buffer tells failure. */
void hub_listing_url(enum hub_kind kind, const char *endpoint, const char *id, const char *revision,
                     struct buffer *out);
void hub_file_url(enum hub_kind kind, const char *endpoint, const char *id, const char *revision,
                  const char *path, struct buffer *out);

/* A variable of the environment, NULL when unset or empty; is it 1, true, on or yes? */
const char *hub_environment(const char *name);
bool hub_environment_flag(const char *name);

#endif
