/*
 * dies.h - a function that must end in a failed CHECK.
 *
 * test_dies runs it in a copy of the process and looks at how that ended and what it wrote.
 */
#ifndef KMEMSIM_TESTS_SUPPORT_DIES_H
#define KMEMSIM_TESTS_SUPPORT_DIES_H

/* body(data) must abort with a message that has `words` in it. */
void test_dies(void (*body)(void *data), void *data, const char *words);

#endif
