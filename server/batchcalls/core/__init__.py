"""What is decided, and nothing that is done: no I/O, no clock, no trio, no gRPC, no SQL."""
