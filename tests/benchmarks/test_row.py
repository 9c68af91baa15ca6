"""How a figure is held against its limit and its goal."""

from __future__ import annotations

import math

import pytest

from benchmarks.row import Goal, Row, number_text


def rate(value: float, goal: Goal, limit: float | None = None) -> Row:
    return Row(name="rate", value=value, unit="calls/s", limit=limit, goal=goal)


def time(value: float, goal: Goal, limit: float | None = None) -> Row:
    return Row(name="time", value=value, unit="s", limit=limit, goal=goal, smaller_is_better=True)


def test_the_ratio_is_one_at_the_limit_whichever_way_better_lies() -> None:
    """Half the rate and twice the time are both a ratio of one half."""
    goal = Goal(bound=0.5, of_ratio=True)
    assert rate(50, goal, limit=100).ratio == 0.5
    assert time(20, goal, limit=10).ratio == 0.5


@pytest.mark.parametrize(
    ("row", "met"),
    [
        (rate(2_000, Goal(bound=2_000)), True),
        (rate(1_999, Goal(bound=2_000)), False),
        (time(6, Goal(bound=6)), True),
        (time(6.1, Goal(bound=6)), False),
        (rate(80, Goal(bound=0.8, of_ratio=True), limit=100), True),
        (rate(79, Goal(bound=0.8, of_ratio=True), limit=100), False),
        (time(10, Goal(bound=0.97, of_ratio=True), limit=9.7), True),
        (time(10, Goal(bound=0.97, of_ratio=True), limit=9.6), False),
        (Row(name="plain", value=1, unit="s"), None),
        (Row(name="broken", value=None, unit="", failure="failed: it broke"), False),
    ],
)
def test_a_goal_is_met_from_its_bound_on(row: Row, met: bool | None) -> None:
    """At the bound it is met; a row without a goal has none to meet; a failed row misses it."""
    assert row.met is met


@pytest.mark.parametrize(
    ("row", "score"),
    [
        (rate(4_000, Goal(bound=2_000)), 2.0),
        (time(3, Goal(bound=6)), 2.0),
        (time(0, Goal(bound=6)), math.inf),
        (rate(40, Goal(bound=0.8, of_ratio=True), limit=100), 0.5),
        (Row(name="plain", value=1, unit="s"), None),
        (Row(name="broken", value=None, unit="", goal=Goal(bound=1), failure="failed"), 0.0),
    ],
)
def test_the_score_is_one_where_the_goal_is_just_met(row: Row, score: float | None) -> None:
    """Twice as good is 2."""
    assert row.score == score


def test_the_document_says_everything_in_four_digits() -> None:
    """The keys are what readers of latest.json rely on."""
    row = rate(2_345.678, Goal(bound=0.5, of_ratio=True), limit=4_000)
    assert row.document() == {
        "name": "rate",
        "value": 2_346.0,
        "unit": "calls/s",
        "limit": 4_000.0,
        "ratio": 0.5864,
        "goal": "≥ 0.5 of the limit",
        "bound": 0.5,
        "bound_of_ratio": True,
        "smaller_is_better": False,
        "met": True,
        "spread": None,
        "failure": None,
    }


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, ""), (161_342.4, "161,342"), (250.4, "250"), (0.9512, "0.951"), (-0.2, "-0.2")],
)
def test_figures_are_short(value: float | None, text: str) -> None:
    """Nobody reads a seventh digit."""
    assert number_text(value) == text
