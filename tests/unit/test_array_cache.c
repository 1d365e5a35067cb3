/*
 * test_array_cache.c - the magazine as an array: the oldest entries leave, the rest keeps its order.
 */
#include <glib.h>

#include "mm/array_cache.h"
#include "support/dies.h"

static struct array_cache *filled(uint32_t limit, uint32_t avail)
{
        struct array_cache *ac = g_malloc0(array_cache_bytes(limit));

        ac->limit = limit;
        ac->avail = avail;
        for (uint32_t i = 0; i < avail; i++)
                ac->entry[i] = 100 + i;
        return ac;
}

static void test_drop(void)
{
        for (uint32_t avail = 0; avail <= 12; avail++) {
                for (uint32_t count = 0; count <= avail; count++) {
                        g_autofree struct array_cache *ac = filled(12, avail);

                        array_cache_drop_oldest(ac, count);
                        g_assert_cmpuint(ac->avail, ==, avail - count);
                        for (uint32_t i = 0; i < ac->avail; i++)
                                g_assert_cmpuint(ac->entry[i], ==, 100 + count + i);
                }
        }
}

/* As many as are wanted, as there are and as fit; the newest, in their order. */
static void test_move_top(void)
{
        for (uint32_t have = 0; have <= 5; have++) {
                for (uint32_t there = 0; there <= 6; there++) {
                        for (uint32_t want = 0; want <= 7; want++) {
                                g_autofree struct array_cache *from = filled(5, have);
                                g_autofree struct array_cache *to = filled(6, there);
                                uint32_t count = MIN(MIN(want, have), 6 - there);

                                for (uint32_t i = 0; i < there; i++)
                                        to->entry[i] = i;
                                g_assert_cmpuint(array_cache_move_top(to, from, want), ==, count);
                                g_assert_cmpuint(from->avail, ==, have - count);
                                g_assert_cmpuint(to->avail, ==, there + count);
                                for (uint32_t i = 0; i < there; i++)
                                        g_assert_cmpuint(to->entry[i], ==, i);
                                for (uint32_t i = 0; i < count; i++)
                                        g_assert_cmpuint(to->entry[there + i], ==, 100 + have - count + i);
                        }
                }
        }
}

static void test_bytes(void)
{
        g_assert_cmpuint(array_cache_bytes(0), ==, sizeof(struct array_cache));
        g_assert_cmpuint(array_cache_bytes(120), ==, sizeof(struct array_cache) + 120 * 8);
}

static void drop_too_many(void *data)
{
        array_cache_drop_oldest(filled(12, 3), 4);
        (void)data;
}

static void test_drop_too_many(void)
{
        test_dies(drop_too_many, NULL, "count <= ac->avail");
}

int main(int argc, char **argv)
{
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/mm/array-cache/the-oldest-leave-and-the-rest-keeps-its-order", test_drop);
        g_test_add_func("/mm/array-cache/the-newest-move-and-keep-their-order", test_move_top);
        g_test_add_func("/mm/array-cache/size-grows-with-the-limit", test_bytes);
        g_test_add_func("/mm/array-cache/no-more-leave-than-are-there", test_drop_too_many);
        return g_test_run();
}
