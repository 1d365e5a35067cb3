/*
 * test_page_list.c - lists of pages linked by pfn: both ends, removal anywhere, and the same as a plain queue.
 */
#include <glib.h>

#include "base/prng.h"
#include "mm/page.h"
#include "support/dies.h"

#define PAGES 64u

static void expect(const struct page *pages, const struct page_list *list, uint32_t count, const uint32_t *pfns)
{
        uint32_t prev = PFN_NONE;
        uint32_t pfn = list->head;

        g_assert_cmpuint(list->count, ==, count);
        for (uint32_t i = 0; i < count; i++) {
                g_assert_cmpuint(pfn, ==, pfns[i]);
                g_assert_cmpuint(pages[pfn].prev, ==, prev);
                prev = pfn;
                pfn = pages[pfn].next;
        }
        g_assert_cmpuint(pfn, ==, PFN_NONE);
        g_assert_cmpuint(list->tail, ==, prev);
}

static void test_empty(void)
{
        struct page_list list;

        page_list_init(&list);
        g_assert_cmpuint(list.head, ==, PFN_NONE);
        g_assert_cmpuint(list.tail, ==, PFN_NONE);
        g_assert_cmpuint(list.count, ==, 0);
}

static void test_ends(void)
{
        struct page pages[PAGES] = { 0 };
        struct page_list list;

        page_list_init(&list);
        page_list_add_head(pages, &list, 5);
        expect(pages, &list, 1, (uint32_t[]){ 5 });
        page_list_add_head(pages, &list, 0); /* pfn 0 is a page like any other */
        page_list_add_tail(pages, &list, 9);
        expect(pages, &list, 3, (uint32_t[]){ 0, 5, 9 });
}

static void test_remove(void)
{
        struct page pages[PAGES] = { 0 };
        struct page_list list;

        page_list_init(&list);
        for (uint32_t pfn = 1; pfn <= 5; pfn++)
                page_list_add_tail(pages, &list, pfn);
        page_list_remove(pages, &list, 3);
        expect(pages, &list, 4, (uint32_t[]){ 1, 2, 4, 5 });
        page_list_remove(pages, &list, 1);
        expect(pages, &list, 3, (uint32_t[]){ 2, 4, 5 });
        page_list_remove(pages, &list, 5);
        expect(pages, &list, 2, (uint32_t[]){ 2, 4 });
        page_list_remove(pages, &list, 2);
        page_list_remove(pages, &list, 4);
        expect(pages, &list, 0, NULL);
}

static void test_as_a_queue(void)
{
        for (uint64_t seed = 1; seed <= 20; seed++) {
                struct page pages[PAGES] = { 0 };
                bool on[PAGES] = { false };
                struct page_list list;
                GQueue queue = G_QUEUE_INIT;
                struct prng prng;

                prng_init(&prng, seed, 0);
                page_list_init(&list);
                for (int step = 0; step < 500; step++) {
                        uint32_t pfn = (uint32_t)prng_below(&prng, PAGES);
                        uint32_t order[PAGES];
                        uint32_t count = 0;

                        if (on[pfn]) {
                                page_list_remove(pages, &list, pfn);
                                g_queue_remove(&queue, GUINT_TO_POINTER(pfn));
                        } else if (prng_chance(&prng, 1, 2)) {
                                page_list_add_head(pages, &list, pfn);
                                g_queue_push_head(&queue, GUINT_TO_POINTER(pfn));
                        } else {
                                page_list_add_tail(pages, &list, pfn);
                                g_queue_push_tail(&queue, GUINT_TO_POINTER(pfn));
                        }
                        on[pfn] = !on[pfn];
                        for (GList *link = queue.head; link; link = link->next)
                                order[count++] = GPOINTER_TO_UINT(link->data);
                        expect(pages, &list, count, order);
                }
                g_queue_clear(&queue);
        }
}

static void remove_from_empty(void *data)
{
        struct page pages[PAGES] = { 0 };
        struct page_list list;

        (void)data;
        page_list_init(&list);
        page_list_remove(pages, &list, 1);
}

static void test_remove_from_empty(void)
{
        test_dies(remove_from_empty, NULL, "list->count > 0");
}

int main(int argc, char **argv)
{
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/mm/page/a-new-list-is-empty", test_empty);
        g_test_add_func("/mm/page/pages-go-on-either-end", test_ends);
        g_test_add_func("/mm/page/pages-leave-from-anywhere", test_remove);
        g_test_add_func("/mm/page/a-list-is-a-queue", test_as_a_queue);
        g_test_add_func("/mm/page/nothing-leaves-an-empty-list", test_remove_from_empty);
        return g_test_run();
}
