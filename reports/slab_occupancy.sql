-- How full are the slabs at the end, cache by cache?
--
-- Parameters:
--   :cache = all in caches   name of a cache, or all
-- Columns:
--   cache                 name of the cache
--   slabs                 slabs it has
--   pages                 pages of them
--   empty                 slabs with no object out
--   to_25, to_50, to_75   slabs with up to 25, 50 or 75 % of their objects out, and more than the column before
--   to_99                 slabs with more than 75 % out, and not full
--   full                  slabs with all objects out
--   objs_out              objects out of the slabs: live, or in magazines and shared arrays
--   objs_room             objects the slabs have room for
--   held                  of objs_out, with the workload; the others are in arrays or the allocator's own
--   occupancy_permille    objs_out per thousand objs_room
WITH
  held AS (SELECT cache, sum(live_objs) AS objs FROM site_total GROUP BY cache),
  filled AS (
    SELECT s.cache, count(*) AS slabs,
           count(*) FILTER (WHERE s.inuse = 0) AS empty,
           count(*) FILTER (WHERE s.inuse > 0 AND s.inuse * 4 <= c.num AND s.inuse < c.num) AS to_25,
           count(*) FILTER (WHERE s.inuse * 4 > c.num AND s.inuse * 2 <= c.num AND s.inuse < c.num) AS to_50,
           count(*) FILTER (WHERE s.inuse * 2 > c.num AND s.inuse * 4 <= c.num * 3 AND s.inuse < c.num) AS to_75,
           count(*) FILTER (WHERE s.inuse * 4 > c.num * 3 AND s.inuse < c.num) AS to_99,
           count(*) FILTER (WHERE s.inuse = c.num) AS full,
           sum(s.inuse) AS objs_out
    FROM slab s JOIN cache c ON c.id = s.cache GROUP BY s.cache)
SELECT c.name AS cache, f.slabs, f.slabs << c.gfporder AS pages, empty, to_25, to_50, to_75, to_99, full, objs_out,
       f.slabs * c.num AS objs_room, coalesce(h.objs, 0) AS held,
       objs_out * 1000 / (f.slabs * c.num) AS occupancy_permille
FROM filled f JOIN cache c ON c.id = f.cache LEFT JOIN held h ON h.cache = f.cache
WHERE :cache = 'all' OR c.name = :cache
ORDER BY pages DESC, c.id;
