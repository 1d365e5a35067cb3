#include "base/check.h"

#include <stdio.h>
#include <stdlib.h>

static void (*hook)(void *context);
static void *hook_context;

void check_set_last_words(void (*last_words)(void *context), void *context)
{
        hook = last_words;
        hook_context = context;
}

_Noreturn void check_failed(const char *what, const char *file, int line)
{
        void (*last_words)(void *context) = hook;

        fprintf(stderr, "kmemsim: internal error: CHECK(%s) failed at %s:%d\n", what, file, line);
        hook = NULL; /* a CHECK inside the hook must not come back here */
        if (last_words)
                last_words(hook_context);
        abort();
}
