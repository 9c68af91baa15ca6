"""The ideal makespan."""

from __future__ import annotations

from benchmarks.slots import ideal_makespan


def test_whoever_is_free_first_takes_the_next_call() -> None:
    """Two slots: 3 | 1, then 2 behind the 1, then 2 behind whichever is free at 3."""
    assert ideal_makespan([3.0, 1.0, 2.0, 2.0], 2) == 5.0


def test_one_slot_takes_all_in_turn() -> None:
    """The makespan is the sum."""
    assert ideal_makespan([1.0, 2.0, 3.0], 1) == 6.0
