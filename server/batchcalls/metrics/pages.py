"""The pages on the metrics port: ``/metrics``, ``/healthz`` and ``/readyz``; nothing else is there.

They are served from threads of their own, so that a server whose loop is stuck can say so.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable
from socketserver import ThreadingMixIn
from threading import Thread
from time import monotonic
from typing import Any, Final
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from prometheus_client import CollectorRegistry, make_wsgi_app

ALIVE_WITHIN_S: Final = 10.0
"""A loop that hasn't turned for so long is stuck: the longest that we know of is half a second."""

Start = Callable[..., Any]


class Pulse:
    """Tells whether the loop turns: somebody in it ``beat``s, several times a second."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._last = clock()

    def beat(self) -> None:
        """The loop has turned."""
        self._last = self._clock()

    @property
    def alive(self) -> bool:
        """Whether it has turned lately."""
        return self._clock() - self._last < ALIVE_WITHIN_S


class Pages:
    """A WSGI application. ``is_ready`` says what the health service of gRPC says."""

    def __init__(
        self, registry: CollectorRegistry, *, pulse: Pulse, is_ready: Callable[[], bool]
    ) -> None:
        self._metrics = make_wsgi_app(registry)
        self._checks = {"/healthz": lambda: pulse.alive, "/readyz": is_ready}

    def __call__(self, environ: dict[str, Any], start: Start) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        if path == "/metrics":
            page: Iterable[bytes] = self._metrics(environ, start)
            return page
        check = self._checks.get(path)
        if check is None:
            return _answer(start, "404 Not Found", "there are /metrics, /healthz and /readyz")
        return _answer(start, "200 OK", "yes") if check() else _answer(start, _NO, "no")


_NO: Final = "503 Service Unavailable"


def _answer(start: Start, status: str, text: str) -> Iterable[bytes]:
    body = f"{text}\n".encode()
    start(
        status, [("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", str(len(body)))]
    )
    return [body]


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # its name upstream
        """What is asked here every few seconds is no news."""


def serve_pages(pages: Pages, host: str, port: int) -> int:
    """Serve the pages until the process ends; return the port, which may have been 0.

    Raises:
      OSError: the address can't be bound.
    """
    family, *_ = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    kind = type("_Server", (_Server,), {"address_family": family})
    server = kind((host, port), _Quiet)
    server.set_app(pages)
    Thread(target=server.serve_forever, name="pages", daemon=True).start()
    return int(server.server_port)
