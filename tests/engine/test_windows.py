"""Between memory and store no call is lost or made twice, however large the batch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from batchcalls.carriers.base import CallResult, OutboundCall
from batchcalls.clock import Clock
from batchcalls.core.model import CallSpec, Outcome, RetryConfig
from batchcalls.core.retry import Over, decide
from batchcalls.wire.spec import stored_call_spec
from batchcalls_simulator.callee import Callees
from batchcalls_simulator.carrier import SimulatorCarrier
from tests.engine.world import (
    BUSY_ONCE,
    NO_ANSWER_TWICE,
    Report,
    ScriptedCarrier,
    WatchedDisk,
    World,
    call,
    check_settled,
    people,
    retry,
    run_virtual,
    simulator,
    spec,
    wall_s,
)

T = TypeVar("T")


def check_fates(world: World, inner: SimulatorCarrier, config: RetryConfig) -> None:
    """Each call was attempted exactly as its fate and the configuration say."""
    callees = Callees(inner.options)
    for made in world.calls():
        outcomes = [attempt.outcome for attempt in made.attempts]
        assert outcomes == fated(callees, stored_call_spec(made.spec), config), made


def fated(callees: Callees, person: CallSpec, config: RetryConfig) -> list[Outcome]:
    outcomes: list[Outcome] = []
    while True:
        fate = callees.fate(
            person.phone_number, len(outcomes) + 1, ring_timeout_s=30, unix_time_s=0
        )
        outcomes.append(fate.outcome)
        if isinstance(decide(config, fate.outcome, len(outcomes), 0.5), Over):
            return outcomes


MIXED = [0, 0, 0, 5, -5]
"""Priorities of calls, so that retries fall due behind and ahead of what a window holds."""


@pytest.mark.parametrize(
    ("seed", "size", "config", "talk_time"),
    [
        (1, 400, retry(4, 0), "0"),
        (2, 1_000, retry(4, 0.5), "uniform:0.01,0.2"),
        (3, 400, retry(3, 60, jitter=0.5), "uniform:0.1,2"),
        (4, 400, retry(3, 10_000), "1"),
        (5, 400, retry(5, 1, backoff_multiplier=4), "exponential:0.5"),
        (6, 400, retry(3, 30), "1"),
    ],
)
def test_a_batch_much_larger_than_its_window_is_made_whole(
    seed: int, size: int, config: RetryConfig, talk_time: str
) -> None:
    """No call is lost or made twice between memory and store, whatever retries come and go."""

    async def campaign() -> None:
        inner = simulator(
            seed=seed, busy_rate=0.3, no_answer_rate=0.2, talk_time=talk_time, ring_timeout_s=1
        )
        batch = spec(concurrency=4, retry=config)
        queue = [
            call(f"+1999{index:07d}", priority=MIXED[(index * 7919 + seed) % 5])
            for index in range(size)
        ]
        with World(inner, seed=seed) as world:
            async with world.life() as engine:
                await engine.submit(batch, queue)
                with trio.fail_after(1_000_000):
                    await world.observer.final()
            check_settled(world)
            check_fates(world, inner, config)

    run_virtual(campaign)


@pytest.mark.parametrize("step_s", [-120, -30])
def test_a_wall_clock_that_is_set_back_loses_no_call(step_s: float) -> None:
    """Retries that were due before the clock was corrected stay due, in memory or not."""

    async def campaign() -> None:
        inner = simulator(talk_time=1, ring_timeout_s=20)
        queue = [call(BUSY_ONCE, priority=5) for _ in range(200)] + [call(NO_ANSWER_TWICE)]
        with World(inner) as world:
            world.clock = Clock(wall=lambda: wall_s() + step_s * (trio.current_time() > 110))
            async with world.life() as engine:
                await engine.submit(spec(concurrency=2, retry=retry(3, 100)), queue)
                with trio.fail_after(10_000):
                    await world.observer.final()
            check_settled(world)

    run_virtual(campaign)


async def test_a_refill_brings_back_no_call_that_is_on_its_way(
    autojump_clock: MockClock,
) -> None:
    """More dials at once than a commit takes: the store still shows the later ones as waiting."""
    disk = WatchedDisk()
    with World(run_sync=disk.run_sync) as world:
        async with world.life() as engine:
            await engine.submit(spec(concurrency=700), people(2_000))
            await disk.reached.wait()
            await wait_all_tasks_blocked()
            disk.go_on.set()
            batch = await world.observer.final()
        assert batch.counts.completed == batch.attempts == 2_000
        check_settled(world)


async def test_memory_holds_a_window_not_the_batch(autojump_clock: MockClock) -> None:
    """Of a long batch only the next few calls are held, retries included."""
    most = 0
    with World(simulator(busy_rate=0.5, talk_time="uniform:0.1,1")) as world:
        async with world.life() as engine:
            await engine.submit(spec(concurrency=10, retry=retry(2, 20)), people(800))
            while not world.batch().status.final:
                lane = engine.dispatcher.lanes.get("batch_a")
                if lane is not None:
                    most = max(most, len(lane.ready) + len(lane.waiting) + len(lane.dials))
                await trio.sleep(1)
    assert 64 < most < 350


async def test_pausing_and_resuming_at_any_moment_loses_no_call(
    autojump_clock: MockClock,
) -> None:
    """However often and whenever it is paused, every call is made as its fate says."""
    inner = simulator(busy_rate=0.4, talk_time="uniform:0.1,3")
    config = spec(concurrency=5, retry=retry(3, 2))
    with World(inner) as world:
        async with world.life() as engine:
            await engine.submit(config, people(300))
            for step in range(80):
                await trio.sleep(0.37 * (step % 5))
                await (engine.resume if step % 2 else engine.pause)("batch_a")
            assert not world.batch().status.final
            await world.observer.final()
        check_settled(world)
        check_fates(world, inner, config.settings.retry)


class LateNews:
    """A disk that writes at once, and takes a second until the server hears of it."""

    async def run_sync(self, function: Callable[..., T], *args: Any) -> T:
        result = function(*args)
        await trio.sleep(1.0)
        return result


async def test_a_batch_may_be_read_until_its_end_is_told(autojump_clock: MockClock) -> None:
    """Its last call is final on the disk, nobody knows yet, and its queue is looked at."""
    over = trio.Event()

    async def last(call: OutboundCall, report: Report) -> CallResult:
        await over.wait()
        return CallResult(outcome=Outcome.COMPLETED)

    with World(ScriptedCarrier(last), run_sync=LateNews().run_sync) as world:
        async with world.life() as engine, trio.open_nursery() as nursery:
            await engine.submit(spec(), people(1))
            await trio.sleep(10.0)
            await engine.pause("batch_a")
            nursery.start_soon(engine.resume, "batch_a")
            await trio.sleep(0.5)
            over.set()  # while what is told next lets the batch look for calls
            batch = await world.observer.final()
    assert batch.counts.completed == 1
