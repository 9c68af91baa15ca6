"""Due times are kept by the true time, whatever happens to the machine's wall clock."""

from __future__ import annotations

import math

import pytest
import trio
from trio.testing import MockClock

from batchcalls.clock import Clock
from batchcalls.core.model import RetryOrder
from tests.engine.world import (
    BUSY_ONCE,
    ScriptedCarrier,
    World,
    call,
    calls,
    people,
    retry,
    simulator,
    spec,
    wall_s,
    witnessed,
)


class Wall:
    """The virtual wall clock, which somebody sets at a moment, and sets right at another."""

    def __init__(self, *, at_s: float, by_s: float, until_s: float = math.inf) -> None:
        self.at_s = at_s
        self.by_s = by_s
        self.until_s = until_s

    def __call__(self) -> float:
        is_wrong = self.at_s <= trio.current_time() < self.until_s
        return wall_s() + (self.by_s if is_wrong else 0.0)


def stepped(wall: Wall) -> tuple[World, ScriptedCarrier]:
    carrier = witnessed(simulator())
    world = World(carrier)
    world.clock = Clock(wall=wall)
    return world, carrier


@pytest.mark.parametrize(
    ("by_s", "due_at_s"),
    [(3_000.0, 600.0), (10_000.0, 100.0), (-500.0, 4_100.0), (0.0, 3_600.0)],
    ids=["forward", "forward past it", "backward", "not at all"],
)
async def test_a_retry_is_dialed_within_a_second_of_its_time(
    autojump_clock: MockClock, by_s: float, due_at_s: float
) -> None:
    """It is due by the wall clock: one that is set, or ran while the machine slept, moves it."""
    world, carrier = stepped(Wall(at_s=100.0, by_s=by_s))
    with world:
        async with world.life() as engine:
            await engine.submit(spec(retry=retry(2, delay_s=3_600.0)), calls(BUSY_ONCE))
            await world.observer.final()
    first, second = carrier.dialed_at
    assert first == pytest.approx(0.0, abs=0.1)
    assert due_at_s <= second <= due_at_s + 1.0


async def test_a_clock_that_was_ahead_for_a_while_makes_no_later_retry_early(
    autojump_clock: MockClock,
) -> None:
    """What falls due by a clock that was set back is found by that clock alone."""
    world, carrier = stepped(Wall(at_s=100.0, by_s=3_000.0, until_s=200.0))
    queue = people(100)
    queue[30] = call(BUSY_ONCE)
    often = spec(concurrency=1, retry=retry(2, delay_s=600.0), retry_order=RetryOrder.RETRIES_FIRST)
    with world:
        async with world.life() as engine:
            await engine.submit(often, queue)
            await world.observer.final()
    dialed = zip(carrier.dialed, carrier.dialed_at, strict=True)
    first, second = [at for one, at in dialed if one.phone_number == BUSY_ONCE]
    assert first > 200.0
    assert first + 600.0 <= second <= first + 611.0  # the line is free every ten seconds


@pytest.mark.parametrize(("by_s", "start_at_s"), [(1_000.0, 1_000.0), (-500.0, 2_500.0)])
async def test_a_batch_starts_within_a_second_of_its_time(
    autojump_clock: MockClock, by_s: float, start_at_s: float
) -> None:
    """What is scheduled for noon begins when the clock says noon."""
    world, carrier = stepped(Wall(at_s=10.0, by_s=by_s))
    with world:
        async with world.life() as engine:
            start_us = int((wall_s() + 2_000.0) * 1_000_000)
            await engine.submit(spec(start_time_us=start_us), people(1))
            await world.observer.final()
    (dialed_at,) = carrier.dialed_at
    assert start_at_s <= dialed_at <= start_at_s + 1.0
