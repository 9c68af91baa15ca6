"""What peers are told to do."""

from __future__ import annotations

import pytest

from benchmarks.dispatch import work_w
from benchmarks.peers.trial import errand


def test_peers_dial_whom_the_simulator_dials() -> None:
    """The same people are busy as often: 30 % of dials, so about 2.7 % of calls fail."""
    told = errand(work_w(3_000, 200), "somewhere")
    assert (told.up, told.talk_s, told.delay_s, told.max_attempts) == (200, 0.02, 0.1, 3)
    counts = told.counts
    assert counts.completed + counts.failed == 3_000
    assert counts.failed == pytest.approx(3_000 * 0.3**3, rel=0.3)
    assert counts.dials == pytest.approx(3_000 * (1 + 0.3 + 0.3**2), rel=0.05)
