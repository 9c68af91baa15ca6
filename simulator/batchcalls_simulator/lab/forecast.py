"""A forecast: what several runs of one campaign, each with other people, have in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from batchcalls_simulator.lab.course import Binding, Course


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """What one run in ten stays below, one in two, and nine in ten."""

    p10: float
    p50: float
    p90: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """The spread of at least one value, interpolated between neighbors."""
        ordered = sorted(values)
        return cls(
            p10=_quantile(ordered, 0.1), p50=_quantile(ordered, 0.5), p90=_quantile(ordered, 0.9)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """What is to be expected of a campaign.

    ``end_s`` is from its start to its end; ``reach`` the share of calls that are completed;
    ``waits`` the mean share of the time in which the campaign waited for each thing.
    """

    seeds: int
    calls: int
    end_s: Spread
    attempts: Spread
    reach: Spread
    peak: int
    waits: Mapping[Binding, float]

    @classmethod
    def of(cls, courses: Sequence[Course]) -> Forecast:
        """The forecast that at least one course allows."""
        return cls(
            seeds=len(courses),
            calls=courses[0].calls,
            end_s=Spread.of([course.end_s for course in courses]),
            attempts=Spread.of([course.attempts for course in courses]),
            reach=Spread.of([course.reach for course in courses]),
            peak=max(course.peak for course in courses),
            waits=_mean_waits(courses),
        )

    @property
    def binding(self) -> Binding:
        """What took most of the time: lifting any other limit would gain less."""
        return next(iter(self.waits))

    def document(self) -> dict[str, object]:
        """The forecast as JSON, times in seconds."""
        return {
            "seeds": self.seeds,
            "calls": self.calls,
            "end_s": _spread_document(self.end_s),
            "attempts": _spread_document(self.attempts),
            "reach": _spread_document(self.reach),
            "peak_concurrency": self.peak,
            "binding_limit": self.binding.value,
            "time_shares": {wait.value: round(share, 4) for wait, share in self.waits.items()},
        }


def _mean_waits(courses: Sequence[Course]) -> dict[Binding, float]:
    """The largest share first."""
    means = {
        binding: sum(course.waits.get(binding, 0.0) for course in courses) / len(courses)
        for binding in Binding
    }
    ordered = sorted(means, key=lambda binding: -means[binding])
    return {binding: means[binding] for binding in ordered if means[binding]}


def _spread_document(spread: Spread) -> dict[str, float]:
    return {name: round(getattr(spread, name), 4) for name in ("p10", "p50", "p90")}


def _quantile(ordered: Sequence[float], share: float) -> float:
    place = share * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)
