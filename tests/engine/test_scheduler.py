"""The scheduler dials in order, on time, and never above a limit."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from itertools import pairwise

import pytest
import trio
from trio.testing import MockClock

from batchcalls.core.model import BatchStatus, EventType, Outcome, RetryConfig, RetryOrder
from batchcalls.engine.admission import EngineLimits
from tests.engine.world import (
    BUSY,
    BUSY_ONCE,
    COMPLETES,
    ENDLESS,
    World,
    at_us,
    call,
    calls,
    check_settled,
    people,
    retry,
    run_virtual,
    simulator,
    spec,
    story,
    wall_s,
    witnessed,
)


def most_in_a_second(times: Sequence[float]) -> int:
    """The most starts in any half-open window of one second: each begins with a start."""
    return max(bisect_left(times, start + 1.0) - index for index, start in enumerate(times))


# Retries


@pytest.mark.parametrize(
    ("config", "gaps_s"),
    [
        (retry(3, 30), [30, 30]),
        (retry(5, 10, backoff_multiplier=3, max_delay_s=60), [10, 30, 60, 60]),
        (retry(3, 0), [0, 0]),
        (retry(3, 300, max_delay_s=40), [40, 40]),
    ],
)
async def test_retries_wait_as_configured(
    autojump_clock: MockClock, config: RetryConfig, gaps_s: list[float]
) -> None:
    """The delay grows by the multiplier from attempt to attempt, up to the cap."""
    carrier = witnessed(simulator())
    with World(carrier) as world:
        async with world.life() as engine:
            await engine.submit(spec(retry=config), calls(BUSY))
            await world.observer.final()
    times = carrier.dialed_at
    found = [later - earlier for earlier, later in pairwise(times)]
    assert found == pytest.approx(gaps_s, abs=1e-3)


async def test_jitter_spreads_retries(autojump_clock: MockClock) -> None:
    """With jitter the retries of one moment come at different moments, within its bounds."""
    carrier = witnessed(simulator())
    with World(carrier) as world:
        async with world.life() as engine:
            config = retry(2, 100, jitter=0.5)
            await engine.submit(spec(retry=config, concurrency=50), calls(*[BUSY] * 50))
            await world.observer.final()
    again = carrier.dialed_at[50:]
    assert all(50 <= moment <= 150 for moment in again)
    assert len(set(again)) > 40


async def test_an_event_says_when_the_call_is_tried_again(autojump_clock: MockClock) -> None:
    """The due time of a retry is told with it, and kept."""
    with World() as world:
        async with world.life() as engine:
            await engine.submit(spec(retry=retry(2, 60)), calls(BUSY_ONCE))
            await trio.sleep(30)
            (scheduled,) = [
                event for event in world.events() if event.type is EventType.CALL_RETRY_SCHEDULED
            ]
            assert scheduled.due_time_us == scheduled.time_us + 60_000_000
            assert world.calls()[0].due_time_us == scheduled.due_time_us


# Order


async def test_calls_go_by_priority_then_by_position(autojump_clock: MockClock) -> None:
    """One at a time, the queue is worked off in its order."""
    carrier = witnessed(simulator())
    priorities = [0, 5, -3, 5, 0, 9, 0]
    with World(carrier) as world:
        async with world.life() as engine:
            queue = [call(priority=priority) for priority in priorities]
            await engine.submit(spec(concurrency=1), queue)
            await world.observer.final()
    dialed = [int(one.call_id.rpartition("_")[2]) for one in carrier.dialed]
    assert dialed == [5, 1, 3, 0, 4, 6, 2]


@pytest.mark.parametrize(
    ("order", "expected"),
    [(RetryOrder.RETRIES_FIRST, [0, 1, 2, 0, 3]), (RetryOrder.FRESH_FIRST, [0, 1, 2, 3, 0])],
)
async def test_a_due_retry_goes_where_the_batch_wants_it(
    autojump_clock: MockClock, order: RetryOrder, expected: list[int]
) -> None:
    """Of one priority, before the calls that were never dialed, or behind them."""
    carrier = witnessed(simulator())
    queue = [call(BUSY_ONCE), call(COMPLETES), call(COMPLETES), call(COMPLETES)]
    with World(carrier) as world:
        async with world.life() as engine:
            await engine.submit(spec(concurrency=1, retry=retry(2, 15), retry_order=order), queue)
            await world.observer.final()
    dialed = [int(one.call_id.rpartition("_")[2]) for one in carrier.dialed]
    assert dialed == expected


async def test_a_small_batch_beside_a_huge_one_starts_at_once(autojump_clock: MockClock) -> None:
    """Slots that become free are shared between batches, whoever came first."""
    with World(limits=EngineLimits(max_concurrent_calls=10)) as world:
        async with world.life() as engine:
            await engine.submit(spec("batch_huge"), people(500))
            await trio.sleep(5)
            began = trio.current_time()
            await engine.submit(spec("batch_small"), people(5))
            await world.observer.final("batch_small")
            assert trio.current_time() - began < 30
            assert not world.batch("batch_huge").status.final


async def test_batches_share_by_their_priority(autojump_clock: MockClock) -> None:
    """Twice the priority, twice the calls, as long as both have some."""
    carrier = witnessed(simulator())
    with World(carrier, limits=EngineLimits(max_concurrent_calls=30)) as world:
        async with world.life() as engine:
            await engine.submit(spec("batch_a", concurrency=30, priority=20), people(600))
            await engine.submit(spec("batch_b", concurrency=30, priority=10), people(600))
            await trio.sleep(205)
    dialed = [one.batch_id for one in carrier.dialed[60:]]
    assert dialed.count("batch_a") == pytest.approx(2 * dialed.count("batch_b"), rel=0.05)


# Limits


async def test_no_slot_limit_is_ever_exceeded(autojump_clock: MockClock) -> None:
    """At the carrier: no batch, and no sum of batches, has more calls up than it may."""
    inner = simulator(
        busy_rate=0.3, talk_time="exponential:8", ring_time="uniform:1,6", max_concurrent_calls=12
    )
    carrier = witnessed(inner)
    with World(carrier, limits=EngineLimits(max_concurrent_calls=15)) as world:
        async with world.life() as engine:
            for name, concurrency in (("batch_a", 3), ("batch_b", 8), ("batch_c", 7)):
                config = spec(name, concurrency=concurrency, retry=retry(3, 5))
                await engine.submit(config, people(120))
            for name in ("batch_a", "batch_b", "batch_c"):
                await world.observer.final(name)
                check_settled(world, name)
    assert carrier.peak == 12
    assert carrier.peaks == {"batch_a": 3, "batch_b": 8, "batch_c": 7}


async def test_the_servers_slots_are_shared_by_all(autojump_clock: MockClock) -> None:
    """Batches that together ask for more than the server's slots get just those."""
    carrier = witnessed(simulator())
    with World(carrier, limits=EngineLimits(max_concurrent_calls=7)) as world:
        async with world.life() as engine:
            await engine.submit(spec("batch_a", concurrency=5), people(40))
            await engine.submit(spec("batch_b", concurrency=5), people(40))
            await world.observer.final("batch_a")
            await world.observer.final("batch_b")
    assert carrier.peak == 7


@pytest.mark.parametrize("whose", ["batch", "carrier", "server"])
@pytest.mark.parametrize("rate", [1.0, 5.0, 37.0])
async def test_no_second_has_more_starts_than_its_limit(
    autojump_clock: MockClock, whose: str, rate: float
) -> None:
    """Exact at the carrier, in every window, whosever the limit is; and the limit is used."""
    carrier = witnessed(simulator(calls_per_second=rate if whose == "carrier" else 0))
    limits = EngineLimits(max_calls_per_second=rate if whose == "server" else 0)
    paced = spec(concurrency=500, max_calls_per_second=rate if whose == "batch" else 0)
    count = round(rate * 6)
    with World(carrier, limits=limits) as world:
        async with world.life() as engine:
            await engine.submit(paced, people(count))
            await world.observer.final()
    times = carrier.dialed_at
    assert len(times) == count
    assert most_in_a_second(times) == rate
    assert times[-1] - times[0] == pytest.approx((count - 1) / rate, rel=0.02, abs=0.1)


async def test_all_paces_hold_at_once(autojump_clock: MockClock) -> None:
    """Two paced batches on a paced carrier: each keeps its own limit, and both the common one."""
    carrier = witnessed(simulator(calls_per_second=9, busy_rate=0.4))
    with World(carrier) as world:
        async with world.life() as engine:
            for name, rate in (("batch_a", 4.0), ("batch_b", 7.0)):
                config = spec(name, concurrency=400, max_calls_per_second=rate, retry=retry(3, 2))
                await engine.submit(config, people(60))
            for name in ("batch_a", "batch_b"):
                await world.observer.final(name)
                check_settled(world, name)
    by_batch: dict[str, list[float]] = {"batch_a": [], "batch_b": []}
    for one, moment in zip(carrier.dialed, carrier.dialed_at, strict=True):
        by_batch[one.batch_id].append(moment)
    assert most_in_a_second(by_batch["batch_a"]) <= 4
    assert most_in_a_second(by_batch["batch_b"]) <= 7
    assert most_in_a_second(carrier.dialed_at) <= 9


# Pause, resume, scheduled starts


async def test_a_paused_batch_dials_nothing_and_lets_calls_finish(
    autojump_clock: MockClock,
) -> None:
    """Pausing leaves the calls that are up alone; resuming goes on where it stopped."""
    carrier = witnessed(simulator())
    with World(carrier) as world:
        async with world.life() as engine:
            await engine.submit(spec(concurrency=2), people(10))
            await trio.sleep(5)
            assert (await engine.pause("batch_a")).status is BatchStatus.PAUSED
            await trio.sleep(1_000)
            batch = world.batch()
            assert (batch.counts.completed, batch.counts.pending) == (2, 8)
            assert len(carrier.dialed) == 2
            assert (await engine.resume("batch_a")).status is BatchStatus.RUNNING
            batch = await world.observer.final()
        assert batch.counts.completed == len(carrier.dialed) == 10
        told = story(world.events())
        assert [word for word in told if not word.startswith("call")] == [
            "started",
            "paused",
            "resumed",
            "completed",
        ]
        check_settled(world)


async def test_a_paused_batch_settles_with_its_last_call(autojump_clock: MockClock) -> None:
    """Where nothing waits any more there is nothing to resume."""
    with World() as world:
        async with world.life() as engine:
            await engine.submit(spec(), people(3))
            await trio.sleep(5)
            await engine.pause("batch_a")
            assert (await world.observer.final()).status is BatchStatus.COMPLETED


async def test_a_retry_that_falls_due_in_a_pause_waits_for_its_end(
    autojump_clock: MockClock,
) -> None:
    """It is dialed at the moment of resuming."""
    carrier = witnessed(simulator())
    with World(carrier) as world:
        async with world.life() as engine:
            await engine.submit(spec(retry=retry(2, 30)), calls(BUSY_ONCE))
            await trio.sleep(10)
            await engine.pause("batch_a")
            await trio.sleep(90)
            await engine.resume("batch_a")
            await world.observer.final()
    assert carrier.dialed_at == pytest.approx([0, 100], abs=0.01)


async def test_a_scheduled_batch_starts_at_its_time(autojump_clock: MockClock) -> None:
    """Not a moment before; and its start is an event."""
    carrier = witnessed(simulator())
    with World(carrier) as world:
        async with world.life() as engine:
            batch = await engine.submit(spec(start_time_us=at_us(3_600)), people(2))
            assert batch.status is BatchStatus.SCHEDULED
            await engine.submit(spec("batch_b", start_time_us=at_us(1_800)), people(1))
            await world.observer.final()
        assert carrier.dialed_at == pytest.approx([1_800, 3_600, 3_600], abs=0.01)
        assert min(carrier.dialed_at[1:]) >= 3_600
        assert story(world.events())[0] == "started"
        assert world.events()[0].time_us >= at_us(3_600)


async def test_a_scheduled_batch_that_is_paused_does_not_start(autojump_clock: MockClock) -> None:
    """Resumed before its time it starts then; resumed later, at once."""
    carrier = witnessed(simulator())
    with World(carrier) as world:
        async with world.life() as engine:
            for name in ("batch_a", "batch_b"):
                await engine.submit(spec(name, start_time_us=at_us(100)), people(1))
                await engine.pause(name)
            await trio.sleep(50)
            assert (await engine.resume("batch_a")).status is BatchStatus.SCHEDULED
            await trio.sleep(150)
            await engine.resume("batch_b")
            await world.observer.final("batch_b")
    assert carrier.dialed_at == pytest.approx([100, 200], abs=0.01)


# Cancel


async def test_canceling_lets_calls_finish(autojump_clock: MockClock) -> None:
    """Waiting calls are canceled at once, each with its event; calls that are up go on."""
    with World() as world:
        async with world.life() as engine:
            await engine.submit(spec(concurrency=2), people(10))
            await trio.sleep(5)
            batch = await engine.cancel("batch_a", hang_up=False)
            assert batch.status is BatchStatus.CANCELING
            await trio.sleep(1)
            assert world.batch().counts.canceled == 8
            batch = await world.observer.final()
        assert batch.status is BatchStatus.CANCELED
        assert (batch.counts.completed, batch.counts.canceled) == (2, 8)
        told = [event for event in world.events() if event.type is EventType.CALL_CANCELED]
        assert sorted(event.position or 0 for event in told) == list(range(2, 10))
        check_settled(world)


async def test_canceling_with_hang_up_ends_all_at_once(autojump_clock: MockClock) -> None:
    """Calls that are up end canceled, in the same second."""
    with World() as world:
        async with world.life() as engine:
            await engine.submit(spec(concurrency=3), calls(*[ENDLESS] * 8))
            await trio.sleep(5)
            await engine.cancel("batch_a", hang_up=True)
            batch = await world.observer.final()
            assert trio.current_time() < 6
        assert batch.counts.canceled == 8
        up = [call for call in world.calls() if call.attempts]
        assert [call.attempts[0].outcome for call in up] == [Outcome.CANCELED] * 3
        check_settled(world)


async def test_hanging_up_may_be_asked_for_later(autojump_clock: MockClock) -> None:
    """A batch that is canceling already can still be told to hang up."""
    with World() as world:
        async with world.life() as engine:
            await engine.submit(spec(), calls(ENDLESS))
            await trio.sleep(5)
            await engine.cancel("batch_a", hang_up=False)
            await trio.sleep(5)
            assert (await engine.cancel("batch_a", hang_up=True)).hang_up
            await world.observer.final()
            assert trio.current_time() == pytest.approx(10, abs=0.01)


@pytest.mark.parametrize("before", ["scheduled", "paused", "retrying"])
async def test_a_batch_can_be_canceled_whatever_it_waits_for(
    autojump_clock: MockClock, before: str
) -> None:
    """Its time, its resume, or its retries: all are over."""
    start_us = at_us(100) if before == "scheduled" else 0
    with World() as world:
        async with world.life() as engine:
            await engine.submit(spec(start_time_us=start_us, retry=retry(5, 1_000)), calls(BUSY))
            await trio.sleep(5)
            if before == "paused":
                await engine.pause("batch_a")
            await engine.cancel("batch_a", hang_up=False)
            batch = await world.observer.final()
            assert (batch.status, batch.counts.canceled) == (BatchStatus.CANCELED, 1)
            await trio.sleep(2_000)
        check_settled(world)


@pytest.mark.parametrize("moment_s", [0.0, 0.05, 0.1, 0.37, 1.0, 2.0])
async def test_a_dial_that_is_prepared_is_withdrawn_by_a_cancel(
    autojump_clock: MockClock, moment_s: float
) -> None:
    """A paced dial whose intent is durable, but whose moment hasn't come, never leaves."""
    carrier = witnessed(simulator())
    with World(carrier) as world:
        async with world.life() as engine:
            await engine.submit(spec(concurrency=50, max_calls_per_second=10), people(60))
            await trio.sleep(moment_s)
            await engine.cancel("batch_a", hang_up=False)
            dialed = len(carrier.dialed)
            await world.observer.final()
            assert engine.dispatcher.server.in_use == 0
        assert len(carrier.dialed) == dialed == world.batch().attempts
        check_settled(world)


def test_the_virtual_wall_clock_follows_the_virtual_clock() -> None:
    """The world's own two clocks agree: due times and moments can be compared."""

    async def main() -> float:
        before = wall_s()
        await trio.sleep(100)
        return wall_s() - before

    assert run_virtual(main) == 100
