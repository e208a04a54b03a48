/* SPDX-License-Identifier: Apache-2.0 */
#include "base/digest.h"

#include <openssl/evp.h>
#include <stdio.h>

/* struct digest is never defined: a digest is an EVP_MD_CTX under another name. */
static EVP_MD_CTX *context_of(struct digest *digest)
{
    return (EVP_MD_CTX *)(void *)digest;
}

static struct digest *start(const EVP_MD *kind)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    if (context && EVP_DigestInit_ex(context, kind, NULL) != 1) {
        EVP_MD_CTX_free(context);
        context = NULL;
    }
    return (struct digest *)(void *)context;
}

struct digest *digest_new(void)
{
    return start(EVP_sha256());
}

struct digest *digest_new_git_blob(uint64_t size)
{
    char header[32];
    struct digest *digest = start(EVP_sha1());
    int length = snprintf(header, sizeof header, "blob %llu", (unsigned long long)size);
    if (digest && !digest_update(digest, header, (size_t)length + 1)) {
        digest_free(digest);
        return NULL;
    }
    return digest;
}

bool digest_update(struct digest *digest, const void *bytes, size_t size)
{
    return EVP_DigestUpdate(context_of(digest), bytes, size) == 1;
}

bool digest_finish(struct digest *digest, char hex[65])
{
    unsigned char raw[EVP_MAX_MD_SIZE];
    unsigned int size = 0;
    bool ok = EVP_DigestFinal_ex(context_of(digest), raw, &size) == 1 && size <= 32;
    digest_free(digest);
    for (unsigned int i = 0; ok && i < size; i++) {
        hex[2 * i] = "0123456789abcdef"[raw[i] >> 4];
        hex[2 * i + 1] = "0123456789abcdef"[raw[i] & 15];
    }
    hex[ok ? 2 * size : 0] = '\0';
    return ok;
}

void digest_free(struct digest *digest)
{
    EVP_MD_CTX_free(context_of(digest));
}
