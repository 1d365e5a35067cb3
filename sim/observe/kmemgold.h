/*
 * kmemgold.h - the state of the allocator as text: /proc/slabinfo lines, and the snapshots and dumps of `kmemgold 1`.
 *
 * Reads the models and changes nothing. The formats are those of the reference vectors, byte for byte, so that a
 * difference between the model and the kernel is a difference between two files.
 */
#ifndef KMEMSIM_OBSERVE_KMEMGOLD_H
#define KMEMSIM_OBSERVE_KMEMGOLD_H

#include <glib.h>
#include <stdint.h>

#include "engine/sim.h"

/* One line of /proc/slabinfo 2.1 with newline (spec 01 section 11). */
void slabinfo_line(const struct sim *sim, uint32_t cache, GString *text);

/* `snap number` ... `endsnap`: counters, geometry, arrays, lists, zones. */
void kmemgold_snap(const struct sim *sim, uint32_t number, GString *text);

/* `dump number` ... `enddump`: every list in order, every place. */
void kmemgold_dump(const struct sim *sim, uint32_t number, GString *text);

#endif
