"""The counters and histograms of the table, made for one registry."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Histogram, disable_created_metrics

from batchcalls.metrics.table import METRICS, Declared


class Instruments:
    """Finds the instrument of a metric by its name in the table."""

    def __init__(self, registry: CollectorRegistry) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # it has no types
        self._counters = {
            metric.name: Counter(metric.name, metric.help, metric.labels, registry=registry)
            for metric in _of_kind("counter")
        }
        self._histograms = {
            metric.name: Histogram(
                metric.name,
                metric.help,
                metric.labels,
                buckets=metric.buckets,
                registry=registry,
            )
            for metric in _of_kind("histogram")
        }

    def counter(self, name: str) -> Counter:
        """The counter of that name."""
        return self._counters[name]

    def histogram(self, name: str) -> Histogram:
        """The histogram of that name."""
        return self._histograms[name]


def _of_kind(kind: str) -> list[Declared]:
    return [metric for metric in METRICS if metric.kind == kind and not metric.of_process]
