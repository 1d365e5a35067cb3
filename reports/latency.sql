-- How long do requests take, by what was asked and by the path they went?
--
-- Parameters:
--   :cache = all  name of a cache, pages (requests for pages), or all
-- Columns:
--   kind     what was asked for
--   path     the deepest stage the request needed
--   ops      requests of the workload that were done
--   p50_ns   half of them took no longer than this, waiting included; exact
--   p90_ns   90 % took no longer
--   p99_ns   99 % took no longer
--   max_ns   the longest
--   mean_ns  on average, rounded down
WITH
  duration AS ( -- how often each duration occurs: far fewer rows than ops
    SELECT o.kind, o.path, o.dur_ns, count(*) AS ops
    FROM op o LEFT JOIN cache c ON c.id = o.cache
    WHERE o.origin = 0 AND (:cache = 'all' OR c.name = :cache OR (:cache = 'pages' AND c.id IS NULL))
    GROUP BY o.kind, o.path, o.dur_ns),
  ranked AS (
    SELECT kind, path, dur_ns, ops,
           sum(ops) OVER (PARTITION BY kind, path ORDER BY dur_ns) AS up_to,
           sum(ops) OVER (PARTITION BY kind, path) AS all_ops
    FROM duration)
SELECT k.name AS kind, p.name AS path, sum(ops) AS ops,
       min(dur_ns) FILTER (WHERE up_to * 100 >= all_ops * 50) AS p50_ns,
       min(dur_ns) FILTER (WHERE up_to * 100 >= all_ops * 90) AS p90_ns,
       min(dur_ns) FILTER (WHERE up_to * 100 >= all_ops * 99) AS p99_ns,
       max(dur_ns) AS max_ns,
       sum(ops * dur_ns) / sum(ops) AS mean_ns
FROM ranked JOIN op_kind k ON k.id = ranked.kind JOIN op_path p ON p.id = ranked.path
GROUP BY ranked.kind, ranked.path
ORDER BY ranked.kind, ranked.path;
