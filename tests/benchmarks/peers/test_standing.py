"""What some trials say together."""

from __future__ import annotations

from dataclasses import replace

import pytest

from benchmarks.peers.errand import Counts
from benchmarks.peers.standing import figure
from tests.benchmarks.peers.contenders import ALL, trial


def test_a_figure_is_the_median_of_its_trials() -> None:
    """One disturbed trial doesn't move it: calls a second, and milliseconds of a call."""
    made = figure([trial(1), trial(2), trial(9, cpu_s=0.005)], ALL)
    assert (made.rate, made.checked) == (5, 10)
    assert made.cpu_ms == pytest.approx(0.1)


@pytest.mark.parametrize(
    "counts",
    [replace(ALL, completed=8), replace(ALL, completed=8, failed=2), replace(ALL, dials=15)],
)
def test_a_figure_whose_work_was_not_all_done_is_refused(counts: Counts) -> None:
    """A call that is missing, or ended otherwise, or was dialed too often, in any trial."""
    made = figure([trial(1), trial(1, counts=counts)], ALL)
    assert (made.rate, made.checked) == (None, 0)
    assert made.refusal.startswith("refused: ")
    assert made.refusal.endswith(" instead of 9 completed, 1 failed, 14 dials")
