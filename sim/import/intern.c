/*
 * intern.c - see intern.h. An open-addressing table of hashes in front of one growing block of bytes.
 */
#include "import/intern.h"

#include <glib.h>
#include <string.h>

struct intern_slot {
        uint32_t hash;
        uint32_t id_plus_1; /* 0: empty */
};

struct intern_text {
        size_t offset;
        uint32_t length;
};

#define SLOTS_AT_START 256u
#define HASH_FACTOR UINT64_C(0x9e3779b97f4a7c15)

/* Only spreads the texts over the slots; no order and no output depends on it. */
static inline uint32_t hash_bytes(const char *text, size_t length)
{
        uint64_t hash = length * HASH_FACTOR, word;
        uint32_t first, last;

        if (length >= 8) {
                for (const char *at = text; at < text + length - 8; at += 8) {
                        memcpy(&word, at, 8);
                        hash = (hash ^ word) * HASH_FACTOR;
                        hash ^= hash >> 32;
                }
                memcpy(&word, text + length - 8, 8); /* the last eight, some of them for the second time */
        } else if (length >= 4) {
                memcpy(&first, text, 4);
                memcpy(&last, text + length - 4, 4);
                word = (uint64_t)first << 32 | last;
        } else {
                word = 0;
                for (size_t i = 0; i < length; i++)
                        word = word << 8 | (unsigned char)text[i];
        }
        hash = (hash ^ word) * HASH_FACTOR;
        return (uint32_t)(hash >> 32);
}

void intern_init(struct intern *intern)
{
        *intern = (struct intern){
                .slot_count = SLOTS_AT_START,
                .slots = g_new0(struct intern_slot, SLOTS_AT_START),
                .texts = g_new(struct intern_text, SLOTS_AT_START / 2),
                .bytes = g_malloc(4096),
                .bytes_room = 4096,
        };
}

void intern_clear(struct intern *intern)
{
        g_free(intern->slots);
        g_free(intern->texts);
        g_free(intern->bytes);
        *intern = (struct intern){ 0 };
}

static void grow_slots(struct intern *intern)
{
        g_autofree struct intern_slot *old = intern->slots;
        uint32_t old_count = intern->slot_count, i;

        intern->slot_count *= 2;
        intern->slots = g_new0(struct intern_slot, intern->slot_count);
        intern->texts = g_renew(struct intern_text, intern->texts, intern->slot_count / 2);
        for (uint32_t o = 0; o < old_count; o++) {
                if (!old[o].id_plus_1)
                        continue;
                for (i = old[o].hash & (intern->slot_count - 1); intern->slots[i].id_plus_1;)
                        i = (i + 1) & (intern->slot_count - 1);
                intern->slots[i] = old[o];
        }
}

uint32_t intern_id(struct intern *intern, const char *text, size_t length)
{
        uint32_t hash = hash_bytes(text, length), i;
        const struct intern_text *known;

        for (i = hash & (intern->slot_count - 1); intern->slots[i].id_plus_1; i = (i + 1) & (intern->slot_count - 1)) {
                if (intern->slots[i].hash != hash)
                        continue;
                known = &intern->texts[intern->slots[i].id_plus_1 - 1];
                if (known->length == length && memcmp(intern->bytes + known->offset, text, length) == 0)
                        return intern->slots[i].id_plus_1 - 1;
        }
        intern->slots[i] = (struct intern_slot){ hash, intern->count + 1 };
        if (intern->bytes_room - intern->bytes_used < length + 1) {
                intern->bytes_room = 2 * intern->bytes_room + length + 1;
                intern->bytes = g_realloc(intern->bytes, intern->bytes_room);
        }
        intern->texts[intern->count] = (struct intern_text){ intern->bytes_used, (uint32_t)length };
        memcpy(intern->bytes + intern->bytes_used, text, length);
        intern->bytes[intern->bytes_used + length] = '\0';
        intern->bytes_used += length + 1;
        if (++intern->count == intern->slot_count / 2)
                grow_slots(intern);
        return intern->count - 1;
}

const char *intern_text(const struct intern *intern, uint32_t id, size_t *ret_length)
{
        g_assert(id < intern->count);
        if (ret_length)
                *ret_length = intern->texts[id].length;
        return intern->bytes + intern->texts[id].offset;
}
