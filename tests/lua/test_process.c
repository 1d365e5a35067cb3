/*
 * test_process.c - processes as a scenario uses them: declared, judged, changed, killed; what their tasks and those who
 * wait for them see; and what is a mistake.
 */
#include "support.h"

#define MACHINE "machine { cpus = 2, memory = '32MiB' } "
#define HOG     "local hog = process { name = 'hog', pid = 901, total_vm = '60MiB', anon = '8MiB' } "
/* takes pages until somebody has died */
#define EAT(who) "while not " who ".killed do t:pages(0, 'highuser') end "

/* As assert_prints, without what memory looked like when the killer came. */
static void assert_tells(const char *text, const char *expected)
{
        g_autoptr(outcome_auto) outcome = support_run(text, NULL, 1);
        g_autoptr(GRegex) mem_info = g_regex_new("^[^\n]* invoked oom-killer.*?pages swap cached\n",
                                                 G_REGEX_MULTILINE | G_REGEX_DOTALL, 0, NULL);
        g_autofree char *told = g_regex_replace_literal(mem_info, outcome->printed->str, -1, 0, "", 0, NULL);

        g_assert_cmpstr(outcome->error, ==, "");
        g_assert_cmpstr(told, ==, expected);
}

static void test_kill(void)
{
        assert_tells(MACHINE HOG
                      "local shell = process { name = 'bash', total_vm = '1MiB' } "
                      "task { name = 'sleeper', process = hog, cpu = 1, run = function(t) t:sleep('3600s') "
                      "print('never') end } "
                      "task { name = 'receiver', process = hog, run = function(t) t:receive() print('never') end } "
                      "task { name = 'waiter', run = function(t) print(t:wait(hog, '1us')) "
                      "print(t:wait(hog)) print(hog.killed, hog.exited, hog.alive, t:now() - hog.killed_ns < 4000000) "
                      "print(t:wait(hog)) print(pcall(t.spawn, t, { name = 'late', process = hog, "
                      "run = print })) end } "
                      "task { name = 'eater', process = shell, at = '10us', run = function(t) print(hog.score) "
                      EAT("hog")
                      "print(shell.killed, hog.score) end } "
                      "expect('r', function(r) local h = r.processes.hog return h.killed and h.exited and h.pid == 901 "
                      "and "
                      "h.killed_ns > 0 and not r.processes.bash.killed and r.processes.bash.pid == 1001 and "
                      "r.paths.process_exit.none == 1 end)",
                      "15360\n"
                      "nil\ttimeout\n"
                      "Out of memory: kill process 901 (hog) score 15360 or a child\n"
                      "Killed process 901 (hog)\n"
                      "true\n"
                      "true\ttrue\tfalse\ttrue\n"
                      "true\n"
                      "false\tspawn: the process 'hog' is dead\n"
                      "false\t0\n");
}

/* Who dies is what the scenario says; a task in a request ends with it. */
static void test_whom(void)
{
        assert_tells(MACHINE
                      "local init = process { name = 'init', pid = 1, total_vm = '100MiB', uid = 0 } "
                      "local kthread = process { name = 'kjob', kernel = true } "
                      "local sshd = process { name = 'sshd', total_vm = '90MiB', oom_adj = -17, parent = init } "
                      "local root = process { name = 'root', total_vm = '64MiB', uid = 0, anon = '4MiB' } "
                      "local user = process { name = 'user', total_vm = '16MiB', anon = '4MiB', nice = 5 } "
                      "local child = process { name = 'child', total_vm = '1MiB', parent = user } "
                      "task { name = 't', process = root, run = function(t) "
                      "print(root.score, user.score, child.score, kthread.score) "
                      "t:process_set(user, 'nice', 0) t:process_set(root, 'oom_adj', 1) t:process_set(user, "
                      "'total_vm', '32MiB') "
                      "print(root.score, user.score, root.oom_adj, user.nice, user.total_vm) "
                      EAT("child") EAT("user") "print(child.killed, user.killed, root.killed) " EAT("root")
                      "print('never') end }",
                      "1024\t8450\t256\t0\n"
                      "2048\t8321\t1\t0\t33554432\n"
                      "Out of memory: kill process 1004 (user) score 8321 or a child\n"
                      "Killed process 1005 (child)\n"
                      "Out of memory: kill process 1004 (user) score 8192 or a child\n"
                      "Killed process 1004 (user)\n"
                      "true\ttrue\tfalse\n"
                      "Out of memory: kill process 1003 (root) score 2048 or a child\n"
                      "Killed process 1003 (root)\n");
}

static void test_panic(void)
{
        static const char nobody[] = MACHINE "process { name = 'init', pid = 1 } task { name = 't', "
                                             "run = function(t) while true do "
                                             "t:pages(0, 'highuser') end end }";

        assert_fails(nobody, SCENARIO_ERROR_SIMULATED, "Kernel panic - not syncing: Out of memory and no killable "
                                                       "processes...");
        assert_fails(MACHINE HOG "task { name = 't', run = function(t) t:vm_set('panic_on_oom', 1) while true do "
                                 "t:pages(0, 'highuser') end end }",
                     SCENARIO_ERROR_SIMULATED, "Kernel panic - not syncing: out of memory. panic_on_oom is selected");
}

static void test_exit(void)
{
        assert_prints(MACHINE HOG
                      "task { name = 't', run = function(t) print(t:process_exit(hog)) print(hog.exited, hog.killed) "
                      "print(t:wait(hog)) print(pcall(t.process_exit, t, 7)) end }",
                      "2048\ntrue\tfalse\ntrue\n"
                      "false\tprocess_exit needs a process: what process{} returned\n");
}

/* What the kernel holds for a process goes with it if the scenario says so. */
static void test_on_exit(void)
{
        assert_tells(MACHINE "local files = cache { name = 'filp', size = 200 } local held = {} "
                     "local hog = process { name = 'hog', pid = 7, total_vm = '64MiB', anon = '2MiB', "
                     "on_exit = function(t) "
                     "print('exits', #held, t:name()) for _, o in ipairs(held) do t:kfree(o) end t:work('1ms') "
                     "print('gone') end } "
                     "task { name = 'opens', process = hog, run = function(t) for i = 1, 30 do held[i] = "
                     "t:alloc(files) end "
                     "t:sleep('10s') print('never') end } "
                     "task { name = 'eater', at = '1ms', run = function(t) " EAT("hog") "end } "
                     "expect('all back', function(r) return r.caches.filp.live_objs == 0 end)",
                     "Out of memory: kill process 7 (hog) score 16384 or a child\n"
                     "Killed process 7 (hog)\n"
                     "exits\t30\texit of hog\n"
                     "gone\n");
        assert_prints("local p = process { name = 'p', on_exit = function(t) print('never') end } "
                      "task { name = 't', run = function(t) t:work('1us') end }", "");
}

static void test_mistakes(void)
{
        static const struct {
                const char *text, *expected;
        } cases[] = {
                { "process { pid = 5 }", "s.lua:1: process needs a field 'name'\n  at s.lua:1 in the main part" },
                { "process { name = 'a', oom_adj = 16 }",
                  "s.lua:1: process: oom_adj is a whole number from -17 to 15\n  at s.lua:1 in the main part" },
                { "process { name = 'a' } process { name = 'a' }",
                  "s.lua:1: process: there is a process 'a' already\n  at s.lua:1 in the main part" },
                { "process { name = 'a', pid = 7 } process { name = 'b', pid = 7 }",
                  "s.lua:1: process: there is a process with pid 7 already\n  at s.lua:1 in the main part" },
                { "process { name = 'a', caps = { 'all' } }",
                  "s.lua:1: process: caps is a list of \"sys_admin\" and \"sys_rawio\"\n"
                  "  at s.lua:1 in the main part" },
                { "process { name = 'a', parent = 'init' }",
                  "s.lua:1: process: parent is what process{} returned\n  at s.lua:1 in the main part" },
                { "process { name = 'a', kernel = true, anon = '1MiB' }",
                  "s.lua:1: process: a kernel thread, or a process that shares the memory of another, "
                  "has no anon memory of its "
                  "own\n  at s.lua:1 in the main part" },
                { "task { name = 't', process = 5, run = print }",
                  "s.lua:1: task: process is what process{} returned\n  at s.lua:1 in the main part" },
                { "local k = process { name = 'k', kernel = true } task { name = 't', process = k, run = print }",
                  "s.lua:1: task: the process 'k' is a kernel thread and has no tasks\n  at s.lua:1 in the main part" },
                { "local p = process { name = 'p' } task { name = 't', process = p, run = function(t) t:wait(p) end }",
                  "s.lua:1: wait: 't' would wait for its own end\n  at s.lua:1 in the function at line 1\n"
                  "  task 't' on CPU 0 at T us" },
                { "local p = process { name = 'p' } task { name = 't', run = function(t) t:wait(p) end }",
                  "deadlock: nothing is left that could happen, and\n"
                  "  't' waits for the end of the process 'p' at s.lua:1\n"
                  "A task that serves others for as long as there is work is declared with daemon = true." },
        };

        for (gsize i = 0; i < G_N_ELEMENTS(cases); i++)
                assert_fails(cases[i].text, SCENARIO_ERROR_SCRIPT, cases[i].expected);
}

static void add_tests(void)
{
        g_test_add_func("/lua/process/a-kill-as-all-see-it", test_kill);
        g_test_add_func("/lua/process/who-dies", test_whom);
        g_test_add_func("/lua/process/panics", test_panic);
        g_test_add_func("/lua/process/exit", test_exit);
        g_test_add_func("/lua/process/on-exit", test_on_exit);
        g_test_add_func("/lua/process/mistakes", test_mistakes);
}

int main(int argc, char **argv)
{
        return support_main(argc, argv, add_tests);
}
