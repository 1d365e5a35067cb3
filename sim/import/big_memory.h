/*
 * big_memory.h - zeroed memory for large tables that are looked into at random: on large pages where the system has
 * them, since with small ones half of the time goes into finding the page.
 */
#ifndef KMEMSIM_IMPORT_BIG_MEMORY_H
#define KMEMSIM_IMPORT_BIG_MEMORY_H

#include <stddef.h>

/* Never NULL: like g_malloc, gives up if there is no memory. */
void *big_memory_new(size_t bytes);
void big_memory_free(void *memory, size_t bytes);

#endif
