-- How fast is an imported trace carried out?
--
-- Part of the benchmark (tests/bench/run), which imports the trace first; its times are kept.

local file = param("trace", "none", "an ops file")

machine { cpus = 4, memory = "1GiB" }

trace { file = file }
