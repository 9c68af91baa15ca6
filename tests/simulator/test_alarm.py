"""The alarm clock: everybody sleeps as long as they asked for, and nobody is forgotten."""

from __future__ import annotations

import math

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock, wait_all_tasks_blocked

from batchcalls_simulator.alarm import AlarmClock, alarm_clock, sleep_until


@given(lengths=st.lists(st.one_of(st.just(0.0), st.floats(-1.0, 1e6)), max_size=50))
def test_everybody_wakes_up_at_the_moment_they_named(lengths: list[float]) -> None:
    """At that moment and not before; at once when it is past."""
    woken: list[tuple[float, float]] = []

    async def sleeper(at: float) -> None:
        await sleep_until(at)
        woken.append((at, trio.current_time()))

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            for length in lengths:
                nursery.start_soon(sleeper, 100.0 + length)

    clock = MockClock(autojump_threshold=0)
    clock.jump(100.0)
    trio.run(main, clock=clock)
    assert len(woken) == len(lengths)
    assert all(0.0 <= now - max(at, 100.0) < 1e-6 for at, now in woken)  # it jumps by floats
    assert [now for _, now in woken] == sorted(now for _, now in woken)


async def test_a_sleep_is_set_while_others_sleep_longer(autojump_clock: MockClock) -> None:
    """A nap taken in the middle of a long sleep ends in its own time."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(sleep_until, 1_000.0)
        await trio.sleep(10.0)
        await sleep_until(11.0)
        assert trio.current_time() == 11.0
    assert trio.current_time() == 1_000.0


async def test_a_cancelled_sleeper_wakes_at_once_and_alone(autojump_clock: MockClock) -> None:
    """Cancelling one leaves the others asleep until their times."""
    with trio.move_on_after(5.0) as scope:
        async with trio.open_nursery() as others:
            others.start_soon(sleep_until, 3.0)
            await sleep_until(math.inf)
    assert scope.cancelled_caught
    assert trio.current_time() == 5.0


@pytest.mark.parametrize("at", [5.0, math.inf])
async def test_cancelled_sleepers_are_forgotten(autojump_clock: MockClock, at: float) -> None:
    """However many were cancelled, what is remembered stays in step with those who sleep."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(sleep_until, 1.0)
        for _ in range(1_000):
            with trio.CancelScope() as scope:
                scope.cancel()
                await sleep_until(at)
        await wait_all_tasks_blocked()
        assert len(alarm_clock()) < 100


async def test_a_sleep_that_is_over_lets_others_run() -> None:
    """Even a moment that is past is a checkpoint."""
    with trio.CancelScope() as scope:
        scope.cancel()
        await sleep_until(-math.inf)
    assert scope.cancelled_caught


def test_each_trio_run_has_its_own_clock() -> None:
    """Nothing of one run is left to the next."""

    async def nap() -> AlarmClock:
        with trio.move_on_after(1.0):
            await sleep_until(math.inf)
        return alarm_clock()

    first, second = (trio.run(nap, clock=MockClock(autojump_threshold=0)) for _ in range(2))
    assert first is not second
