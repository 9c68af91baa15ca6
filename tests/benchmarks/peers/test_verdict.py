"""How our figures are held against those of others, and against our goals."""

from __future__ import annotations

import pytest

from benchmarks.peers.verdict import UP, against, processor_time, verdicts
from tests.benchmarks.peers.contenders import raced, steady


def test_our_calls_are_held_against_those_of_river() -> None:
    """As many at 200 up, six tenths at 1,000 up; the others are no goal."""
    ours, river, other = raced(steady("ours", 700), steady("river", 1_000), steady("arq", 100))
    rows = [against(ours, river, up) for up in UP]
    assert [row.ratio for row in rows] == [pytest.approx(0.7), pytest.approx(0.7)]
    assert [row.met for row in rows] == [False, True]
    assert [against(ours, other, up).met for up in UP] == [None, None]


@pytest.mark.parametrize(("cpu_ms", "met"), [(0.2, True), (0.21, False)])
def test_a_call_costs_a_fifth_of_a_millisecond_at_most(cpu_ms: float, met: bool) -> None:
    """All processes together."""
    (ours,) = raced(steady("ours", 700, cpu_ms=cpu_ms))
    assert [processor_time(ours, up).met for up in UP] == [met, met]


def test_verdicts_say_by_how_much_a_goal_is_missed() -> None:
    """In the unit of the goal."""
    ours, other = steady("ours", 700, cpu_ms=0.35), steady("river", 1_000)
    assert verdicts(raced(ours, other)) == [
        "Calls a second at 200 up, the fastest first: river 1.0 with 1,000, ours 1.0 with 700.",
        "Calls a second at 1,000 up, the fastest first: river 1.0 with 1,000, ours 1.0 with 700.",
        (
            "Beside river 1.0: 0.70 times its calls/s at 200 up (goal ≥ 1, missed by 0.3); "
            "0.70 times its calls/s at 1,000 up (goal ≥ 0.6, met)."
        ),
        (
            "Processor time a call: 0.35 ms at 200 up (goal ≤ 0.2, missed by 0.15); "
            "0.35 ms at 1,000 up (goal ≤ 0.2, missed by 0.15)."
        ),
    ]
