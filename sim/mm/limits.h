/*
 * limits.h - array lengths of the modelled kernel build.
 */
#ifndef KMEMSIM_MM_LIMITS_H
#define KMEMSIM_MM_LIMITS_H

#define MACHINE_CPUS_MAX  8 /* NR_CPUS: the pointer array in a cache descriptor has 8 entries */
#define MACHINE_NODES_MAX 4 /* MAX_NUMNODES of the NUMA build */

#endif
