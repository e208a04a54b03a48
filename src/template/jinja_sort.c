/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A stable sort whose comparison may fail. Up to 63 items are compared in CPython's order (a run,
 * then binary insertion), so that the TypeError of unlike items names the same two types.
 */
#include <string.h>
#include "template/jinja_eval.h"

#define INSERTION_MAX 63

/* What is being sorted: positions in keys; scratch is as long. */
struct sorting {
    struct jinja_run *run;
    const struct jinja_list *keys;
    size_t *order, *scratch;
};

/* keys[a] < keys[b]: 1, 0, or -1 after an error. */
static int is_less(const struct sorting *s, size_t a, size_t b)
{
    int sign = 0;
    if (!jinja_charge(s->run, 1) ||
        !jinja_order(s->run, s->keys->items[a], s->keys->items[b], "<", &sign))
        return -1;
    return sign == -1;
}

static void reverse(size_t *order, size_t count)
{
    for (size_t i = 0; i < count / 2; i++) {
        size_t swap = order[i];
        order[i] = order[count - 1 - i];
        order[count - 1 - i] = swap;
    }
}

/* The length of the run at the start, made ascending; 0 after an error. */
static size_t first_run(const struct sorting *s, size_t *order, size_t count)
{
    int descending = is_less(s, order[1], order[0]), less = descending;
    size_t length = 2;
    while (less >= 0 && length < count) {
        less = is_less(s, order[length], order[length - 1]);
        if (less != descending)
            break;
        length++;
    }
    if (less < 0)
        return 0;
    if (descending)
        reverse(order, length);
    return length;
}

static bool insertion_sort(const struct sorting *s, size_t *order, size_t count)
{
    size_t sorted = count < 2 ? count : first_run(s, order, count);
    if (count && !sorted)
        return false;
    for (; sorted < count; sorted++) {
        size_t pivot = order[sorted], low = 0, high = sorted;
        while (low < high) {
            size_t middle = low + (high - low) / 2;
            int less = is_less(s, pivot, order[middle]);
            if (less < 0)
                return false;
            if (less)
                high = middle;
            else
                low = middle + 1;
        }
        memmove(order + low + 1, order + low, (sorted - low) * sizeof(*order));
        order[low] = pivot;
    }
    return true;
}

static bool merge_sort(const struct sorting *s, size_t begin, size_t end)
{
    if (end - begin <= INSERTION_MAX)
        return insertion_sort(s, s->order + begin, end - begin);
    size_t middle = begin + (end - begin) / 2;
    if (!merge_sort(s, begin, middle) || !merge_sort(s, middle, end))
        return false;
    size_t left = begin, right = middle, out = begin;
    while (left < middle && right < end) {
        int less = is_less(s, s->order[right], s->order[left]);
        if (less < 0)
            return false;
        s->scratch[out++] = less ? s->order[right++] : s->order[left++];
    }
    while (left < middle)
        s->scratch[out++] = s->order[left++];
    while (right < end)
        s->scratch[out++] = s->order[right++];
    memcpy(s->order + begin, s->scratch + begin, (end - begin) * sizeof(*s->order));
    return true;
}

bool jinja_sort(struct jinja_run *run, struct jinja_list *items, const struct jinja_list *keys,
                bool descending)
{
    size_t count = items->count;
    if (count < 2)
        return true;
    struct sorting s = {run, keys, jinja_alloc(run, count * sizeof(size_t)),
                        jinja_alloc(run, count * sizeof(size_t))};
    struct jinja_value *sorted = jinja_alloc(run, count * sizeof(*sorted));
    if (!s.order || !s.scratch || !sorted)
        return false;
    for (size_t i = 0; i < count; i++)
        s.order[i] = i;
    /* Reversed before and after, equal items keep their order, as in Python. */
    if (descending)
        reverse(s.order, count);
    if (!merge_sort(&s, 0, count))
        return false;
    if (descending)
        reverse(s.order, count);
    for (size_t i = 0; i < count; i++)
        sorted[i] = items->items[s.order[i]];
    items->items = sorted;
    items->capacity = count;
    return true;
}
