/*
 * test_proc.c - /proc of a debug build: slabinfo with its statistics (spec 07 section 7.1).
 */
#include <glib.h>

#include "observe/proc_text.h"
#include "support/testbed.h"

/* The example of the spec: two CPUs, then a cache of 40-byte objects and two of its objects. */
static void test_slabinfo(void)
{
        struct sim_config config = testbed_config(2, 64);
        g_autoptr(testbed) bed = NULL;
        g_autoptr(GString) text = g_string_new(NULL);
        uint32_t foo;

        config.debug_slab = 1;
        bed = testbed_new(&config);
        foo = testbed_create(bed, "foo", 40, 0, 0);
        testbed_alloc(bed, 0, foo, GFP_KERNEL);
        testbed_alloc(bed, 0, foo, GFP_KERNEL);
        proc_slabinfo(bed->sim, text);
        g_assert_true(g_str_has_prefix(
                text->str, "slabinfo - version: 2.1 (statistics)\n"
                           "# name            <active_objs> <num_objs> <objsize> <objperslab> <pagesperslab> : "
                           "tunables <limit> "
                           "<batchcount> <sharedfactor> : slabdata <active_slabs> <num_slabs> <sharedavail> : "
                           "globalstat "
                           "<listallocs> <maxobjs> <grown> <reaped> <error> <maxfreeable> <nodeallocs> <remotefrees> "
                           "<alienoverflow> : cpustat <allochit> <allocmiss> <freehit> <freemiss>\nfoo  "));
        g_assert_nonnull(strstr(text->str,
                                "\nsize-256              14     14    280   14    1 : tunables   32   16    8 : "
                                "slabdata      1      1"
                                "      0 : globalstat      14     14     1    0 \t\t\t\t   0    0    0    0    0 : "
                                "cpustat      5"
                                "      7      0      0\n"));
        g_assert_nonnull(strstr(text->str,
                                "\nsize-32               12     67     56   67    1 : tunables   32   16    8 : "
                                "slabdata      1      1"
                                "      0 : globalstat      29     29     1    0 \t\t\t\t   0    0    0    0    0 : "
                                "cpustat     20"
                                "     29     23     16\n"));
        g_string_truncate(text, 0);
        testbed_free(g_steal_pointer(&bed));
        config.debug_slab = 0;
        bed = testbed_new(&config);
        proc_slabinfo(bed->sim, text);
        g_assert_null(strstr(text->str, "globalstat"));
}

int main(int argc, char **argv)
{
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/debug/proc/slabinfo-has-statistics", test_slabinfo);
        return g_test_run();
}
