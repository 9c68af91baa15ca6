"""Streams in virtual time: never silent for long, complete, and over when the server is."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from itertools import pairwise
from typing import TypeVar

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from batchcalls.api.streams import HEARTBEAT_S, Streams
from batchcalls.core.model import Batch, BatchStatus, EventType
from batchcalls.engine.engine import Engine
from batchcalls.engine.feed import Page
from batchcalls.errors import NotFound, Reason, Unavailable
from batchcalls_simulator.lab.trio_loop import TrioLoop
from tests.engine.world import (
    COMPLETES,
    ENDLESS,
    FOR_EVER_S,
    World,
    calls,
    people,
    simulator,
    spec,
)

T = TypeVar("T")
Open = Callable[[Streams], AsyncGenerator[Batch | Page, None]]

NOTHING = frozenset({EventType.CALLS_ADDED})
STREAMS = pytest.mark.parametrize(
    "watch",
    [
        lambda streams: streams.batch("batch_a", min_interval_s=0.2),
        lambda streams: streams.events("batch_a", after=0, types=NOTHING),
    ],
    ids=["batch", "events"],
)


def streams_of(engine: Engine) -> Streams:
    return Streams(engine, TrioLoop())


async def timed(stream: AsyncGenerator[T, None]) -> list[tuple[float, T]]:
    """What comes, each with the seconds since the one before."""
    found = []
    with trio.fail_after(FOR_EVER_S):
        before = trio.current_time()
        async for item in stream:
            found.append((trio.current_time() - before, item))
            before = trio.current_time()
    return found


@STREAMS
@pytest.mark.parametrize("talk_time", [3_600, 1], ids=["quiet", "busy"])
async def test_no_stream_is_silent_for_long(
    watch: Open, talk_time: float, autojump_clock: MockClock
) -> None:
    """Neither on a batch where nothing happens, nor where a filter hides all that does."""
    with World(simulator(talk_time=talk_time)) as world:
        async with world.life() as engine:
            await engine.submit(spec(concurrency=1), people(1 if talk_time > 60 else 200))
            found = await timed(watch(streams_of(engine)))
    assert len(found) > 10
    assert max(after_s for after_s, _ in found) <= HEARTBEAT_S + 1e-6


async def test_a_heartbeat_of_a_batch_is_the_same_again(autojump_clock: MockClock) -> None:
    """It doesn't tell of a change before the shortest time between two is over."""
    with World(simulator(talk_time=20)) as world:
        async with world.life() as engine:
            await engine.submit(spec(concurrency=1), people(20))
            found = await timed(streams_of(engine).batch("batch_a", min_interval_s=100))
    moments = 0.0
    told: dict[int, list[float]] = {}
    for after_s, batch in found:
        moments += after_s
        told.setdefault(batch.revision, []).append(moments)
    firsts = [at[0] for at in told.values()]
    assert all(later - sooner >= 100 for sooner, later in pairwise(firsts[:-1]))
    assert sum(map(len, told.values())) > 2 * len(told)


async def test_the_final_state_does_not_wait(autojump_clock: MockClock) -> None:
    """Neither for the shortest time between two states nor for a heartbeat."""
    with World(simulator(talk_time=3)) as world:
        async with world.life() as engine:
            await engine.submit(spec(), calls(COMPLETES))
            found = await timed(streams_of(engine).batch("batch_a", min_interval_s=3_600))
            assert trio.current_time() < 4
    assert found[-1][1].status is BatchStatus.COMPLETED


async def test_the_last_page_tells_where_the_log_ended(autojump_clock: MockClock) -> None:
    """Also where a filter hides the final event."""
    with World() as world:
        async with world.life() as engine:
            await engine.submit(spec(), calls(COMPLETES))
            (_, page), *rest = await timed(
                streams_of(engine).events("batch_a", after=0, types=NOTHING)
            )
        assert not rest
        assert page == Page([], world.batch().last_sequence, world.batch().last_sequence, True)


@STREAMS
@pytest.mark.parametrize("closes_after_s", [0.0, 40.0], ids=["before", "meanwhile"])
async def test_every_stream_ends_when_the_server_does(
    watch: Open, closes_after_s: float, autojump_clock: MockClock
) -> None:
    """Opened before or during the drain, on a batch where nothing happens."""
    with World() as world:
        async with world.life() as engine, trio.open_nursery() as nursery:
            await engine.submit(spec(), calls(ENDLESS))
            nursery.start_soon(close_after, engine, closes_after_s)
            await wait_all_tasks_blocked()
            with pytest.raises(Unavailable) as caught:
                await timed(watch(streams_of(engine)))
            assert caught.value.reason is Reason.SHUTTING_DOWN
            assert trio.current_time() <= closes_after_s


async def close_after(engine: Engine, duration_s: float) -> None:
    await trio.sleep(duration_s)
    engine.feed.close()


@STREAMS
async def test_a_batch_that_is_not_there_is_not_found(
    watch: Open, autojump_clock: MockClock
) -> None:
    """It isn't waited for."""
    with World() as world:
        async with world.life() as engine:
            with pytest.raises(NotFound):
                await timed(watch(streams_of(engine)))
