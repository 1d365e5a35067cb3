/*
 * row_block.h - many rows at once into the tables of a recording.
 *
 * SQLite takes rows in one by one: for each it runs a few dozen instructions of its machine, most of them to turn
 * values into a record, the bytes of a row. Between two tables of the same columns and indexes it copies records as they
 * are ("INSERT INTO a SELECT * FROM b", since 3.7: the transfer optimization). So a block is a database in memory of our
 * own, attached to the recording, whose pages are written here, in the file format that SQLite documents. It holds up to
 * some thousand rows of one table, and their entries in its index by op. What arrives in the recording is the same as
 * with INSERT ... VALUES, at about two thirds of the price; at a third where the keys of the rows follow each other
 * (row_block.c says how).
 *
 * A block is filled without SQLite, so that one thread can fill a block while another copies the one before:
 *      row_block_begin, row_block_add_* (or the values of a row and row_block_end_row), row_block_end; row_block_copy.
 *
 * The pages change between two statements of one transaction, which SQLite cannot know: it must read them where they
 * are and keep no copy. It does so for databases in memory that are read by mmap; where SQLite was built without that,
 * row_block_copy inserts the rows one by one. Of each block the number of rows that arrived is checked.
 *
 * Rows of a block come in the order of the primary key of their table, if it has one.
 */
#ifndef KMEMSIM_RECORD_ROW_BLOCK_H
#define KMEMSIM_RECORD_ROW_BLOCK_H

#include <sqlite3.h>
#include <stdint.h>

#include "record/schema.h"

struct row_block;

/* `count` blocks, each for any of these tables. Returns an SQLite code; ret is all NULL unless that is SQLITE_OK. */
int row_blocks_new(const enum table_id *tables, uint32_t table_count, struct row_block **ret, uint32_t count);

/*
 * Before anything is added: attaches the blocks to the database, which has their tables, empty as yet, as block0,
 * block1, ...; outside of a transaction. in_place FALSE: as if this SQLite could not read the pages where they are, for
 * tests. Returns an SQLite code.
 */
int row_blocks_attach(sqlite3 *db, gboolean in_place, struct row_block *const *blocks, uint32_t count);

void row_block_free(struct row_block *block); /* before the database is closed, outside of a transaction */

/* Rows of this table follow; there are none in the block. */
void row_block_begin(struct row_block *block, enum table_id table);
gboolean row_block_is_empty(const struct row_block *block);

/* One row: all columns mirror fields of the record, and the first is the INTEGER PRIMARY KEY. FALSE: the row is not
 * taken and belongs into another block: there is no room, or its key does not go with those before. */
gboolean row_block_add_record(struct row_block *block, const void *record);

/* One row of a table whose first column is the INTEGER PRIMARY KEY and whose second and last is a number. */
gboolean row_block_add_pair(struct row_block *block, int64_t key, int64_t value);

/* Another row: its values from left to right (no INTEGER PRIMARY KEY), then the end. */
void row_block_int(struct row_block *block, int64_t value);
void row_block_text(struct row_block *block, const char *text); /* at most 50 bytes */
void row_block_mirrors(struct row_block *block, const void *record); /* all columns that mirror a field */
gboolean row_block_end_row(struct row_block *block);

/* That was all: the block can be copied. */
void row_block_end(struct row_block *block);

/* The rows of the block go into the table, and it is empty. Returns an SQLite code. */
int row_block_copy(struct row_block *block);

/* Its rows are dropped. */
void row_block_clear(struct row_block *block);

#endif
