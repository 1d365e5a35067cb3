/*
 * trace_prefix.h - who, where and when: the part of a trace line up to the name of its event.
 */
#ifndef KMEMSIM_IMPORT_TRACE_PREFIX_H
#define KMEMSIM_IMPORT_TRACE_PREFIX_H

#include "import/trace_line.h"

/*
 * Reads up to behind the name and its colon; *p is then where the fields begin. Sets kind, cpu, time, unit, pid, comm
 * and same_task of the event, for TRACE_LOST also count. False if the line has no prefix in any of the shapes.
 */
bool trace_prefix_take(struct trace_dialect *dialect, const char **p, const char *end, struct trace_event *event);

#endif
