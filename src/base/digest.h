/* SPDX-License-Identifier: Apache-2.0 */
/* SHA-256 by OpenSSL's libcrypto. */
#ifndef BASE_DIGEST_H
#define BASE_DIGEST_H

#include "base/status.h"

struct digest;

struct digest *digest_new(void); /* NULL when out of memory */
bool digest_update(struct digest *digest, const void *bytes, size_t size);
/* 64 lower-case hex digits and a NUL; the digest is freed. */
bool digest_finish(struct digest *digest, char hex[65]);
void digest_free(struct digest *digest);

#endif
