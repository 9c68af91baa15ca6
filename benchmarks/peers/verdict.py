"""What the figures say of our goals: ratios to the others, and by how much a goal is missed.

The first of the standings is ours. The goals are held against River, the fastest we know of.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from benchmarks.peers.standing import Figure, Standing
from benchmarks.row import Goal, Row, number_text

RIVAL: Final = "river"
_RATE_GOALS: Final = {200: Goal(bound=1.0, of_ratio=True), 1_000: Goal(bound=0.6, of_ratio=True)}
"""By the number of calls up."""

_CPU_GOAL: Final = Goal(bound=0.2)
UP: Final = tuple(_RATE_GOALS)


def verdicts(standings: Sequence[Standing]) -> list[str]:
    """Who is faster, a sentence for each of the others, and one for our processor time."""
    ours, *others = standings
    return [
        *(_ranking(standings, up) for up in UP),
        *(_beside(ours, other) for other in others),
        _sentence("Processor time a call", [processor_time(ours, up) for up in UP]),
    ]


def rows(standings: Sequence[Standing]) -> list[Row]:
    """The figures behind the sentences."""
    ours, *others = standings
    beside = [against(ours, other, up) for other in others for up in UP]
    return [*beside, *(processor_time(ours, up) for up in UP)]


def against(ours: Standing, other: Standing, up: int) -> Row:
    """Our calls a second, with another's as the limit."""
    reason = ours.reason(up) or other.reason(up)
    return Row(
        name=f"{up:,} up, beside {other.contender.title}",
        value=None if reason else _figure(ours, up).rate,
        unit="calls/s",
        limit=_figure(other, up).rate,
        goal=_RATE_GOALS[up] if other.contender.name == RIVAL else None,
        failure=reason,
    )


def processor_time(ours: Standing, up: int) -> Row:
    """What a call of ours costs."""
    return Row(
        name=f"{up:,} up, processor time a call",
        value=_figure(ours, up).cpu_ms,
        unit="ms",
        goal=_CPU_GOAL,
        smaller_is_better=True,
        failure=ours.reason(up),
    )


def _figure(standing: Standing, up: int) -> Figure:
    return standing.figures.get(up, Figure())


def _ranking(standings: Sequence[Standing], up: int) -> str:
    rates = {each.contender.title: _figure(each, up).rate for each in standings}
    ranked = sorted(((rate, who) for who, rate in rates.items() if rate), reverse=True)
    told = ", ".join(f"{who} with {number_text(rate)}" for rate, who in ranked)
    return f"Calls a second at {up:,} up, the fastest first: {told}."


def _beside(ours: Standing, other: Standing) -> str:
    subject = f"Beside {other.contender.title}"
    if other.absence:
        return f"{subject}: no figures, since {other.absence}."
    return _sentence(subject, [against(ours, other, up) for up in UP])


def _sentence(subject: str, told: Sequence[Row]) -> str:
    parts = [f"{_value(row)} at {up:,} up{_goal(row)}" for up, row in zip(UP, told, strict=True)]
    return f"{subject}: {'; '.join(parts)}."


def _value(row: Row) -> str:
    if row.failure:
        return f"nothing ({row.failure})"
    if row.ratio is not None:
        return f"{row.ratio:.2f} times its calls/s"
    return f"{row.value:.2f} {row.unit}"


def _goal(row: Row) -> str:
    if row.goal is None or row.value is None:
        return ""
    bound, measured = row.goal.bound, row.ratio if row.goal.of_ratio else row.value
    assert measured is not None, "a ratio has a limit where its row has a value"
    verdict = "met" if row.met else f"missed by {number_text(abs(bound - measured))}"
    sign = "≤" if row.smaller_is_better else "≥"
    return f" (goal {sign} {bound:g}, {verdict})"
