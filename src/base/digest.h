/* SPDX-License-Identifier: Apache-2.0 */
/* SHA-256, and the hash that Git names files by, by OpenSSL's libcrypto. */
#ifndef BASE_DIGEST_H
#define BASE_DIGEST_H

#include "base/status.h"

struct digest;

struct digest *digest_new(void); /* SHA-256; NULL when out of memory */
/* SHA-1 of "blob SIZE", a NUL and the bytes to come: Git's name of a file of that size. */
struct digest *digest_new_git_blob(uint64_t size);
bool digest_update(struct digest *digest, const void *bytes, size_t size);
/* 64 lower-case hex digits (Git: 40) and a NUL; the digest is freed. */
bool digest_finish(struct digest *digest, char hex[65]);
void digest_free(struct digest *digest);

#endif
