"""Counts RPCs, under the names and labels that gRPC servers in other languages use."""

from __future__ import annotations

from collections.abc import Mapping
from time import perf_counter
from types import TracebackType
from typing import Final

from batchcalls.metrics.instruments import Counter, Family, Histogram, Instruments

CODES: Final = (
    "OK",
    "CANCELLED",
    "INVALID_ARGUMENT",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "INTERNAL",
    "UNAVAILABLE",
)
"""How an RPC of ours may end."""


class Method:
    """What is counted of one method: made once, since looking up labels takes its time."""

    def __init__(
        self,
        labels: tuple[str, str, str],
        started: Family[Counter],
        handled: Family[Counter],
        took: Family[Histogram],
    ) -> None:
        self._started = started.labels(*labels)
        self._ended = {code: handled.labels(*labels, code) for code in CODES}
        self._took = took.labels(*labels)

    def start(self) -> None:
        """An RPC begins."""
        self._started.inc()

    def end(self, code: str, took_s: float) -> None:
        """An RPC has ended with that code."""
        self._ended[code].inc()
        self._took.observe(took_s)


class Handling:
    """One RPC under way, as a block; set ``code`` when it doesn't end OK."""

    __slots__ = ("_began", "_method", "code")

    def __init__(self, method: Method) -> None:
        self._method = method
        self.code = "OK"

    def __enter__(self) -> Handling:
        self._method.start()
        self._began = perf_counter()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._method.end(self.code, perf_counter() - self._began)


class RpcMetrics:
    """Counts what starts, how it ends and how long it takes.

    The ``methods``, kinds by path, are there from the start, at 0.
    """

    def __init__(self, instruments: Instruments, methods: Mapping[str, str]) -> None:
        self._started = instruments.counter("grpc_server_started_total")
        self._handled = instruments.counter("grpc_server_handled_total")
        self._took = instruments.histogram("grpc_server_handling_seconds")
        for path, kind in methods.items():
            self.method(kind, path)

    def method(self, kind: str, path: str) -> Method:
        """The counts of ``path``, which is ``/service/method``."""
        service, _, name = path.removeprefix("/").partition("/")
        return Method((kind, service, name), self._started, self._handled, self._took)
