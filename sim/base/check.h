/*
 * check.h - CHECK: something proven, tested in every build.
 *
 * A failed CHECK is a bug of the simulator, never of a scenario. It prints the expression, calls the last-words hook
 * (which says time, CPU, op and the command that repeats the run) and aborts.
 */
#ifndef KMEMSIM_BASE_CHECK_H
#define KMEMSIM_BASE_CHECK_H

#define CHECK(x)                                                                                                       \
        do {                                                                                                           \
                if (__builtin_expect(!(x), 0))                                                                         \
                        check_failed(#x, __FILE__, __LINE__);                                                          \
        } while (0)

_Noreturn void check_failed(const char *what, const char *file, int line);

/* One hook for the process; called once. */
void check_set_last_words(void (*last_words)(void *context), void *context);

#endif
