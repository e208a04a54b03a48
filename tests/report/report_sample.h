/* SPDX-License-Identifier: Apache-2.0 */
/* A report with one of everything, of made-up numbers: what the golden files show. */
#ifndef TESTS_REPORT_SAMPLE_H
#define TESTS_REPORT_SAMPLE_H

#include "report/report.h"

/* NULL without memory. */
struct report *report_sample(enum report_language language);

/* The same kinds of blocks with `text` in every field that takes a string. */
struct report *report_sample_of(const char *text);

#endif
