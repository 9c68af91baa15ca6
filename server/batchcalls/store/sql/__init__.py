"""The store on SQL databases: one schema, written in groups by one writer, read as records."""
