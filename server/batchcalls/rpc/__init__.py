"""The gRPC side: translates and calls; no decisions."""
