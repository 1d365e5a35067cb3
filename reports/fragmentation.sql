-- How fragmented is free memory, zone by zone and over time, for a request of 2^order pages?
--
-- Parameters:
--   :order = 3 in -1..10   a request of 2^order pages; -1: every order
--   :points = 12 in 0..    about so many moments, the first and the last included; 0: all
-- Columns:
--   t_ns                 moment, ns since the end of boot
--   node, zone           whose free lists
--   order_               the request: 2^order_ pages
--   free_blocks          free blocks of exactly that order
--   free_pages           pages on the buddy lists
--   pcp_pages            pages on the page lists of all CPUs, not part of free_pages
--   largest_order        largest order with a free block; empty: none
--   unusable_permille    share of free_pages that cannot serve the request
--   fragmentation_index  why the request would fail: near 0 too little memory, near 1000 fragmentation;
--                        -1000: it would not fail
WITH
  moment AS (
    SELECT t_ns, row_number() OVER (ORDER BY t_ns) - 1 AS nr, count(*) OVER () AS moments
    FROM (SELECT DISTINCT t_ns FROM zone_sample)),
  chosen AS MATERIALIZED (
    SELECT t_ns FROM moment
    WHERE :points <= 0 OR nr = moments - 1 OR nr % max(1, (moments + :points - 2) / max(:points - 1, 1)) = 0),
  largest AS (
    SELECT t_ns, node, zone, max(order_) FILTER (WHERE free_blocks > 0) AS order_
    FROM zone_sample WHERE t_ns IN (SELECT t_ns FROM chosen) GROUP BY t_ns, node, zone)
SELECT h.t_ns, h.node, h.zone, h.order_, h.free_blocks, h.free_pages, h.pcp_pages, l.order_ AS largest_order,
       h.unusable_index AS unusable_permille, h.fragmentation_index
FROM fragmentation_history h JOIN largest l ON l.t_ns = h.t_ns AND l.node = h.node AND l.zone = h.zone
WHERE (h.order_ = :order OR :order < 0) AND h.t_ns IN (SELECT t_ns FROM chosen)
ORDER BY h.t_ns, h.node, (SELECT id FROM zone z WHERE z.node = h.node AND z.name = h.zone), h.order_;
