/*
 * test_check.c - a CHECK says what was wrong, lets the last words be spoken once, and aborts.
 */
#include <glib.h>
#include <stdio.h>

#include "base/check.h"
#include "support/dies.h"

static void speak(void *context)
{
        fprintf(stderr, "last words of %s\n", (const char *)context);
}

static void speak_and_fail(void *context)
{
        fprintf(stderr, "last words of %s\n", (const char *)context);
        CHECK(2 + 2 == 5);
}

static void fail(void *data)
{
        (void)data;
        CHECK(1 > 2);
}

static void fail_with_words(void *data)
{
        check_set_last_words(speak, data);
        CHECK(1 > 2);
}

static void fail_twice(void *data)
{
        check_set_last_words(speak_and_fail, data);
        CHECK(1 > 2);
}

static void test_says_where(void)
{
        test_dies(fail, NULL, "CHECK(1 > 2) failed at");
        test_dies(fail, NULL, "test_check.c:");
}

static void test_last_words(void)
{
        test_dies(fail_with_words, (void *)"the run", "failed at");
        test_dies(fail_with_words, (void *)"the run", "last words of the run");
}

static void test_words_that_fail(void)
{
        test_dies(fail_twice, (void *)"the run", "CHECK(2 + 2 == 5)"); /* and does not go round in circles */
}

static void test_true_is_silent(void)
{
        CHECK(1 < 2);
}

int main(int argc, char **argv)
{
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/base/check/a-failed-check-says-what-and-where", test_says_where);
        g_test_add_func("/base/check/last-words-are-spoken", test_last_words);
        g_test_add_func("/base/check/last-words-that-fail-end-it", test_words_that_fail);
        g_test_add_func("/base/check/what-holds-is-silent", test_true_is_silent);
        return g_test_run();
}
