/* SPDX-License-Identifier: Apache-2.0 */
#include "base/digest.h"

#include <openssl/evp.h>

/* struct digest is never defined: a digest is an EVP_MD_CTX under another name. */
static EVP_MD_CTX *context_of(struct digest *digest)
{
    return (EVP_MD_CTX *)(void *)digest;
}

struct digest *digest_new(void)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    if (context && EVP_DigestInit_ex(context, EVP_sha256(), NULL) != 1) {
        EVP_MD_CTX_free(context);
        context = NULL;
    }
    return (struct digest *)(void *)context;
}

bool digest_update(struct digest *digest, const void *bytes, size_t size)
{
    return EVP_DigestUpdate(context_of(digest), bytes, size) == 1;
}

bool digest_finish(struct digest *digest, char hex[65])
{
    unsigned char raw[EVP_MAX_MD_SIZE];
    unsigned int size = 0;
    bool ok = EVP_DigestFinal_ex(context_of(digest), raw, &size) == 1 && size == 32;
    digest_free(digest);
    for (unsigned int i = 0; ok && i < size; i++) {
        hex[2 * i] = "0123456789abcdef"[raw[i] >> 4];
        hex[2 * i + 1] = "0123456789abcdef"[raw[i] & 15];
    }
    hex[ok ? 64 : 0] = '\0';
    return ok;
}

void digest_free(struct digest *digest)
{
    EVP_MD_CTX_free(context_of(digest));
}
