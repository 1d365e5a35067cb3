/*
 * row_block.h - many rows at once into the tables of a recording.
 *
 * SQLite takes rows in one by one: for each it runs a few dozen instructions of its machine, most of them to turn values into
 * a record, the bytes of a row. Between two tables of the same columns it copies records as they are ("INSERT INTO a
 * SELECT * FROM b", since 3.7: the transfer optimization). So a block is a table: a database in memory of our own, attached
 * as `block`, whose pages are written here, in the file format that SQLite documents. It holds up to some thousand
 * rows of one table; row_block_end has them copied and empties it. What arrives in the recording is the same as with
 * INSERT ... VALUES, at about two thirds of the price.
 *
 * The pages change between two statements of one transaction, which SQLite cannot know: it must read them where they
 * are and keep no copy. It does so for databases in memory that are read by mmap; where SQLite was built without that,
 * rows are inserted one by one. Of each block the number of rows that arrived is checked.
 *
 * Rows of a block with an INTEGER PRIMARY KEY must come in the order of the key.
 */
#ifndef KMEMSIM_RECORD_ROW_BLOCK_H
#define KMEMSIM_RECORD_ROW_BLOCK_H

#include <sqlite3.h>
#include <stdint.h>

#include "record/schema.h"

struct row_block;

/* For these tables of `db`, which has them already; outside of a transaction. in_place FALSE: as if this SQLite could not
 * read the pages where they are, for tests. Returns an SQLite code. */
int row_block_new(sqlite3 *db, const enum table_id *tables, uint32_t table_count, gboolean in_place,
                  struct row_block **ret);
void row_block_free(struct row_block *block); /* before the database is closed */

/* Rows of this table follow. */
void row_block_begin(struct row_block *block, enum table_id table);

/* One row: all columns mirror fields of the record, and the first is the INTEGER PRIMARY KEY. */
int row_block_add_record(struct row_block *block, const void *record);

/* One row of a table whose first column is the INTEGER PRIMARY KEY and whose second and last is a number. */
int row_block_add_pair(struct row_block *block, int64_t key, int64_t value);

/* Another row: its values from left to right (no INTEGER PRIMARY KEY), then the end. */
void row_block_int(struct row_block *block, int64_t value);
void row_block_text(struct row_block *block, const char *text); /* at most 50 bytes; stays the caller's until the end */
void row_block_mirrors(struct row_block *block, const void *record); /* all columns that mirror a field */
int row_block_end_row(struct row_block *block);

/* What was added is in the table. */
int row_block_end(struct row_block *block);

#endif
