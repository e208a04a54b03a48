/* SPDX-License-Identifier: Apache-2.0 */
/* The key by which filters sort, group and pick: an item, or an attribute path of it. */
#ifndef TEMPLATE_JINJA_FILTER_KEY_H
#define TEMPLATE_JINJA_FILTER_KEY_H

#include "template/jinja_eval.h"
#include "template/jinja_registry.h"

#define JINJA_GROUP_TYPE "_GroupTuple" /* what groupby gives: (grouper, list) */

struct jinja_key {
    struct jinja_list *paths;    /* lists of parts (names and integers); one unless multi */
    struct jinja_value fallback; /* in place of an undefined attribute; JINJA_ERROR: none */
    bool ignore_case, multi;
};

/*
 * attribute: JINJA_ERROR or None: the item itself; "a.b.0"; or an integer. case_sensitive false:
 * strings compare in lower case. False after an error.
 */
bool jinja_key_init(struct jinja_run *run, struct jinja_value attribute,
                    struct jinja_value fallback, bool case_sensitive, struct jinja_key *key);

/* The same for "a,b": the key is a list of both. */
bool jinja_key_init_multi(struct jinja_run *run, struct jinja_value attribute, bool case_sensitive,
                          struct jinja_key *key);

struct jinja_value jinja_key_of(struct jinja_run *run, const struct jinja_key *key,
                                struct jinja_value item);

/* The keys of all items as a new list. */
struct jinja_value jinja_key_list(struct jinja_run *run, const struct jinja_key *key,
                                  struct jinja_value items);

#endif
