"""The estimates of ``watch``."""

from __future__ import annotations

import pytest

from batchcalls.cli.pace import ENOUGH_ATTEMPTS, LONGEST_WINDOW_S, WINDOW_S, Pace


def test_one_sample_measures_nothing() -> None:
    """Speed needs two moments; before, nothing is claimed."""
    pace = Pace()
    assert pace.calls_per_second is None
    pace.add(5.0, attempts=100, pending=50)
    assert pace.calls_per_second is None
    assert pace.time_left_s(pending=10, due=0, up=0, wait_s=0) is None


def test_two_states_of_one_moment_measure_nothing() -> None:
    """No time passed, so no division by it."""
    pace = Pace()
    pace.add(5.0, attempts=0, pending=9)
    pace.add(5.0, attempts=9, pending=0)
    assert pace.calls_per_second is None


def test_pending_calls_take_as_long_as_the_pace_says() -> None:
    """Due retries have their share of the dials, so what counts is how fast pending gets less."""
    pace = paced(attempts=100, pending=80, over_s=2.0)
    assert pace.calls_per_second == 50
    assert pace.time_left_s(pending=40, due=0, up=0, wait_s=0) == pytest.approx(1.0)
    assert pace.time_left_s(pending=40, due=7, up=0, wait_s=0) == pytest.approx(1.0)


def test_calls_that_are_up_end_after_a_calls_length() -> None:
    """Ten up at half a dial a second last twenty seconds each."""
    pace = paced(attempts=20, pending=20, over_s=40.0)
    assert pace.time_left_s(pending=0, due=0, up=10, wait_s=0) == pytest.approx(20.0)
    assert pace.time_left_s(pending=5, due=0, up=10, wait_s=0) == pytest.approx(30.0)


def test_the_last_retry_is_waited_for() -> None:
    """28 calls that wait for five minutes aren't done in seconds, however fast it went before."""
    pace = paced(attempts=100, pending=100, over_s=1.0)
    assert pace.time_left_s(pending=0, due=0, up=0, wait_s=300.0) == 300.0
    assert pace.time_left_s(pending=100, due=0, up=0, wait_s=300.0) == pytest.approx(301.0)


def test_retries_that_are_due_are_work_like_any_other() -> None:
    """They wait for a slot, not for a time."""
    pace = paced(attempts=10, pending=0, over_s=1.0)
    assert pace.time_left_s(pending=0, due=30, up=0, wait_s=0) == pytest.approx(3.0)


def test_only_the_last_seconds_count() -> None:
    """After a lull the speed is that of now."""
    pace = Pace()
    pace.add(0.0, attempts=0, pending=500)
    pace.add(100.0, attempts=0, pending=500)
    pace.add(100.0 + WINDOW_S, attempts=500, pending=0)
    assert pace.calls_per_second == 500 / WINDOW_S


def test_where_dials_are_rare_more_seconds_count() -> None:
    """A dial every twenty seconds is a speed, too, and not none for most of the time."""
    pace = Pace()
    for second in range(0, 300, 5):
        pace.add(float(second), attempts=second // 20, pending=100 - second // 20)
    assert second // 20 < ENOUGH_ATTEMPTS
    assert pace.calls_per_second == pytest.approx(1 / 20, rel=0.1)
    pace.add(300.0 + LONGEST_WINDOW_S, attempts=second // 20, pending=100)
    assert pace.calls_per_second == 0.0


def test_a_pause_is_no_part_of_the_speed() -> None:
    """What is dialed after it is measured anew."""
    pace = paced(attempts=100, pending=100, over_s=1.0)
    pace.pause()
    assert pace.calls_per_second is None
    pace.add(1_000.0, attempts=100, pending=100)
    pace.add(1_001.0, attempts=110, pending=90)
    assert pace.calls_per_second == 10


def test_a_batch_in_which_nothing_is_dialed_has_no_end() -> None:
    """Rather no time left than a wrong one."""
    pace = paced(attempts=3, pending=0, over_s=9.0)
    assert pace.time_left_s(pending=1, due=0, up=3, wait_s=0) is None
    idle = paced(attempts=0, pending=0, over_s=9.0)
    assert idle.time_left_s(pending=0, due=0, up=1, wait_s=0) is None


def paced(*, attempts: int, pending: int, over_s: float) -> Pace:
    """A pace of so many attempts, and so many calls less that are pending, in so long a time."""
    pace = Pace()
    pace.add(0.0, attempts=0, pending=1_000)
    pace.add(over_s, attempts=attempts, pending=1_000 - pending)
    return pace
