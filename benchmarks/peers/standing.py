"""How somebody did: figures at each number of calls up, or why there are none.

A figure stands only if each of its trials did all of the work: a call that is missing, that ended
otherwise than it had to, or that was dialed too often refuses it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.peers.contender import Contender
from benchmarks.peers.errand import Counts
from benchmarks.peers.trial import Trial
from benchmarks.row import rounded
from benchmarks.sample import middle, spread


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """The medians of some trials; ``refusal`` says why there are none."""

    rate: float | None = None
    spread: float | None = None
    cpu_ms: float | None = None
    checked: int = 0
    refusal: str = ""


def figure(trials: Sequence[Trial], expected: Counts) -> Figure:
    """What these trials say, if the counts of each are as expected."""
    for trial in trials:
        if trial.counts != expected:
            return Figure(refusal=f"refused: {_words(trial.counts)} instead of {_words(expected)}")
    rates = [trial.rate for trial in trials]
    return Figure(
        rate=middle(rates),
        spread=spread(rates),
        cpu_ms=middle([trial.cpu_ms_a_call for trial in trials]),
        checked=expected.completed + expected.failed,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Somebody's figures by the number of calls up; of whom isn't here, ``absence`` says why."""

    contender: Contender
    figures: Mapping[int, Figure]
    absence: str = ""

    @property
    def is_bad(self) -> bool:
        """Whether somebody who is here failed, or was refused."""
        return any(figure.refusal for figure in self.figures.values())

    def reason(self, up: int) -> str:
        """Why there is no figure at ``up``; empty where there is one."""
        if self.absence:
            return f"not here: {self.absence}"
        return self.figures[up].refusal

    def document(self) -> dict[str, Any]:
        """The standing as JSON has it."""
        return {
            "name": self.contender.title,
            "kept": self.contender.kept,
            "lacks": self.contender.lacks,
            "absence": self.absence or None,
            "figures": [
                {
                    "up": up,
                    "calls_a_second": rounded(figure.rate),
                    "spread": rounded(figure.spread),
                    "cpu_ms_a_call": rounded(figure.cpu_ms),
                    "calls_checked": figure.checked,
                    "refusal": figure.refusal or None,
                }
                for up, figure in self.figures.items()
            ],
        }


def _words(counts: Counts) -> str:
    return f"{counts.completed:,} completed, {counts.failed:,} failed, {counts.dials:,} dials"
