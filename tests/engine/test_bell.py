"""The bell wakes its waiter once for all that rang, and on time if nobody does."""

from __future__ import annotations

import math

import trio
from trio.testing import MockClock

from batchcalls.engine.bell import Bell


async def test_a_ring_wakes_the_waiter(autojump_clock: MockClock, nursery: trio.Nursery) -> None:
    """Whoever waits without end goes on when somebody rings."""
    bell = Bell()

    async def ring_later() -> None:
        await trio.sleep(5)
        bell.ring()

    nursery.start_soon(ring_later)
    await bell.wait(until=math.inf)
    assert trio.current_time() == 5


async def test_nobody_rings_and_the_time_comes(autojump_clock: MockClock) -> None:
    """The waiter goes on at the moment it named; a moment that has passed is now."""
    bell = Bell()
    await bell.wait(until=7)
    await bell.wait(until=3)
    assert trio.current_time() == 7


async def test_rings_are_remembered_as_one(autojump_clock: MockClock) -> None:
    """What rang while nobody waited wakes the next wait, and only that."""
    bell = Bell()
    bell.ring()
    bell.ring()
    await bell.wait(until=10)
    assert trio.current_time() == 0
    await bell.wait(until=10)
    assert trio.current_time() == 10
