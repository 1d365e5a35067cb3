/*
 * row_block.c - see row_block.h. What a database file looks like: https://sqlite.org/fileformat2.html
 *
 *      page 1                the schema, as SQLite wrote it for the same CREATE TABLE statements
 *      pages 2 .. 1 + n      the root of each table: an empty leaf, or with rows
 *      the rest              leaves, shared: one table at a time has rows
 *
 * A leaf is filled with cells from its end towards the array of their places at its beginning. Rows of one leaf are put
 * into the root itself; those of more are below a root that says which key is the last of each leaf.
 */
#include "record/row_block.h"

#include <string.h>

#define PAGE_BYTES      65536u
#define LEAVES          6u    /* of about 1300 rows of op, or 2500 of event */
#define ROW_BYTES_MAX   512u  /* of a record with its header */
#define LEAF_HEADER     8u
#define ROOT_HEADER     12u
#define PAGE_IS_LEAF    0x0d
#define PAGE_IS_INNER   0x05
#define PAGE_COUNT_AT   28u   /* in page 1 */

/* A column that mirrors a field: where the field lies in the 64-bit words of the record. */
struct field {
        uint16_t word_at; /* bytes */
        uint8_t shift;    /* bits */
        uint8_t null;     /* enum column_null */
        uint64_t mask;
};

struct target {
        enum table_id table;
        uint32_t field_count;
        struct field fields[OP_COLUMNS_MAX];
        uint32_t root; /* page number, from 1 */
        sqlite3_stmt *copy; /* NULL: rows go in one by one */
        sqlite3_stmt *insert;
};

struct row_block {
        sqlite3 *db;
        uint8_t *image; /* NULL: this SQLite cannot read it in place */
        uint32_t target_count;
        struct target targets[8];
        struct target *target; /* whose rows follow */
        /* the leaf that is filled */
        uint32_t leaf; /* from 0 */
        uint32_t cell_count, cells_at;
        uint32_t row_count; /* of all leaves */
        int64_t key;        /* of the last row */
        int64_t last_key[LEAVES];
        /* the row that is made */
        uint32_t column_count;
        uint8_t types[OP_COLUMNS_MAX + 1], *body_end;
        uint8_t body[ROW_BYTES_MAX];
};

/* -- numbers in the file -------------------------------------------------------------------------------------------- */

static void put_be16(uint8_t *at, uint32_t value)
{
        at[0] = (uint8_t)(value >> 8);
        at[1] = (uint8_t)value;
}

static void put_be32(uint8_t *at, uint32_t value)
{
        put_be16(at, value >> 16);
        put_be16(at + 2, value & 0xffff);
}

/* A key: 1 to 9 bytes, most significant first, seven bits each and all eight of a ninth. */
static uint8_t *put_varint(uint8_t *at, uint64_t value)
{
        uint8_t bytes[9];
        uint32_t count = 0;

        if (value >> 56 != 0) {
                at[8] = (uint8_t)value;
                value >>= 8;
                for (int i = 7; i >= 0; i--, value >>= 7)
                        at[i] = (uint8_t)(value | 0x80);
                return at + 9;
        }
        do {
                bytes[count++] = (uint8_t)((value & 0x7f) | 0x80);
                value >>= 7;
        } while (value != 0);
        bytes[0] &= 0x7f;
        while (count > 0)
                *at++ = bytes[--count];
        return at;
}

/* -- one row -------------------------------------------------------------------------------------------------------- */

static void begin_row(struct row_block *block)
{
        block->column_count = 0;
        block->body_end = block->body;
}

static void add_null(struct row_block *block)
{
        block->types[block->column_count++] = 0;
}

/* Types of a record: 0 NULL; 1 to 6 whole numbers of so many bytes; 8 and 9 the numbers 0 and 1; 13 + 2 n text of n bytes. */
static const uint8_t type_of_bytes[9] = { 1, 1, 2, 3, 4, 5, 5, 6, 6 }, bytes_of_type[7] = { 0, 1, 2, 3, 4, 6, 8 };

/* The type of a number, in as few bytes as it has; 0 and 1 are types of their own. The bytes go to *body. */
static inline uint8_t put_int(uint8_t **body, int64_t value)
{
        uint64_t magnitude = (uint64_t)(value ^ (value >> 63)), big_endian;
        uint8_t type;

        if ((uint64_t)value <= 1)
                return (uint8_t)(8 + value);
        type = type_of_bytes[(72u - (uint32_t)__builtin_clzll(magnitude | 1)) / 8]; /* with the sign bit */
        big_endian = GUINT64_TO_BE((uint64_t)value << (64 - 8 * bytes_of_type[type]));
        memcpy(*body, &big_endian, sizeof(big_endian));
        *body += bytes_of_type[type];
        return type;
}

static inline void add_int(struct row_block *block, int64_t value)
{
        block->types[block->column_count++] = put_int(&block->body_end, value);
}

void row_block_int(struct row_block *block, int64_t value)
{
        add_int(block, value);
}

void row_block_text(struct row_block *block, const char *text)
{
        size_t bytes = strlen(text);

        g_assert(bytes <= 50); /* so that its type is one byte */
        memcpy(block->body_end, text, bytes);
        block->body_end += bytes;
        block->types[block->column_count++] = (uint8_t)(13 + 2 * bytes);
}

static inline gboolean is_null(const struct field *field, uint64_t value, const void *record)
{
        switch (field->null) {
        case NULL_NEVER: return FALSE;
        case NULL_IF_ZERO: return value == 0;
        case NULL_IF_ONES: return value == field->mask;
        default: return value == 0 && ((const struct op_record *)record)->pfn == UINT32_MAX;
        }
}

static void add_mirrors(struct row_block *block, uint32_t first, const void *record)
{
        const struct field *field = block->target->fields + first, *end = block->target->fields + block->target->field_count;
        uint8_t *type = block->types + block->column_count, *body = block->body_end;

        for (; field < end; field++) {
                uint64_t value = *(const uint64_t *)(const void *)((const char *)record + field->word_at) >> field->shift &
                                 field->mask;

                *type++ = is_null(field, value, record) ? 0 : put_int(&body, (int64_t)value);
        }
        block->column_count = (uint32_t)(type - block->types);
        block->body_end = body;
}

void row_block_mirrors(struct row_block *block, const void *record)
{
        add_mirrors(block, 0, record);
}

/* -- leaves --------------------------------------------------------------------------------------------------------- */

static uint8_t *page_at(const struct row_block *block, uint32_t number)
{
        return block->image + (size_t)(number - 1) * PAGE_BYTES;
}

static uint32_t leaf_number(const struct row_block *block, uint32_t leaf)
{
        return 2 + block->target_count + leaf;
}

static void begin_leaf(struct row_block *block, uint32_t leaf)
{
        block->leaf = leaf;
        block->cell_count = 0;
        block->cells_at = PAGE_BYTES;
}

static void end_leaf(struct row_block *block)
{
        uint8_t *page = page_at(block, leaf_number(block, block->leaf));

        page[0] = PAGE_IS_LEAF;
        put_be16(page + 1, 0);
        put_be16(page + 3, block->cell_count);
        put_be16(page + 5, block->cells_at & 0xffff);
        page[7] = 0;
        block->last_key[block->leaf] = block->key;
}

static void make_root(struct row_block *block)
{
        uint8_t *root = page_at(block, block->target->root);
        uint32_t at = PAGE_BYTES;

        end_leaf(block);
        if (block->leaf == 0) {
                const uint8_t *leaf = page_at(block, leaf_number(block, 0));

                memcpy(root, leaf, LEAF_HEADER + 2 * (size_t)block->cell_count);
                memcpy(root + block->cells_at, leaf + block->cells_at, PAGE_BYTES - block->cells_at);
                return;
        }
        for (uint32_t i = 0; i < block->leaf; i++) {
                uint8_t cell[4 + 9];
                uint32_t bytes;

                put_be32(cell, leaf_number(block, i));
                bytes = (uint32_t)(put_varint(cell + 4, (uint64_t)block->last_key[i]) - cell);
                at -= bytes;
                memcpy(root + at, cell, bytes);
                put_be16(root + ROOT_HEADER + 2 * (size_t)i, at);
        }
        root[0] = PAGE_IS_INNER;
        put_be16(root + 1, 0);
        put_be16(root + 3, block->leaf);
        put_be16(root + 5, at);
        root[7] = 0;
        put_be32(root + 8, leaf_number(block, block->leaf));
}

static void empty_root(uint8_t *root)
{
        memset(root, 0, LEAF_HEADER);
        root[0] = PAGE_IS_LEAF; /* cells begin at 0: at 65536 */
}

static int step(sqlite3_stmt *statement)
{
        sqlite3_step(statement);
        return sqlite3_reset(statement);
}

void row_block_begin(struct row_block *block, enum table_id table)
{
        block->target = NULL;
        for (uint32_t i = 0; i < block->target_count; i++)
                if (block->targets[i].table == table)
                        block->target = &block->targets[i];
        g_assert(block->target != NULL);
        block->row_count = 0;
        block->key = 0;
        begin_leaf(block, 0);
        begin_row(block);
}

int row_block_end(struct row_block *block)
{
        uint32_t row_count = block->row_count;
        int code;

        block->row_count = 0;
        block->key = 0;
        if (row_count == 0)
                return SQLITE_OK;
        make_root(block);
        begin_leaf(block, 0);
        code = step(block->target->copy);
        empty_root(page_at(block, block->target->root));
        if (code == SQLITE_OK && sqlite3_changes64(block->db) != row_count)
                code = SQLITE_INTERNAL;
        return code;
}

/* Where SQLite cannot read the image: the row that was made, by itself. */
static int insert_row(struct row_block *block, int64_t key)
{
        sqlite3_stmt *insert = block->target->insert;
        const uint8_t *at = block->body;

        for (uint32_t i = 0; i < block->column_count; i++) {
                uint8_t type = block->types[i];
                uint32_t bytes = type >= 13 ? (type - 13u) / 2 : type >= 8 ? 0 : bytes_of_type[type];
                int64_t value = 0;

                if (type >= 13) {
                        sqlite3_bind_text(insert, (int)i + 1, (const char *)at, (int)bytes, SQLITE_TRANSIENT);
                } else if (type == 0 && i == 0) { /* stands for the key */
                        sqlite3_bind_int64(insert, 1, key);
                } else if (type == 0) {
                        sqlite3_bind_null(insert, (int)i + 1);
                } else {
                        for (uint32_t k = 0; k < bytes; k++)
                                value = k == 0 ? (int8_t)at[0] : (int64_t)((uint64_t)value << 8 | at[k]);
                        sqlite3_bind_int64(insert, (int)i + 1, type >= 8 ? type - 8 : value);
                }
                at += bytes;
        }
        begin_row(block);
        return step(insert);
}

/* Takes in the row that was made. */
static int add_row(struct row_block *block, int64_t key)
{
        uint32_t header_bytes = 1 + block->column_count, body_bytes = (uint32_t)(block->body_end - block->body);
        uint8_t head[2 * 9], *end, *page;
        uint32_t head_bytes, bytes;

        if (block->target->insert != NULL)
                return insert_row(block, key);
        end = put_varint(head, header_bytes + body_bytes);
        end = put_varint(end, (uint64_t)key);
        head_bytes = (uint32_t)(end - head);
        bytes = head_bytes + header_bytes + body_bytes;
        if (LEAF_HEADER + 2 * (block->cell_count + 1) + bytes > block->cells_at) {
                if (block->leaf + 1 < LEAVES) {
                        end_leaf(block);
                        begin_leaf(block, block->leaf + 1);
                } else {
                        int code = row_block_end(block);

                        if (code != SQLITE_OK)
                                return code;
                }
        }
        block->cells_at -= bytes;
        page = page_at(block, leaf_number(block, block->leaf));
        put_be16(page + LEAF_HEADER + 2 * (size_t)block->cell_count, block->cells_at);
        end = page + block->cells_at;
        memcpy(end, head, head_bytes);
        end += head_bytes;
        *end++ = (uint8_t)header_bytes;
        memcpy(end, block->types, block->column_count);
        memcpy(end + block->column_count, block->body, body_bytes);
        block->cell_count++;
        block->row_count++;
        block->key = key;
        begin_row(block);
        return SQLITE_OK;
}

int row_block_add_record(struct row_block *block, const void *record)
{
        const struct table *table = &schema_tables[block->target->table];

        add_null(block); /* the key stands before the record */
        add_mirrors(block, 1, record);
        return add_row(block, (int64_t)column_field(&table->columns[0], record));
}

int row_block_add_pair(struct row_block *block, int64_t key, int64_t value)
{
        add_null(block);
        add_int(block, value);
        return add_row(block, key);
}

int row_block_end_row(struct row_block *block)
{
        g_assert(block->column_count == schema_tables[block->target->table].column_count);
        return add_row(block, block->key + 1);
}

/* -- opening -------------------------------------------------------------------------------------------------------- */

/* Page 1 and the roots, made by SQLite. */
static int make_image(struct row_block *block)
{
        g_autoptr(GString) sql = g_string_new(NULL);
        sqlite3_int64 bytes = 0;
        sqlite3 *db = NULL;
        uint8_t *pages;
        int code = sqlite3_open_v2(":memory:", &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL);

        g_string_append_printf(sql, "PRAGMA page_size = %u;", PAGE_BYTES);
        for (uint32_t i = 0; i < block->target_count; i++) {
                g_autofree char *create = schema_table_sql(block->targets[i].table);

                g_string_append_printf(sql, "%s;", create);
        }
        if (code == SQLITE_OK)
                code = sqlite3_exec(db, sql->str, NULL, NULL, NULL);
        pages = code == SQLITE_OK ? sqlite3_serialize(db, "main", &bytes, 0) : NULL;
        sqlite3_close_v2(db);
        if (code == SQLITE_OK && (pages == NULL || bytes != (sqlite3_int64)(1 + block->target_count) * PAGE_BYTES))
                code = SQLITE_NOMEM;
        if (code == SQLITE_OK) {
                uint32_t page_count = 1 + block->target_count + LEAVES;

                block->image = g_malloc0((size_t)page_count * PAGE_BYTES);
                memcpy(block->image, pages, (size_t)bytes);
                put_be32(block->image + PAGE_COUNT_AT, page_count);
        }
        sqlite3_free(pages);
        return code;
}

static int read_int(void *ret, int columns, char **values, char **names)
{
        (void)columns, (void)names;
        *(int64_t *)ret = values[0] != NULL ? g_ascii_strtoll(values[0], NULL, 10) : 0;
        return 0;
}

/* Does SQLite see within one transaction that the image has changed? Asked of a row of NULLs with two different keys. */
static int try_in_place(struct row_block *block, gboolean *ret_in_place)
{
        const struct table *table = &schema_tables[block->targets[0].table];
        g_autofree char *select = g_strdup_printf("SELECT max(rowid) FROM block.%s", table->name);
        int code = sqlite3_exec(block->db, "BEGIN", NULL, NULL, NULL);

        *ret_in_place = TRUE;
        for (int64_t key = 1; key <= 3 && code == SQLITE_OK; key++) {
                int64_t found = 0;

                row_block_begin(block, block->targets[0].table);
                for (uint32_t i = 0; i < table->column_count; i++)
                        add_null(block);
                add_row(block, key);
                make_root(block);
                code = sqlite3_exec(block->db, select, read_int, &found, NULL);
                *ret_in_place = *ret_in_place && found == key;
        }
        empty_root(page_at(block, block->targets[0].root));
        return code == SQLITE_OK ? sqlite3_exec(block->db, "COMMIT", NULL, NULL, NULL) : code;
}

/* *ret_in_place: SQLite reads the image where it is. */
static int attach_image(struct row_block *block, gboolean *ret_in_place)
{
        uint32_t bytes = (1 + block->target_count + LEAVES) * PAGE_BYTES;
        g_autofree char *pragma = g_strdup_printf("PRAGMA block.mmap_size = %u", bytes);
        int code = sqlite3_exec(block->db, "ATTACH ':memory:' AS block", NULL, NULL, NULL);

        if (code == SQLITE_OK)
                code = sqlite3_deserialize(block->db, "block", block->image, bytes, bytes, SQLITE_DESERIALIZE_READONLY);
        if (code == SQLITE_OK)
                code = sqlite3_exec(block->db, pragma, NULL, NULL, NULL);
        return code == SQLITE_OK ? try_in_place(block, ret_in_place) : code;
}

static int prepare(struct row_block *block, const char *sql, sqlite3_stmt **ret)
{
        return sqlite3_prepare_v3(block->db, sql, -1, SQLITE_PREPARE_PERSISTENT, ret, NULL);
}

static int prepare_statements(struct row_block *block, gboolean in_place)
{
        int code = SQLITE_OK;

        for (uint32_t i = 0; i < block->target_count && code == SQLITE_OK; i++) {
                struct target *target = &block->targets[i];
                const char *name = schema_tables[target->table].name;
                g_autofree char *copy = g_strdup_printf("INSERT INTO main.%s SELECT * FROM block.%s", name, name);
                g_autofree char *insert = table_insert_sql(&schema_tables[target->table], "INSERT");

                code = in_place ? prepare(block, copy, &target->copy) : prepare(block, insert, &target->insert);
        }
        return code;
}

static void find_fields(struct target *target)
{
        const struct table *table = &schema_tables[target->table];

        for (uint32_t i = 0; i < table->column_count; i++) {
                const struct column *column = &table->columns[i];
                uint32_t in_word = column->offset % 8u;

                if (column->bytes == 0)
                        continue;
                g_assert(in_word + column->bytes <= 8); /* fields lie as the compiler lays them: none in two words */
                target->fields[target->field_count++] = (struct field){
                        .word_at = (uint16_t)(column->offset - in_word),
                        .shift = (uint8_t)(8 * (G_BYTE_ORDER == G_LITTLE_ENDIAN ? in_word : 8 - in_word - column->bytes)),
                        .null = column->null,
                        .mask = column_ones(column),
                };
        }
}

int row_block_new(sqlite3 *db, const enum table_id *tables, uint32_t table_count, gboolean in_place,
                  struct row_block **ret)
{
        struct row_block *block = g_new0(struct row_block, 1);
        int code;

        g_assert(table_count <= G_N_ELEMENTS(block->targets));
        block->db = db;
        block->target_count = table_count;
        for (uint32_t i = 0; i < table_count; i++) {
                block->targets[i] = (struct target){ .table = tables[i], .root = 2 + i };
                find_fields(&block->targets[i]);
        }
        code = make_image(block);
        if (code == SQLITE_OK && in_place)
                code = attach_image(block, &in_place);
        if (code == SQLITE_OK)
                code = prepare_statements(block, in_place);
        if (code != SQLITE_OK)
                g_clear_pointer(&block, row_block_free);
        *ret = block;
        return code;
}

void row_block_free(struct row_block *block)
{
        if (block == NULL)
                return;
        for (uint32_t i = 0; i < block->target_count; i++) {
                sqlite3_finalize(block->targets[i].copy);
                sqlite3_finalize(block->targets[i].insert);
        }
        sqlite3_exec(block->db, "DETACH block", NULL, NULL, NULL); /* before its memory goes */
        g_free(block->image);
        g_free(block);
}
