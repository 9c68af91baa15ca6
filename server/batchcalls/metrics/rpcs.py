"""Counts RPCs, under the names and labels that gRPC servers in other languages use."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter

from batchcalls.metrics.instruments import Instruments


class Handling:
    """One RPC under way; set ``code`` when it doesn't end OK."""

    __slots__ = ("code",)

    def __init__(self) -> None:
        self.code = "OK"


class RpcMetrics:
    """Counts what starts, how it ends and how long it takes."""

    def __init__(self, instruments: Instruments) -> None:
        self._started = instruments.counter("grpc_server_started_total")
        self._handled = instruments.counter("grpc_server_handled_total")
        self._handling = instruments.histogram("grpc_server_handling_seconds")

    @contextmanager
    def handling(self, kind: str, path: str) -> Iterator[Handling]:
        """Count one RPC; ``path`` is ``/service/method``."""
        service, _, method = path.removeprefix("/").partition("/")
        labels = (kind, service, method)
        handling = Handling()
        self._started.labels(*labels).inc()
        began = perf_counter()
        try:
            yield handling
        finally:
            self._handled.labels(*labels, handling.code).inc()
            self._handling.labels(*labels).observe(perf_counter() - began)
