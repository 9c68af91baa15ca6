"""Draining: no new dials, calls that are up get their time, and what has ended is durable."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock

from batchcalls.carriers.base import CallResult, OutboundCall
from batchcalls.core.model import CallStatus
from batchcalls.errors import Reason, Unavailable
from tests.engine.world import (
    ENDLESS,
    Disk,
    Report,
    ScriptedCarrier,
    WatchedDisk,
    World,
    calls,
    check_settled,
    people,
    simulator,
    spec,
    witnessed,
)


async def test_a_drain_waits_for_the_calls_that_are_up(autojump_clock: MockClock) -> None:
    """It dials nobody any more and returns as soon as the last call has ended."""
    carrier = witnessed(simulator())
    with World(carrier) as world:
        async with world.life() as engine:
            await engine.submit(spec(concurrency=3), people(10))
            await trio.sleep(4)
            assert await engine.drain(60) == 0
            await engine.flush(1)
            assert trio.current_time() == pytest.approx(10, abs=0.1)
            assert len(carrier.dialed) == 3
        counts = world.batch().counts
        assert (counts.completed, counts.in_progress, counts.pending) == (3, 0, 7)


async def test_a_drain_gives_up_after_its_time(autojump_clock: MockClock) -> None:
    """It tells how many are still up; they stay open in the store, for recovery."""
    with World() as world:
        async with world.life() as engine:
            await engine.submit(spec(concurrency=4), calls(ENDLESS, ENDLESS, *[ENDLESS[:-1] + "0"]))
            await trio.sleep(1)
            assert await engine.drain(30) == 2
            assert trio.current_time() == pytest.approx(31)
        states = [call.status for call in world.calls()]
        assert states.count(CallStatus.IN_PROGRESS) == 2


async def test_prepared_dials_are_given_back(autojump_clock: MockClock) -> None:
    """A paced dial that was ready but didn't leave is no attempt, and waits for the next server."""
    carrier = witnessed(simulator(talk_time=0.01))
    with World(carrier) as world:
        async with world.life() as engine:
            await engine.submit(spec(concurrency=50, max_calls_per_second=40), people(100))
            await trio.sleep(0.31)
            dialed = len(carrier.dialed)
            assert await engine.drain(5) == 0
            await engine.flush(1)
            assert engine.dispatcher.server.prepared == engine.dispatcher.server.in_use == 0
        assert len(carrier.dialed) == dialed
        batch = world.batch()
        assert (batch.attempts, batch.counts.in_progress) == (dialed, 0)
        async with world.life():
            await world.observer.final()
        check_settled(world)
    assert len({one.attempt_id for one in carrier.dialed}) == len(carrier.dialed) == 100


async def test_an_intent_that_is_on_its_way_is_given_back(autojump_clock: MockClock) -> None:
    """It becomes durable when nobody is dialed any more: the call waits for the next server."""
    disk = WatchedDisk()
    carrier = witnessed(simulator())
    with World(carrier, run_sync=disk.run_sync) as world:
        async with world.life() as engine:
            await engine.submit(spec(), people(1))
            await disk.reached.wait()
            async with trio.open_nursery() as nursery:
                nursery.start_soon(engine.drain, 1_000)
                await trio.sleep(1)
                disk.go_on.set()
            await engine.flush(1)
        assert carrier.dialed == []
        assert (world.batch().attempts, world.batch().counts.pending) == (0, 1)


async def test_a_drain_with_nothing_up_returns_at_once(autojump_clock: MockClock) -> None:
    """There is nothing to wait for."""
    with World() as world:
        async with world.life() as engine:
            assert await engine.drain(60) == 0
            assert trio.current_time() == 0


async def test_a_draining_server_takes_no_orders(autojump_clock: MockClock) -> None:
    """Submissions and steering are refused with the word for it; reads go on."""
    with World() as world:
        async with world.life() as engine:
            await engine.submit(spec(), calls(ENDLESS))
            await trio.sleep(1)
            await engine.drain(1)
            assert not engine.ready
            with pytest.raises(Unavailable) as caught:
                await engine.submit(spec("batch_b"), people(1))
            assert caught.value.reason is Reason.SHUTTING_DOWN
            with pytest.raises(Unavailable):
                await engine.pause("batch_a")
            assert (await engine.batch("batch_a")).counts.in_progress == 1


async def test_what_has_ended_is_durable_after_a_flush(autojump_clock: MockClock) -> None:
    """The outcome of the last call that ended in time isn't lost with the process."""
    disk = Disk()
    with World(run_sync=disk.run_sync) as world:
        async with world.life() as engine:
            await engine.submit(spec(), people(1))
            await trio.sleep(9)
            disk.stick()
            assert await engine.drain(5) == 0
            with trio.CancelScope() as waiting:
                waiting.deadline = trio.current_time() + 3
                await engine.flush(100)
            assert waiting.cancelled_caught
            disk.free()
            await engine.flush(100)
        check_settled(world)


async def test_a_flush_gives_up_on_a_disk_that_stays_full(autojump_clock: MockClock) -> None:
    """What isn't durable then is recovered by the next process."""
    with World() as world:
        async with world.life() as engine:
            await engine.submit(spec(), people(1))
            await trio.sleep(5)
            world.store.failing = True
            await engine.drain(30)
            began = trio.current_time()
            await engine.flush(10)
            assert trio.current_time() == pytest.approx(began + 10)
        assert world.calls()[0].status is CallStatus.IN_PROGRESS


async def test_a_drain_does_not_wait_for_an_intent_that_was_refused(
    autojump_clock: MockClock,
) -> None:
    """A dial whose intent meets a full disk gives its slot back: nothing is up any more."""
    disk = WatchedDisk()
    with World(run_sync=disk.run_sync) as world:
        async with world.life() as engine:
            await engine.submit(spec(), people(1))
            await disk.reached.wait()
            async with trio.open_nursery() as nursery:
                nursery.start_soon(engine.drain, 1_000)
                await trio.sleep(1)
                world.store.failing = True
                disk.go_on.set()
            assert trio.current_time() < 2


async def test_recovered_calls_are_waited_for_and_counted(autojump_clock: MockClock) -> None:
    """A call of an earlier process that is still up is a call that is up."""

    async def still_up(attempt_id: str, report: Report) -> CallResult:
        await trio.sleep_forever()

    inner = simulator()
    with World() as world:
        async with world.life() as engine:
            await engine.submit(spec(), people(2))
            await trio.sleep(5)
        world.carriers = {"simulator": ScriptedCarrier(inner.place_call, follow=still_up)}
        async with world.life() as engine:
            await trio.sleep(5)
            assert await engine.drain(20) == 2
            assert trio.current_time() == pytest.approx(30)


async def test_calls_outlive_the_server_where_the_carrier_keeps_them(
    autojump_clock: MockClock,
) -> None:
    """A drained server leaves its calls to the carrier; the next one hears how they ended."""
    results: dict[str, CallResult] = {}

    async def keep_up(call: OutboundCall, report: Report) -> None:
        results[call.attempt_id] = await inner.place_call(call, report)

    async def follow(attempt_id: str, report: Report) -> CallResult:
        while attempt_id not in results:  # noqa: ASYNC110  # to poll costs nothing in virtual time
            await trio.sleep(1)
        return results[attempt_id]

    inner = simulator(talk_time=100)
    async with trio.open_nursery() as telephony:

        async def place_call(call: OutboundCall, report: Report) -> object:
            telephony.start_soon(keep_up, call, lambda _: None)
            await trio.sleep_forever()

        carrier = ScriptedCarrier(place_call, follow=follow)  # type: ignore[arg-type]  # it never returns
        with World(carrier) as world:
            async with world.life() as engine:
                await engine.submit(spec(concurrency=2), people(3))
                await trio.sleep(10)
                assert await engine.drain(5) == 2
            async with world.life():
                await trio.sleep(30)
                assert len(carrier.dialed) == 2
                await trio.sleep(60)
                assert world.batch().counts.completed == 2
            telephony.cancel_scope.cancel()
