"""The feed gives every event once, in order, and none that the engine hasn't heard of."""

from __future__ import annotations

import math
from collections.abc import Callable
from random import Random
from typing import Any, TypeVar

import pytest
import trio
from trio.testing import MockClock

from batchcalls.carriers.base import CallResult, OutboundCall
from batchcalls.core.model import EventType, Outcome
from batchcalls.engine.bell import Bell
from batchcalls.engine.engine import Engine
from batchcalls.engine.feed import PAGE_BYTES, Page
from batchcalls.errors import NotFound, OutOfRange
from batchcalls.store.contract import Group
from tests.engine.world import (
    FOR_EVER_S,
    Report,
    ScriptedCarrier,
    World,
    calls,
    people,
    retry,
    run_virtual,
    simulator,
    spec,
)

T = TypeVar("T")

LATE_S = 0.5
ALL = 1_000_000


class LateNews:
    """A disk that has written long before it says so."""

    async def run_sync(self, function: Callable[..., T], *args: Any) -> T:
        await trio.lowlevel.checkpoint()
        done = function(*args)
        if any(isinstance(one, Group) for one in args):
            await trio.sleep(LATE_S)
        return done


def sequences(page: Page) -> list[int]:
    """The numbers of a page without a filter, by what it says of itself."""
    return list(range(page.last_sequence - len(page.payloads) + 1, page.last_sequence + 1))


async def poll(engine: Engine, *, limit: int = ALL, types: frozenset[EventType]) -> int:
    """Ask for page after page, to the end; how many events there were."""
    after = found = 0
    while True:
        page = await engine.feed.page("batch_a", after=after, limit=limit, types=types)
        assert page.latest <= (await engine.batch("batch_a")).last_sequence
        assert after <= page.last_sequence <= page.latest
        found += len(page.payloads)
        after = page.last_sequence
        if page.is_end:
            return found
        await trio.sleep(0.01)


@pytest.mark.parametrize("types", [frozenset(), frozenset({EventType.CALL_COMPLETED})])
async def test_a_poller_beside_a_busy_engine_is_never_refused(
    types: frozenset[EventType], autojump_clock: MockClock
) -> None:
    """It comes back with what the server gave it, however late the engine hears of a commit."""
    disk = LateNews()
    with (
        World(simulator(talk_time=1), run_sync=disk.run_sync) as world,
        trio.fail_after(FOR_EVER_S),
    ):
        async with world.life() as engine:
            await engine.submit(spec(), people(50))
            found = await poll(engine, types=types)
        assert found == (50 if types else world.batch().last_sequence)


async def test_a_batch_is_there_when_the_engine_has_heard_of_it(autojump_clock: MockClock) -> None:
    """Until then nobody finds it, since nobody could go on from what they were shown."""
    disk = LateNews()
    with World(run_sync=disk.run_sync) as world:
        async with world.life() as engine, trio.open_nursery() as nursery:
            nursery.start_soon(engine.submit, spec(), calls("+15550100000"))
            await trio.sleep(LATE_S / 2)
            assert world.store.batch("batch_a") is not None
            for ask in (
                lambda: engine.batch("batch_a"),
                lambda: engine.feed.page("batch_a", after=0, limit=ALL),
            ):
                with pytest.raises(NotFound):
                    await ask()
            await trio.sleep(LATE_S)
            assert (await engine.batch("batch_a")).last_sequence > 0


async def test_a_reader_may_know_more_than_is_installed(autojump_clock: MockClock) -> None:
    """A list of batches shows what is stored: who goes on from there waits, and isn't refused."""
    disk = LateNews()
    with World(run_sync=disk.run_sync) as world:
        async with world.life() as engine:
            await engine.submit(spec(), calls("+15550100009"))
            installed = (await engine.batch("batch_a")).last_sequence
            while (stored := world.batch().last_sequence) == installed:  # noqa: ASYNC110 - it is virtual time
                await trio.sleep(LATE_S / 10)
            assert (await engine.batch("batch_a")).last_sequence == installed
            page = await engine.feed.page("batch_a", after=stored, limit=ALL)
            assert page == Page((), stored, stored, is_end=False)
            with pytest.raises(OutOfRange):
                await engine.feed.page("batch_a", after=stored + 1, limit=ALL)


async def wordy(call: OutboundCall, report: Report) -> CallResult:
    """A carrier's answer that is as long as they get: 4 KB of an event."""
    await trio.sleep(1)
    return CallResult(outcome=Outcome.COMPLETED, detail="😀" * 1_000)


@pytest.mark.parametrize("in_memory", [True, False])
async def test_a_page_is_bounded_in_bytes(*, in_memory: bool, autojump_clock: MockClock) -> None:
    """Whatever carriers have to say, from memory as from the store; the next page goes on."""
    with World(ScriptedCarrier(wordy)) as world, trio.fail_after(FOR_EVER_S):
        async with world.life() as engine:
            with engine.feed.watch("batch_a" if in_memory else "batch_b", lambda: None):
                await engine.submit(spec(), people(500))
                last = (await world.observer.final()).last_sequence
                after = last - 1_000
                found: list[int] = []
                sizes = []
                while after < last:
                    page = await engine.feed.page("batch_a", after=after, limit=ALL)
                    found += sequences(page)
                    sizes.append(sum(map(len, page.payloads)))
                    after = page.last_sequence
    assert found == list(range(last - 999, last + 1))
    assert len(sizes) > 1
    assert max(sizes) <= PAGE_BYTES
    assert min(sizes[:-1]) > PAGE_BYTES - 5_000


@pytest.mark.parametrize("seed", range(3))
def test_memory_and_store_join_without_a_gap(seed: int) -> None:
    """Readers of any speed, from any sequence, at any time, read every event once, in order."""
    random = Random(seed)
    ranges: list[tuple[list[int], int]] = []

    async def read(engine: Engine, lag_s: float) -> None:
        await trio.sleep(random.uniform(0, 60))
        after = begin = random.randrange((await engine.batch("batch_a")).last_sequence)
        limit = random.choice([20, 100, 1_000])
        found: list[int] = []
        bell = Bell()
        with engine.feed.watch("batch_a", bell.ring):
            while True:
                page = await engine.feed.page("batch_a", after=after, limit=limit)
                found += sequences(page)
                after = page.last_sequence
                if page.is_end:
                    break
                await trio.sleep(random.uniform(0, lag_s))
                if not page.payloads:
                    await bell.wait(math.inf)
        ranges.append((found, begin))

    async def main() -> int:
        with World(simulator(busy_rate=0.4, talk_time="uniform:0,10")) as world:
            async with world.life() as engine:
                await engine.submit(spec(concurrency=60, retry=retry(3, 5)), people(400))
                async with trio.open_nursery() as nursery:
                    for lag_s in (0.0, 0.1, 1.0, 30.0):
                        nursery.start_soon(read, engine, lag_s)
            return world.batch().last_sequence

    last = run_virtual(main)
    assert len(ranges) == 4
    for found, begin in ranges:
        assert found == list(range(begin + 1, last + 1))
