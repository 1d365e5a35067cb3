-- Who asks for memory, and who holds it at the end?
--
-- Parameters:
--   :by = site in site|task|cache   site: call site of a trace, or the task of a scenario; task; cache
--   :order = live in live|bytes|allocs|failed|time   by live_bytes, requested_bytes, allocs, failed or dur_ns
--   :limit = 20 in 0..   at most so many rows; 0: all
-- Columns:
--   who               the call site, task or cache; pages: blocks of pages
--   allocs            requests for objects or pages
--   failed            of them, that got nothing
--   requested_bytes   bytes asked for
--   dur_ns            time the requests took, ns, waiting included
--   frees             objects given back, by whomever
--   mean_life_ns      their age when they were given back, ns, on average
--   live_objs         objects not given back
--   live_bytes        bytes asked for, of those
--   live_slack_bytes  what those take beyond that in their slabs
WITH
  named AS (
    SELECT CASE :by
             WHEN 'cache' THEN coalesce(c.name, 'pages')
             WHEN 'task' THEN coalesce(s.task, t.name, 'task ' || st.task)
             ELSE coalesce(s.name, s.task, t.name, 'task ' || st.task) END AS who,
           st.*, max(0, coalesce(st.live_objs * c.buffer_size - st.live_bytes, 0)) AS slack_bytes
    FROM site_total st LEFT JOIN cache c ON c.id = st.cache LEFT JOIN thread t ON t.id = st.task
         LEFT JOIN site s ON s.id = st.site),
  whole AS (
    SELECT who, sum(allocs) AS allocs, sum(failed) AS failed, sum(size_bytes) AS requested_bytes,
           sum(dur_ns) AS dur_ns, sum(frees) AS frees, sum(life_ns) / nullif(sum(frees), 0) AS mean_life_ns,
           sum(live_objs) AS live_objs, sum(live_bytes) AS live_bytes, sum(slack_bytes) AS live_slack_bytes
    FROM named GROUP BY who)
SELECT * FROM whole
ORDER BY CASE :order WHEN 'bytes' THEN requested_bytes WHEN 'allocs' THEN allocs WHEN 'failed' THEN failed
                     WHEN 'time' THEN dur_ns ELSE live_bytes END DESC, requested_bytes DESC, who
LIMIT CASE WHEN :limit > 0 THEN :limit ELSE -1 END;
