"""A whole service without its edges: a store in memory, a carrier, and virtual time.

A ``World`` outlives its engines. Each ``life`` is what a process would be: a new engine on
the same database. Leaving it cancels everything at that moment, as a crash does: nothing is
drained, nothing flushed.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import fields as dataclass_fields
from enum import Enum, auto
from random import Random
from types import TracebackType
from typing import Any, Final, Self, TypeVar

import sqlalchemy
import trio
from trio.testing import MockClock

from batchcalls.carriers.base import (
    CallResult,
    Carrier,
    CarrierLimits,
    NotKnown,
    OutboundCall,
    Progress,
)
from batchcalls.clock import MICROSECONDS, Clock
from batchcalls.core.changes import NewCall
from batchcalls.core.effects import AttemptStep, Effects
from batchcalls.core.model import (
    Batch,
    BatchSettings,
    BatchSpec,
    Call,
    CallSpec,
    Event,
    RetryConfig,
    Script,
)
from batchcalls.engine.admission import EngineLimits
from batchcalls.engine.dialer import DEFAULT_TIMING, Timing
from batchcalls.engine.engine import DEFAULT_LIMITS, Engine
from batchcalls.engine.journal import Published, RunSync, run_inline
from batchcalls.engine.undialed import UndialedBoard
from batchcalls.store.contract import CommitInDoubt, Committed, Group, StoreFailure
from batchcalls.store.sql import schema, sqlite
from batchcalls.store.sql.sql_store import Query, SqlStore
from batchcalls.v1 import event_pb2
from batchcalls.wire.spec import new_call
from batchcalls.wire.state import event_from_proto
from batchcalls_simulator.carrier import SimulatorCarrier
from batchcalls_simulator.options import read_options

T = TypeVar("T")
Report = Callable[[Progress], None]
PlaceCall = Callable[[OutboundCall, Report], Awaitable[CallResult]]
Follow = Callable[[str, Report], Awaitable[CallResult | NotKnown]]
HangUp = Callable[[str], Awaitable[None]]

WALL_S: Final = 1_700_000_000.0
"""The wall-clock time at which each virtual run begins."""

NO_LIMITS: Final = CarrierLimits()

BOARD_SIZE: Final = 32 * 257
"""A small board of the undialed: enough for tests, and quick to read."""

FOR_EVER_S: Final = 1e7
"""Some months: no batch of a test takes so long, and no virtual clock minds."""

COMPLETES: Final = "+15550100000"
BUSY: Final = "+15550100001"
BUSY_ONCE: Final = "+15550100007"
NO_ANSWER_TWICE: Final = "+15550100008"
ENDLESS: Final = "+15550100009"


def wall_s() -> float:
    return WALL_S + trio.current_time()


def at_us(virtual_s: float) -> int:
    """The wall-clock time of a moment of the virtual clock."""
    return int((WALL_S + virtual_s) * MICROSECONDS)


def run_virtual(function: Callable[..., Awaitable[T]], *args: Any) -> T:
    """Run it on a virtual clock of its own, for tests that run a world many times."""
    return trio.run(function, *args, clock=MockClock(autojump_threshold=0))


def spec(batch_id: str = "batch_a", **fields: Any) -> BatchSpec:
    """A batch for the simulator, at most ten calls at once unless the fields say otherwise."""
    names = [field.name for field in dataclass_fields(BatchSettings)]
    settings = {"concurrency": 10} | {name: fields.pop(name) for name in names if name in fields}
    usual: dict[str, Any] = {"carrier": "simulator"}
    return BatchSpec(batch_id=batch_id, settings=BatchSettings(**settings), **usual | fields)


def retry(max_attempts: int, delay_s: float = 10.0, **fields: Any) -> RetryConfig:
    return RetryConfig(max_attempts=max_attempts, delay_s=delay_s, **fields)


def call(phone_number: str = COMPLETES, **fields: Any) -> NewCall:
    return new_call(CallSpec(phone_number=phone_number, script=Script(text="Hello"), **fields))


def calls(*phone_numbers: str) -> list[NewCall]:
    return [call(phone_number) for phone_number in phone_numbers]


def people(count: int) -> list[NewCall]:
    """Calls to numbers that aren't magic: their fates are as the rates say."""
    return calls(*[f"+1999{index:07d}" for index in range(count)])


def simulator(**options: object) -> SimulatorCarrier:
    """A simulator of people who answer at once and talk for 10 s, unless the options differ."""
    quick = {"post_dial_delay": 0, "ring_time": 0, "talk_time": 10}
    nobody_else = dict.fromkeys(
        ("busy_rate", "no_answer_rate", "failed_rate", "rejected_rate", "invalid_rate"), 0
    )
    merged = quick | nobody_else | {"voicemail_rate": 0} | options
    return SimulatorCarrier(read_options(merged), wall_clock=wall_s)


async def _never_heard_of_it(attempt_id: str, report: Report) -> NotKnown:
    await trio.lowlevel.checkpoint()
    return NotKnown()


async def _nothing_to_hang_up(attempt_id: str) -> None:
    await trio.lowlevel.checkpoint()


class ScriptedCarrier(Carrier):
    """A carrier whose calls go as a script says, and which remembers all that it was asked.

    It wraps a simulator too: give it its ``place_call``, ``follow`` and ``hang_up``.
    """

    def __init__(
        self,
        place_call: PlaceCall,
        *,
        follow: Follow = _never_heard_of_it,
        hang_up: HangUp = _nothing_to_hang_up,
        limits: CarrierLimits = NO_LIMITS,
    ) -> None:
        self.limits = limits
        self.dialed: list[OutboundCall] = []
        self.dialed_at: list[float] = []
        self.followed: list[str] = []
        self.hung_up: list[str] = []
        self.up: Counter[str] = Counter()
        self.peaks: Counter[str] = Counter()
        self.peak = 0
        self._place_call = place_call
        self._follow = follow
        self._hang_up = hang_up

    async def place_call(self, call: OutboundCall, report: Report) -> CallResult:
        self.dialed.append(call)
        self.dialed_at.append(trio.current_time())
        self.up[call.batch_id] += 1
        self.peak = max(self.peak, self.up.total())
        self.peaks[call.batch_id] = max(self.peaks[call.batch_id], self.up[call.batch_id])
        try:
            return await self._place_call(call, report)
        finally:
            self.up[call.batch_id] -= 1

    async def follow(self, attempt_id: str, report: Report) -> CallResult | NotKnown:
        self.followed.append(attempt_id)
        return await self._follow(attempt_id, report)

    async def hang_up(self, attempt_id: str) -> None:
        self.hung_up.append(attempt_id)
        await self._hang_up(attempt_id)


def witnessed(inner: SimulatorCarrier) -> ScriptedCarrier:
    """The simulator, with somebody who takes notes."""
    return ScriptedCarrier(
        inner.place_call, follow=inner.follow, hang_up=inner.hang_up, limits=inner.limits
    )


class Lost(Enum):
    """What is lost of a commit in doubt: all that it wrote, or only the answer."""

    GROUP = auto()
    ANSWER = auto()


class FailingStore(SqlStore):
    """A store that fails as long as it is told to, and remembers the groups that it wrote.

    What it is told to lose it loses once, and fails from then on.
    """

    def __init__(
        self,
        writer: sqlalchemy.Engine,
        readers: sqlalchemy.Engine,
        lock: sqlite.FileLock | None = None,
    ) -> None:
        super().__init__(writer, readers, lock)
        self.failing = False
        self.failing_reads = False
        self.losing: Lost | None = None
        self.groups: list[Group] = []
        self._left: Committed | None = None

    def commit(self, group: Group) -> Committed:
        if not group.writes:
            return super().commit(group)
        self._require_disk(self.failing)
        if self.losing is None:
            self.groups.append(group)
            return super().commit(group)
        self._left = super().commit(group) if self.losing is Lost.ANSWER else None
        self.losing, self.failing = None, True
        raise CommitInDoubt("disk I/O error")

    def settle(self, time_us: int) -> Committed | None:
        self._require_disk(self.failing)
        return self._left

    def read_latest(self, query: Query[T]) -> T:
        self._require_disk(self.failing or self.failing_reads)
        return super().read_latest(query)

    def probe(self, time_us: int) -> None:
        self._require_disk(self.failing)
        super().probe(time_us)

    def check(self) -> None:
        self._require_disk(self.failing)

    def _require_disk(self, failing: bool) -> None:
        if failing:
            raise StoreFailure("disk I/O error")


class Disk:
    """Runs what blocks, at once, unless it is stuck: then everything waits for it."""

    def __init__(self) -> None:
        self._free = trio.Event()
        self._free.set()

    def stick(self) -> None:
        self._free = trio.Event()

    def free(self) -> None:
        self._free.set()

    async def run_sync(self, function: Callable[..., T], *args: Any) -> T:
        await trio.lowlevel.checkpoint()
        await self._free.wait()
        return function(*args)


class WatchedDisk:
    """Stops before it writes an intent, and says so, until it may go on."""

    def __init__(self) -> None:
        self.reached = trio.Event()
        self.go_on = trio.Event()

    async def run_sync(self, function: Callable[..., T], *args: Any) -> T:
        await trio.lowlevel.checkpoint()
        if any(isinstance(one, Group) and _has_intent(one) for one in args):
            self.reached.set()
            await self.go_on.wait()
        return function(*args)


def _has_intent(group: Group) -> bool:
    return any(one.attempt and one.attempt.step is AttemptStep.OPEN for one in group.writes)


class Observer:
    """Hears every commit, and checks what must be true of each."""

    def __init__(self) -> None:
        self.commits: list[list[Published]] = []
        self.writes: list[Effects] = []
        self.batches: dict[str, Batch] = {}
        self.health: list[bool] = []
        self._final: dict[str, trio.Event] = {}

    def committed(
        self, writes: Sequence[Effects], events: Sequence[Published], batches: Sequence[Batch]
    ) -> None:
        self.writes.extend(writes)
        if events:
            self.commits.append(list(events))
        for batch in batches:
            self.batches[batch.batch_id] = batch
            if batch.status.final:
                self._final.setdefault(batch.batch_id, trio.Event()).set()

    def health_changed(self, *, healthy: bool) -> None:
        self.health.append(healthy)

    def events(self, batch_id: str = "batch_a") -> list[Event]:
        """What was published of a batch, in the order in which it was."""
        published = [one.event for commit in self.commits for one in commit]
        return [event for event in published if event.batch_id == batch_id]

    async def final(self, batch_id: str = "batch_a") -> Batch:
        """Wait until the batch is final; a batch that is stuck fails the test."""
        with trio.fail_after(FOR_EVER_S):
            await self._final.setdefault(batch_id, trio.Event()).wait()
        return self.batches[batch_id]


class World:
    """One database and its carriers; open a ``life`` to run an engine on them."""

    def __init__(
        self,
        carrier: Carrier | None = None,
        *,
        carriers: Mapping[str, Carrier] | None = None,
        limits: EngineLimits = DEFAULT_LIMITS,
        timing: Timing = DEFAULT_TIMING,
        run_sync: RunSync = run_inline,
        seed: int = 1,
    ) -> None:
        self.carriers = carriers or {"simulator": carrier or simulator()}
        self.limits = limits
        self.timing = timing
        self.run_sync = run_sync
        self.board = bytearray(BOARD_SIZE)
        self.clock = Clock(wall=wall_s, check_s=math.inf)
        self.observer = Observer()
        self._random = Random(seed)
        self._writer, self._readers = sqlite.engines(sqlalchemy.make_url("sqlite://"))
        schema.metadata.create_all(self._writer)
        self.store = FailingStore(self._writer, self._readers)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.store.close()

    @asynccontextmanager
    async def life(self) -> AsyncIterator[Engine]:
        """Run an engine of its own on the database, and stop it dead at the end."""
        self.store = FailingStore(self._writer, self._readers)
        self.observer = Observer()
        engine = Engine(
            store=self.store,
            carriers=self.carriers,
            clock=self.clock,
            random=self._random,
            run_sync=self.run_sync,
            limits=self.limits,
            timing=self.timing,
            undialed=UndialedBoard(self.board),
        )
        engine.listen(self.observer)
        async with trio.open_nursery() as nursery:
            await nursery.start(engine.run)
            yield engine
            nursery.cancel_scope.cancel()

    def batch(self, batch_id: str = "batch_a") -> Batch:
        batch = self.store.batch(batch_id)
        assert batch is not None
        return batch

    def calls(self, batch_id: str = "batch_a") -> list[Call]:
        page = self.store.call_page(batch_id, limit=100_000)
        assert page.next_after is None
        return list(page.calls)

    def events(self, batch_id: str = "batch_a") -> list[Event]:
        page = self.store.event_page(batch_id, limit=1_000_000)
        assert page is not None
        return [event_from_proto(event_pb2.Event.FromString(blob)) for _, blob in page.events]


def story(events: Sequence[Event]) -> list[str]:
    """The events in short: their words without the prefix, and the outcome where there is one."""
    return [
        event.type.removeprefix("batch.")
        + (f"({event.attempt.outcome})" if event.attempt and event.attempt.outcome else "")
        for event in events
    ]


def check_settled(world: World, batch_id: str = "batch_a") -> None:
    """What must be true of every batch that has ended, whatever has happened on the way."""
    batch, stored, events = world.batch(batch_id), world.calls(batch_id), world.events(batch_id)
    assert batch.status.final
    assert [call.position for call in stored] == list(range(batch.counts.total))
    assert all(call.status.final for call in stored)
    by_status = Counter(call.status.value for call in stored)
    assert {name: count for name, count in batch.counts.by_status.items() if count} == by_status
    for call in stored:
        numbers = [attempt.number for attempt in call.attempts]
        assert numbers == list(range(1, len(numbers) + 1))
        assert len(numbers) <= batch.spec.settings.retry.max_attempts
        assert all(attempt.outcome for attempt in call.attempts)
    assert batch.attempts == sum(len(call.attempts) for call in stored)
    assert [event.sequence for event in events] == list(range(1, batch.last_sequence + 1))
    assert all(event.counts.total == batch.counts.total for event in events)
    assert events[-1].counts == batch.counts
    assert events[-1].type == f"batch.{batch.status.value}"
