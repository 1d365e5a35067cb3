/*
 * intern.h - each different text once, known by a small number: names of caches, call sites, tasks.
 *
 * Ids count up from 0 in the order in which the texts were first seen, so they are the same on every machine.
 */
#ifndef KMEMSIM_IMPORT_INTERN_H
#define KMEMSIM_IMPORT_INTERN_H

#include <stddef.h>
#include <stdint.h>

struct intern {
        uint32_t count;
        uint32_t slot_count; /* a power of two, at least twice count */
        struct intern_slot *slots;
        struct intern_text *texts; /* count of them */
        char *bytes;               /* all texts, each with a NUL behind it */
        size_t bytes_used, bytes_room;
};

void intern_init(struct intern *intern);
void intern_clear(struct intern *intern);

/* The id of the text; a new one if id == count before the call. */
uint32_t intern_id(struct intern *intern, const char *text, size_t length);

/* NUL-terminated (a text that holds NULs ends at its length); lives until the next intern_id. */
const char *intern_text(const struct intern *intern, uint32_t id, size_t *ret_length);

#endif
