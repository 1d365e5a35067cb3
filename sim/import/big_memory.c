/*
 * big_memory.c - see big_memory.h.
 */
#include "import/big_memory.h"

#include <glib.h>
#include <sys/mman.h>

#define LARGE_PAGE_BYTES (2u * 1024 * 1024)

void *big_memory_new(size_t bytes)
{
        void *memory;

        if (bytes < LARGE_PAGE_BYTES)
                return g_malloc0(bytes);
        memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (memory == MAP_FAILED)
                g_error("no memory for a table of %" G_GSIZE_FORMAT " bytes", bytes);
#ifdef MADV_HUGEPAGE
        (void)madvise(memory, bytes, MADV_HUGEPAGE); /* small pages do as well */
#endif
        return memory;
}

void big_memory_free(void *memory, size_t bytes)
{
        if (bytes < LARGE_PAGE_BYTES)
                g_free(memory);
        else
                munmap(memory, bytes);
}
