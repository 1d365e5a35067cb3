-- Why did a request get no memory: lack or fragmentation, which watermark refused it, and who is in the way?
--
-- The run is repeated up to the last refusal of the request, and looked at there; this takes as long as a replay. Other SQL
-- cannot ask these tables: they are made for this query alone.
--
-- Parameters:
--   :failure = 1 in 1..   which: the so many-th request of the workload that got no memory
--   :op = 0 in 0..        which, by op.id; 0: the one that failure says
--   :limit = 10 in 0..    at most so many rows of part holder and of part block; 0: all
-- Columns:
--   part     request; verdict; zone: what a walk over the zonelist looked at, in order; holder: who keeps blocks of the order
--            asked for from being free, by the blocks he alone keeps; block: such a block, the fewest pages in use first
--   zone     node/name
--   blocks   holder: aligned blocks of that order in which no page but his is in use
--   pages    zone: free pages; holder: pages he has in all such blocks; block: pages in use
--   age_ns   holder, block: since the request for the oldest object or block of pages there, ns
--   detail   what was asked and with which mask; how the watermark test went; who; what lies in the block
WITH
  fact AS (
    SELECT max(value) FILTER (WHERE name = 'op') AS op, max(value) FILTER (WHERE name = 'order_') AS order_,
           max(value) FILTER (WHERE name = 't_ns') AS t_ns, max(value) FILTER (WHERE name = 'gfp') AS gfp
    FROM why_fact WHERE :failure IS NOT NULL AND :op IS NOT NULL), -- which has been looked for before this is asked
  most(rows) AS (SELECT CASE WHEN :limit > 0 THEN :limit ELSE -1 END),
  pin AS MATERIALIZED (
    SELECT block, pages, op, t_ns,
           CASE WHEN kind = 'slab' AND op IS NULL THEN 'slabs of ' || cache_name || ' with no object of the workload'
                WHEN kind = 'slab' THEN 'slabs of ' || cache_name || ', oldest object of ' || who
                WHEN kind = 'pages' THEN 'pages of ' || who
                WHEN kind = 'page list' THEN 'page lists of the CPUs'
                ELSE 'the allocator itself, or an op under way' END AS who
    FROM why_pin_named),
  alone AS MATERIALIZED (SELECT block, min(who) AS who FROM pin GROUP BY block HAVING min(who) = max(who)),
  holder AS (
    SELECT p.who, count(DISTINCT a.block) AS blocks, sum(p.pages) AS pages, min(p.t_ns) AS t_ns, min(p.op) AS op
    FROM pin p LEFT JOIN alone a ON a.block = p.block AND a.who = p.who GROUP BY p.who
    ORDER BY 2 DESC, 3 DESC, 1 LIMIT (SELECT rows FROM most)),
  shown AS MATERIALIZED (SELECT * FROM why_block ORDER BY nr LIMIT (SELECT rows FROM most)),
  inside AS (
    SELECT s.nr, row_number() OVER (PARTITION BY s.nr ORDER BY p.op IS NULL, p.op, p.first) AS at, p.op, p.t_ns,
           CASE p.kind WHEN 'slab' THEN 'slab of ' || p.cache_name || ' (' || p.objs || ' held)'
                       WHEN 'pages' THEN p.pages || CASE p.pages WHEN 1 THEN ' page' ELSE ' pages' END
                       WHEN 'page list' THEN 'page list' ELSE 'the allocator itself' END
             || coalesce(', op ' || p.op || ' of ' || p.who, '') AS what
    FROM shown s CROSS JOIN why_pin_named p ON p.block = s.first),
  block AS (
    SELECT nr, min(t_ns) AS t_ns, group_concat(what, '; ') FILTER (WHERE at <= 4) -- in order of at: the rows come sorted
               || CASE WHEN count(*) > 4 THEN '; and ' || (count(*) - 4) || ' more' ELSE '' END AS what
    FROM (SELECT * FROM inside ORDER BY nr, at) GROUP BY nr),
  answer(place, nr, part, zone, blocks, pages, age_ns, detail) AS (
    SELECT 1, 0, 'request', NULL, NULL, NULL, NULL,
           'op ' || o.id || ': ' || o.kind || CASE o.kind WHEN 'alloc' THEN ' from ' || coalesce(o.cache, '?')
                                                          WHEN 'kmalloc' THEN ' of ' || o.size_bytes || ' bytes'
                                                          ELSE ' of order ' || o.order_ END
             || coalesce(', ' || o.gfp, '') || ', by ' || coalesce(o.site, o.site_task, o.task) || ' on CPU ' || o.cpu || ' at '
             || o.t_ns || ' ns' || coalesce('; pages asked for: order ' || fact.order_ || printf(', mode 0x%x', fact.gfp), '')
             || '; path ' || o.path
    FROM fact JOIN op_named o ON o.id = fact.op
    UNION ALL SELECT 2, 0, 'verdict', NULL, NULL, NULL, NULL, value FROM why_fact WHERE name = 'text'
    UNION ALL SELECT 3, nr, 'zone', node || '/' || zone, NULL, free_pages, NULL, pass || ': ' || text FROM why_zone
    UNION ALL
    SELECT 4, row_number() OVER (ORDER BY blocks DESC, pages DESC, who), 'holder', NULL, blocks, pages,
           (SELECT t_ns FROM fact) - t_ns, who || coalesce(' (op ' || op || ')', '')
    FROM holder
    UNION ALL
    SELECT 5, s.nr, 'block', s.node || '/' || s.zone, NULL, s.in_use, (SELECT t_ns FROM fact) - b.t_ns,
           'from page ' || s.first || ': ' || b.what
    FROM shown s JOIN block b ON b.nr = s.nr)
SELECT part, zone, blocks, pages, age_ns, detail FROM answer ORDER BY place, nr;
