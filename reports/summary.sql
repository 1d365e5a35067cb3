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
    SELECT coalesce(sum(o.ops), 0) AS asked,
           coalesce(sum(o.failed), 0) AS failed,
           sum(o.ops) FILTER (WHERE p.name = 'magazine') AS magazine,
           sum(o.ops) FILTER (WHERE k.name <> 'pages') AS objects
    FROM op_total o JOIN op_kind k ON k.id = o.kind JOIN op_path p ON p.id = o.path
    WHERE k.name IN ('kmalloc', 'alloc', 'pages') AND o.origin = 0),
  slabs AS (
    SELECT coalesce(sum(grown), 0) AS grown, coalesce(sum(released), 0) AS released FROM slab_total),
  waits AS (
    SELECT coalesce(sum(waits), 0) AS waits, coalesce(sum(wait_ns), 0) AS wait_ns FROM lock_total),
  figure(place, figure, value, unit) AS (
    SELECT place, figure, value, unit FROM key JOIN run ON run.key = key.name
    UNION ALL SELECT 6, 'memory', sum(value), 'MiB' FROM run WHERE key GLOB 'machine_node_*_mib'
    UNION ALL SELECT 10, 'allocations', asked, 'ops' FROM alloc
    UNION ALL SELECT 11, 'allocations failed', failed, 'ops' FROM alloc
    UNION ALL SELECT 12, 'object allocations served by a magazine',
                     coalesce(magazine, 0) * 1000 / objects, 'per mille' FROM alloc
    UNION ALL SELECT 13, 'slabs grown', grown, 'slabs' FROM slabs
    UNION ALL SELECT 14, 'slabs released', released, 'slabs' FROM slabs
    UNION ALL SELECT 15, 'lock waits', waits, 'waits' FROM waits
    UNION ALL SELECT 16, 'time spent waiting for locks', wait_ns, 'ns' FROM waits
    UNION ALL SELECT 17, 'failures noted', count(*), 'failures' FROM failure
    UNION ALL SELECT 18, 'wall time', printf('%.3f', value), 's' FROM run WHERE key = 'wall_seconds')
SELECT figure, value, unit FROM figure ORDER BY place;
