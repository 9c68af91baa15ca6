"""The use cases: a request and its caller in, the answer out. They know no door."""
