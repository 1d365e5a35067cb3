/*
 * core_only.h - the wall around the core: included first by every core .c file.
 *
 * The core is libc only and has no I/O, no clock, no allocation of its own and no floats in its state. These names
 * are poisoned, which also stops any header that declares them. arena.c (takes the memory) and check.c (prints the
 * last words) are the two doors and do not include this file.
 */
#ifndef KMEMSIM_BASE_CORE_ONLY_H
#define KMEMSIM_BASE_CORE_ONLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#pragma GCC poison malloc calloc realloc rand random printf fprintf snprintf qsort getenv time clock double float
#pragma GCC poison sqlite3 lua_State gpointer

#endif
