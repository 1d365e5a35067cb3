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
--   utilisation_permille  bytes asked for, of live objects, per thousand bytes of slabs, at the last sample
WITH
  finish AS (
    SELECT cache, requested_bytes * 1000 / nullif(slab_bytes, 0) AS permille
    FROM cache_sample WHERE t_ns = (SELECT max(t_ns) FROM cache_sample))
SELECT c.name AS cache, t.slabs_start, t.grown AS slabs_grown, t.released AS slabs_released, t.slabs AS slabs_end,
       t.peak AS slabs_peak, 1 << c.gfporder AS pages_per_slab, t.grow_failed, t.first_ns AS first_grown_ns,
       t.last_ns AS last_grown_ns, f.permille AS utilisation_permille
FROM slab_total t JOIN cache c ON c.id = t.cache LEFT JOIN finish f ON f.cache = t.cache
WHERE t.grown + t.released + t.grow_failed > 0
ORDER BY t.grown DESC, c.id;
