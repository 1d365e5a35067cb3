-- Which slabs are kept from going back by few objects, and by whose, oldest first?
--
-- Parameters:
--   :permille = 250  slabs in which the workload holds at most this share of the objects, per thousand
--   :cache = all     name of a cache, or all
--   :limit = 20      at most so many rows; 0: all
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
  used AS MATERIALIZED (
    SELECT s.pfn, s.inuse, c.id AS cache, c.num, 1 << c.gfporder AS pages
    FROM slab s JOIN cache c ON c.id = s.cache
    WHERE s.inuse > 0 AND c.num > 1 AND (:cache = 'all' OR c.name = :cache)),
  cut_short AS ( -- a row if nobody wrote down what was held at the end: then all ops have to be read
    SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM run WHERE key = 'live_object_count')),
  object(pfn, op) AS (
    SELECT u.pfn, l.op FROM used u CROSS JOIN live_object l ON l.pfn >= u.pfn AND l.pfn < u.pfn + u.pages
    UNION ALL
    SELECT (SELECT max(s.pfn) FROM slab s WHERE s.pfn <= o.pfn), o.id
    FROM cut_short CROSS JOIN op o JOIN op_kind k ON k.id = o.kind
    WHERE k.name IN ('kmalloc', 'alloc') AND o.pfn IS NOT NULL AND o.id NOT IN (SELECT frees FROM op WHERE frees IS NOT NULL)),
  pinned AS MATERIALIZED (
    SELECT u.*, o.held, o.oldest_op
    FROM (SELECT pfn, count(*) AS held, min(op) AS oldest_op FROM object GROUP BY pfn) AS o JOIN used u ON u.pfn = o.pfn
    WHERE o.held * 1000 <= u.num * :permille
    ORDER BY o.oldest_op -- ops begin in the order of their ids
    LIMIT CASE WHEN :limit > 0 THEN :limit ELSE -1 END)
SELECT p.pfn, c.name AS cache, p.pages, p.held, p.inuse - p.held AS others, p.num AS objs, p.oldest_op, o.t_ns AS since_ns,
       (SELECT value FROM run WHERE key = 'end_ns') - o.t_ns AS age_ns, coalesce(t.name, o.task) AS task
FROM pinned p JOIN cache c ON c.id = p.cache JOIN op o ON o.id = p.oldest_op LEFT JOIN thread t ON t.id = o.task
ORDER BY p.oldest_op;
