/* SPDX-License-Identifier: Apache-2.0 */
/* The installed header first and alone, compiled as strict C11 (CMakeLists.txt), run by ctest. */
#include <octet/octet.h>

int main(void)
{
    return octet_status_text(OCTET_OK)[0] == 'o' && octet_version()[0] ? 0 : 1;
}
