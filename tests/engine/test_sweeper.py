"""The sweeper cancels a batch of any size without holding up the others."""

from __future__ import annotations

from functools import partial

import trio
from trio.testing import MockClock

from batchcalls.core.model import BatchStatus, EventType
from tests.engine.world import (
    BUSY,
    Disk,
    World,
    calls,
    check_settled,
    people,
    retry,
    simulator,
    spec,
)


async def test_three_thousand_calls_are_swept_in_chunks(autojump_clock: MockClock) -> None:
    """No commit cancels more than 500 calls, each call has its event, and all are swept."""
    with World() as world:
        async with world.life() as engine:
            await engine.submit(spec(concurrency=20), people(3_000))
            await trio.sleep(5)
            await engine.cancel("batch_a", hang_up=False)
            batch = await world.observer.final()
        sizes = [
            len(effects.moves)
            for effects in world.observer.writes
            if effects.moves and effects.attempt is None
        ]
        assert sum(sizes) == batch.counts.canceled == 2_980
        assert max(sizes) == 500
        told = [event.position for event in world.events() if event.type.endswith("call_canceled")]
        assert len(set(told)) == len(told) == 2_980
        check_settled(world)


async def test_others_go_on_between_the_chunks(autojump_clock: MockClock) -> None:
    """Each chunk is a commit of its own, in which other batches' changes find room."""
    with World() as world:
        async with world.life() as engine:
            await engine.submit(spec("batch_a"), people(3_000))
            await engine.submit(spec("batch_b", concurrency=1), people(20))
            await engine.cancel("batch_a", hang_up=False)
            await world.observer.final("batch_b")
        for commit in world.observer.commits:
            kinds = [one.event.type for one in commit]
            assert kinds.count(EventType.CALL_CANCELED) <= 500


async def test_calls_that_are_on_their_way_are_left_to_themselves(
    autojump_clock: MockClock,
) -> None:
    """An intent that waits for its commit behind the cancel isn't swept: it is withdrawn."""
    disk = Disk()
    with World(run_sync=disk.run_sync) as world:
        async with world.life() as engine:
            await engine.submit(spec(concurrency=700), people(2_000))
            await trio.sleep(9.5)
            disk.stick()
            async with trio.open_nursery() as nursery:
                nursery.start_soon(partial(engine.cancel, "batch_a", hang_up=False))
                await trio.sleep(1)  # 700 calls end, and 700 intents queue behind the cancel
                disk.free()
            batch = await world.observer.final()
        assert (batch.counts.completed, batch.counts.canceled) == (700, 1_300)
        check_settled(world)


async def test_calls_whose_intents_are_refused_late_are_swept(autojump_clock: MockClock) -> None:
    """The sweep has passed them by: they were on their way, some commits behind the cancel."""
    disk = Disk()
    with World(run_sync=disk.run_sync) as world:
        async with world.life() as engine:
            await engine.submit(spec("batch_b", concurrency=700), people(700))
            await engine.submit(spec(retry=retry(2, 10.5)), calls(*[BUSY] * 10))
            await trio.sleep(9.5)
            disk.stick()
            async with trio.open_nursery() as nursery:
                nursery.start_soon(partial(engine.cancel, "batch_a", hang_up=False))
                await trio.sleep(2)  # 700 calls end, then 10 intents queue behind all of that
                disk.free()
            batch = await world.observer.final()
        assert batch.counts.canceled == 10
        check_settled(world)


async def test_retries_are_swept_too(autojump_clock: MockClock) -> None:
    """A call that waits for its next attempt is canceled with its attempts kept."""
    with World() as world:
        async with world.life() as engine:
            await engine.submit(spec(retry=retry(3, 1_000)), calls(*[BUSY] * 30))
            await trio.sleep(1)
            await engine.cancel("batch_a", hang_up=False)
            await world.observer.final()
            assert trio.current_time() < 2
        assert [len(call.attempts) for call in world.calls()] == [1] * 30
        check_settled(world)


async def test_a_call_that_comes_back_after_the_sweep_is_swept(
    autojump_clock: MockClock,
) -> None:
    """A call that was up when its batch was canceled isn't tried again when it ends busy."""
    with World(simulator(post_dial_delay=30)) as world:
        async with world.life() as engine:
            await engine.submit(spec(retry=retry(5, 60)), calls(BUSY, BUSY))
            await trio.sleep(5)
            await engine.cancel("batch_a", hang_up=False)
            batch = await world.observer.final()
            assert trio.current_time() < 31
        assert (batch.status, batch.counts.canceled) == (BatchStatus.CANCELED, 2)
        assert batch.attempts == 2
        check_settled(world)


async def test_a_sweep_outlasts_a_failing_store(autojump_clock: MockClock) -> None:
    """Interrupted by a full disk, it goes on when there is room."""
    with World() as world:
        async with world.life() as engine:
            await engine.submit(spec(concurrency=1), people(2_000))
            await trio.sleep(1)
            await engine.cancel("batch_a", hang_up=True)
            world.store.failing = True
            await trio.sleep(30)
            assert world.batch().counts.pending > 0
            world.store.failing = False
            await world.observer.final()
        check_settled(world)


async def test_a_sweep_goes_on_after_a_crash(autojump_clock: MockClock) -> None:
    """A canceling batch found at start is swept to its end."""
    with World() as world:
        async with world.life() as engine:
            await engine.submit(spec(concurrency=1), people(2_000))
            await engine.cancel("batch_a", hang_up=False)
            left = world.batch().counts.pending
        assert left > 0
        async with world.life():
            await world.observer.final()
        assert world.batch().status is BatchStatus.CANCELED
        check_settled(world)
