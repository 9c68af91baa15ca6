"""The gauges: read from the live objects when somebody scrapes.

The scrape runs in a thread of its own, so it only reads single values and copies lists
before it walks them; a gauge may be a moment old, never wrong by more.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from batchcalls.clock import MICROSECONDS, Clock
from batchcalls.core.model import BatchStatus, CallStatus
from batchcalls.engine.engine import Engine
from batchcalls.metrics.table import METRICS
from batchcalls.store.contract import Store, StoreFailure

Sample = tuple[tuple[str, ...], float]


class Gauges(Collector):
    """Collects the gauges of the table from an engine and its store."""

    def __init__(
        self, engine: Engine, store: Store, clock: Clock, *, build: tuple[str, str, str]
    ) -> None:
        """``build``: the version of the server, of Python, and the kind of database."""
        self._engine = engine
        self._store = store
        self._clock = clock
        self._build = build

    def describe(self) -> Iterable[Metric]:
        """Name the gauges without reading anything."""
        return [
            _family(metric.name, ())
            for metric in METRICS
            if metric.kind == "gauge" and not metric.of_process
        ]

    def collect(self) -> Iterator[Metric]:
        """Read everything."""
        gates = tuple(self._engine.dispatcher.carriers.values())
        server = self._engine.dispatcher.server
        limits = [("server", server), *((gate.name, gate.limit) for gate in gates)]
        yield _family(
            "batchcalls_calls_in_progress",
            [((gate.name,), gate.limit.in_use) for gate in gates],
        )
        yield _family("batchcalls_slots_limit", [((name,), each.slots) for name, each in limits])
        yield _family(
            "batchcalls_calls_per_second_limit",
            [((name,), each.pacer.rate) for name, each in limits],
        )
        yield _family(
            "batchcalls_carrier_up", [((gate.name,), gate.breaker.closed) for gate in gates]
        )
        yield from self._queue()
        yield _family("batchcalls_oldest_due_seconds", [((), self._oldest_due_s())])
        yield _family("batchcalls_watchers", [((), self._engine.feed.hub.watchers)])
        yield _family("batchcalls_store_healthy", [((), self._engine.journal.healthy)])
        yield _family("batchcalls_build_info", [(self._build, 1)])

    def _queue(self) -> Iterator[Metric]:
        calls = Counter({status: 0 for status in CallStatus if not status.final})
        open_batches = Counter({status: 0 for status in BatchStatus if not status.final})
        for batch in self._engine.journal.batches():
            open_batches[batch.status] += 1
            calls[CallStatus.PENDING] += batch.counts.pending
            calls[CallStatus.IN_PROGRESS] += batch.counts.in_progress
            calls[CallStatus.RETRYING] += batch.counts.retrying
        yield _family("batchcalls_queue_calls", [((word.value,), n) for word, n in calls.items()])
        yield _family(
            "batchcalls_open_batches", [((word.value,), n) for word, n in open_batches.items()]
        )

    def _oldest_due_s(self) -> float:
        try:
            due_us = self._store.earliest_due_us()
        except StoreFailure:
            return float("nan")
        return max(0, self._clock.now_us() - due_us) / MICROSECONDS if due_us else 0.0


def _family(name: str, samples: Iterable[Sample]) -> GaugeMetricFamily:
    metric = _DECLARED[name]
    family = GaugeMetricFamily(metric.name, metric.help, labels=metric.labels)
    for labels, value in samples:
        family.add_metric(labels, value)
    return family


_DECLARED = {metric.name: metric for metric in METRICS}
