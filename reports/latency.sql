-- How long do requests take, by what was asked and by the path they went?
--
-- Parameters:
--   :cache = all in caches|pages   name of a cache, pages (requests for pages), or all
-- Columns:
--   kind     what was asked for
--   path     the deepest stage the request needed
--   ops      requests of the workload that were done
--   p50_ns   half of them took no longer than this, waiting included; exact below 4096 ns, above within 0.4 %
--   p90_ns   90 % took no longer
--   p99_ns   99 % took no longer
--   max_ns   the longest; exact
--   mean_ns  on average, rounded down
WITH
  chosen AS (
    SELECT o.* FROM op_total o LEFT JOIN cache c ON c.id = o.cache
    WHERE o.origin = 0 AND (:cache = 'all' OR c.name = :cache OR (:cache = 'pages' AND c.id IS NULL))),
  whole AS (
    SELECT kind, path, sum(ops) AS ops, max(max_ns) AS max_ns, sum(dur_ns) AS dur_ns FROM chosen GROUP BY kind, path),
  duration AS (
    SELECT o.kind, o.path, d.dur_ns, sum(d.ops) AS ops
    FROM op_duration d JOIN chosen o ON o.id = d.total GROUP BY o.kind, o.path, d.dur_ns),
  ranked AS (
    SELECT kind, path, dur_ns, sum(ops) OVER (PARTITION BY kind, path ORDER BY dur_ns) AS up_to FROM duration)
SELECT k.name AS kind, p.name AS path, w.ops,
       min(w.max_ns, min(r.dur_ns) FILTER (WHERE up_to * 100 >= w.ops * 50)) AS p50_ns,
       min(w.max_ns, min(r.dur_ns) FILTER (WHERE up_to * 100 >= w.ops * 90)) AS p90_ns,
       min(w.max_ns, min(r.dur_ns) FILTER (WHERE up_to * 100 >= w.ops * 99)) AS p99_ns,
       w.max_ns, w.dur_ns / w.ops AS mean_ns
FROM ranked r JOIN whole w ON w.kind = r.kind AND w.path = r.path
     JOIN op_kind k ON k.id = w.kind JOIN op_path p ON p.id = w.path
GROUP BY w.kind, w.path
ORDER BY w.kind, w.path;
