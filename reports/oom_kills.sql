-- Whom did the OOM killer kill, for whose request, and what came back?
--
-- Columns:
--   t_ns      when, ns since the end of boot
--   asked_by  the task whose request found no memory
--   order_    of that request: 2^order_ pages
--   gfp       its mask
--   chosen    the process found worst: name (pid)
--   score     its badness; 4294967295: that or more
--   killed    who died: the chosen one or a child of it
--   exit_ns   from the kill until its memory was back; empty: it has not come back
--   pages     that it gave back
WITH
  killer(op) AS MATERIALIZED ( -- the kernel's lines about a kill are always noted
    SELECT DISTINCT op FROM failure WHERE kind = 'oom' AND op IS NOT NULL),
  number(killed, chosen, exited) AS MATERIALIZED (
    SELECT (SELECT id FROM event_kind WHERE name = 'process_killed'), (SELECT id FROM event_kind WHERE name = 'oom_chosen'),
           (SELECT id FROM event_kind WHERE name = 'process_exited')),
  kill AS MATERIALIZED (
    SELECT e.seq, e.t_ns, e.op, e.a AS victim, e.b AS chosen,
           (SELECT c.b FROM event c WHERE c.op = e.op AND c.kind = (SELECT chosen FROM number) AND c.a = e.b AND c.seq < e.seq
            ORDER BY c.seq DESC LIMIT 1) AS score,
           -- the exit comes soon after: a walk from the kill on finds it
           (SELECT x.seq FROM event x WHERE x.seq > e.seq AND x.kind = (SELECT exited FROM number) AND x.a = e.a
            ORDER BY x.seq LIMIT 1) AS exit_seq
    FROM killer CROSS JOIN event e ON e.op = killer.op AND e.kind = (SELECT killed FROM number))
SELECT k.t_ns, coalesce(o.task, t.name) AS asked_by, coalesce(o.order_, w.order_) AS order_,
       coalesce((SELECT name FROM gfp_mask WHERE value = coalesce(r.gfp, w.gfp)),
                (SELECT group_concat(name, '|') FROM gfp_flag WHERE coalesce(r.gfp, w.gfp) & bit)) AS gfp,
       c.name || ' (' || c.pid || ')' AS chosen, k.score, v.name || ' (' || v.pid || ')' AS killed,
       x.t_ns - k.t_ns AS exit_ns, x.b AS pages
FROM kill k
     LEFT JOIN op_named o ON o.id = k.op LEFT JOIN op r ON r.id = k.op
     LEFT JOIN op_open w ON w.id = k.op LEFT JOIN thread t ON t.id = w.task
     LEFT JOIN process c ON c.id = k.chosen LEFT JOIN process v ON v.id = k.victim
     LEFT JOIN event x ON x.seq = k.exit_seq
ORDER BY k.seq;
