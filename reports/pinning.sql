-- Which slabs are kept from going back by few objects, and by whose, oldest first?
--
-- Parameters:
--   :permille = 250 in 0..1000   slabs in which the workload holds at most this share of the objects, per thousand
--   :cache = all in caches       name of a cache, or all
--   :limit = 20 in 0..           at most so many rows; 0: all
-- Columns:
--   pfn           first page frame of the slab
--   cache         name of its cache
--   pages         pages it keeps
--   held          objects the workload holds in it
--   others        objects out of it that lie in magazines and shared arrays (until these are drained), or are the
--                 allocator's own
--   objs          objects it has room for
--   oldest_op     op.id that asked for the oldest object held
--   since_ns      when that was, ns since the end of boot
--   age_ns        and how long ago
--   task          who asked
WITH
  pinned AS MATERIALIZED (
    SELECT s.pfn, s.held, s.inuse, s.oldest_op, c.name AS cache, c.num, 1 << c.gfporder AS pages
    FROM slab s JOIN cache c ON c.id = s.cache
    WHERE s.held > 0 AND c.num > 1 AND s.held * 1000 <= c.num * :permille AND (:cache = 'all' OR c.name = :cache)
    ORDER BY s.oldest_op -- ops begin in the order of their ids
    LIMIT CASE WHEN :limit > 0 THEN :limit ELSE -1 END)
SELECT p.pfn, p.cache, p.pages, p.held, p.inuse - p.held AS others, p.num AS objs, p.oldest_op, o.t_ns AS since_ns,
       (SELECT value FROM run WHERE key = 'end_ns') - o.t_ns AS age_ns, coalesce(t.name, o.task) AS task
FROM pinned p JOIN op o ON o.id = p.oldest_op LEFT JOIN thread t ON t.id = o.task
ORDER BY p.oldest_op;
