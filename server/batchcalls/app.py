"""The whole server: what it is made of, and the order in which it starts and drains.

Start: store (locked, migrated) → carriers → trio guest → addresses bound → engine (recovers)
→ RPCs → ready. What can fail comes before the engine: a server that can't start dials nobody.

Drain, on SIGTERM, SIGINT or SIGHUP: readiness off → no new dials → watchers are sent away →
calls that are up get ``drain_timeout_s`` → the carriers let go → what has happened is durable
→ RPCs end → store closed. A second signal ends the waiting for calls, never the writing down.
"""

from __future__ import annotations

import asyncio
import gc
import platform
import signal
import sys
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from dataclasses import asdict
from random import Random
from typing import Any, Final

import structlog
from prometheus_client import CollectorRegistry, ProcessCollector

from batchcalls import __version__
from batchcalls.api.use_cases import UseCases
from batchcalls.api.validate import SubmitRules
from batchcalls.bridge import GuestTrio, LeftBehind, Threads
from batchcalls.carriers.base import Carrier, CarrierError
from batchcalls.carriers.loader import load_carrier
from batchcalls.clock import Clock
from batchcalls.config import Settings, host_and_port, without_password
from batchcalls.engine.admission import EngineLimits
from batchcalls.engine.dialer import Timing
from batchcalls.engine.engine import Engine, MissingCarrier
from batchcalls.engine.reading import LANES, ReadPool
from batchcalls.engine.undialed import UndialedBoard
from batchcalls.metrics.commits import CommitMetrics
from batchcalls.metrics.gauges import Gauges
from batchcalls.metrics.instruments import Histogram, Instruments
from batchcalls.metrics.pages import Pages, Pulse, serve_pages
from batchcalls.metrics.rpcs import RpcMetrics
from batchcalls.rpc.asyncio_loop import AsyncioLoop
from batchcalls.rpc.boundary import Boundary
from batchcalls.rpc.server import METHODS, SERVICE, RpcServer
from batchcalls.rpc.service import BatchCallsService
from batchcalls.store.contract import Store, StoreFailure
from batchcalls.store.sql.migrate import NewerDatabase
from batchcalls.store.sql.sql_store import SqlStore, UnsupportedDatabase
from batchcalls.store.sql.sqlite import DatabaseInUse

_FLUSH_TIMEOUT_S: Final = 10.0
"""How long a failing store is waited for at the end; what isn't durable then is recovered."""

_COLLECT_AFTER: Final = (10_000, 10, 100)
"""When Python looks for garbage in cycles: less often than by default.

A submission of 100,000 calls makes as many records, none of them garbage. To look through all
of them, again and again, took a third of the time of its conversion and held everybody up for
80 ms at a time; so it is 20 ms.
"""

_CLOSE_TIMEOUT_S: Final = 7.0
"""How long carriers may take to let go: the hang-ups that are under way have 5 s."""

_END_TIMEOUT_S: Final = 3.0
"""How long everything may take to end that was cancelled in the end."""

_RPC_GRACE_S: Final = 1.0
_LAG_INTERVAL_S: Final = 0.25

CANNOT_START: Final = (
    CarrierError,
    DatabaseInUse,
    MissingCarrier,
    NewerDatabase,
    OSError,
    StoreFailure,
    UnsupportedDatabase,
)
"""What keeps a server from starting, for a reason that its operator can do something about."""

CANNOT_STOP: Final = (LeftBehind,)
"""What is left when all is written down and closed, and a carrier goes on nevertheless."""

log = structlog.get_logger()


_SWITCH_INTERVAL_S: Final = 0.001
"""How long a thread that is ready waits for the interpreter's lock (ADR 18).

Python's own 5 ms are half a commit: the loop and the thread that commits took turns instead of
working side by side.
"""


def set_interpreter_up() -> None:
    """Set this process up as a server's is."""
    gc.set_threshold(*_COLLECT_AFTER)
    sys.setswitchinterval(_SWITCH_INTERVAL_S)


class App:
    """One server. ``serve`` it once; ``on_listening`` gets the ports of RPCs and metrics."""

    def __init__(
        self, settings: Settings, *, on_listening: Callable[[int, int | None], None]
    ) -> None:
        self._settings = settings
        self._on_listening = on_listening
        self._clock = Clock()
        self._stop = asyncio.Event()
        self._hurry = asyncio.Event()

    async def serve(self) -> None:
        """Serve until a signal, then drain.

        Raises:
          DatabaseInUse, StoreFailure, UnsupportedDatabase: the store can't be opened.
          CarrierLoadError, CarrierOptionError: a carrier can't be built.
          OSError: an address can't be bound.
          LeftBehind: all is written down and closed, but a carrier doesn't let go.
        """
        self._listen_to_signals()
        set_interpreter_up()
        store = SqlStore.open(self._settings.database)
        try:
            carriers = _load_carriers(self._settings)
            for name in _simulated(carriers):
                log.warning("simulated_carrier", carrier=name, detail="SIMULATED: no phone rings")
            async with GuestTrio(patience_s=_END_TIMEOUT_S) as guest:
                engine = self._engine(store, carriers, _board_of(store))
                await self._serve(store, engine, guest)
        finally:
            store.close()

    async def _serve(self, store: Store, engine: Engine, guest: GuestTrio) -> None:
        registry = CollectorRegistry()
        instruments = Instruments(registry)
        ProcessCollector(registry=registry)
        registry.register(Gauges(engine, store, self._clock, build=_build(self._settings)))
        engine.listen(CommitMetrics(instruments, engine.journal, carriers=engine.carriers))
        server = self._rpc_server(engine, guest, RpcMetrics(instruments, METHODS))
        readiness, pulse = Readiness(engine, server), Pulse()
        engine.listen(readiness)
        server.bind(self._settings.listen)
        pages = Pages(registry, pulse=pulse, is_ready=lambda: readiness.ready)
        metrics_port = self._serve_pages(pages)
        await guest.start(engine.run)
        await guest.start(engine.watch_store)
        await server.start()
        await readiness.open()
        lag = asyncio.create_task(
            measure_lag(instruments.histogram("batchcalls_loop_lag_seconds").labels(), pulse)
        )
        self._tell_serving(engine, server.port, metrics_port)
        await _first(self._stop.wait(), guest.ended.wait())
        await self._drain(engine, guest, server, readiness)
        lag.cancel()

    async def _drain(
        self,
        engine: Engine,
        guest: GuestTrio,
        server: RpcServer,
        readiness: Readiness,
    ) -> None:
        log.info("draining", calls_up=engine.dialer.calls_up)
        await readiness.close()
        engine.feed.close()
        if not guest.ended.is_set():
            await _first(
                guest.run(engine.drain, self._settings.drain_timeout_s), self._hurry.wait()
            )
            await guest.run(engine.close_carriers, _CLOSE_TIMEOUT_S)
            await guest.run(engine.flush, _FLUSH_TIMEOUT_S)
        await server.stop(_RPC_GRACE_S)
        log.info(
            "stopped",
            calls_up=engine.dialer.calls_up,
            batches_with_calls_up=engine.dialer.calls_up_by_batch(),
            batches=engine.journal.open_batches,
        )

    def _tell_serving(self, engine: Engine, port: int, metrics_port: int | None) -> None:
        named = self._settings.named_carriers
        carriers = {
            name: {"kind": named[name].kind, **asdict(carrier.limits)}
            for name, carrier in engine.carriers.items()
        }
        log.info(
            "serving",
            version=__version__,
            database=without_password(self._settings.database),
            carriers=carriers,
            limits=asdict(engine.limits),
            port=port,
            metrics_port=metrics_port,
        )
        gc.freeze()  # what is here now stays: no search for garbage goes through it again
        self._on_listening(port, metrics_port)

    def _engine(
        self, store: Store, carriers: Mapping[str, Carrier], undialed: UndialedBoard
    ) -> Engine:
        settings = self._settings
        named = settings.named_carriers
        reads = ReadPool(Threads(LANES).run_sync)
        engine = Engine(
            store=store,
            carriers=carriers,
            carrier_limits={name: carrier.limits for name, carrier in named.items()},
            clock=self._clock,
            random=Random(),  # it only moves retries apart: nobody gains by a guess
            run_sync=Threads(1).run_sync,
            run_reads=reads.run_sync,
            limits=EngineLimits(
                max_concurrent_calls=settings.max_concurrent_calls,
                max_calls_per_second=settings.max_calls_per_second,
                max_open_batches=settings.max_open_batches,
                max_open_calls=settings.max_open_calls,
                max_submissions_per_second=settings.max_submissions_per_second,
            ),
            timing=Timing(max_call_duration_s=settings.max_call_duration_s),
            undialed=undialed,
        )
        engine.listen(reads.budget)
        return engine

    def _rpc_server(self, engine: Engine, guest: GuestTrio, metrics: RpcMetrics) -> RpcServer:
        settings = self._settings
        rules = SubmitRules(
            number_policies={
                name: carrier.limits.number_policy for name, carrier in engine.carriers.items()
            },
            default_carrier=settings.default_carrier,
        )
        use_cases = UseCases(
            engine,
            AsyncioLoop(guest),
            rules=rules,
            clock=self._clock,
            simulated=_simulated(engine.carriers),
        )
        service = BatchCallsService(use_cases)
        boundary = Boundary(metrics, prefix=SERVICE)
        return RpcServer(service, boundary, max_message_mib=settings.max_message_mib)

    def _serve_pages(self, pages: Pages) -> int | None:
        if self._settings.metrics_listen is None:
            return None
        host, port = host_and_port(self._settings.metrics_listen)
        return serve_pages(pages, host, port)

    def _listen_to_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            if signal.getsignal(number) is not signal.SIG_IGN:  # nohup ignores one for us
                loop.add_signal_handler(number, self._signaled)

    def _signaled(self) -> None:
        if self._stop.is_set():
            self._hurry.set()
        self._stop.set()


class Readiness:
    """Keeps the health service in step with the store, as a listener of the journal.

    ``ready`` is what that says: nothing before ``open`` and behind ``close``.
    """

    def __init__(self, engine: Engine, server: RpcServer) -> None:
        self._is_open = False
        self._engine = engine
        self._server = server
        self._telling: set[asyncio.Task[None]] = set()

    def committed(self, *_: object) -> None:
        """Readiness doesn't depend on what is committed."""

    def health_changed(self, *, healthy: bool) -> None:
        """The store stopped, or began again, to commit."""
        log.warning("readiness_follows_store", healthy=healthy)
        task = asyncio.get_running_loop().create_task(self.tell())
        self._telling.add(task)
        task.add_done_callback(self._telling.discard)

    @property
    def ready(self) -> bool:
        """Whether the server takes batches and dials."""
        return self._is_open and self._engine.ready

    async def open(self) -> None:
        """RPCs are served from now on."""
        self._is_open = True
        await self.tell()

    async def close(self) -> None:
        """The server goes away, whatever its store does."""
        self._is_open = False
        await self.tell()

    async def tell(self) -> None:
        """Tell the health service how things are."""
        await self._server.set_ready(ready=self.ready)


def _load_carriers(settings: Settings) -> dict[str, Carrier]:
    loaded = {}
    for name, carrier in settings.named_carriers.items():
        try:
            loaded[name] = load_carrier(carrier.kind, carrier.options)
        except CarrierError as error:
            if not settings.carriers:
                raise
            raise CarrierError(f"carriers.{name}: {error}") from error
    return loaded


def _build(settings: Settings) -> tuple[str, str, str]:
    """The version of the server, of Python, and the kind of database."""
    database = settings.database.partition(":")[0].partition("+")[0]
    return __version__, platform.python_version(), database


def _simulated(carriers: Mapping[str, Carrier]) -> list[str]:
    return [name for name, carrier in carriers.items() if carrier.limits.simulated]


def _board_of(store: SqlStore) -> UndialedBoard:
    """The board beside the database; one in memory has none to leave behind."""
    if store.file is None:
        return UndialedBoard()
    return UndialedBoard.open(store.file.with_name(f"{store.file.name}.undialed"))


async def measure_lag(lag: Histogram, pulse: Pulse) -> None:
    """Measure, until cancelled, how late this loop turns, and tell that it does."""
    loop = asyncio.get_running_loop()
    while True:
        due = loop.time() + _LAG_INTERVAL_S
        await asyncio.sleep(_LAG_INTERVAL_S)
        pulse.beat()
        lag.observe(max(0.0, loop.time() - due))


async def _first(*waits: Coroutine[Any, Any, object]) -> None:
    """Wait for the first of several things and drop the others."""
    tasks = [asyncio.create_task(wait) for wait in waits]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
