-- Which locks do CPUs wait for, and how long?
--
-- Columns:
--   lock      list_lock (of the slabs of a cache), alien_lock (of what a node holds for others), zone_lock, lru_lock (of
--             the page lists of a zone), mempool_lock or cache_chain_mutex
--   of        the cache, zone (node/name) or memory pool
--   waits     how often an op had to wait
--   ops       ops that had to wait
--   wait_ns   waiting time in all
--   mean_ns   per wait, rounded down
--   max_ns    the longest
SELECT CASE l.lock WHEN 0 THEN 'list_lock' WHEN 1 THEN 'zone_lock' WHEN 2 THEN 'cache_chain_mutex'
                   WHEN 3 THEN 'alien_lock' WHEN 4 THEN 'mempool_lock' WHEN 5 THEN 'lru_lock' ELSE 'lock ' || l.lock END AS lock,
       CASE WHEN l.lock IN (0, 3) THEN c.name WHEN l.lock IN (1, 5) THEN z.node || '/' || z.name
            WHEN l.lock = 4 THEN p.name END AS of,
       l.waits, l.ops, l.wait_ns, l.wait_ns / l.waits AS mean_ns, l.max_ns
FROM lock_total l
     LEFT JOIN cache c ON l.lock IN (0, 3) AND c.id = l.subject
     LEFT JOIN zone z ON l.lock IN (1, 5) AND z.id = l.subject
     LEFT JOIN mempool p ON l.lock = 4 AND p.id = l.subject
ORDER BY l.wait_ns DESC, l.lock, l.subject;
