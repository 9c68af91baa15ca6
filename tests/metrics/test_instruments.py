"""What is counted in plain numbers is shown as the Prometheus library shows its own."""

from __future__ import annotations

import gc
from itertools import count

import prometheus_client
from prometheus_client import CollectorRegistry, disable_created_metrics, generate_latest
from prometheus_client.registry import Collector

from batchcalls.metrics.instruments import Instruments
from batchcalls.metrics.table import METRICS, Declared

COUNTED = [metric for metric in METRICS if metric.kind != "gauge" and not metric.of_process]

VALUES = (0.0, 0.01, 0.0100001, 0.5, 7.0, 3600.0, 1e9)
"""Below, on, beside and above the bounds of buckets."""


def labels(metric: Declared) -> list[str]:
    """A value for each label, one that must be escaped."""
    return [f'"{name}" \\' for name in metric.labels]


def theirs() -> CollectorRegistry:
    """All that the library itself counts."""
    disable_created_metrics()  # type: ignore[no-untyped-call]  # it has no types
    registry = CollectorRegistry()
    for metric in COUNTED:
        names = (metric.name, metric.help, metric.labels)
        if metric.kind == "counter":
            counter = prometheus_client.Counter(*names, registry=registry)
            (counter.labels(*labels(metric)) if metric.labels else counter).inc(3)
        else:
            histogram = prometheus_client.Histogram(
                *names, buckets=metric.buckets, registry=registry
            )
            for value in VALUES:
                (histogram.labels(*labels(metric)) if metric.labels else histogram).observe(value)
    return registry


def ours() -> CollectorRegistry:
    """The same, counted by ourselves."""
    registry = CollectorRegistry()
    instruments = Instruments(registry)
    for metric in COUNTED:
        if metric.kind == "counter":
            instruments.counter(metric.name).labels(*labels(metric)).inc(3)
        else:
            for value in VALUES:
                instruments.histogram(metric.name).labels(*labels(metric)).observe(value)
    return registry


def lines(registry: Collector) -> list[str]:
    """What a scrape shows, in an order of ours."""
    return sorted(generate_latest(registry).decode().splitlines())


def test_a_scrape_shows_what_the_library_would_show() -> None:
    """To the letter, apart from the order."""
    assert lines(ours()) == lines(theirs())


def test_a_scrape_may_ask_for_some_metrics_by_name() -> None:
    """And is given those alone, as by the library."""
    names = ["batchcalls_calls_total", "batchcalls_talk_seconds_sum"]
    expected, shown = (lines(each.restricted_registry(names)) for each in (theirs(), ours()))
    assert shown == expected
    assert any(line.startswith("batchcalls_calls_total{") for line in shown)


def test_what_has_no_labels_is_there_from_the_start() -> None:
    """At 0: what grows from nothing isn't seen to grow."""
    registry = CollectorRegistry()
    Instruments(registry)
    assert registry.get_sample_value("batchcalls_commit_seconds_count") == 0


def test_a_scrape_goes_on_while_something_is_counted_for_the_first_time() -> None:
    """Its thread may have to wait wherever garbage is collected, and the loop counts on."""
    registry = CollectorRegistry()
    calls = Instruments(registry).counter("batchcalls_calls_total")
    carriers = map(str, count())
    calls.labels(next(carriers), "busy")

    def count_another(_phase: str, _about: dict[str, int]) -> None:
        calls.labels(next(carriers), "busy")

    before = gc.get_threshold()
    gc.callbacks.append(count_another)
    try:
        gc.set_threshold(1)
        shown = lines(registry)
    finally:
        gc.set_threshold(*before)
        gc.callbacks.remove(count_another)
    assert 'batchcalls_calls_total{carrier="0",outcome="busy"} 0.0' in shown
