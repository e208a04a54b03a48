/* SPDX-License-Identifier: Apache-2.0 */
#include "tokenizer/unicode_class.h"

uint32_t unicode_flags(uint32_t code_point, size_t *hint)
{
    /* *hint is the last range that begins at or before the previous code point. */
    size_t low = *hint;
    if (low < unicode_range_count && unicode_ranges[low].first <= code_point &&
        (low + 1 == unicode_range_count || code_point < unicode_ranges[low + 1].first))
        return code_point <= unicode_ranges[low].last ? unicode_ranges[low].flags : 0;
    low = 0;
    size_t high = unicode_range_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (unicode_ranges[middle].first <= code_point)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == 0)
        return 0;
    *hint = low - 1;
    return code_point <= unicode_ranges[low - 1].last ? unicode_ranges[low - 1].flags : 0;
}
