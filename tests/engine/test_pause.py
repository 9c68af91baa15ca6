"""A pause holds from its answer on: what is prepared is recalled, nothing of the batch starts."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import pytest
import trio
from trio.testing import MockClock

from batchcalls.core.model import Batch, BatchStatus, EventType
from batchcalls.engine.engine import Engine
from tests.engine.world import Disk, World, check_settled, people, simulator, spec, witnessed

T = TypeVar("T")
Steer = Callable[[Engine], Awaitable[Batch]]


async def pause(engine: Engine) -> Batch:
    return await engine.pause("batch_a")


async def cancel(engine: Engine) -> Batch:
    return await engine.cancel("batch_a", hang_up=False)


class SlowDisk(Disk):
    """Takes a tenth of a second there, and as long back: much is under way at any time."""

    async def run_sync(self, function: Callable[..., T], *args: Any) -> T:
        await trio.sleep(0.1)
        result = await super().run_sync(function, *args)
        await trio.sleep(0.1)
        return result


@pytest.mark.parametrize("steer", [pause, cancel])
@pytest.mark.parametrize("rate", [0.0, 40.0], ids=["as fast as it can", "paced"])
@pytest.mark.parametrize("after_s", [0.5, 1.0, 1.13, 2.0])
async def test_nothing_leaves_after_the_answer(
    autojump_clock: MockClock, steer: Steer, rate: float, after_s: float
) -> None:
    """Whatever was planned, proposed or durable by then: no phone rings for the batch."""
    carrier = witnessed(simulator(talk_time=3))
    with World(carrier, run_sync=SlowDisk().run_sync) as world:
        async with world.life() as engine:
            await engine.submit(spec(concurrency=50, max_calls_per_second=rate), people(2_000))
            await trio.sleep(after_s)
            await steer(engine)
            rung = len(carrier.dialed)
            assert rung
            await trio.sleep(20.0)
            assert len(carrier.dialed) == rung


async def test_no_start_stands_behind_the_pause(autojump_clock: MockClock) -> None:
    """A reader who saw the pause sees no call of the batch start until it is resumed."""
    with World(simulator(talk_time=0.05), run_sync=SlowDisk().run_sync) as world:
        async with world.life() as engine:
            await engine.submit(spec(concurrency=20), people(600))
            for turn in range(5):
                await trio.sleep(1.7 + 0.05 * turn)
                await engine.pause("batch_a")
                await trio.sleep(3.0)
                await engine.resume("batch_a")
            await world.observer.final()
        check_settled(world)
        paused = False
        for event in world.events():
            assert not (paused and event.type is EventType.CALL_STARTED)
            if event.type in (EventType.BATCH_PAUSED, EventType.BATCH_RESUMED):
                paused = event.type is EventType.BATCH_PAUSED


async def test_a_pause_that_the_store_refuses_changes_nothing(autojump_clock: MockClock) -> None:
    """The batch goes on as soon as the disk does."""
    with World() as world:
        async with world.life() as engine:
            await engine.submit(spec(concurrency=2), people(20))
            await trio.sleep(1.0)
            world.store.failing = True
            with pytest.raises(Exception, match="can't commit"):
                await engine.pause("batch_a")
            world.store.failing = False
            batch = await world.observer.final()
        assert batch.status is BatchStatus.COMPLETED
