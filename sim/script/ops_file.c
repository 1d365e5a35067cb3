#include "script/ops_file.h"

#include <string.h>

#include "import/line_reader.h"
#include "script/gfp_text.h"

G_DEFINE_QUARK(kmemsim-ops-error, ops_error)

#define WORDS_MAX 64u

static const char *const kind_words[OPS_KIND_COUNT] = {
#define X(id, word) [OPS_##id] = word,
        OPS_KINDS(X)
#undef X
};

/* The line at hand, cut into words. */
struct parser {
        struct ops_file *ops;
        GHashTable *objects; /* id -> object + 1; freed ones have FREED set */
        char *text;          /* copy of the line, words ended by NUL */
        char *words[WORDS_MAX];
        uint32_t word_count;
        uint32_t line;
        bool numa;
        bool has_machine;
        GError **error;
};

#define FREED (UINT64_C(1) << 32)

static bool complain(struct parser *parser, const char *format, ...) G_GNUC_PRINTF(2, 3);

static bool complain(struct parser *parser, const char *format, ...)
{
        g_autofree char *what = NULL;
        va_list args;

        va_start(args, format);
        what = g_strdup_vprintf(format, args);
        va_end(args);
        g_set_error(parser->error, OPS_ERROR, OPS_ERROR_FORMAT, "%s:%u: %s", parser->ops->path, parser->line, what);
        return false;
}

/* -- words and numbers -------------------------------------------------------------------------------------------- */

static bool split_words(struct parser *parser, const char *line, size_t length)
{
        const char *comment;

        if (memchr(line, '\0', length))
                return complain(parser, "a NUL byte");
        g_free(parser->text);
        parser->text = g_strndup(line, length);
        comment = strchr(parser->text, '#');
        /* a name may hold a '#', a comment begins after a blank */
        while (comment && comment > parser->text && comment[-1] != ' ' && comment[-1] != '\t')
                comment = strchr(comment + 1, '#');
        if (comment)
                parser->text[comment - parser->text] = '\0';

        parser->word_count = 0;
        for (char *at = parser->text + strspn(parser->text, " \t\r"); *at; at += strspn(at, " \t\r")) {
                if (parser->word_count == WORDS_MAX)
                        return complain(parser, "more than %u words", WORDS_MAX);
                parser->words[parser->word_count++] = at;
                at += strcspn(at, " \t\r");
                if (*at)
                        *at++ = '\0';
        }
        return true;
}

static bool read_number(struct parser *parser, const char *what, const char *text, uint64_t max, uint64_t *ret)
{
        uint64_t value = 0;
        const char *digit = text;

        *ret = 0;
        for (; *digit >= '0' && *digit <= '9'; digit++)
                if (__builtin_mul_overflow(value, 10u, &value) ||
                    __builtin_add_overflow(value, (uint64_t)(*digit - '0'), &value))
                        break;
        if (digit == text || *digit)
                return complain(parser, "%s is no number: `%s'", what, text);
        if (value > max)
                return complain(parser, "%s is %s, at most %" G_GUINT64_FORMAT " is possible", what, text, max);
        *ret = value;
        return true;
}

/* Word number `index` (0 is the kind), which must be there. */
static bool word_number(struct parser *parser, uint32_t index, const char *what, uint64_t max, uint64_t *ret)
{
        *ret = 0;
        if (index >= parser->word_count)
                return complain(parser, "`%s' needs %s", parser->words[0], what);
        return read_number(parser, what, parser->words[index], max, ret);
}

static bool word_name(struct parser *parser, uint32_t index, uint32_t *ret)
{
        if (index >= parser->word_count)
                return complain(parser, "`%s' needs the name of a cache", parser->words[0]);
        *ret = intern_id(&parser->ops->names, parser->words[index], strlen(parser->words[index]));
        return true;
}

/* "key=value" -> value, or NULL */
static const char *value_of(const char *word, const char *key)
{
        size_t length = strlen(key);

        return strncmp(word, key, length) == 0 && word[length] == '=' ? word + length + 1 : NULL;
}

static bool unknown_word(struct parser *parser, const char *word)
{
        return complain(parser, "`%s' is not understood behind `%s'", word, parser->words[0]);
}

/* -- machine, trace, create --------------------------------------------------------------------------------------- */

static bool read_memory(struct parser *parser, const char *list)
{
        g_auto(GStrv) figures = g_strsplit(list, ",", MACHINE_NODES_MAX + 1);
        uint32_t count = g_strv_length(figures);
        struct sim_config *machine = &parser->ops->machine;

        if (count != 1 && count != machine->nodes)
                return complain(parser, "mem_mib needs one figure, or one for each of the %u nodes", machine->nodes);
        for (uint32_t node = 0; node < machine->nodes && node < MACHINE_NODES_MAX; node++) {
                uint64_t mib;

                if (!read_number(parser, "mem_mib", figures[count == 1 ? 0 : node], UINT32_MAX, &mib))
                        return false;
                machine->node_mib[node] = (uint32_t)mib;
        }
        return true;
}

static bool parse_machine(struct parser *parser)
{
        struct sim_config *machine = &parser->ops->machine;
        const char *memory = NULL;

        if (parser->has_machine)
                return complain(parser, "a second `machine' line");
        parser->has_machine = true;
        for (uint32_t i = 1; i < parser->word_count; i++) {
                const char *word = parser->words[i], *value;
                uint64_t number;
                struct { const char *key; uint32_t *field; uint64_t max; } numbers[] = {
                        { "numa", &machine->numa, 1 },
                        { "cpus", &machine->cpus, OPS_CPU_MAX + 1 },
                        { "nodes", &machine->nodes, MACHINE_NODES_MAX },
                        { "reserved_pages", &machine->reserved_pages, UINT32_MAX },
                        { "l1", &machine->line_bytes, 4096 },
                        { "hz", &machine->hz, 10000 },
                        { "debug_slab", &machine->debug_slab, 1 },
                };
                bool known = false;

                if ((value = value_of(word, "arch"))) {
                        if (strcmp(value, "x86_64") == 0)
                                machine->arch = ARCH_X86_64;
                        else if (strcmp(value, "i386") == 0)
                                machine->arch = ARCH_I386;
                        else
                                return complain(parser, "arch is x86_64 or i386, not `%s'", value);
                        continue;
                }
                if ((value = value_of(word, "mem_mib"))) {
                        memory = value;
                        continue;
                }
                for (size_t n = 0; n < G_N_ELEMENTS(numbers) && !known; n++) {
                        if (!(value = value_of(word, numbers[n].key)))
                                continue;
                        if (!read_number(parser, numbers[n].key, value, numbers[n].max, &number))
                                return false;
                        *numbers[n].field = (uint32_t)number;
                        known = true;
                }
                if (!known)
                        return unknown_word(parser, word);
        }
        if (memory && !read_memory(parser, memory))
                return false;
        parser->numa = machine->numa;
        parser->ops->cpus = machine->cpus;
        return true;
}

static bool parse_trace(struct parser *parser)
{
        for (uint32_t i = 1; i < parser->word_count; i++) {
                const char *equals = strchr(parser->words[i], '=');
                struct ops_fact fact;

                if (!equals || equals == parser->words[i])
                        return complain(parser, "`trace' needs KEY=VALUE, not `%s'", parser->words[i]);
                fact.key = g_strndup(parser->words[i], (gsize)(equals - parser->words[i]));
                fact.value = g_strdup(equals + 1);
                g_array_append_val(parser->ops->facts, fact);
        }
        return true;
}

static bool parse_create(struct parser *parser, struct ops_line *line)
{
        struct cache_spec spec = { 0 };
        bool has_size = false;

        if (!word_name(parser, 1, &line->name))
                return false;
        if (strlen(parser->words[1]) > CACHE_NAME_MAX)
                return complain(parser, "the name of a cache has at most %d bytes", CACHE_NAME_MAX);
        g_strlcpy(spec.name, parser->words[1], sizeof(spec.name));
        for (uint32_t i = 2; i < parser->word_count; i++) {
                const char *word = parser->words[i], *value;
                uint64_t number;

                if ((value = value_of(word, "size"))) {
                        if (!read_number(parser, "size", value, UINT32_MAX, &number))
                                return false;
                        spec.size_bytes = (uint32_t)number;
                        has_size = true;
                } else if ((value = value_of(word, "align"))) {
                        if (!read_number(parser, "align", value, UINT32_MAX, &number))
                                return false;
                        spec.align_bytes = (uint32_t)number;
                } else if ((value = value_of(word, "flags"))) {
                        const char *flag;
                        size_t length;

                        if (!cache_flags_parse(value, &spec.flags, &flag, &length))
                                return complain(parser, "`%.*s' is no flag of a cache", (int)length, flag);
                } else if (!value_of(word, "t") && !value_of(word, "task") && !value_of(word, "site")) {
                        return unknown_word(parser, word);
                }
        }
        if (!has_size)
                return complain(parser, "`create' needs size=BYTES");
        line->spec = parser->ops->specs->len;
        g_array_append_val(parser->ops->specs, spec);
        return true;
}

/* -- operations --------------------------------------------------------------------------------------------------- */

static bool read_cpu(struct parser *parser, uint32_t index, struct ops_line *line)
{
        uint64_t cpu;

        if (!word_number(parser, index, "a CPU", parser->ops->cpus - 1, &cpu))
                return false;
        line->cpu = (uint16_t)cpu;
        return true;
}

static bool read_id(struct parser *parser, struct ops_line *line)
{
        if (!word_number(parser, 2, "an id", INT64_MAX, &line->id))
                return false;
        return line->id > 0 ? true : complain(parser, "an id is 1 or more");
}

static bool new_object(struct parser *parser, struct ops_line *line)
{
        if (!read_id(parser, line))
                return false;
        line->object = parser->ops->object_count++;
        if (!g_hash_table_insert(parser->objects, GSIZE_TO_POINTER(line->id),
                                 GSIZE_TO_POINTER(line->object + UINT64_C(1))))
                return complain(parser, "id %" G_GUINT64_FORMAT " stands for an earlier allocation already", line->id);
        return true;
}

static bool free_object(struct parser *parser, struct ops_line *line)
{
        uint64_t object;

        if (!read_id(parser, line))
                return false;
        object = GPOINTER_TO_SIZE(g_hash_table_lookup(parser->objects, GSIZE_TO_POINTER(line->id)));
        if (object == 0)
                return complain(parser, "id %" G_GUINT64_FORMAT " is freed, but no line above allocated it", line->id);
        if (object & FREED)
                return complain(parser, "id %" G_GUINT64_FORMAT " is freed a second time", line->id);
        g_hash_table_insert(parser->objects, GSIZE_TO_POINTER(line->id), GSIZE_TO_POINTER(object | FREED));
        line->object = (uint32_t)(object - 1);
        return true;
}

/* gfp= node= t= task= site= from word `first` on. */
static bool read_fields(struct parser *parser, uint32_t first, struct ops_line *line)
{
        bool has_node = false;

        for (uint32_t i = first; i < parser->word_count; i++) {
                const char *word = parser->words[i], *value;
                bool allocates = line->kind >= OPS_ALLOC && line->kind <= OPS_PAGES;
                uint64_t number;

                if ((value = value_of(word, "t"))) {
                        if (!read_number(parser, "t", value, INT64_MAX, &line->t_ns))
                                return false;
                        parser->ops->span_ns = MAX(parser->ops->span_ns, line->t_ns);
                } else if ((value = value_of(word, "task"))) {
                        line->task = intern_id(&parser->ops->names, value, strlen(value));
                } else if ((value = value_of(word, "site"))) {
                        line->site = intern_id(&parser->ops->names, value, strlen(value));
                } else if (allocates && (value = value_of(word, "gfp"))) {
                        const char *flag;
                        size_t length;

                        if (!gfp_parse(value, parser->numa, &line->gfp, &flag, &length))
                                return complain(parser, "`%.*s' is no gfp flag", (int)length, flag);
                } else if ((line->kind == OPS_ALLOC_NODE || line->kind == OPS_PAGES) &&
                           (value = value_of(word, "node"))) {
                        if (!read_number(parser, "node", value, parser->ops->machine.nodes - 1, &number))
                                return false;
                        line->node_plus_1 = (uint8_t)(number + 1);
                        has_node = true;
                } else if (line->kind != OPS_CREATE) {
                        return unknown_word(parser, word);
                }
        }
        if (line->kind == OPS_ALLOC_NODE && !has_node)
                return complain(parser, "`n' needs node=N");
        return true;
}

static bool parse_operation(struct parser *parser, enum ops_kind kind)
{
        struct ops_line line = { .kind = (uint8_t)kind, .line = parser->line, .t_ns = OPS_NO_TIME, .object = OPS_NONE,
                                 .name = OPS_NONE, .spec = OPS_NONE, .task = OPS_NONE, .site = OPS_NONE };
        uint32_t fields = 1; /* first word that may be KEY=VALUE */
        uint64_t number;
        bool good = true;

        switch (kind) {
        case OPS_CREATE:
                good = parse_create(parser, &line);
                fields = 2;
                break;
        case OPS_ALLOC:
        case OPS_ALLOC_NODE:
        case OPS_KMALLOC:
        case OPS_PAGES:
                good = read_cpu(parser, 1, &line) && new_object(parser, &line);
                if (good && kind == OPS_KMALLOC) {
                        good = word_number(parser, 3, "a size", INT64_MAX, &line.size);
                } else if (good && kind == OPS_PAGES) {
                        good = word_number(parser, 3, "an order", 63, &number);
                        line.order = good ? (uint8_t)number : 0;
                } else if (good) {
                        good = word_name(parser, 3, &line.name);
                }
                good = good && gfp_parse("kernel", false, &line.gfp, NULL, NULL);
                fields = 4;
                break;
        case OPS_FREE:
                good = read_cpu(parser, 1, &line) && free_object(parser, &line);
                fields = 3;
                break;
        case OPS_SHRINK:
        case OPS_DESTROY:
                good = word_name(parser, 1, &line.name);
                fields = 2;
                break;
        case OPS_TUNE: {
                uint64_t batchcount = 0, shared = 0;

                good = word_name(parser, 1, &line.name) &&
                       word_number(parser, 2, "a limit", INT32_MAX, &line.size) &&
                       word_number(parser, 3, "a batchcount", INT32_MAX, &batchcount) &&
                       word_number(parser, 4, "a shared factor", INT32_MAX, &shared);
                line.size |= batchcount << 32;
                line.gfp = (uint32_t)shared;
                fields = 5;
                break;
        }
        case OPS_TICK:
                good = word_number(parser, 1, "a number of ticks", UINT32_MAX, &line.size);
                fields = 2;
                break;
        case OPS_REAP:
        case OPS_CPU_DOWN:
        case OPS_CPU_UP:
                good = read_cpu(parser, 1, &line);
                fields = 2;
                break;
        case OPS_DRAIN:
                line.cpu = OPS_CPU_ALL;
                if (parser->word_count > 1 && !strchr(parser->words[1], '=')) {
                        good = read_cpu(parser, 1, &line);
                        fields = 2;
                }
                break;
        default:
                break;
        }
        if (!good || !read_fields(parser, fields, &line))
                return false;
        g_array_append_val(parser->ops->lines, line);
        return true;
}

static bool parse_line(struct parser *parser)
{
        uint32_t kind = 0;

        if (parser->word_count == 0)
                return true;
        while (kind < OPS_KIND_COUNT && strcmp(parser->words[0], kind_words[kind]) != 0)
                kind++;
        if (kind == OPS_KIND_COUNT)
                return complain(parser, "`%s' is no operation", parser->words[0]);
        if (kind == OPS_MACHINE)
                return parse_machine(parser);
        if (kind == OPS_TRACE)
                return parse_trace(parser);
        if (!parser->has_machine)
                return complain(parser, "the first operation must be `machine'");
        return parse_operation(parser, kind);
}

/* -- the file ----------------------------------------------------------------------------------------------------- */

static bool is_header(const char *line, size_t length, const char *header)
{
        return length == strlen(header) && memcmp(line, header, length) == 0;
}

static struct ops_file *ops_file_new(const char *path)
{
        struct ops_file *ops = g_new0(struct ops_file, 1);

        ops->path = g_strdup(path);
        sim_config_default(&ops->machine);
        ops->machine.manual_clock = 1;
        ops->cpus = ops->machine.cpus;
        ops->lines = g_array_new(FALSE, FALSE, sizeof(struct ops_line));
        ops->specs = g_array_new(FALSE, FALSE, sizeof(struct cache_spec));
        ops->facts = g_array_new(FALSE, FALSE, sizeof(struct ops_fact));
        intern_init(&ops->names);
        return ops;
}

static bool take_line(struct parser *parser, const char *line, size_t length)
{
        parser->line++;
        if (length > 0 && line[length - 1] == '\r')
                length--;
        if (parser->line == 1)
                return is_header(line, length, "kmemops 1") ? true :
                       complain(parser, "this is no kmemops file: the first line must be `kmemops 1'");
        return split_words(parser, line, length) && parse_line(parser);
}

static bool read_lines(struct parser *parser, struct line_reader *reader)
{
        const char *line;
        size_t length;
        GError *broken = NULL;

        while (line_reader_next(reader, &line, &length, &broken)) {
                if (!take_line(parser, line, length))
                        return false;
                if (line_reader_was_cut(reader))
                        return complain(parser, "the line has more than %u bytes", LINE_BYTES_MAX);
        }
        if (broken) {
                g_set_error_literal(parser->error, OPS_ERROR, OPS_ERROR_IO, broken->message);
                g_error_free(broken);
                return false;
        }
        return true;
}

static bool split_lines(struct parser *parser, const char *text, size_t length)
{
        const char *end = text + length;

        while (text < end) {
                const char *newline = memchr(text, '\n', (size_t)(end - text));
                const char *line_end = newline ? newline : end;

                if (!take_line(parser, text, (size_t)(line_end - text)))
                        return false;
                text = line_end + 1;
        }
        return true;
}

static bool check_end(struct parser *parser)
{
        if (parser->line == 0) {
                parser->line = 1;
                return complain(parser, "this is no kmemops file: it is empty");
        }
        return parser->has_machine ? true : complain(parser, "the file has no `machine' line");
}

/* Reads all lines: from the reader, or from the text if there is none. */
static struct ops_file *parse(const char *path, struct line_reader *reader, const char *text, size_t length,
                              GError **error)
{
        g_autoptr(GHashTable) objects = g_hash_table_new(NULL, NULL);
        struct parser parser = { .ops = ops_file_new(path), .objects = objects, .error = error };
        bool good = (reader ? read_lines(&parser, reader) : split_lines(&parser, text, length)) && check_end(&parser);

        g_free(parser.text);
        if (good)
                return parser.ops;
        ops_file_free(parser.ops);
        return NULL;
}

struct ops_file *ops_file_read(const char *path, GError **error)
{
        GError *unreadable = NULL;
        struct line_reader *reader = line_reader_open(path, &unreadable);
        struct ops_file *ops;

        if (!reader) {
                g_set_error_literal(error, OPS_ERROR, OPS_ERROR_IO, unreadable->message);
                g_error_free(unreadable);
                return NULL;
        }
        ops = parse(path, reader, NULL, 0, error);
        line_reader_close(reader);
        return ops;
}

struct ops_file *ops_file_parse(const char *name, const char *text, size_t length, GError **error)
{
        return parse(name, NULL, text, length, error);
}

void ops_file_free(struct ops_file *ops)
{
        if (!ops)
                return;
        for (uint32_t i = 0; i < ops->facts->len; i++) {
                struct ops_fact *fact = &g_array_index(ops->facts, struct ops_fact, i);

                g_free(fact->key);
                g_free(fact->value);
        }
        g_array_unref(ops->facts);
        g_array_unref(ops->specs);
        g_array_unref(ops->lines);
        intern_clear(&ops->names);
        g_free(ops->path);
        g_free(ops);
}

const struct ops_line *ops_file_line(const struct ops_file *ops, uint32_t index)
{
        return &g_array_index(ops->lines, struct ops_line, index);
}

uint32_t ops_file_count(const struct ops_file *ops)
{
        return ops->lines->len;
}

const char *ops_file_name(const struct ops_file *ops, uint32_t name)
{
        size_t length;

        return intern_text(&ops->names, name, &length);
}

const char *ops_file_fact(const struct ops_file *ops, const char *key)
{
        for (uint32_t i = 0; i < ops->facts->len; i++) {
                const struct ops_fact *fact = &g_array_index(ops->facts, struct ops_fact, i);

                if (strcmp(fact->key, key) == 0)
                        return fact->value;
        }
        return NULL;
}

bool ops_file_is_one(const char *path)
{
        struct line_reader *reader = line_reader_open(path, NULL);
        const char *line;
        size_t length;
        bool is_one = false;

        if (reader) {
                is_one = line_reader_next(reader, &line, &length, NULL) && length >= 8 &&
                         memcmp(line, "kmemops ", 8) == 0;
                line_reader_close(reader);
        }
        return is_one;
}
