-- How often does the magazine of the CPU serve an allocation, cache by cache, and what else does?
--
-- Parameters:
--   :cache = all in caches   name of a cache, or all
-- Columns:
--   cache                  name of the cache
--   allocs                 kmalloc and kmem_cache_alloc requests of the workload that chose this cache
--   magazine               served by a magazine hit
--   shared                 refilled from the shared array
--   partial_slab           refilled from partial slabs
--   free_slab              refilled from a free slab as well
--   new_slab               the cache had to grow
--   failed                 no memory
--   magazine_hit_permille  magazine per thousand allocs
--   frees                  objects of the workload given back
--   free_magazine          frees into a magazine with room
--   free_shared            flushed to the shared array
--   free_slabs             flushed to the slabs
--   free_released          a slab became empty and its pages went back
WITH
  part AS (
    SELECT o.cache, k.name = 'free' AS is_free, p.name AS path, o.ops, o.failed
    FROM op_total o JOIN op_kind k ON k.id = o.kind JOIN op_path p ON p.id = o.path
    WHERE k.name IN ('kmalloc', 'alloc', 'free') AND o.origin = 0),
  counts AS (
    SELECT cache,
           coalesce(sum(ops) FILTER (WHERE NOT is_free), 0) AS allocs,
           coalesce(sum(ops) FILTER (WHERE NOT is_free AND path = 'magazine'), 0) AS magazine,
           coalesce(sum(ops) FILTER (WHERE NOT is_free AND path = 'shared'), 0) AS shared,
           coalesce(sum(ops) FILTER (WHERE path = 'partial_slab'), 0) AS partial_slab,
           coalesce(sum(ops) FILTER (WHERE path = 'free_slab'), 0) AS free_slab,
           coalesce(sum(ops) FILTER (WHERE path = 'new_slab'), 0) AS new_slab,
           coalesce(sum(failed) FILTER (WHERE NOT is_free), 0) AS failed,
           coalesce(sum(ops) FILTER (WHERE is_free), 0) AS frees,
           coalesce(sum(ops) FILTER (WHERE is_free AND path = 'magazine'), 0) AS free_magazine,
           coalesce(sum(ops) FILTER (WHERE is_free AND path = 'shared'), 0) AS free_shared,
           coalesce(sum(ops) FILTER (WHERE is_free AND path = 'slabs'), 0) AS free_slabs,
           coalesce(sum(ops) FILTER (WHERE is_free AND path = 'slab_released'), 0) AS free_released
    FROM part GROUP BY cache)
SELECT c.name AS cache, n.allocs, n.magazine, n.shared, n.partial_slab, n.free_slab, n.new_slab, n.failed,
       n.magazine * 1000 / nullif(n.allocs, 0) AS magazine_hit_permille,
       n.frees, n.free_magazine, n.free_shared, n.free_slabs, n.free_released
FROM counts n JOIN cache c ON c.id = n.cache
WHERE :cache = 'all' OR c.name = :cache
ORDER BY n.allocs DESC, c.id;
