/*
 * why_failed.h - what the named query why_failed reads: the state in which a request was refused, as temporary tables.
 *
 * Why a watermark refused and who holds which page is nowhere in a recording; the run is repeated up to the last
 * refusal of the request and looked at there. Then SQL can ask (reports/why_failed.sql):
 *
 *   why_fact(name, value)                one fact: op, order_, gfp, t_ns (of the last refusal), verdict, text
 *   why_zone(nr, pass, node, zone, free_pages, is_enough, text)
 *                                        one zone that a walk over the zonelist looked at and refused, in order
 *   why_block(nr, first, node, zone, in_use)
 *                                        one aligned block of the order asked for, of these zones, with pages in use;
 *                                        those with the fewest first, and of these the ones longest in use
 *   why_pin(block, kind, cache, first, pages, objs, op)
 *                                        who keeps pages of such a block: a slab with the oldest op that holds an
 *                                        object of it, a block of pages and its op, or what nobody asked for
 *   why_pin_named                        the same with t_ns of the op, name of the cache, and who: call site or task
 */
#ifndef KMEMSIM_CLI_WHY_FAILED_H
#define KMEMSIM_CLI_WHY_FAILED_H

#include <glib.h>

#include "record/recording.h"

#define WHY_FAILED_NAME "why_failed"

/*
 * Makes these tables in the temporary schema of the recording's connection. op: id of the request, or 0: the number-th
 * that got no memory, from 1. FALSE with *error: there is no such request (USAGE),
 * or the recording cannot be replayed.
 */
gboolean why_failed_prepare(struct recording *recording, uint64_t op, uint64_t number, GError **error);

#endif
