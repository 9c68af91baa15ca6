"""The settings of a client's gRPC channel.

They are for one server reached directly; load balancing and credentials are not their matter.
"""

from __future__ import annotations

from typing import Final

DEFAULT_ADDRESS: Final = "127.0.0.1:50051"
"""Where a server listens that wasn't told otherwise."""

MAX_MESSAGE_BYTES: Final = 64 * 1024 * 1024
"""The largest request that a server takes."""

CHANNEL_OPTIONS: Final[tuple[tuple[str, int], ...]] = (
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    # A page of calls holds their scripts, so only the server knows how large it can be.
    ("grpc.max_receive_message_length", -1),
    # By default a channel waits up to two minutes between two tries to connect, and fails every
    # RPC meanwhile; a server that restarts is back in seconds.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 5_000),
    ("grpc.max_reconnect_backoff_ms", 1_000),
    # So a server that vanished is noticed within a minute, and its streams end UNAVAILABLE. Ours
    # take a ping every 10 s; a stream that only listens sends no data between them.
    ("grpc.keepalive_time_ms", 20_000),
    ("grpc.keepalive_timeout_ms", 20_000),
    ("grpc.http2.ping_timeout_ms", 20_000),
    ("grpc.http2.max_pings_without_data", 0),
)
"""The options of every channel to a server."""
