"""What a load is measured by: quantiles, rates, and a strict eye on sequences."""

from __future__ import annotations

import json
from array import array

import pytest

from batchcalls_simulator.lab.meter import Meter, Quantiles, SequenceCheck


def test_quantiles_are_times_that_were_measured() -> None:
    """By nearest rank: of a hundred times, the 99th is the 99th percentile."""
    times_s = array("d", [number / 100 for number in range(100, 0, -1)])
    spread = Quantiles.of(times_s)
    assert (spread.p50_s, spread.p90_s, spread.p99_s, spread.most_s) == (0.5, 0.9, 0.99, 1.0)
    assert Quantiles.of(array("d", [0.25])).p50_s == 0.25


def test_a_report_has_rates_over_the_whole_time() -> None:
    """Calls that ended and attempts that were made, by the seconds it took."""
    meter = Meter()
    meter.calls_ended, meter.attempts = 30, 45
    report = meter.report(batches=3, watchers=6, took_s=1.5)
    assert (report.calls_per_second, report.attempts_per_second) == (20.0, 30.0)


def test_what_was_not_measured_is_null_for_machines() -> None:
    """JSON has no word for not a number."""
    meter = Meter()
    meter.latencies_s["GetBatch"].append(0.5)
    document = json.loads(json.dumps(meter.report(batches=1, watchers=0, took_s=1.0).document()))
    assert document["event_lag"]["p99_s"] is None
    assert document["latencies"]["GetBatch"] == {
        "count": 1,
        **dict.fromkeys(("p50_s", "p90_s", "p99_s", "most_s"), 0.5),
    }


@pytest.mark.parametrize(
    ("sequences", "last", "complaint"),
    [
        ([1, 2, 3], 3, ""),
        ([], 0, ""),
        ([1, 2], 3, "anna saw 2 of 3 events"),
        ([1, 3], 3, "anna saw event 3 behind event 1"),
        ([1, 2, 2, 3], 3, "anna saw event 2 behind event 2"),
        ([2, 1], 1, "anna saw event 2 behind event 0"),
        ([1, 2, 3], 2, "anna saw 3 of 2 events"),
    ],
)
def test_a_watcher_that_misses_or_repeats_an_event_is_found(
    sequences: list[int], last: int, complaint: str
) -> None:
    """The first thing that is wrong is told."""
    check = SequenceCheck("anna")
    for sequence in sequences:
        check.see(sequence)
    assert check.complaint(last) == complaint
