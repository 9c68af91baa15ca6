"""The metrics: declared in one table, fed by commits and RPCs, read live for gauges."""
