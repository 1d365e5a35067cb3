/*
 * test_slab_lists.c - the three lists of a cache: a slab is on one of them or on none.
 */
#include <glib.h>

#include "mm/slab.h"
#include "support/dies.h"

#define SLABS 8u

static void expect(const struct slab *slabs, const struct slab_list *lists, enum slab_list_kind kind, const char *ids)
{
        g_autoptr(GString) text = g_string_new(NULL);
        uint32_t count = 0;
        uint32_t prev = SLAB_NONE;

        for (uint32_t id = lists[kind].head; id; prev = id, id = slabs[id].next) {
                g_string_append_printf(text, count++ ? " %u" : "%u", id);
                g_assert_cmpuint(slabs[id].prev, ==, prev);
                g_assert_cmpuint(slabs[id].list, ==, kind);
        }
        g_assert_cmpstr(text->str, ==, ids);
        g_assert_cmpuint(lists[kind].tail, ==, prev);
        g_assert_cmpuint(lists[kind].count, ==, count);
}

static void test_ends(void)
{
        struct slab slabs[SLABS] = { 0 };
        struct slab_list lists[SLAB_LIST_KINDS] = { 0 };

        slab_list_add_head(slabs, lists, SLABS_PARTIAL, 1);
        slab_list_add_head(slabs, lists, SLABS_PARTIAL, 2);
        slab_list_add_tail(slabs, lists, SLABS_PARTIAL, 3);
        slab_list_add_tail(slabs, lists, SLABS_FREE, 4);
        slab_list_add_head(slabs, lists, SLABS_FREE, 5);
        expect(slabs, lists, SLABS_PARTIAL, "2 1 3");
        expect(slabs, lists, SLABS_FREE, "5 4");
        expect(slabs, lists, SLABS_FULL, "");
}

static void test_moves(void)
{
        struct slab slabs[SLABS] = { 0 };
        struct slab_list lists[SLAB_LIST_KINDS] = { 0 };

        for (uint32_t id = 1; id <= 4; id++)
                slab_list_add_tail(slabs, lists, SLABS_PARTIAL, id);
        slab_list_remove(slabs, lists, 2); /* the middle, then both ends */
        g_assert_cmpuint(slabs[2].list, ==, SLABS_NOWHERE);
        slab_list_add_head(slabs, lists, SLABS_FULL, 2);
        slab_list_remove(slabs, lists, 1);
        slab_list_add_head(slabs, lists, SLABS_FULL, 1);
        slab_list_remove(slabs, lists, 4);
        slab_list_add_head(slabs, lists, SLABS_FREE, 4);
        expect(slabs, lists, SLABS_PARTIAL, "3");
        expect(slabs, lists, SLABS_FULL, "1 2");
        expect(slabs, lists, SLABS_FREE, "4");
        slab_list_remove(slabs, lists, 3); /* alone on its list, to the tail of it again */
        slab_list_add_tail(slabs, lists, SLABS_PARTIAL, 3);
        expect(slabs, lists, SLABS_PARTIAL, "3");
}

static void add_twice(void *data)
{
        struct slab slabs[SLABS] = { 0 };
        struct slab_list lists[SLAB_LIST_KINDS] = { 0 };

        (void)data;
        slab_list_add_head(slabs, lists, SLABS_FREE, 1);
        slab_list_add_tail(slabs, lists, SLABS_FULL, 1);
}

static void remove_from_nowhere(void *data)
{
        struct slab slabs[SLABS] = { 0 };
        struct slab_list lists[SLAB_LIST_KINDS] = { 0 };

        (void)data;
        slab_list_remove(slabs, lists, 1);
}

static void test_one_list_at_a_time(void)
{
        test_dies(add_twice, NULL, "SLABS_NOWHERE");
        test_dies(remove_from_nowhere, NULL, "SLABS_NOWHERE");
}

int main(int argc, char **argv)
{
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/mm/slab-lists/slabs-go-on-either-end", test_ends);
        g_test_add_func("/mm/slab-lists/slabs-move-between-lists", test_moves);
        g_test_add_func("/mm/slab-lists/a-slab-is-on-one-list-at-a-time", test_one_list_at_a_time);
        return g_test_run();
}
