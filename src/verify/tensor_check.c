/* SPDX-License-Identifier: Apache-2.0 */
#include "verify/tensor_check.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "base/clock.h"
#include "checkpoint/safetensors.h"
#include "checkpoint/tensor_pass.h"

struct check {
    const struct checkpoint *source, *converted;
    struct verify_result *result;
    struct pass_item *items;
    size_t count;
    uint64_t bytes;
    /* The first difference that is not one of elements: shape, type, missing, extra. */
    struct octet_error first;
};

static bool same_shape(const struct tensor *a, const struct tensor *b)
{
    return a->rank == b->rank && !memcmp(a->shape, b->shape, (size_t)a->rank * sizeof *a->shape);
}

/* Remember the first sentence; the counts say how many there are. */
static struct octet_error *first_slot(struct check *check)
{
    return check->first.status == OCTET_OK ? &check->first : NULL;
}

static void match_converted(struct check *check, const struct tensor *tensor, bool fp8,
                            struct pass_item *item)
{
    const struct tensor *other = checkpoint_find(check->converted, tensor->name);
    enum dtype want = fp8 ? DTYPE_BF16 : tensor->dtype;
    if (!other) {
        check->result->missing++;
        error_set(first_slot(check), OCTET_MISMATCH,
                  "%s: tensor '%s' is missing, expected %s; convert again",
                  checkpoint_directory(check->converted), tensor->name, dtype_name(want));
        return;
    }
    if (other->dtype != want || !same_shape(tensor, other)) {
        char got[SAFETENSORS_SHAPE_TEXT], of[SAFETENSORS_SHAPE_TEXT];
        check->result->misshapen++;
        error_set(first_slot(check), OCTET_MISMATCH,
                  "%s: tensor '%s' is %s %s, expected %s %s; convert again",
                  checkpoint_directory(check->converted), tensor->name, dtype_name(other->dtype),
                  tensor_shape_text(other, got), dtype_name(want), tensor_shape_text(tensor, of));
        return;
    }
    item->file = checkpoint_file(check->converted, other->file);
    item->offset = other->offset;
    check->items[check->count++] = *item;
}

static void collect_items(struct check *check)
{
    for (size_t i = 0; i < checkpoint_tensor_count(check->source); i++) {
        const struct tensor *tensor = checkpoint_tensor(check->source, i);
        enum tensor_role role = checkpoint_role(check->source, tensor);
        if (role != ROLE_FP8 && role != ROLE_PLAIN)
            continue;
        size_t before = check->count;
        struct pass_item item = {.source = tensor};
        if (check->converted)
            match_converted(check, tensor, role == ROLE_FP8, &item);
        else
            check->items[check->count++] = item;
        if (check->count == before)
            continue;
        check->bytes += tensor->bytes;
        if (role == ROLE_FP8) {
            check->result->fp8_tensors++;
            check->result->scales += checkpoint_scale(check->source, tensor)->tensor->elements;
        } else {
            check->result->plain_tensors++;
        }
    }
}

static void find_extra(struct check *check)
{
    for (size_t i = 0; check->converted && i < checkpoint_tensor_count(check->converted); i++) {
        const struct tensor *tensor = checkpoint_tensor(check->converted, i);
        const struct tensor *origin = checkpoint_find(check->source, tensor->name);
        enum tensor_role role = origin ? checkpoint_role(check->source, origin) : ROLE_DROPPED;
        if (role == ROLE_FP8 || role == ROLE_PLAIN)
            continue;
        check->result->extra++;
        error_set(first_slot(check), OCTET_MISMATCH,
                  "%s: tensor '%s' has no place in a conversion of %s, expected it to be absent; "
                  "convert again",
                  checkpoint_directory(check->converted), tensor->name,
                  checkpoint_directory(check->source));
    }
}

static octet_status report(const struct check *check, const struct pass_counts *counts,
                           struct octet_error *err)
{
    if (counts->different) {
        const struct tensor *tensor = counts->first;
        bool fp8 = checkpoint_role(check->source, tensor) == ROLE_FP8;
        return error_set(err, OCTET_MISMATCH,
                         "%s: tensor '%s': %s %" PRIu64 " is 0x%04X, expected 0x%04X (%" PRIu64
                         " differ, in %zu tensors); convert again",
                         checkpoint_directory(check->converted), tensor->name,
                         fp8 ? "element" : "byte", counts->first_element, counts->found,
                         counts->expected, counts->different, counts->different_tensors);
    }
    if (check->first.status != OCTET_OK)
        return error_set(err, OCTET_MISMATCH, "%s", check->first.message);
    return OCTET_OK;
}

octet_status verify_converted(const struct checkpoint *source, const struct checkpoint *converted,
                              int threads, const struct progress *progress,
                              struct verify_result *result, struct octet_error *err)
{
    uint64_t started = clock_now_ns();
    memset(result, 0, sizeof *result);
    struct check check = {.source = source, .converted = converted, .result = result};
    size_t total = checkpoint_tensor_count(source);
    struct tensor_pass *pass = NULL;
    struct pass_counts counts = {0};
    check.items = calloc(total + 1, sizeof *check.items);
    if (!check.items)
        return error_memory(err, "tensor table", (total + 1) * sizeof *check.items);
    collect_items(&check);
    find_extra(&check);
    octet_status status = tensor_pass_create(threads, &pass, err);
    if (status == OCTET_OK)
        status =
            tensor_pass_run(pass, source, converted ? PASS_COMPARE : PASS_SCAN, check.items,
                            check.count, "verifying", NULL, check.bytes, progress, &counts, err);
    tensor_pass_free(pass);
    result->fp8_elements = counts.fp8_elements;
    result->plain_bytes = counts.plain_bytes;
    result->different = counts.different;
    result->different_tensors = counts.different_tensors;
    if (status == OCTET_OK)
        status = report(&check, &counts, err);
    free(check.items);
    result->seconds = clock_seconds_since(started);
    return status;
}
