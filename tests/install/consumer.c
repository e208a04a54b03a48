/* SPDX-License-Identifier: Apache-2.0 */
/* A program of somebody else: sees only the installed header. Prints the library's version. */
#include <octet/octet.h>
#include <stdio.h>

int main(void)
{
    struct octet_error err = {OCTET_OK, ""};
    printf("%s\n", octet_version());
    return err.status == OCTET_OK && octet_status_text(OCTET_LIMIT)[0] ? 0 : 1;
}
