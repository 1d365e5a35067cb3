-- Which locks do CPUs wait for, and how long?
--
-- Columns:
--   lock      list_lock (of the slabs of a cache), zone_lock or cache_chain_mutex
--   of        the cache or zone (node/name)
--   waits     how often an op had to wait
--   ops       ops that had to wait
--   wait_ns   waiting time in all
--   mean_ns   per wait, rounded down
--   max_ns    the longest
SELECT CASE e.a WHEN 0 THEN 'list_lock' WHEN 1 THEN 'zone_lock' WHEN 2 THEN 'cache_chain_mutex'
                ELSE 'lock ' || e.a END AS lock,
       CASE e.a WHEN 0 THEN c.name WHEN 1 THEN z.node || '/' || z.name END AS of,
       count(*) AS waits, count(DISTINCT e.op) AS ops, sum(e.c) AS wait_ns, sum(e.c) / count(*) AS mean_ns,
       max(e.c) AS max_ns
FROM event e JOIN event_kind k ON k.id = e.kind
     LEFT JOIN cache c ON e.a = 0 AND c.id = e.b
     LEFT JOIN zone z ON e.a = 1 AND z.id = e.b
WHERE k.name = 'lock_waited'
GROUP BY e.a, CASE WHEN e.a < 2 THEN e.b END
ORDER BY wait_ns DESC, e.a, e.b;
