"""What retries do: how many people a campaign reaches, and how hard its retries hit the trunk.

500 people are dialed at nine in the morning, as many at once as there are. Fewer answer by
day than in the evening, so who waits longer reaches more; and whoever is tried again after a
fixed delay is tried together with everybody else: the fullest minute of retries is the peak
that a trunk must carry. Backoff moves the retries apart, jitter smears them. All in virtual
time; the chart shows every policy at every rate.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

from batchcalls.core.model import RetryConfig
from benchmarks.chart import Chart, Kind, Panel
from benchmarks.effort import Effort
from benchmarks.row import Row
from benchmarks.sample import most_in_a_window
from benchmarks.virtual import Campaign, run_campaign
from benchmarks.workload import Workload

_MINUTE_S: Final = 60.0
_HOUR_S: Final = 3_600.0
_FIXED: Final = RetryConfig(max_attempts=4, delay_s=0.5 * _HOUR_S)
_BACKOFF: Final = replace(_FIXED, backoff_multiplier=4.0)

POLICIES: Final = {
    "no retry": RetryConfig(max_attempts=1),
    "fixed": _FIXED,
    "fixed, jitter 0.5": replace(_FIXED, jitter=0.5),
    "backoff × 4": _BACKOFF,
    "backoff × 4, jitter 0.5": replace(_BACKOFF, jitter=0.5),
}
"""Four attempts, the second half an hour after the first."""

_RATES: Final = ((0.05, 0.10), (0.15, 0.25), (0.25, 0.35), (0.30, 0.50))
"""Busy and no answer, of all dials."""

_SHOWN: Final = (0.15, 0.25)
"""The rates whose figures are rows of the table."""

_BY_HOUR: Final = "0-8:0.1,9-16:0.6,17-20:0.95,21-23:0.3"


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What a policy did: people reached, dials a person, and retries in the fullest minute."""

    reached: float
    dials: float
    peak: float


def measure(effort: Effort) -> Iterator[Row | Chart]:
    """The rows of this benchmark, and its chart."""
    calls = effort.pick(full=500, quick=60)
    seen = {
        (policy, rates): _seen(calls, rates, config)
        for policy, config in POLICIES.items()
        for rates in _RATES
    }
    for policy in POLICIES:
        yield from _rows(policy, seen[policy, _SHOWN])
    yield _chart(seen)


def _chart(seen: Mapping[tuple[str, tuple[float, float]], Seen]) -> Chart:
    titles = {
        "reached": "People reached, %",
        "dials": "Dials a person",
        "peak": "Retries in the fullest minute, % of people",
    }
    return Chart(
        name="retry",
        kind=Kind.BARS,
        x_label="busy or no answer, % of dials",
        panels=[
            Panel(
                title=title,
                series={
                    policy: [
                        (100 * sum(rates), getattr(seen[policy, rates], field)) for rates in _RATES
                    ]
                    for policy in POLICIES
                },
            )
            for field, title in titles.items()
        ],
    )


def _seen(calls: int, rates: tuple[float, float], config: RetryConfig) -> Seen:
    busy, no_answer = rates
    people = {
        "busy_rate": str(busy),
        "no_answer_rate": str(no_answer),
        "answer_rate_by_hour": _BY_HOUR,
        "post_dial_delay": "lognormal:2,0.4",
        "ring_time": "lognormal:8,0.5",
        "talk_time": "lognormal:60,0.5",
    }
    work = Workload(calls=calls, concurrency=calls, people=people)
    spec = work.batch_spec()
    spec = replace(spec, settings=replace(spec.settings, retry=config))
    return _summary(run_campaign(work, spec))


def _summary(campaign: Campaign) -> Seen:
    counts = campaign.batch.counts
    retries = [dial.at_s for dial in campaign.dials if dial.attempt_number > 1]
    return Seen(
        reached=100 * counts.completed / counts.total,
        dials=len(campaign.dials) / counts.total,
        peak=100 * most_in_a_window(retries, _MINUTE_S) / counts.total,
    )


def _rows(policy: str, seen: Seen) -> Iterator[Row]:
    name = f"retry, {policy}"
    yield Row(name=f"{name}: reached", value=seen.reached, unit="%")
    yield Row(name=f"{name}: dials a person", value=seen.dials, unit="dials")
    yield Row(name=f"{name}: fullest minute of retries", value=seen.peak, unit="% of people")
