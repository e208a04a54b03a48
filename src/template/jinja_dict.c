/* SPDX-License-Identifier: Apache-2.0 */
/* Dicts: entries in order of insertion, with an index once a linear search would be slow. */
#include <math.h>
#include <string.h>
#include "template/jinja_run.h"

#define DICT_LINEAR_MAX 8

static uint64_t mix(uint64_t hash, uint64_t value)
{
    hash = (hash ^ value) * UINT64_C(0x9E3779B97F4A7C15);
    return hash ^ (hash >> 29);
}

static uint64_t hash_bytes(const struct jinja_string *string)
{
    uint64_t hash = UINT64_C(0xCBF29CE484222325);
    for (size_t i = 0; i < string->size; i++)
        hash = (hash ^ (unsigned char)string->data[i]) * UINT64_C(0x100000001B3);
    return mix(hash, string->size);
}

/* 1 == 1.0 == True must share a hash. */
static uint64_t hash_number(double value)
{
    uint64_t bits = 0;
    value += 0.0; /* -0.0 becomes 0.0 */
    memcpy(&bits, &value, sizeof(bits));
    return mix(1, bits);
}

static bool hash_value(struct jinja_run *run, struct jinja_value value, unsigned depth,
                       uint64_t *hash)
{
    switch (value.kind) {
    case JINJA_STRING:
    case JINJA_BIG:
        *hash = hash_bytes(value.as.string);
        return true;
    case JINJA_BOOL:
        *hash = hash_number(value.as.boolean);
        return true;
    case JINJA_INT:
        *hash = hash_number((double)value.as.integer);
        return true;
    case JINJA_FLOAT:
        *hash = hash_number(value.as.real);
        return true;
    case JINJA_TUPLE:
        *hash = 7;
        if (depth > JINJA_VALUE_DEPTH_MAX)
            return jinja_raise(run, "RecursionError", "maximum recursion depth exceeded").kind;
        for (size_t i = 0; i < value.as.list->count; i++) {
            uint64_t item = 0;
            if (!hash_value(run, value.as.list->items[i], depth + 1, &item))
                return false;
            *hash = mix(*hash, item);
        }
        return jinja_charge(run, value.as.list->count);
    case JINJA_LIST:
    case JINJA_DICT:
        return jinja_raise(run, "TypeError", "unhashable type: '%s'", jinja_type_name(value)).kind;
    default:
        *hash = value.kind;
        return true;
    }
}

struct jinja_value jinja_dict_new(struct jinja_run *run)
{
    struct jinja_dict *dict = jinja_alloc(run, sizeof(*dict));
    if (!dict)
        return jinja_error();
    return (struct jinja_value){.kind = JINJA_DICT, .as.dict = dict};
}

static bool build_index(struct jinja_run *run, struct jinja_dict *dict)
{
    size_t size = 32;
    while (size < dict->capacity * 2)
        size *= 2;
    uint32_t *index = jinja_alloc(run, size * sizeof(*index));
    if (!index)
        return false;
    for (size_t i = 0; i < dict->count; i++) {
        uint64_t hash = 0;
        if (!hash_value(run, dict->entries[i].key, 0, &hash))
            return false;
        size_t slot = hash & (size - 1);
        while (index[slot])
            slot = (slot + 1) & (size - 1);
        index[slot] = (uint32_t)i + 1;
    }
    dict->index = index;
    dict->index_size = size;
    return true;
}

/* 1: *entry is the entry of key; 0: absent, *slot is where it belongs; -1: failure. */
static int find(struct jinja_run *run, const struct jinja_dict *dict, struct jinja_value key,
                size_t *entry, size_t *slot)
{
    uint64_t hash = 0;
    if (!hash_value(run, key, 0, &hash))
        return -1;
    if (!dict->index) {
        for (size_t i = 0; i < dict->count; i++) {
            int equal = jinja_equal(run, dict->entries[i].key, key);
            *entry = i;
            if (equal)
                return equal;
        }
        return 0;
    }
    for (*slot = hash & (dict->index_size - 1); dict->index[*slot];
         *slot = (*slot + 1) & (dict->index_size - 1)) {
        *entry = dict->index[*slot] - 1;
        int equal = jinja_equal(run, dict->entries[*entry].key, key);
        if (equal)
            return equal;
        if (!jinja_charge(run, 1))
            return -1;
    }
    return 0;
}

static bool grow(struct jinja_run *run, struct jinja_dict *dict)
{
    size_t capacity = dict->capacity ? dict->capacity * 2 : 4;
    struct jinja_entry *entries = jinja_alloc(run, capacity * sizeof(*entries));
    if (!entries)
        return false;
    if (dict->count)
        memcpy(entries, dict->entries, dict->count * sizeof(*entries));
    dict->entries = entries;
    dict->capacity = capacity;
    return capacity <= DICT_LINEAR_MAX || build_index(run, dict);
}

bool jinja_dict_set(struct jinja_run *run, struct jinja_dict *dict, struct jinja_value key,
                    struct jinja_value value)
{
    if (dict->count == dict->capacity && !grow(run, dict))
        return false;
    size_t entry = 0, slot = 0;
    int found = find(run, dict, key, &entry, &slot);
    if (found < 0)
        return false;
    if (found) {
        dict->entries[entry].value = value;
        return true;
    }
    dict->entries[dict->count++] = (struct jinja_entry){key, value};
    if (dict->index)
        dict->index[slot] = (uint32_t)dict->count;
    return true;
}

int jinja_dict_get(struct jinja_run *run, const struct jinja_dict *dict, struct jinja_value key,
                   struct jinja_value *out)
{
    size_t entry = 0, slot = 0;
    int found = find(run, dict, key, &entry, &slot);
    if (found == 1)
        *out = dict->entries[entry].value;
    return found;
}

const struct jinja_value *jinja_dict_find(const struct jinja_dict *dict,
                                          const struct jinja_string *key)
{
    if (!dict->index) {
        for (size_t i = 0; i < dict->count; i++) {
            const struct jinja_entry *entry = &dict->entries[i];
            if (entry->key.kind == JINJA_STRING && jinja_string_equal(entry->key.as.string, key))
                return &entry->value;
        }
        return NULL;
    }
    size_t slot = hash_bytes(key) & (dict->index_size - 1);
    for (; dict->index[slot]; slot = (slot + 1) & (dict->index_size - 1)) {
        const struct jinja_entry *entry = &dict->entries[dict->index[slot] - 1];
        if (entry->key.kind == JINJA_STRING && jinja_string_equal(entry->key.as.string, key))
            return &entry->value;
    }
    return NULL;
}
