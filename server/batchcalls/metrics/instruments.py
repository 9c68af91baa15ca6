"""The counters and histograms of the table: plain numbers, put in order when somebody scrapes.

They are counted by the thread of the loop alone, some twenty times a call. The instruments of the
Prometheus library take a lock each time, which is for many threads. The scrape runs in a thread
of its own; as with the gauges, what it reads may be a moment old.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import accumulate
from typing import Generic, TypeVar

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from batchcalls.metrics.table import METRICS, Declared


class Counter:
    """What only grows."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value = 0

    def inc(self, number: int = 1) -> None:
        """Count ``number`` more."""
        self.value += number


class Histogram:
    """How many values were no more than each of the ``bounds``, which grow, and their ``total``."""

    __slots__ = ("_bounds", "_counts", "total")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def observe(self, value: float) -> None:
        """Count a value."""
        self._counts[bisect_left(self._bounds, value)] += 1
        self.total += value

    def buckets(self) -> list[tuple[str, float]]:
        """Each bound, infinity behind them, with how many values were no more."""
        bounds = (*self._bounds, math.inf)
        return list(zip(map(_word, bounds), accumulate(self._counts.copy()), strict=True))


Child = TypeVar("Child", Counter, Histogram)


class Family(Generic[Child]):
    """One metric: a child for each combination of labels, at 0 from when it was first asked for.

    ``items`` are all children with their labels.
    """

    def __init__(self, declared: Declared, make: Callable[[], Child]) -> None:
        self.declared = declared
        self._make: Callable[[], Child] = make
        self._children: dict[tuple[str, ...], Child] = {}
        # Never changed, but replaced: a scrape goes through it while a child is made.
        self.items: tuple[tuple[tuple[str, ...], Child], ...] = ()
        if not declared.labels:
            self.labels()

    def labels(self, *values: str) -> Child:
        """The child of these labels."""
        child = self._children.get(values)
        if child is None:
            assert len(values) == len(self.declared.labels), f"{self.declared.name} of {values}"
            child = self._children[values] = self._make()
            self.items += ((values, child),)
        return child


class Instruments(Collector):
    """Finds the instrument of a metric by its name in the table, and shows them all to a scrape."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._counters = {metric.name: Family(metric, Counter) for metric in _of_kind("counter")}
        self._histograms = {
            metric.name: Family(metric, partial(Histogram, metric.buckets))
            for metric in _of_kind("histogram")
        }
        registry.register(self)

    def counter(self, name: str) -> Family[Counter]:
        """The counter of that name."""
        return self._counters[name]

    def histogram(self, name: str) -> Family[Histogram]:
        """The histogram of that name."""
        return self._histograms[name]

    def describe(self) -> Iterator[Metric]:
        """Name them all: who asks for some by name is given those."""
        return self.collect()

    def collect(self) -> Iterator[Metric]:
        """Read everything."""
        yield from map(_counted, self._counters.values())
        yield from map(_observed, self._histograms.values())


def _counted(family: Family[Counter]) -> Metric:
    declared = family.declared
    metric = CounterMetricFamily(declared.name, declared.help, labels=declared.labels)
    for labels, counter in family.items:
        metric.add_metric(labels, counter.value)
    return metric


def _observed(family: Family[Histogram]) -> Metric:
    declared = family.declared
    metric = HistogramMetricFamily(declared.name, declared.help, labels=declared.labels)
    for labels, histogram in family.items:
        metric.add_metric(labels, histogram.buckets(), histogram.total)
    return metric


def _word(bound: float) -> str:
    word: str = floatToGoString(bound)  # type: ignore[no-untyped-call]  # it has no types
    return word


def _of_kind(kind: str) -> Iterable[Declared]:
    return [metric for metric in METRICS if metric.kind == kind and not metric.of_process]
