"""The clock: due times follow the wall clock, whatever is done to it."""

from __future__ import annotations

import math

import trio
from trio.testing import MockClock

from batchcalls.clock import CHECK_S, Clock


class Wall:
    """A wall clock that somebody may set."""

    def __init__(self) -> None:
        self.set_by_s = 0.0

    def __call__(self) -> float:
        return 1_000.0 + trio.current_time() + self.set_by_s


async def test_a_wall_clock_that_is_set_is_noticed_once(autojump_clock: MockClock) -> None:
    """Forward or backward; what it drifts by in a while is no step."""
    wall = Wall()
    clock = Clock(wall=wall)
    assert not clock.stepped(trio.current_time())
    await trio.sleep(100.0)
    wall.set_by_s = 0.05
    assert not clock.stepped(trio.current_time())
    for set_by_s in (3_600.0, -3_600.0):
        wall.set_by_s = set_by_s
        assert clock.stepped(trio.current_time())
        assert not clock.stepped(trio.current_time())


async def test_drift_adds_up_to_a_step(autojump_clock: MockClock) -> None:
    """A clock that is slewed all the time is looked at against where it was, not where it went."""
    wall = Wall()
    clock = Clock(wall=wall)
    clock.stepped(trio.current_time())
    seen = []
    for step in range(1, 6):
        wall.set_by_s = 0.04 * step
        seen.append(clock.stepped(trio.current_time()))
    assert seen == [False, False, True, False, False]


async def test_who_waits_looks_again_within_the_second(autojump_clock: MockClock) -> None:
    """Unless nobody can set the clock."""
    assert 0.0 < CHECK_S < 1.0
    assert Clock().look_again_at(5.0) == 5.0 + CHECK_S
    assert Clock(check_s=math.inf).look_again_at(5.0) == math.inf
