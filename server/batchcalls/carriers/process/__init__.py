"""The carrier ``grpc``: a carrier that is a process of its own, in any language."""
