-- What was this run, and what are its headline figures?
--
-- Columns:
--   figure   what it is
--   value    its value
--   unit     its unit; empty for names and plain numbers
WITH
  key(place, figure, name, unit) AS (VALUES
    (1, 'status', 'status', ''),
    (2, 'seed', 'seed', ''),
    (3, 'digest', 'digest', ''),
    (4, 'simulated time', 'end_ns', 'ns'),
    (5, 'cpus', 'machine_cpus', ''),
    (7, 'ops begun', 'op_total', 'ops'),
    (8, 'ops done', 'op_count', 'ops'),
    (9, 'events', 'event_count', 'events')),
  alloc AS (
    SELECT count(*) AS asked,
           count(*) FILTER (WHERE o.pfn IS NULL) AS failed,
           count(*) FILTER (WHERE p.name = 'magazine') AS magazine,
           count(*) FILTER (WHERE k.name <> 'pages') AS objects
    FROM op o JOIN op_kind k ON k.id = o.kind JOIN op_path p ON p.id = o.path
    WHERE k.name IN ('kmalloc', 'alloc', 'pages') AND o.origin = 0),
  step AS MATERIALIZED (
    SELECT k.name, e.c FROM event e JOIN event_kind k ON k.id = e.kind
    WHERE k.name IN ('slab_grown', 'slab_released', 'lock_waited')),
  figure(place, figure, value, unit) AS (
    SELECT place, figure, value, unit FROM key JOIN run ON run.key = key.name
    UNION ALL SELECT 6, 'memory', sum(value), 'MiB' FROM run WHERE key GLOB 'machine_node_*_mib'
    UNION ALL SELECT 10, 'allocations', asked, 'ops' FROM alloc
    UNION ALL SELECT 11, 'allocations failed', failed, 'ops' FROM alloc
    UNION ALL SELECT 12, 'object allocations served by a magazine',
                     CASE objects WHEN 0 THEN NULL ELSE magazine * 1000 / objects END, 'per mille' FROM alloc
    UNION ALL SELECT 13, 'slabs grown', count(*) FILTER (WHERE name = 'slab_grown'), 'slabs' FROM step
    UNION ALL SELECT 14, 'slabs released', count(*) FILTER (WHERE name = 'slab_released'), 'slabs' FROM step
    UNION ALL SELECT 15, 'lock waits', count(*) FILTER (WHERE name = 'lock_waited'), 'waits' FROM step
    UNION ALL SELECT 16, 'time spent waiting for locks', coalesce(sum(c) FILTER (WHERE name = 'lock_waited'), 0), 'ns'
              FROM step
    UNION ALL SELECT 17, 'failures noted', count(*), 'failures' FROM failure
    UNION ALL SELECT 18, 'wall time', printf('%.3f', value), 's' FROM run WHERE key = 'wall_seconds')
SELECT figure, value, unit FROM figure ORDER BY place;
