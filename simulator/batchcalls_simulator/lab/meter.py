"""What a load is measured by: latencies, lags and rates, and whether events came each once.

It knows no clock and no loop: whoever measures tells it what was measured. Lags compare a time
of the server with one of ours, so they mean something only where both have the same clock.
"""

from __future__ import annotations

import math
from array import array
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantiles:
    """How a number of measured times are spread, in seconds; not a number where there are none."""

    count: int
    p50_s: float
    p90_s: float
    p99_s: float
    most_s: float

    @classmethod
    def of(cls, times_s: array[float]) -> Quantiles:
        """The nearest-rank quantiles: each is a time that was measured."""
        ranked = sorted(times_s)

        def rank(share: float) -> float:
            return ranked[math.ceil(share * len(ranked)) - 1] if ranked else math.nan

        return cls(
            count=len(ranked),
            p50_s=rank(0.5),
            p90_s=rank(0.9),
            p99_s=rank(0.99),
            most_s=rank(1.0),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a load came to. ``complaints`` are what watchers missed, or saw twice."""

    batches: int
    calls: int
    attempts: int
    took_s: float
    watchers: int
    events: int
    latencies: Mapping[str, Quantiles]
    status_lag: Quantiles
    event_lag: Quantiles
    complaints: tuple[str, ...]

    @property
    def calls_per_second(self) -> float:
        """Calls that became final, over the whole time."""
        return self.calls / self.took_s

    @property
    def attempts_per_second(self) -> float:
        """Attempts, over the whole time."""
        return self.attempts / self.took_s

    def document(self) -> dict[str, Any]:
        """The same for machines; times in seconds, null where nothing was measured."""
        measured = {
            **asdict(self),
            "calls_per_second": self.calls_per_second,
            "attempts_per_second": self.attempts_per_second,
        }
        document = _without_nan(measured)
        assert isinstance(document, dict), "a dictionary stays one"
        return document


class Meter:
    """Takes in what is measured while a load runs."""

    def __init__(self) -> None:
        self.calls_ended = 0
        self.attempts = 0
        self.events = 0
        self.event_lags_s: array[float] = array("d")
        self.status_lags_s: array[float] = array("d")
        self.latencies_s: defaultdict[str, array[float]] = defaultdict(lambda: array("d"))
        self.complaints: list[str] = []

    def __repr__(self) -> str:
        return f"<Meter {self.calls_ended} calls ended, {self.events} events>"

    def report(self, *, batches: int, watchers: int, took_s: float) -> Report:
        """What was measured in so many seconds."""
        return Report(
            batches=batches,
            calls=self.calls_ended,
            attempts=self.attempts,
            took_s=took_s,
            watchers=watchers,
            events=self.events,
            latencies={
                name: Quantiles.of(times_s) for name, times_s in sorted(self.latencies_s.items())
            },
            status_lag=Quantiles.of(self.status_lags_s),
            event_lag=Quantiles.of(self.event_lags_s),
            complaints=tuple(self.complaints),
        )


class SequenceCheck:
    """Finds out whether one watcher sees each sequence of a batch once, in order."""

    def __init__(self, watcher: str) -> None:
        self._watcher = watcher
        self._last = 0
        self._wrong = ""

    def see(self, sequence: int) -> None:
        """Take note of the next event that the watcher got."""
        if sequence != self._last + 1 and not self._wrong:
            self._wrong = f"{self._watcher} saw event {sequence} behind event {self._last}"
        self._last = sequence

    def complaint(self, last_sequence: int) -> str:
        """What is wrong, where the log ends with that sequence; empty if nothing is."""
        if not self._wrong and self._last != last_sequence:
            return f"{self._watcher} saw {self._last} of {last_sequence} events"
        return self._wrong


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_nan(each) for name, each in value.items()}
    return None if isinstance(value, float) and math.isnan(value) else value
