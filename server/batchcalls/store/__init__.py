"""The SQL side: one schema, written in groups by one writer, read as records."""
