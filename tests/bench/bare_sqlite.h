/*
 * bare_sqlite.h - how fast SQLite alone takes the rows of a run: what a recording is measured against.
 *
 * The rows of op and event, and of op_site where requests come from a trace, lie in memory, as the engine wrote them. A
 * thread reads them there and inserts them into the tables of a recording, in the order in which they happened, and
 * does nothing else: no sums, no totals, no history, no views, nothing to wait for. Two ways, since which one is
 * faster depends on the machine and on SQLite:
 *      bind   one prepared INSERT for each table, one step for each row
 *      vtab   one INSERT ... SELECT for each block, from a virtual table written for these records
 * Both leave out what costs time without need: no mutexes, no rollback journal, no sync, one transaction; pages and
 * cache are as large as a recording's.
 */
#ifndef KMEMSIM_TESTS_BENCH_BARE_SQLITE_H
#define KMEMSIM_TESTS_BENCH_BARE_SQLITE_H

#include <glib.h>

#include "observe/batch.h"

enum bare_way { BARE_BIND, BARE_VTAB };

/* Creates the file and writes the rows of all batches (struct batch, in order). NULL, or what SQLite says was wrong. */
const char *bare_write(const char *path, enum bare_way way, const GPtrArray *batches);

#endif
