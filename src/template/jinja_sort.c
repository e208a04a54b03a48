/* SPDX-License-Identifier: Apache-2.0 */
/* A stable merge sort whose comparison may fail. */
#include <string.h>
#include "template/jinja_eval.h"

/* Sort order[begin..end) by keys; scratch is as long as order. */
static bool sort_part(struct jinja_run *run, const struct jinja_list *keys, size_t *order,
                      size_t *scratch, size_t begin, size_t end, bool reverse)
{
    if (end - begin < 2)
        return true;
    size_t middle = begin + (end - begin) / 2;
    if (!sort_part(run, keys, order, scratch, begin, middle, reverse) ||
        !sort_part(run, keys, order, scratch, middle, end, reverse))
        return false;
    size_t left = begin, right = middle, out = begin;
    while (left < middle && right < end) {
        struct jinja_value a = keys->items[order[left]], b = keys->items[order[right]];
        int sign = 0;
        if (!jinja_charge(run, 1) || !jinja_order(run, b, a, "<", &sign))
            return false;
        bool take_right = reverse ? sign == 1 : sign == -1;
        scratch[out++] = take_right ? order[right++] : order[left++];
    }
    while (left < middle)
        scratch[out++] = order[left++];
    while (right < end)
        scratch[out++] = order[right++];
    memcpy(order + begin, scratch + begin, (end - begin) * sizeof(*order));
    return true;
}

bool jinja_sort(struct jinja_run *run, struct jinja_list *items, const struct jinja_list *keys,
                bool reverse)
{
    size_t count = items->count;
    if (count < 2)
        return true;
    size_t *order = jinja_alloc(run, count * sizeof(*order));
    size_t *scratch = jinja_alloc(run, count * sizeof(*scratch));
    struct jinja_value *sorted = jinja_alloc(run, count * sizeof(*sorted));
    if (!order || !scratch || !sorted)
        return false;
    for (size_t i = 0; i < count; i++)
        order[i] = i;
    if (!sort_part(run, keys, order, scratch, 0, count, reverse))
        return false;
    for (size_t i = 0; i < count; i++)
        sorted[i] = items->items[order[i]];
    items->items = sorted;
    items->capacity = count;
    return true;
}
