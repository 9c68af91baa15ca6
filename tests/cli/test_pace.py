"""The estimates of ``watch``."""

from __future__ import annotations

import pytest

from batchcalls.cli.pace import WINDOW_S, Pace


def test_one_sample_measures_nothing() -> None:
    """Speed needs two moments; before, nothing is claimed."""
    pace = Pace()
    assert pace.calls_per_second is None
    pace.add(5.0, attempts=100, ended=50)
    assert pace.calls_per_second is None
    assert pace.time_left_s(10) is None


def test_two_states_of_one_moment_measure_nothing() -> None:
    """No time passed, so no division by it."""
    pace = Pace()
    pace.add(5.0, attempts=0, ended=0)
    pace.add(5.0, attempts=9, ended=9)
    assert pace.calls_per_second is None


def test_speed_counts_attempts_and_time_left_counts_calls() -> None:
    """Retries are work too, but only calls that end bring the end nearer."""
    pace = Pace()
    pace.add(0.0, attempts=0, ended=0)
    pace.add(2.0, attempts=100, ended=20)
    assert pace.calls_per_second == 50
    assert pace.time_left_s(40) == pytest.approx(4.0)


def test_only_the_last_seconds_count() -> None:
    """After a pause the speed is that of now."""
    pace = Pace()
    pace.add(0.0, attempts=0, ended=0)
    pace.add(100.0, attempts=0, ended=0)
    pace.add(100.0 + WINDOW_S, attempts=500, ended=500)
    assert pace.calls_per_second == 500 / WINDOW_S


def test_a_batch_in_which_nothing_ends_has_no_end() -> None:
    """Rather no time left than a wrong one."""
    pace = Pace()
    pace.add(0.0, attempts=0, ended=7)
    pace.add(9.0, attempts=3, ended=7)
    assert pace.time_left_s(1) is None
