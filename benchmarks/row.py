"""One line of the table: a figure, the limit it is held against, and the goal.

It measures nothing. Theory: a figure means little by itself, since machines differ, so most
rows carry a *limit* that was measured in the same run on the same machine. ``ratio`` says how
near the figure comes to it: 1 is as good as the limit, whichever way better lies.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """What is promised: a bound on the value, or with ``of_ratio`` on the ratio to the limit."""

    bound: float
    of_ratio: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One figure.

    ``value`` is None where the benchmark failed; ``failure`` then says why. ``spread`` is half
    the distance between the best and the worst repetition, relative to ``value``; None where
    there was one repetition. ``smaller_is_better`` tells which way better lies.
    """

    name: str
    value: float | None
    unit: str
    limit: float | None = None
    goal: Goal | None = None
    spread: float | None = None
    smaller_is_better: bool = False
    failure: str = ""

    @property
    def ratio(self) -> float | None:
        """The value as a share of the limit; of a time, the limit as a share of the value."""
        return self._share(self.value)

    @property
    def goal_share(self) -> float | None:
        """The goal as such a share of the limit; None where one of the two is missing."""
        if self.goal is None or self.limit is None:
            return None
        return self.goal.bound if self.goal.of_ratio else self._share(self.goal.bound)

    @property
    def met(self) -> bool | None:
        """Whether the goal is met; a row without a goal has nothing to meet unless it failed."""
        if self.failure:
            return False
        if self.goal is None:
            return None
        if self.goal.of_ratio:
            return self.ratio is not None and self.ratio >= self.goal.bound
        assert self.value is not None, "a row without a value has failed"
        if self.smaller_is_better:
            return self.value <= self.goal.bound
        return self.value >= self.goal.bound

    @property
    def score(self) -> float | None:
        """How the goal is met, for the chart: 1 is just met, 2 twice as well."""
        if self.goal is None:
            return None
        if self.value is None:
            return 0.0
        if self.goal.of_ratio:
            return (self.ratio or 0.0) / self.goal.bound
        if self.smaller_is_better:
            return self.goal.bound / self.value if self.value > 0 else math.inf
        return self.value / self.goal.bound

    @property
    def goal_text(self) -> str:
        """The goal in words; empty where there is none."""
        if self.goal is None:
            return ""
        if self.goal.of_ratio:
            return f"≥ {self.goal.bound:g} of the limit"
        sign = "≤" if self.smaller_is_better else "≥"
        return f"{sign} {number_text(self.goal.bound)} {self.unit}"

    def _share(self, value: float | None) -> float | None:
        if value is None or self.limit is None:
            return None
        share, whole = value, self.limit
        if self.smaller_is_better:
            share, whole = whole, share
        return share / whole if whole else None

    @classmethod
    def of_document(cls, document: Mapping[str, Any]) -> Row:
        """The row that such JSON tells of."""
        bound = document["bound"]
        goal = None if bound is None else Goal(bound=bound, of_ratio=document["bound_of_ratio"])
        return cls(
            name=document["name"],
            value=document["value"],
            unit=document["unit"],
            limit=document["limit"],
            goal=goal,
            spread=document["spread"],
            smaller_is_better=document["smaller_is_better"],
            failure=document["failure"] or "",
        )

    def document(self) -> dict[str, Any]:
        """The row as JSON has it."""
        return {
            "name": self.name,
            "value": rounded(self.value),
            "unit": self.unit,
            "limit": rounded(self.limit),
            "ratio": rounded(self.ratio),
            "goal": self.goal_text or None,
            "bound": None if self.goal is None else self.goal.bound,
            "bound_of_ratio": None if self.goal is None else self.goal.of_ratio,
            "smaller_is_better": self.smaller_is_better,
            "met": self.met,
            "spread": rounded(self.spread),
            "failure": self.failure or None,
        }


def rounded(value: float | None) -> float | None:
    """Four significant digits: what is beyond them is noise."""
    return None if value is None else float(f"{value:.4g}")


def number_text(value: float | None) -> str:
    """A figure as people read it; empty where there is none."""
    if value is None:
        return ""
    size = abs(value)
    if size >= 1_000:
        return f"{value:,.0f}"
    if size >= 100:
        return f"{value:.0f}"
    return f"{value:.3g}"
