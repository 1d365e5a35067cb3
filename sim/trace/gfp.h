/*
 * gfp.h - the gfp mask of an allocation: the bits of 2.6.20 with the kernel's own values (spec 03 section 1.2).
 */
#ifndef KMEMSIM_TRACE_GFP_H
#define KMEMSIM_TRACE_GFP_H

#define __GFP_DMA        0x1u
#define __GFP_HIGHMEM    0x2u
#define __GFP_DMA32      0x4u
#define __GFP_WAIT       0x10u
#define __GFP_HIGH       0x20u
#define __GFP_IO         0x40u
#define __GFP_FS         0x80u
#define __GFP_COLD       0x100u
#define __GFP_NOWARN     0x200u
#define __GFP_REPEAT     0x400u
#define __GFP_NOFAIL     0x800u
#define __GFP_NORETRY    0x1000u
#define __GFP_NO_GROW    0x2000u
#define __GFP_COMP       0x4000u
#define __GFP_ZERO       0x8000u
#define __GFP_NOMEMALLOC 0x10000u
#define __GFP_HARDWALL   0x20000u
#define __GFP_THISNODE   0x40000u

#define GFP_NOWAIT   0x0u
#define GFP_ATOMIC   (__GFP_HIGH)
#define GFP_NOIO     (__GFP_WAIT)
#define GFP_NOFS     (__GFP_WAIT | __GFP_IO)
#define GFP_KERNEL   (__GFP_WAIT | __GFP_IO | __GFP_FS)
#define GFP_USER     (GFP_KERNEL | __GFP_HARDWALL)
#define GFP_HIGHUSER (GFP_USER | __GFP_HIGHMEM)

/* The bits the slab layer passes on when it allocates a slab header (GFP_LEVEL_MASK). */
#define GFP_LEVEL_MASK                                                                                                 \
        (__GFP_WAIT | __GFP_HIGH | __GFP_IO | __GFP_FS | __GFP_COLD | __GFP_NOWARN | __GFP_REPEAT | __GFP_NOFAIL |     \
         __GFP_NORETRY | __GFP_NO_GROW | __GFP_COMP | __GFP_NOMEMALLOC | __GFP_HARDWALL | __GFP_THISNODE)

/* GFP_THISNODE of a NUMA build; a UMA build uses 0 (spec 02, TRIO). */
#define GFP_THISNODE_NUMA (__GFP_THISNODE | __GFP_NOWARN | __GFP_NORETRY)

#endif
