-- Which caches grew and shrank, by how many slabs, and how well are their slabs used at the end?
--
-- Columns:
--   cache                 name of the cache
--   slabs_start           slabs at time 0
--   slabs_grown           slabs added
--   slabs_released        empty slabs given back
--   slabs_end             slabs at the end (for a cache that was destroyed: where it ended)
--   slabs_peak            most slabs at once
--   pages_per_slab        pages of a slab
--   grow_failed           times it could not grow
--   first_grown_ns        when it first grew, ns since the end of boot
--   last_grown_ns         when it last grew
--   utilisation_permille  bytes asked for, of live objects, per thousand bytes of slabs, at the end
WITH
  change AS (
    SELECT e.seq, e.t_ns, CASE k.name WHEN 'grow_failed' THEN e.a ELSE e.b END AS cache,
           k.name = 'slab_grown' AS grown, k.name = 'slab_released' AS released, k.name = 'grow_failed' AS failed
    FROM event e JOIN event_kind k ON k.id = e.kind
    WHERE k.name IN ('slab_grown', 'slab_released', 'grow_failed')),
  running AS (
    SELECT *, sum(grown - released) OVER (PARTITION BY cache ORDER BY seq) AS net FROM change),
  total AS (
    SELECT cache, sum(grown) AS grown, sum(released) AS released, sum(failed) AS failed, max(0, max(net)) AS peak,
           min(t_ns) FILTER (WHERE grown) AS first_ns, max(t_ns) FILTER (WHERE grown) AS last_ns
    FROM running GROUP BY cache),
  start AS (
    SELECT cache, slabs_partial + slabs_full + slabs_free AS slabs FROM cache_sample WHERE t_ns = 0),
  finish AS (
    SELECT cache, CASE slab_bytes WHEN 0 THEN NULL ELSE requested_bytes * 1000 / slab_bytes END AS permille
    FROM cache_sample WHERE t_ns = (SELECT max(t_ns) FROM cache_sample))
SELECT c.name AS cache, coalesce(s.slabs, 0) AS slabs_start, t.grown AS slabs_grown, t.released AS slabs_released,
       coalesce(s.slabs, 0) + t.grown - t.released AS slabs_end, coalesce(s.slabs, 0) + t.peak AS slabs_peak,
       1 << c.gfporder AS pages_per_slab, t.failed AS grow_failed, t.first_ns AS first_grown_ns,
       t.last_ns AS last_grown_ns, f.permille AS utilisation_permille
FROM total t JOIN cache c ON c.id = t.cache LEFT JOIN start s ON s.cache = t.cache LEFT JOIN finish f ON f.cache = t.cache
ORDER BY t.grown DESC, c.id;
