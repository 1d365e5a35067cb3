-- Where are the pages that the allocator holds, byte by byte?
--
-- Held is every page that is neither reserved nor on the buddy lists; the parts add up to it exactly. The allocator's
-- own objects (cache descriptors, magazines, slab headers kept outside of their slab) count where they lie.
--
-- Parameters:
--   :at = end in times   moment since the end of boot (ns, or 2ms): the last sample not after it; end: the last one
-- Columns:
--   part       what it is
--   is_waste   1: memory that serves nobody now; 0: memory in use, and the sum
--   bytes      bytes of it
--   pages      the same in pages of 4096 bytes
--   permille   per thousand of what is held
WITH
  moment(t_ns) AS (
    SELECT max(t_ns) FROM zone_sample WHERE :at = 'end' OR t_ns <= :at),
  stock AS (
    SELECT s.*, c.num, c.buffer_size, c.boot AND c.name GLOB 'size-*' AS is_class
    FROM cache_sample s JOIN cache c ON c.id = s.cache WHERE s.t_ns = (SELECT t_ns FROM moment)),
  objects AS (
    SELECT coalesce(sum(requested_bytes), 0) AS requested,
           coalesce(sum(allocated_bytes - requested_bytes) FILTER (WHERE is_class), 0) AS rounding,
           coalesce(sum(allocated_bytes - requested_bytes) FILTER (WHERE NOT is_class), 0)
             + coalesce(sum(slab_bytes - num_objs * buffer_size), 0) AS header,
           coalesce(sum((num_objs - active_objs - slabs_free * num) * buffer_size), 0) AS partial,
           coalesce(sum(slabs_free * num * buffer_size), 0) AS free,
           coalesce(sum((magazine_objs + shared_objs) * buffer_size), 0) AS arrays,
           coalesce(sum(slab_bytes), 0) AS slabs
    FROM stock),
  zones AS (
    SELECT coalesce(sum(free_pages), 0) * 4096 AS free, coalesce(sum(pcp_pages), 0) * 4096 AS lists
    FROM zone_sample WHERE t_ns = (SELECT t_ns FROM moment) AND order_ = 0),
  machine AS ( -- what boot gave to the buddy lists
    SELECT (coalesce(sum(value) FILTER (WHERE key GLOB 'machine_node_*_mib'), 0) * 256
            - coalesce(sum(value) FILTER (WHERE key = 'machine_reserved_pages'), 0)) * 4096 AS bytes
    FROM run),
  held AS (
    SELECT machine.bytes - zones.free AS bytes FROM machine, zones WHERE (SELECT t_ns FROM moment) IS NOT NULL),
  part(place, part, is_waste, bytes) AS (
    SELECT 1, 'objects: bytes asked for', 0, requested FROM objects
    UNION ALL SELECT 2, 'pages asked for', 0, held.bytes - zones.lists - objects.slabs FROM held, zones, objects
    UNION ALL SELECT 3, 'rounding up to the size class', 1, rounding FROM objects
    UNION ALL SELECT 4, 'alignment and slab headers', 1, header FROM objects
    UNION ALL SELECT 5, 'empty places in partial slabs', 1, partial FROM objects
    UNION ALL SELECT 6, 'free slabs', 1, free FROM objects
    UNION ALL SELECT 7, 'magazines and shared arrays', 1, arrays FROM objects
    UNION ALL SELECT 8, 'page lists of the CPUs', 1, lists FROM zones
    UNION ALL SELECT 9, 'held by the allocator', 0, bytes FROM held)
SELECT part, is_waste, part.bytes, printf('%.2f', part.bytes / 4096.0) AS pages,
       part.bytes * 1000 / nullif(held.bytes, 0) AS permille
FROM part, held ORDER BY place;
