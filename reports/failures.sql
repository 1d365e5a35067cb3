-- What failed, when, and for whom?
--
-- Parameters:
--   :limit = 100 in 0..   at most so many rows; 0: all
-- Columns:
--   t_ns     when the request began, or the failure was noted, ns since the end of boot
--   op       id of the op; empty: none
--   task     the task or interrupt handler
--   what     a request that got no memory or was refused, or the sort of a failure noted by the run
--   detail   what was asked for, or the message of the failure
WITH
  most(rows) AS (SELECT CASE WHEN :limit > 0 THEN :limit ELSE -1 END),
  first_op AS MATERIALIZED ( -- ops begin in the order of their ids: the first so many are enough
    SELECT op FROM op_failed ORDER BY op LIMIT (SELECT rows FROM most)),
  failed AS (
    SELECT f.t_ns, f.op, coalesce(t.name, f.task) AS task, f.kind AS what, f.message AS detail, 1 AS noted, f.id
    FROM failure f LEFT JOIN thread t ON t.id = f.task
    UNION ALL
    SELECT o.t_ns, o.id, o.task, o.kind || ': ' || o.path,
           CASE o.kind
             WHEN 'kmalloc' THEN o.size_bytes || ' bytes, ' || o.gfp
             WHEN 'alloc' THEN 'cache ' || o.cache || ', ' || o.gfp
             WHEN 'pages' THEN 'order ' || o.order_ || ', ' || o.gfp
             ELSE coalesce('cache ' || o.cache, '') END, 0, o.id
    FROM first_op CROSS JOIN op_named o ON o.id = first_op.op)
SELECT t_ns, op, task, what, detail FROM failed ORDER BY t_ns, noted, id LIMIT (SELECT rows FROM most);
