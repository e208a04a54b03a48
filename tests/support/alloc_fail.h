/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Failing allocations without hooks in the product: the linker's --wrap sends the library's malloc,
 * calloc, realloc, strdup and free through alloc_fail.c. See octet_test(... ALLOC_FAIL).
 *
 *   for (size_t n = 0;; n++) {
 *       alloc_fail_begin(n);            // the n-th allocation from here on fails
 *       bool ok = scenario();
 *       bool failed = alloc_fail_end(); // did it? asserts nothing was leaked or freed twice
 *       if (!failed) break;             // the scenario needs fewer allocations: all were tried
 *   }
 */
#ifndef SUPPORT_ALLOC_FAIL_H
#define SUPPORT_ALLOC_FAIL_H

#include <stdbool.h>
#include <stddef.h>

void alloc_fail_begin(size_t failing_index);

/* Stops failing; true when an allocation was refused. Sets *outstanding to allocations not freed.
 */
bool alloc_fail_end(long *outstanding);

#endif
