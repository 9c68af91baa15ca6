"""The gRPC server: our service with its boundary, health and reflection, on one port."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import grpc.aio
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from batchcalls.rpc.boundary import Boundary
from batchcalls.rpc.reflection import add_reflection
from batchcalls.v1 import batch_calls_service_pb2 as messages
from batchcalls.v1.batch_calls_service_pb2_grpc import (
    BatchCallsServiceServicer,
    add_BatchCallsServiceServicer_to_server,
)

_DESCRIPTOR = messages.DESCRIPTOR.services_by_name["BatchCallsService"]
SERVICE = _DESCRIPTOR.full_name
METHODS = {
    f"/{SERVICE}/{method.name}": "server_stream" if method.server_streaming else "unary"
    for method in _DESCRIPTOR.methods
}
"""The kinds of our RPCs, by the paths at which they are called."""

KEEPALIVE_S: Final = 20.0
"""How long a silent client is left alone before it is asked for a sign of life, and how long it
may take to give one: so one that vanished is noticed within a minute, and its streams end."""

_MIB = 1024 * 1024


class RpcServer:
    """Serves a service; ``port`` is where, once it is bound.

    A client that is silent for ``keepalive_s`` seconds has as many again to give a sign of life.
    """

    def __init__(
        self,
        service: BatchCallsServiceServicer,
        boundary: Boundary,
        *,
        max_message_mib: int,
        keepalive_s: float = KEEPALIVE_S,
    ) -> None:
        self.port = 0
        self._boundary = boundary
        self._health = health.aio.HealthServicer()
        self._server = grpc.aio.server(
            interceptors=[boundary], options=_options(max_message_mib * _MIB, keepalive_s)
        )
        add_BatchCallsServiceServicer_to_server(service, self._server)
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        add_reflection(self._server)

    def bind(self, address: str) -> None:
        """Take ``HOST:PORT``, and answer nobody there before ``start``; port 0 takes a free one.

        Raises:
          OSError: the address can't be bound.
        """
        try:
            self.port = self._server.add_insecure_port(address)
        except RuntimeError as error:
            why = "it is in use, not allowed, or not an address of this machine"
            raise OSError(f"can't listen on {address}: {why}") from error

    async def start(self) -> None:
        """Serve at the address that was bound."""
        await self._server.start()

    async def set_ready(self, *, ready: bool) -> None:
        """Tell load balancers whether to send requests here."""
        serving = health_pb2.HealthCheckResponse.SERVING
        not_serving = health_pb2.HealthCheckResponse.NOT_SERVING
        for name in ("", SERVICE):
            await self._health.set(name, serving if ready else not_serving)

    async def stop(self, grace_s: float) -> None:
        """End all RPCs, UNAVAILABLE; what can't be told so in ``grace_s`` seconds is cut off."""
        await self._health.enter_graceful_shutdown()
        self._boundary.close()
        await self._server.stop(grace_s)


def _options(max_message_bytes: int, keepalive_s: float) -> Sequence[tuple[str, int]]:
    return (
        ("grpc.so_reuseport", 0),  # two servers on one port must not share it in silence
        ("grpc.max_receive_message_length", max_message_bytes),
        ("grpc.max_send_message_length", -1),
        ("grpc.max_concurrent_streams", 10_000),
        ("grpc.keepalive_time_ms", round(keepalive_s * 1_000)),
        ("grpc.keepalive_timeout_ms", round(keepalive_s * 1_000)),
        ("grpc.http2.ping_timeout_ms", round(keepalive_s * 1_000)),  # else it is a minute
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.max_pings_without_data", 0),  # a stream can be silent for long
        ("grpc.http2.min_ping_interval_without_data_ms", 10_000),  # clients may ask as well
    )
