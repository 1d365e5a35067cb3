-- How often does the magazine of the CPU serve an allocation, cache by cache, and what else does?
--
-- Parameters:
--   :cache = all  name of a cache, or all
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
SELECT c.name AS cache,
       count(*) FILTER (WHERE k.name <> 'free') AS allocs,
       count(*) FILTER (WHERE k.name <> 'free' AND p.name = 'magazine') AS magazine,
       count(*) FILTER (WHERE k.name <> 'free' AND p.name = 'shared') AS shared,
       count(*) FILTER (WHERE p.name = 'partial_slab') AS partial_slab,
       count(*) FILTER (WHERE p.name = 'free_slab') AS free_slab,
       count(*) FILTER (WHERE p.name = 'new_slab') AS new_slab,
       count(*) FILTER (WHERE k.name <> 'free' AND o.pfn IS NULL) AS failed,
       count(*) FILTER (WHERE k.name <> 'free' AND p.name = 'magazine') * 1000
               / nullif(count(*) FILTER (WHERE k.name <> 'free'), 0) AS magazine_hit_permille,
       count(*) FILTER (WHERE k.name = 'free') AS frees,
       count(*) FILTER (WHERE k.name = 'free' AND p.name = 'magazine') AS free_magazine,
       count(*) FILTER (WHERE k.name = 'free' AND p.name = 'shared') AS free_shared,
       count(*) FILTER (WHERE k.name = 'free' AND p.name = 'slabs') AS free_slabs,
       count(*) FILTER (WHERE k.name = 'free' AND p.name = 'slab_released') AS free_released
FROM op o JOIN op_kind k ON k.id = o.kind JOIN op_path p ON p.id = o.path JOIN cache c ON c.id = o.cache
WHERE k.name IN ('kmalloc', 'alloc', 'free') AND o.origin = 0 AND (:cache = 'all' OR c.name = :cache)
GROUP BY c.id
ORDER BY allocs DESC, c.id;
