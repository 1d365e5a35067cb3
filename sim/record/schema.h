/*
 * schema.h - what a recording holds: every table and column with unit and meaning, declared once.
 *
 * From the lists in schema.c come CREATE TABLE, the table column_doc inside the file, the writer of rows, their reader
 * and the comparison that replay makes. A column that mirrors a field of a struct says which (offset, bytes) and when it
 * is NULL; so what is written is what is read and compared, field by field. The structs:
 *   op, op_open: op_record    event: event_record    cache: cache_view    zone: zone_view    cache_sample: cache_stock
 *   slab and the tables named ..._total, op_duration: structs of the same names in totals.h
 *
 * One column of op cannot be checked by running the op again: what was asked for. Table op_check makes up for it. It
 * holds for every 1024 ops (by id) and column two sums over the rows, modulo 2^64:
 *   sum_          == Σ value(row)
 *   weighted_sum  == Σ (id - first_id + 1) * value(row)
 * with value the field of the record, all ones where the row has NULL. They say which row was changed and what it was.
 */
#ifndef KMEMSIM_RECORD_SCHEMA_H
#define KMEMSIM_RECORD_SCHEMA_H

#include <glib.h>
#include <sqlite3.h>
#include <stdint.h>

#include "engine/config.h"
#include "trace/event.h"
#include "trace/op.h"

#define RECORD_APPLICATION_ID 0x6b6d656d /* "kmem" */
#define RECORD_FORMAT_VERSION 4          /* PRAGMA user_version: tables, columns or their meaning change */
#define RECORD_MODEL_VERSION  1          /* run.model_version: the same requests lead to other results */

#define OP_CHECK_ROWS 1024u

/* When a column that mirrors a field of a record is NULL. */
enum column_null {
        NULL_NEVER,
        NULL_IF_ZERO,
        NULL_IF_ONES,     /* CACHE_ID_NONE, PFN_NONE, TIME_NEVER */
        NULL_WITHOUT_PFN, /* offset of an op that returned nothing: 0 and pfn is NULL */
};

struct column {
        const char *name;
        const char *declaration; /* type and constraints */
        const char *unit;        /* "" for ids and plain numbers */
        const char *meaning;
        uint16_t offset; /* of the field in the record */
        uint8_t bytes;   /* its size; 0: mirrors nothing */
        uint8_t null;    /* enum column_null */
};

enum table_id {
        TABLE_RUN,
        TABLE_SOURCE,
        TABLE_CACHE,
        TABLE_BOOT_SLAB,
        TABLE_THREAD,
        TABLE_MEMPOOL,
        TABLE_PROCESS,
        TABLE_OP,
        TABLE_EVENT,
        TABLE_OP_OPEN,
        TABLE_OP_CHECK,
        TABLE_ZONE,
        TABLE_ZONE_SAMPLE,
        TABLE_CACHE_SAMPLE,
        TABLE_FAILURE,
        TABLE_SITE,
        TABLE_OP_SITE,
        TABLE_OP_FAILED,
        TABLE_SLAB,
        TABLE_LIVE_OBJECT,
        TABLE_OP_TOTAL,
        TABLE_OP_DURATION,
        TABLE_LOCK_TOTAL,
        TABLE_SLAB_TOTAL,
        TABLE_FREE_TOTAL,
        TABLE_LIFETIME_TOTAL,
        TABLE_SITE_TOTAL,
        TABLE_OP_KIND,
        TABLE_OP_PATH,
        TABLE_EVENT_KIND,
        TABLE_GFP_FLAG,
        TABLE_GFP_MASK,
        TABLE_COLUMN_DOC,
        TABLE_COUNT,
};

struct table {
        const char *name;
        const char *meaning; /* one row is ... */
        const struct column *columns;
        uint32_t column_count;
        const char *constraint; /* after the columns, or NULL */
        const char *options;    /* after the parenthesis, or NULL */
        const char *index_name; /* of its index, or NULL */
        uint32_t index_column;  /* that is in it */
};

extern const struct table schema_tables[TABLE_COUNT];

#define OP_COLUMNS_MAX 24u /* at least schema_tables[TABLE_OP].column_count */

/* All ones in the bits of the field. */
static inline uint64_t column_ones(const struct column *column)
{
        return UINT64_MAX >> (64 - 8 * column->bytes);
}

/* The field of a record that a column mirrors (bytes not 0). */
static inline uint64_t column_field(const struct column *column, const void *record)
{
        const void *at = (const char *)record + column->offset;

        switch (column->bytes) {
        case 1: return *(const uint8_t *)at;
        case 2: return *(const uint16_t *)at;
        case 4: return *(const uint32_t *)at;
        default: return *(const uint64_t *)at;
        }
}

static inline gboolean column_is_null(const struct column *column, const void *record, uint64_t field)
{
        switch (column->null) {
        case NULL_IF_ZERO: return field == 0;
        case NULL_IF_ONES: return field == column_ones(column);
        case NULL_WITHOUT_PFN: return field == 0 && ((const struct op_record *)record)->pfn == UINT32_MAX;
        default: return FALSE;
        }
}

/* What is stored for it: FALSE: NULL. Inline as the two above: the writer asks it of every value. */
static inline gboolean column_value(const struct column *column, const void *record, int64_t *ret_value)
{
        uint64_t field = column_field(column, record);

        *ret_value = (int64_t)field;
        return !column_is_null(column, record, field);
}

/* A column that mirrors a field, made ready for reading many records: where the field lies in their 64-bit words. */
struct field {
        uint16_t word_at; /* bytes */
        uint8_t shift;    /* bits */
        uint8_t null;     /* enum column_null */
        uint64_t mask;
};

/* Of all such columns of a table, from left to right; ret has room for OP_COLUMNS_MAX. Returns their number. */
uint32_t table_fields(const struct table *table, struct field *ret);

/* As column_field and column_is_null. */
static inline uint64_t field_get(const struct field *field, const void *record)
{
        return *(const uint64_t *)(const void *)((const char *)record + field->word_at) >> field->shift & field->mask;
}

static inline gboolean field_is_null(const struct field *field, uint64_t value, const void *record)
{
        switch (field->null) {
        case NULL_NEVER: return FALSE;
        case NULL_IF_ZERO: return value == 0;
        case NULL_IF_ONES: return value == field->mask;
        default: return value == 0 && ((const struct op_record *)record)->pfn == UINT32_MAX;
        }
}

/* Binds all mirrored columns of a table to the parameters of their number (from 1) and leaves the others alone. */
void table_bind_mirrors(const struct table *table, sqlite3_stmt *statement, const void *record);

/* "INSERT INTO name VALUES (?, ...)", or another verb in place of INSERT. */
char *table_insert_sql(const struct table *table, const char *verb);

/*
 * Puts a stored value back into the record. FALSE: column_value can never have given this value (wrong type, out of
 * the field's range, NULL where there is none); the field is then 0. Needs pfn before offset: go by column order.
 */
gboolean column_set_field(const struct column *column, void *record, sqlite3_value *value);

/* Sets a field as it stands in the record. FALSE: it does not fit. */
gboolean column_restore_field(const struct column *column, void *record, uint64_t field);

/* Keys of `run` that hold the machine, one per field of struct sim_config. */
struct machine_key {
        const char *name;
        const char *unit;
        const char *meaning;
        uint16_t offset; /* in struct sim_config, 4 bytes */
        gboolean is_signed;
};

extern const struct machine_key machine_keys[];
extern const uint32_t machine_key_count;
char *schema_cost_key(enum cost_kind cost); /* key of config.cost_cycles[cost] */

char *schema_table_sql(enum table_id table); /* its CREATE TABLE */
char *schema_index_sql(enum table_id table); /* its CREATE INDEX, or "" */

/* All tables, indexes, views and lookup rows, into an empty database, inside the caller's transaction. Returns an SQLite
 * code. */
int schema_create(sqlite3 *db);

#endif
