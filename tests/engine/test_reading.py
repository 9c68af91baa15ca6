"""The reads beside the commits: their lanes, their order and their budget, in virtual time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest
import sqlalchemy
import trio
from sqlalchemy import delete, insert, text

from batchcalls.core.effects import Effects
from batchcalls.engine.reading import LANES, LEAST_SHARE, MOST_SHARE, ReadPool
from batchcalls.store.sql import sqlite
from batchcalls.store.sql.schema import heartbeat
from batchcalls.store.sql.sql_store import SqlStore
from batchcalls.testing.store.changes import dialed, effects_alone

T = TypeVar("T")


class Processor:
    """Runs each read in as much of the virtual time as the read says that it takes."""

    def __init__(self) -> None:
        self.used_s = 0.0
        self.at_once = 0
        self.peak = 0

    async def run_sync(self, function: Callable[..., T], *args: Any) -> T:
        before_s = self.used_s
        self.at_once += 1
        self.peak = max(self.peak, self.at_once)
        try:
            result = function(*args)
            await trio.sleep(self.used_s - before_s)
        finally:
            self.at_once -= 1
        return result

    def work(self, seconds: float) -> None:
        self.used_s += seconds


class Readers:
    """A pool of reads, and readers who ask again as soon as they are answered."""

    def __init__(self) -> None:
        self.processor = Processor()
        self.pool = ReadPool(self.processor.run_sync, cpu_s=lambda: self.processor.used_s)
        self.answers: Counter[int] = Counter()
        self.waits_s: list[float] = []

    async def run(
        self, costs_s: list[float], *, for_s: float, dialing: bool = True, late_s: float = 0.0
    ) -> None:
        """A reader for each cost, for a while; ``dialing`` is written about all the while, and
        holds the loop for ``late_s`` each time."""
        with trio.move_on_after(for_s):
            async with trio.open_nursery() as nursery:
                if dialing:
                    nursery.start_soon(self._dial, late_s)
                for number, cost_s in enumerate(costs_s):
                    nursery.start_soon(self._ask_again_and_again, number, cost_s)

    async def _dial(self, late_s: float) -> None:
        clock = trio.lowlevel.current_clock()
        assert isinstance(clock, trio.testing.MockClock)
        while True:
            self.pool.budget.committed([written()], (), ())
            clock.jump(late_s)
            await trio.sleep(0.01)

    async def _ask_again_and_again(self, number: int, cost_s: float) -> None:
        while True:
            began = trio.current_time()
            await self.pool.run_sync(self.processor.work, cost_s)
            self.waits_s.append(trio.current_time() - began)
            self.answers[number] += 1


def written() -> Effects:
    return effects_alone(dialed())


@pytest.mark.parametrize("readers", [1, 8, 150])
@pytest.mark.parametrize("cost_s", [0.0005, 0.005, 0.05])
async def test_reads_take_little_of_a_processor_while_dialing_needs_it(
    autojump_clock: trio.testing.MockClock, readers: int, cost_s: float
) -> None:
    """However many ask, and whatever it costs to answer them."""
    crowd = Readers()
    await crowd.run([cost_s] * readers, for_s=60, late_s=0.1)
    assert crowd.processor.used_s <= 1.25 * LEAST_SHARE * 60
    assert crowd.processor.used_s >= 0.05 * LEAST_SHARE * 60


@pytest.mark.parametrize("cost_s", [0.005, 0.05])
async def test_reads_take_up_to_half_of_a_processor_that_dialing_leaves(
    autojump_clock: trio.testing.MockClock, cost_s: float
) -> None:
    """As long as the loop is punctual; when it no longer is, they are back at little at once."""
    crowd = Readers()
    await crowd.run([cost_s] * 20, for_s=60)
    assert crowd.pool.budget.share == MOST_SHARE
    assert 0.4 * 60 <= crowd.processor.used_s <= 0.51 * 60
    await crowd.run([cost_s] * 20, for_s=2, late_s=0.1)
    assert crowd.pool.budget.share <= 2 * LEAST_SHARE


async def test_reads_have_all_the_time_while_nothing_is_written(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """Nobody rests for nothing."""
    crowd = Readers()
    await crowd.run([0.01] * 20, for_s=10, dialing=False)
    assert crowd.processor.used_s >= 0.99 * LANES * 10
    crowd.pool.budget.committed([], (), ())
    await crowd.run([0.01] * 20, for_s=10, dialing=False)
    assert crowd.processor.used_s >= 0.99 * LANES * 20


async def test_reads_come_in_turn(autojump_clock: trio.testing.MockClock) -> None:
    """Each of many readers is answered as often as the others, also beside those who ask for
    more; nobody waits longer than all before it take."""
    crowd = Readers()
    await crowd.run([0.001] * 100 + [0.02] * 50, for_s=900, late_s=0.1)
    fewest, most = min(crowd.answers.values()), max(crowd.answers.values())
    assert most - fewest <= LANES
    assert max(crowd.waits_s) <= 1.3 / LEAST_SHARE * sum([0.0015] * 100 + [0.0205] * 50)


async def test_a_rest_ends(autojump_clock: trio.testing.MockClock) -> None:
    """After a read that took for ever the next begins within two seconds."""
    crowd = Readers()
    crowd.pool.budget.committed([written()], (), ())
    await crowd.pool.run_sync(crowd.processor.work, 300)
    crowd.pool.budget.committed([written()], (), ())
    began = trio.current_time()
    await crowd.pool.run_sync(crowd.processor.work, 0)
    assert trio.current_time() - began <= 2.0


async def test_few_reads_run_at_once(autojump_clock: trio.testing.MockClock) -> None:
    """The rest wait in line, and who gives up leaves it."""
    crowd = Readers()
    async with trio.open_nursery() as nursery:
        for _ in range(50):
            nursery.start_soon(crowd.pool.run_sync, crowd.processor.work, 1.0)
        await trio.testing.wait_all_tasks_blocked()
        assert repr(crowd.pool) == f"<ReadPool {LANES} read, {50 - LANES} wait>"
        nursery.cancel_scope.cancel()
    assert crowd.processor.peak == LANES
    assert repr(crowd.pool) == "<ReadPool 0 read, 0 wait>"
    await crowd.pool.run_sync(crowd.processor.work, 0.001)


async def test_a_read_that_fails_has_cost_too(autojump_clock: trio.testing.MockClock) -> None:
    """It raises in who asked, and the next one rests for it."""
    crowd = Readers()

    def fail() -> None:
        crowd.processor.work(0.01)
        raise LookupError("no such thing")

    crowd.pool.budget.committed([written()], (), ())
    with pytest.raises(LookupError):
        await crowd.pool.run_sync(fail)
    began = trio.current_time()
    await crowd.pool.run_sync(crowd.processor.work, 0)
    assert trio.current_time() - began >= 0.1


class Snapshots:
    """Reads of a database in a file, each of which holds its snapshot for 50 ms."""

    def __init__(self, readers: sqlalchemy.Engine) -> None:
        self._readers = readers
        self.used_s = 0.0

    async def run_sync(self, function: Callable[..., T], *args: Any) -> T:
        result = function(*args)
        with self._readers.connect() as connection:
            connection.execute(text("SELECT count(*) FROM heartbeat"))
            await trio.sleep(0.05)
        return result

    def work(self) -> None:
        self.used_s += 0.05


async def test_the_log_of_writes_starts_over_although_readers_overlap(
    autojump_clock: trio.testing.MockClock, tmp_path: Path
) -> None:
    """Reads rest, and while they do the database takes in what was written: 40 MB of writes
    beside 150 readers leave a log of a few."""
    database = tmp_path / "batchcalls.db"
    SqlStore.open(f"sqlite:///{database}").close()
    writer, readers = sqlite.engines(sqlalchemy.make_url(f"sqlite:///{database}"))
    snapshots = Snapshots(readers)
    pool = ReadPool(snapshots.run_sync, cpu_s=lambda: snapshots.used_s)

    async def read_again_and_again() -> None:
        while True:
            await pool.run_sync(snapshots.work)

    async with trio.open_nursery() as nursery:
        for _ in range(150):
            nursery.start_soon(read_again_and_again)
        for number in range(400):
            with writer.begin() as connection:
                row = {"heartbeat_key": 1, "time_us": number, "ballast": bytes(100_000)}
                connection.execute(delete(heartbeat))
                connection.execute(insert(heartbeat), row)
            pool.budget.committed([written()], (), ())
            await trio.sleep(0.01)
        nursery.cancel_scope.cancel()
    log_bytes = database.with_suffix(".db-wal").stat().st_size
    readers.dispose()
    writer.dispose()
    assert log_bytes <= 10_000_000
