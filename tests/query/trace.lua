-- An ops file that says where its requests came from.
machine { cpus = 2, memory = "64MiB" }
trace { file = "trace.ops" }
