-- How long do objects live, cache by cache?
--
-- Parameters:
--   :cache = all in caches|pages   name of a cache, pages, or all
-- Columns:
--   cache         name of the cache; pages: blocks of pages
--   frees         objects of the workload that were given back
--   p10_ns        a tenth of them lived less than this, from the end of the request to the free (within 25 %)
--   p50_ns        half of them lived less than this
--   p90_ns        90 % lived less
--   p99_ns        99 % lived less
--   mean_ns       on average, rounded down; exact
--   live_objs     objects that were not given back
--   live_bytes    bytes asked for, of those
WITH
  bucket AS (
    SELECT *, sum(frees) OVER (PARTITION BY cache ORDER BY from_ns) AS up_to, sum(frees) OVER (PARTITION BY cache) AS whole
    FROM lifetime_total),
  ended AS (
    SELECT cache, sum(frees) AS frees,
           min(to_ns) FILTER (WHERE up_to * 100 >= whole * 10) AS p10_ns,
           min(to_ns) FILTER (WHERE up_to * 100 >= whole * 50) AS p50_ns,
           min(to_ns) FILTER (WHERE up_to * 100 >= whole * 90) AS p90_ns,
           min(to_ns) FILTER (WHERE up_to * 100 >= whole * 99) AS p99_ns,
           sum(life_ns) / sum(frees) AS mean_ns
    FROM bucket GROUP BY cache),
  held AS (
    SELECT cache, sum(live_objs) AS live_objs, sum(live_bytes) AS live_bytes
    FROM site_total GROUP BY cache HAVING sum(allocs) > sum(failed))
SELECT coalesce(c.name, 'pages') AS cache, coalesce(e.frees, 0) AS frees, p10_ns, p50_ns, p90_ns, p99_ns, mean_ns,
       h.live_objs, h.live_bytes
FROM held h LEFT JOIN ended e ON e.cache IS h.cache LEFT JOIN cache c ON c.id = h.cache
WHERE :cache = 'all' OR coalesce(c.name, 'pages') = :cache
ORDER BY frees DESC, c.id;
