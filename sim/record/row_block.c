/*
 * row_block.c - see row_block.h. What a database file looks like: https://sqlite.org/fileformat2.html
 *
 *      page 1                the schema, as SQLite wrote it for the same CREATE statements
 *      pages 2 .. 1 + n      the roots of tables and indexes: empty leaves, or with rows
 *      then                  leaves of rows, and as many of entries if there is an index; one table at a time has rows
 *
 * There are two kinds of tree: that of a table, by rowid, and that of an index, by the values of the record. A leaf is
 * filled with cells from its end towards the array of their places at its beginning. What fits into one leaf is put into
 * the root itself; more leaves are below a root that has a cell between each two of them: the last rowid of the left
 * one, or a record between the two.
 *
 * Where the INTEGER PRIMARY KEY of a table has no gaps SQLite need not look for each key: it can count. It does so for
 * tables without such a key, in a third of the instructions. So the writer knows the table under a second name, without
 * the key ("imposter table", as SQLite's own RBU extension has them; only in the memory of this connection), and all
 * rows but the last go in there. The last one goes into the table as it is, and all entries of its index with it:
 * SQLite copies table and index apart. A program that makes an index in the file meanwhile makes SQLite forget the
 * second name: the rows then go in one by one.
 *
 * An index entry (op, seq) takes no more room than the row it stands for: where the row has room, the entry has.
 */
#include "record/row_block.h"

#include <stdlib.h>
#include <string.h>

#include "record/record_error.h"

#define PAGE_BYTES      65536u
#define TARGETS_MAX     8u
#define LEAVES          6u     /* of about 1300 rows of op, or 2500 of event */
#define ROW_BYTES_MAX   512u   /* of a record with its header */
#define ENTRIES_MAX     16384u /* of the index, in one block */
#define LEAF_HEADER     8u
#define INNER_HEADER    12u
#define TABLE_LEAF      0x0d
#define TABLE_INNER     0x05
#define INDEX_LEAF      0x0a
#define INDEX_INNER     0x02
#define PAGE_COUNT_AT   28u    /* in page 1 */

struct target {
        enum table_id table;
        uint32_t field_count;
        struct field fields[OP_COLUMNS_MAX];
        gboolean has_key; /* its first column is the INTEGER PRIMARY KEY */
        uint32_t root, index_root, append_root; /* page numbers, from 1; 0: none */
        /* NULL: not yet needed */
        sqlite3_stmt *copy;   /* all rows, or the last */
        sqlite3_stmt *append; /* all rows but the last, counted by SQLite */
        sqlite3_stmt *insert; /* one row */
};

/* What blocks of the same database know of its tables. */
struct common {
        gint can_append;      /* atomic: one thread fills, another copies */
        uint32_t block_count;
        int64_t max_key[TARGETS_MAX]; /* when all blocks filled so far are copied; of tables with a key */
};

struct tree {
        gboolean has_rowid;
        uint32_t root, first_leaf;    /* page numbers */
        uint32_t leaf;                /* that is filled, from 0 */
        uint32_t cell_count, cells_at; /* of it */
        uint32_t last_bytes;          /* of its last cell */
        uint32_t divider_at;          /* in the root */
        int64_t rowid;                /* of the last row */
};

struct entry {
        int64_t value, rowid;
};

struct row_block {
        sqlite3 *db; /* NULL: not attached */
        char *name;
        gboolean has_index; /* one of its tables */
        gboolean in_place; /* SQLite reads the image where it is */
        uint8_t *image;
        uint32_t root_count;
        uint32_t target_count;
        struct target targets[TARGETS_MAX];
        struct target *target; /* whose rows follow */
        struct common *common;
        uint32_t row_count;
        gboolean appends; /* the keys follow the greatest one of the table without a gap */
        struct tree rows, index;
        struct entry *entries; /* of the index, as the rows came */
        gboolean entries_sorted;
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

static uint32_t get_be16(const uint8_t *at)
{
        return (uint32_t)at[0] << 8 | at[1];
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

/* Types of a record: 0 NULL; 1 to 6 whole numbers of so many bytes; 8 and 9 the numbers 0 and 1; 13 + 2 n text of n
 * bytes. */
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

static void add_mirrors(struct row_block *block, uint32_t first, const void *record)
{
        const struct target *target = block->target;
        const struct field *field = target->fields + first, *end = target->fields + target->field_count;
        uint8_t *type = block->types + block->column_count, *body = block->body_end;

        for (; field < end; field++) {
                uint64_t value = field_get(field, record);

                *type++ = field_is_null(field, value, record) ? 0 : put_int(&body, (int64_t)value);
        }
        block->column_count = (uint32_t)(type - block->types);
        block->body_end = body;
}

void row_block_mirrors(struct row_block *block, const void *record)
{
        add_mirrors(block, 0, record);
}

/* -- trees ---------------------------------------------------------------------------------------------------------- */

static uint8_t *page_at(const struct row_block *block, uint32_t number)
{
        return block->image + (size_t)(number - 1) * PAGE_BYTES;
}

static size_t image_bytes(const struct row_block *block)
{
        uint32_t trees = block->has_index ? 2 : 1;

        return (1 + (size_t)block->root_count + trees * LEAVES) * PAGE_BYTES;
}

static void begin_leaf(struct tree *tree, uint32_t leaf)
{
        tree->leaf = leaf;
        tree->cell_count = 0;
        tree->cells_at = PAGE_BYTES;
}

static void begin_tree(struct tree *tree, gboolean has_rowid, uint32_t root, uint32_t first_leaf)
{
        *tree = (struct tree){ .has_rowid = has_rowid,
                               .root = root,
                               .first_leaf = first_leaf,
                               .divider_at = PAGE_BYTES };
        begin_leaf(tree, 0);
}

static void put_leaf_header(uint8_t *page, const struct tree *tree)
{
        page[0] = tree->has_rowid ? TABLE_LEAF : INDEX_LEAF;
        put_be16(page + 1, 0);
        put_be16(page + 3, tree->cell_count);
        put_be16(page + 5, tree->cells_at & 0xffff);
        page[7] = 0;
}

static void end_leaf(const struct row_block *block, const struct tree *tree)
{
        put_leaf_header(page_at(block, tree->first_leaf + tree->leaf), tree);
}

/* The leaf is full and another one follows. Of a tree without rowids the last cell moves up into the root. */
static void divide(const struct row_block *block, struct tree *tree)
{
        uint8_t *root = page_at(block, tree->root), rowid[9];
        const uint8_t *cell = rowid;
        uint32_t bytes;

        if (tree->has_rowid) {
                bytes = (uint32_t)(put_varint(rowid, (uint64_t)tree->rowid) - rowid);
        } else {
                cell = page_at(block, tree->first_leaf + tree->leaf) + tree->cells_at;
                bytes = tree->last_bytes;
                tree->cells_at += bytes;
                tree->cell_count--;
        }
        end_leaf(block, tree);
        tree->divider_at -= 4 + bytes;
        put_be32(root + tree->divider_at, tree->first_leaf + tree->leaf);
        memcpy(root + tree->divider_at + 4, cell, bytes);
        put_be16(root + INNER_HEADER + 2 * (size_t)tree->leaf, tree->divider_at);
        begin_leaf(tree, tree->leaf + 1);
}

/* Takes in a record: a head of header_bytes (with its size) and column types, then the body. FALSE: there is no room. */
static gboolean add_cell(const struct row_block *block, struct tree *tree, int64_t rowid, const uint8_t *types,
                         uint32_t column_count, const uint8_t *body, uint32_t body_bytes)
{
        uint32_t header_bytes = 1 + column_count, bytes;
        uint8_t head[2 * 9], *end, *page;

        end = put_varint(head, header_bytes + body_bytes);
        if (tree->has_rowid)
                end = put_varint(end, (uint64_t)rowid);
        bytes = (uint32_t)(end - head) + header_bytes + body_bytes;
        if (LEAF_HEADER + 2 * (tree->cell_count + 1) + bytes > tree->cells_at) {
                if (tree->leaf + 1 == LEAVES)
                        return FALSE;
                divide(block, tree);
        }
        tree->cells_at -= bytes;
        page = page_at(block, tree->first_leaf + tree->leaf);
        put_be16(page + LEAF_HEADER + 2 * (size_t)tree->cell_count, tree->cells_at);
        page += tree->cells_at;
        memcpy(page, head, (size_t)(end - head));
        page += end - head;
        *page++ = (uint8_t)header_bytes;
        memcpy(page, types, column_count);
        memcpy(page + column_count, body, body_bytes);
        tree->cell_count++;
        tree->last_bytes = bytes;
        tree->rowid = rowid;
        return TRUE;
}

/* Takes the last row of a table out again: it becomes the only one of the tree below `root`. */
static void move_last(const struct row_block *block, struct tree *tree, uint32_t root_page)
{
        uint8_t *page = page_at(block, tree->first_leaf + tree->leaf), *root = page_at(block, root_page);
        struct tree last = { .has_rowid = TRUE, .cell_count = 1, .cells_at = PAGE_BYTES - tree->last_bytes };

        memcpy(root + last.cells_at, page + tree->cells_at, tree->last_bytes);
        put_be16(root + LEAF_HEADER, last.cells_at);
        put_leaf_header(root, &last);
        tree->cells_at += tree->last_bytes;
        tree->cell_count--;
        if (tree->cell_count > 0 || tree->leaf == 0)
                return;
        tree->leaf--; /* is now the last one; what divides it from the next is not looked at */
        page = page_at(block, tree->first_leaf + tree->leaf);
        tree->cell_count = get_be16(page + 3);
        tree->cells_at = get_be16(page + 5);
}

static void end_tree(const struct row_block *block, struct tree *tree)
{
        uint8_t *root = page_at(block, tree->root);

        end_leaf(block, tree);
        if (tree->leaf == 0) {
                const uint8_t *leaf = page_at(block, tree->first_leaf);

                memcpy(root, leaf, LEAF_HEADER + 2 * (size_t)tree->cell_count);
                memcpy(root + tree->cells_at, leaf + tree->cells_at, PAGE_BYTES - tree->cells_at);
                return;
        }
        root[0] = tree->has_rowid ? TABLE_INNER : INDEX_INNER;
        put_be16(root + 1, 0);
        put_be16(root + 3, tree->leaf);
        put_be16(root + 5, tree->divider_at);
        root[7] = 0;
        put_be32(root + 8, tree->first_leaf + tree->leaf);
}

static void empty_root(const struct row_block *block, uint32_t root_page, gboolean has_rowid)
{
        uint8_t *root = page_at(block, root_page);

        memset(root, 0, LEAF_HEADER);
        root[0] = has_rowid ? TABLE_LEAF : INDEX_LEAF; /* cells begin at 0: at 65536 */
}

/* -- rows ----------------------------------------------------------------------------------------------------------- */

void row_block_begin(struct row_block *block, enum table_id table)
{
        block->target = NULL;
        for (uint32_t i = 0; i < block->target_count; i++)
                if (block->targets[i].table == table)
                        block->target = &block->targets[i];
        g_assert(block->target != NULL);
        g_assert(block->row_count == 0);
        begin_tree(&block->rows, TRUE, block->target->root, 2 + block->root_count);
        begin_tree(&block->index, FALSE, block->target->index_root, block->rows.first_leaf + LEAVES);
        block->appends = FALSE;
        block->entries_sorted = TRUE;
        begin_row(block);
}

gboolean row_block_is_empty(const struct row_block *block)
{
        return block->row_count == 0;
}

/* Takes in the row that was made. */
static gboolean add_row(struct row_block *block, int64_t rowid)
{
        gboolean ok = add_cell(block, &block->rows, rowid, block->types, block->column_count, block->body,
                               (uint32_t)(block->body_end - block->body));

        block->row_count += ok;
        begin_row(block);
        return ok;
}

/* FALSE: a row with this key belongs into another block, of rows that can be appended or of those that cannot. */
static gboolean suits_block(struct row_block *block, int64_t key)
{
        gboolean follows = key == block->common->max_key[block->target - block->targets] + 1;

        if (block->row_count > 0)
                return follows == block->appends || (!block->appends && !g_atomic_int_get(&block->common->can_append));
        block->appends = follows && g_atomic_int_get(&block->common->can_append);
        if (block->appends)
                block->rows.root = block->target->append_root;
        return TRUE;
}

/* A row with an INTEGER PRIMARY KEY. */
static gboolean add_keyed_row(struct row_block *block, int64_t key)
{
        int64_t *max_key = &block->common->max_key[block->target - block->targets];

        if (!add_row(block, key))
                return FALSE;
        *max_key = MAX(*max_key, key);
        return TRUE;
}

gboolean row_block_add_record(struct row_block *block, const void *record)
{
        const struct table *table = &schema_tables[block->target->table];
        int64_t rowid = (int64_t)column_field(&table->columns[0], record);
        struct entry *entry = block->target->index_root != 0 ? &block->entries[block->row_count] : NULL;

        if ((entry != NULL && block->row_count == ENTRIES_MAX) || !suits_block(block, rowid))
                return FALSE;
        add_null(block); /* the key stands before the record */
        add_mirrors(block, 1, record);
        if (!add_keyed_row(block, rowid))
                return FALSE;
        if (entry == NULL)
                return TRUE;
        *entry = (struct entry){ (int64_t)column_field(&table->columns[table->index_column], record), rowid };
        if (block->row_count > 1 && entry->value < entry[-1].value)
                block->entries_sorted = FALSE;
        return TRUE;
}

gboolean row_block_add_pair(struct row_block *block, int64_t key, int64_t value)
{
        if (!suits_block(block, key))
                return FALSE;
        add_null(block);
        add_int(block, value);
        return add_keyed_row(block, key);
}

gboolean row_block_end_row(struct row_block *block)
{
        g_assert(block->column_count == schema_tables[block->target->table].column_count);
        return add_row(block, block->rows.rowid + 1);
}

static int by_value(const void *a, const void *b)
{
        const struct entry *left = a, *right = b;

        if (left->value != right->value)
                return left->value < right->value ? -1 : 1;
        return (left->rowid > right->rowid) - (left->rowid < right->rowid); /* rowids are unique: no ties */
}

static void make_index(struct row_block *block)
{
        if (!block->entries_sorted)
                qsort(block->entries, block->row_count, sizeof(*block->entries), by_value);
        for (uint32_t i = 0; i < block->row_count; i++) {
                uint8_t types[2], body[3 * 8], *end = body;
                gboolean ok;

                types[0] = put_int(&end, block->entries[i].value);
                types[1] = put_int(&end, block->entries[i].rowid);
                ok = add_cell(block, &block->index, 0, types, 2, body, (uint32_t)(end - body));
                g_assert(ok); /* see the head of this file */
        }
        end_tree(block, &block->index);
}

void row_block_end(struct row_block *block)
{
        if (block->row_count == 0)
                return;
        if (block->appends)
                move_last(block, &block->rows, block->target->root);
        end_tree(block, &block->rows);
        if (block->index.root != 0)
                make_index(block);
}

/* -- into the database ---------------------------------------------------------------------------------------------- */

static int step(sqlite3_stmt *statement)
{
        sqlite3_step(statement);
        return sqlite3_reset(statement);
}

static const uint8_t *get_varint(const uint8_t *at, uint64_t *ret)
{
        uint64_t value = 0;

        for (int i = 0; i < 8; i++) {
                value = value << 7 | (*at & 0x7f);
                if ((*at++ & 0x80) == 0) {
                        *ret = value;
                        return at;
                }
        }
        *ret = value << 8 | *at++;
        return at;
}

/* One cell as a row of its own. */
static int insert_cell(const struct row_block *block, const uint8_t *cell)
{
        sqlite3_stmt *insert = block->target->insert;
        uint32_t columns = schema_tables[block->target->table].column_count;
        const uint8_t *types, *at;
        uint64_t payload_bytes, rowid = 0;

        at = get_varint(cell, &payload_bytes);
        at = get_varint(at, &rowid);
        types = at + 1;
        at = types + columns;
        for (uint32_t i = 0; i < columns; i++) {
                uint8_t type = types[i];
                uint32_t bytes = type >= 13 ? (type - 13u) / 2 : type >= 8 ? 0 : bytes_of_type[type];
                int64_t value = 0;

                if (type >= 13) {
                        sqlite3_bind_text(insert, (int)i + 1, (const char *)at, (int)bytes, SQLITE_TRANSIENT);
                } else if (type == 0 && i == 0) { /* stands for the key */
                        sqlite3_bind_int64(insert, 1, (int64_t)rowid);
                } else if (type == 0) {
                        sqlite3_bind_null(insert, (int)i + 1);
                } else {
                        for (uint32_t k = 0; k < bytes; k++)
                                value = k == 0 ? (int8_t)at[0] : (int64_t)((uint64_t)value << 8 | at[k]);
                        sqlite3_bind_int64(insert, (int)i + 1, type >= 8 ? type - 8 : value);
                }
                at += bytes;
        }
        return step(insert);
}

void row_block_clear(struct row_block *block)
{
        empty_root(block, block->target->root, TRUE);
        if (block->target->append_root != 0)
                empty_root(block, block->target->append_root, TRUE);
        if (block->target->index_root != 0)
                empty_root(block, block->target->index_root, FALSE);
        block->row_count = 0;
}

#define COPY_SQL   "INSERT INTO main.%s SELECT * FROM %s.%s"
#define APPEND_SQL "INSERT INTO main.%s_appended SELECT * FROM %s.%s_appended"

static int prepare(struct row_block *block, const char *sql, sqlite3_stmt **ret)
{
        return sqlite3_prepare_v3(block->db, sql, -1, SQLITE_PREPARE_PERSISTENT, ret, NULL);
}

/* Not every block comes to hold rows of every table. format: of COPY_SQL. */
static int prepare_copy(struct row_block *block, const char *format, sqlite3_stmt **ret)
{
        const char *table = schema_tables[block->target->table].name;
        g_autofree char *sql = NULL;

        if (*ret != NULL)
                return SQLITE_OK;
        sql = g_strdup_printf(format, table, block->name, table);
        return prepare(block, sql, ret);
}

static int prepare_insert(struct row_block *block, sqlite3_stmt **ret)
{
        g_autofree char *sql = NULL;

        if (*ret != NULL)
                return SQLITE_OK;
        sql = table_insert_sql(&schema_tables[block->target->table], "INSERT");
        return prepare(block, sql, ret);
}

/* Where SQLite cannot read the image: its rows one by one, in their order. */
static int insert_rows(struct row_block *block)
{
        const struct tree *tree = &block->rows;
        int code = prepare_insert(block, &block->target->insert);

        for (uint32_t leaf = 0; leaf <= tree->leaf && code == SQLITE_OK; leaf++) {
                const uint8_t *page = page_at(block, tree->first_leaf + leaf);
                uint32_t count = get_be16(page + 3);

                for (uint32_t i = 0; i < count && code == SQLITE_OK; i++)
                        code = insert_cell(block, page + get_be16(page + LEAF_HEADER + 2 * (size_t)i));
        }
        return code;
}

/* All rows at once, with the entries of the index. */
static int copy_rows(struct row_block *block, uint32_t row_count)
{
        int code = prepare_copy(block, COPY_SQL, &block->target->copy);

        if (code == SQLITE_OK)
                code = step(block->target->copy);
        return code == SQLITE_OK && sqlite3_changes64(block->db) != row_count ? SQLITE_INTERNAL : code;
}

/* The second name of the table is gone: its rows one by one. */
static int insert_appended(struct row_block *block)
{
        const uint8_t *last = page_at(block, block->target->root);
        int code = insert_rows(block);

        g_atomic_int_set(&block->common->can_append, FALSE);
        return code == SQLITE_OK ? insert_cell(block, last + get_be16(last + LEAF_HEADER)) : code;
}

/* All but the last are counted by SQLite: what it counted must be what was meant. */
static int append_rows(struct row_block *block, uint32_t row_count)
{
        int code = prepare_copy(block, APPEND_SQL, &block->target->append);

        if (code == SQLITE_OK && row_count > 1) {
                code = step(block->target->append);
                if (code == SQLITE_OK && (sqlite3_changes64(block->db) != row_count - 1 ||
                                          sqlite3_last_insert_rowid(block->db) != block->rows.rowid - 1))
                        code = SQLITE_INTERNAL;
        }
        if (code == SQLITE_ERROR)
                return insert_appended(block);
        return code == SQLITE_OK ? copy_rows(block, 1) : code;
}

int row_block_copy(struct row_block *block)
{
        int code;

        if (block->row_count == 0)
                return SQLITE_OK;
        code = !block->in_place ? insert_rows(block)
               : block->appends ? append_rows(block, block->row_count)
                                : copy_rows(block, block->row_count);
        row_block_clear(block);
        return code;
}

/* -- opening -------------------------------------------------------------------------------------------------------- */

/* A table without its key: the same records, but what stands for the key is just NULL. */
static char *appended_sql(enum table_id id)
{
        const struct table *table = &schema_tables[id];
        GString *sql = g_string_new(NULL);

        g_string_append_printf(sql, "CREATE TABLE %s_appended (", table->name);
        for (uint32_t i = 0; i < table->column_count; i++)
                g_string_append_printf(sql, "%s%s", i == 0 ? "" : ", ", table->columns[i].name);
        return g_string_free(g_string_append(sql, ");"), FALSE);
}

/* What schema_create makes of it, without the comments: each block has it read. */
static void append_table_sql(GString *sql, enum table_id id)
{
        const struct table *table = &schema_tables[id];
        g_autofree char *index = schema_index_sql(id);

        g_string_append_printf(sql, "CREATE TABLE %s (", table->name);
        for (uint32_t i = 0; i < table->column_count; i++)
                g_string_append_printf(sql, "%s%s %s", i == 0 ? "" : ", ", table->columns[i].name,
                                       table->columns[i].declaration);
        g_string_append_printf(sql, "%s%s) %s; %s", table->constraint != NULL ? ", " : "",
                               table->constraint != NULL ? table->constraint : "",
                               table->options != NULL ? table->options : "", index);
}

/* With the first page and the empty roots of another; what is not used takes no memory. */
static uint8_t *new_image(const struct row_block *block, const uint8_t *other)
{
        uint8_t *image = g_malloc0(image_bytes(block));

        memcpy(image, other, PAGE_BYTES);
        for (size_t at = PAGE_BYTES; at <= (size_t)block->root_count * PAGE_BYTES; at += PAGE_BYTES)
                memcpy(image + at, other + at, LEAF_HEADER);
        return image;
}

/* Page 1 and the roots, made by SQLite; newly allocated with room for the leaves. */
static int make_image(const struct row_block *block, uint8_t **ret)
{
        g_autoptr(GString) sql = g_string_new(NULL);
        sqlite3_int64 bytes = 0;
        sqlite3 *db = NULL;
        uint8_t *pages;
        int code = sqlite3_open_v2(":memory:", &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
                                   NULL);

        g_string_append_printf(sql, "PRAGMA page_size = %u;", PAGE_BYTES);
        for (uint32_t i = 0; i < block->target_count; i++) {
                append_table_sql(sql, block->targets[i].table);
                if (block->targets[i].has_key) {
                        g_autofree char *appended = appended_sql(block->targets[i].table);

                        g_string_append(sql, appended);
                }
        }
        if (code == SQLITE_OK)
                code = sqlite3_exec(db, sql->str, NULL, NULL, NULL);
        pages = code == SQLITE_OK ? sqlite3_serialize(db, "main", &bytes, 0) : NULL;
        sqlite3_close_v2(db);
        if (code == SQLITE_OK && (pages == NULL || bytes != (sqlite3_int64)(1 + block->root_count) * PAGE_BYTES))
                code = SQLITE_NOMEM;
        if (code == SQLITE_OK) {
                *ret = new_image(block, pages);
                put_be32(*ret + PAGE_COUNT_AT, (uint32_t)(image_bytes(block) / PAGE_BYTES));
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

/* Does SQLite see within one transaction that the image has changed? Asked of a row with three different values. */
static int try_in_place(struct row_block *block, gboolean *ret_in_place)
{
        const struct table *table = &schema_tables[block->targets[0].table];
        g_autofree char *select = g_strdup_printf("SELECT max(%s) FROM %s.%s", table->columns[0].name, block->name,
                                                  table->name);
        int code = sqlite3_exec(block->db, "BEGIN", NULL, NULL, NULL);

        *ret_in_place = TRUE;
        for (int64_t key = 1; key <= 3 && code == SQLITE_OK; key++) {
                int64_t found = 0;

                row_block_begin(block, block->targets[0].table);
                add_null(block); /* the key stands before the record */
                while (block->column_count < table->column_count)
                        add_int(block, key);
                add_row(block, key);
                end_tree(block, &block->rows);
                code = sqlite3_exec(block->db, select, read_int, &found, NULL);
                *ret_in_place = *ret_in_place && found == key;
                row_block_clear(block);
        }
        return code == SQLITE_OK ? sqlite3_exec(block->db, "COMMIT", NULL, NULL, NULL) : code;
}

static int attach_image(struct row_block *block)
{
        sqlite3_int64 bytes = (sqlite3_int64)image_bytes(block);
        g_autofree char *attach = g_strdup_printf("ATTACH ':memory:' AS %s", block->name);
        g_autofree char *pragma = g_strdup_printf("PRAGMA %s.mmap_size = %" G_GINT64_FORMAT, block->name, (gint64)bytes);
        int code = sqlite3_exec(block->db, attach, NULL, NULL, NULL);

        if (code == SQLITE_OK)
                code = sqlite3_deserialize(block->db, block->name, block->image, bytes, bytes,
                                           SQLITE_DESERIALIZE_READONLY);
        return code == SQLITE_OK ? sqlite3_exec(block->db, pragma, NULL, NULL, NULL) : code;
}

static struct row_block *block_new(char *name, const enum table_id *tables, uint32_t table_count)
{
        struct row_block *block = g_new0(struct row_block, 1);

        g_assert(table_count <= G_N_ELEMENTS(block->targets));
        block->name = name;
        block->target_count = table_count;
        for (uint32_t i = 0; i < table_count; i++) {
                const struct table *table = &schema_tables[tables[i]];
                struct target *target = &block->targets[i];

                *target = (struct target){ .table = tables[i] };
                target->root = 2 + block->root_count++;
                if (table->index_name != NULL) {
                        target->index_root = 2 + block->root_count++;
                        block->entries = g_renew(struct entry, block->entries, ENTRIES_MAX);
                        block->has_index = TRUE;
                }
                target->has_key = strcmp(table->columns[0].declaration, "INTEGER PRIMARY KEY") == 0;
                if (target->has_key)
                        target->append_root = 2 + block->root_count++;
                target->field_count = table_fields(table, target->fields);
        }
        return block;
}

int row_blocks_new(const enum table_id *tables, uint32_t table_count, struct row_block **ret, uint32_t count)
{
        int code = SQLITE_OK;

        for (uint32_t i = 0; i < count; i++) {
                ret[i] = block_new(g_strdup_printf("block%u", i), tables, table_count);
                ret[i]->common = i == 0 ? g_rc_box_new0(struct common) : g_rc_box_acquire(ret[0]->common);
                ret[i]->common->block_count++;
        }
        for (uint32_t i = 0; i < count && code == SQLITE_OK; i++) {
                if (i == 0) {
                        code = make_image(ret[0], &ret[0]->image);
                } else {
                        ret[i]->image = new_image(ret[i], ret[0]->image);
                }
        }
        for (uint32_t i = 0; i < count && code != SQLITE_OK; i++)
                g_clear_pointer(&ret[i], row_block_free);
        return code;
}

/* The second name of a table. */
static gboolean make_imposter(struct row_block *block, const struct target *target)
{
        const char *table = schema_tables[target->table].name;
        g_autofree char *select = g_strdup_printf("SELECT rootpage FROM main.sqlite_master WHERE type = 'table' "
                                                  "AND name = '%s'", table);
        g_autofree char *create = appended_sql(target->table);
        g_autofree char *is_real = g_strdup_printf("SELECT count(*) FROM main.sqlite_master WHERE name = '%s_appended'",
                                                   table);
        g_autofree char *drop = g_strdup_printf("DROP TABLE main.%s_appended", table);
        int64_t root = 0, real_count = 0;
        int code = sqlite3_exec(block->db, select, read_int, &root, NULL);

        if (code != SQLITE_OK || root == 0 ||
            sqlite3_test_control(SQLITE_TESTCTRL_IMPOSTER, block->db, "main", 1, (int)root) != SQLITE_OK)
                return FALSE;
        code = sqlite3_exec(block->db, create, NULL, NULL, NULL);
        sqlite3_test_control(SQLITE_TESTCTRL_IMPOSTER, block->db, "main", 0, 0);
        if (code == SQLITE_OK)
                code = sqlite3_exec(block->db, is_real, read_int, &real_count, NULL);
        if (code == SQLITE_OK && real_count > 0) /* an SQLite that cannot do it has made a table */
                sqlite3_exec(block->db, drop, NULL, NULL, NULL);
        return code == SQLITE_OK && real_count == 0;
}

/* Does SQLite copy records as they are? Otherwise its program would take rows apart and make others. */
static gboolean is_transfer(struct row_block *block, const char *format, const char *table)
{
        g_autofree char *copy = g_strdup_printf(format, table, block->name, table);
        g_autofree char *explain = g_strconcat("EXPLAIN ", copy, NULL);
        g_autoptr(sqlite3_stmt) program = NULL;
        gboolean copies = FALSE;

        if (prepare(block, explain, &program) != SQLITE_OK)
                return FALSE;
        while (sqlite3_step(program) == SQLITE_ROW) {
                const char *step = (const char *)sqlite3_column_text(program, 1);

                if (g_strcmp0(step, "MakeRecord") == 0)
                        return FALSE;
                copies = copies || g_strcmp0(step, "RowData") == 0 || g_strcmp0(step, "RowCell") == 0;
        }
        return copies;
}

/* FALSE: not with this SQLite; rows of each block then go into the table as it is. */
static gboolean make_appendable(struct row_block *block)
{
        for (uint32_t i = 0; i < block->target_count; i++) {
                const struct target *target = &block->targets[i];
                const char *table = schema_tables[target->table].name;

                if (target->has_key && (!make_imposter(block, target) || !is_transfer(block, COPY_SQL, table) ||
                                        !is_transfer(block, APPEND_SQL, table)))
                        return FALSE;
        }
        return TRUE;
}

int row_blocks_attach(sqlite3 *db, gboolean in_place, struct row_block *const *blocks, uint32_t count)
{
        int code;

        blocks[0]->db = db;
        blocks[0]->in_place = in_place;
        code = in_place ? attach_image(blocks[0]) : SQLITE_OK;
        if (code == SQLITE_OK && in_place)
                code = try_in_place(blocks[0], &blocks[0]->in_place);
        if (code == SQLITE_OK && blocks[0]->in_place)
                blocks[0]->common->can_append = make_appendable(blocks[0]);
        for (uint32_t i = 1; i < count && code == SQLITE_OK; i++) {
                blocks[i]->db = db;
                blocks[i]->in_place = blocks[0]->in_place;
                code = blocks[i]->in_place ? attach_image(blocks[i]) : SQLITE_OK;
        }
        return code;
}

void row_block_free(struct row_block *block)
{
        g_autofree char *detach = NULL;

        if (block == NULL)
                return;
        for (uint32_t i = 0; i < block->target_count; i++) {
                sqlite3_finalize(block->targets[i].copy);
                sqlite3_finalize(block->targets[i].append);
                sqlite3_finalize(block->targets[i].insert);
        }
        if (block->db != NULL) {
                detach = g_strdup_printf("DETACH %s", block->name);
                sqlite3_exec(block->db, detach, NULL, NULL, NULL); /* before its memory goes */
        }
        if (--block->common->block_count == 0 && block->db != NULL) /* second names of tables go, if there are any */
                sqlite3_test_control(SQLITE_TESTCTRL_IMPOSTER, block->db, "main", 0, 1);
        g_free(block->image);
        g_free(block->entries);
        g_rc_box_release(block->common);
        g_free(block->name);
        g_free(block);
}
