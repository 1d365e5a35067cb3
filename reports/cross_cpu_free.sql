-- How often is an object given back on another CPU than it was asked for on, and between which CPUs?
--
-- Columns:
--   cache            name of the cache; pages: blocks of pages
--   frees            objects, or blocks of pages, of the workload given back
--   cross            of them, on another CPU
--   cross_permille   cross per thousand frees
--   cross_bytes      bytes asked for, of those
--   from_cpu         the CPU that asked for most of those
--   to_cpu           and the CPU that gave them back
--   pair_frees       frees between these two, in this direction
WITH
  pair AS (
    SELECT *, row_number() OVER (PARTITION BY cache ORDER BY alloc_cpu = free_cpu, frees DESC, id) AS nr
    FROM free_total),
  whole AS (
    SELECT cache, sum(frees) AS frees, coalesce(sum(frees) FILTER (WHERE alloc_cpu <> free_cpu), 0) AS crossed,
           coalesce(sum(size_bytes) FILTER (WHERE alloc_cpu <> free_cpu), 0) AS crossed_bytes
    FROM free_total GROUP BY cache)
SELECT coalesce(c.name, 'pages') AS cache, w.frees, w.crossed AS "cross", w.crossed * 1000 / w.frees AS cross_permille,
       w.crossed_bytes AS cross_bytes, p.alloc_cpu AS from_cpu, p.free_cpu AS to_cpu, p.frees AS pair_frees
FROM whole w LEFT JOIN cache c ON c.id = w.cache
     LEFT JOIN pair p ON p.cache IS w.cache AND p.nr = 1 AND p.alloc_cpu <> p.free_cpu
ORDER BY w.crossed DESC, w.frees DESC, c.id;
