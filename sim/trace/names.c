/*
 * names.c - the names of ops, paths, reports and events, from the lists that declare them.
 */
#include "base/core_only.h"
#include "trace/event.h"
#include "trace/op.h"
#include "trace/report.h"

const char *const op_kind_names[OP_KIND_COUNT] = {
#define X(id, name, what) [OP_##id] = name,
        OP_KINDS(X)
#undef X
};

const char *const op_path_names[OP_PATH_COUNT] = {
#define X(id, name, what) [PATH_##id] = name,
        OP_PATHS(X)
#undef X
};

const struct report_kind_info report_kind_infos[REPORT_KIND_COUNT] = {
#define REPORT(id, name, fatal, what) [REPORT_##id] = { name, fatal },
#include "trace/report_kinds.def"
#undef REPORT
};

const struct event_kind_names event_kind_names[EVENT_KIND_COUNT] = {
#define EVENT(id, name, a, b, c) [EV_##id] = { name, { #a, #b, #c } },
#include "trace/event_kinds.def"
#undef EVENT
};
