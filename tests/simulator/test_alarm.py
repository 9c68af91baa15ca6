"""The alarm clock: everybody sleeps as long as they asked for, and nobody is forgotten."""

from __future__ import annotations

import math

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock, wait_all_tasks_blocked

from batchcalls_simulator.alarm import AlarmClock, Sleeper, alarm_clock


async def sleep_until(at: float) -> None:
    """Sleep, with nobody to rouse the sleeper."""
    assert await Sleeper().sleep_until(at)


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


async def test_a_roused_sleeper_wakes_at_once_and_never_sleeps_again(
    autojump_clock: MockClock,
) -> None:
    """Rousing one leaves the others asleep, and is remembered by the one who was awake."""
    sleeper, slept = Sleeper(), list[tuple[float, bool]]()

    async def sleep_twice() -> None:
        for at in (math.inf, 100.0):
            slept.append((trio.current_time(), await sleeper.sleep_until(at)))
        slept.append((trio.current_time(), await sleeper.sleep_until(-math.inf)))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(sleep_until, 9.0)
        nursery.start_soon(sleep_twice)
        await sleep_until(5.0)
        sleeper.rouse()
        sleeper.rouse()
    assert slept == [(0.0, False), (5.0, False), (5.0, False)]
    assert trio.current_time() == 9.0


async def test_a_sleeper_may_be_roused_when_its_alarm_has_rung(autojump_clock: MockClock) -> None:
    """It wakes once, whoever runs first in that moment."""

    async def rouse_at(at: float, sleeper: Sleeper) -> None:
        await sleep_until(at)
        sleeper.rouse()

    for second in range(1, 30, 2):
        sleeper = Sleeper()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(rouse_at, float(second), sleeper)
            await sleeper.sleep_until(float(second))
            await trio.sleep(1.0)
        assert trio.current_time() == second + 1


async def test_a_sleeper_may_be_roused_and_cancelled_at_once(autojump_clock: MockClock) -> None:
    """It wakes once, by what came first."""
    for first, second in (("rouse", "cancel"), ("cancel", "rouse")):
        sleeper = Sleeper()
        with trio.CancelScope() as scope:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(sleeper.sleep_until, math.inf)
                await wait_all_tasks_blocked()
                for what in (first, second):
                    sleeper.rouse() if what == "rouse" else scope.cancel()
        assert scope.cancelled_caught == (first == "cancel")


@pytest.mark.parametrize("end", ["cancel", "rouse"])
@pytest.mark.parametrize("at", [5.0, math.inf])
async def test_naps_that_ended_early_are_forgotten(
    autojump_clock: MockClock, at: float, end: str
) -> None:
    """However many, what is remembered stays in step with those who sleep."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(sleep_until, 1.0)
        for _ in range(1_000):
            sleeper = Sleeper()
            async with trio.open_nursery() as one:
                one.start_soon(sleeper.sleep_until, at)
                await wait_all_tasks_blocked()
                sleeper.rouse() if end == "rouse" else one.cancel_scope.cancel()
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
