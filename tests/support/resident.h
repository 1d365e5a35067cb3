/*
 * resident.h - how much real memory this process has.
 */
#ifndef KMEMSIM_TESTS_SUPPORT_RESIDENT_H
#define KMEMSIM_TESTS_SUPPORT_RESIDENT_H

#include <glib.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

static inline uint64_t resident_bytes(void)
{
        unsigned long total = 0, resident = 0;
        FILE *file = fopen("/proc/self/statm", "r");

        g_assert_nonnull(file);
        g_assert_cmpint(fscanf(file, "%lu %lu", &total, &resident), ==, 2);
        fclose(file);
        return (uint64_t)resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

#endif
