"""The journal: the one way in which anything changes, in groups, durably.

Changes queue up while a commit runs; the next commit takes all that wait. Before it commits,
a group is folded: each change is applied to a fork of its batch's ledger. Only when the
commit is durable do the forks become the ledgers, is everyone told, and do the waiters
resume. So memory never knows more than the disk, and nobody hears of what a crash could undo.

There are two kinds of changes. A *proposal* (a submission, a pause, the intent to dial) may be
refused: by the ledger, or because the store can't commit. A *fact* (a call was answered, a
call ended) has already happened: when the store fails, facts stay in the queue, in order, and
the journal tries again until the disk is back. While the store fails, ``healthy`` is False
and proposals are refused at once.

A commit whose answer is lost (a sync that failed) is *in doubt*: it may have been written. Its
proposals wait until the store can be asked, and then hear what is true; a caller hears after a
while that nobody knows.

Reads that must be in step with the commits (the refills of the scheduler) go through the same
queue: they see exactly the commits whose results were delivered before theirs.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, Protocol, TypeVar

import structlog
import trio

from batchcalls.clock import Clock
from batchcalls.core.changes import BatchSubmitted, Change
from batchcalls.core.effects import Effects
from batchcalls.core.ledger import Ledger
from batchcalls.core.lifecycle import IllegalStep
from batchcalls.core.model import Batch, Event
from batchcalls.errors import BatchCallsError, Conflict, Reason, Unavailable, WrongState
from batchcalls.store.contract import CommitInDoubt, Committed, Group, Refusal, Store, StoreFailure

T = TypeVar("T")
Done = Callable[[BatchCallsError | None], None]

_RETRY_S: Final = 0.5
"""How long a store that failed is left alone before it is tried again."""

_DOUBT_S: Final = 5.0
"""How long a caller waits for what became of a commit in doubt: a slip of the disk is over by
then, and what isn't may last for ever."""

_MAX_GROUP: Final = 256
"""The most changes in a commit: it bounds how long a proposal waits behind others, and how
long the loop is held when all of them are told at once, to some 10 ms."""

log = structlog.get_logger()


class Replayed(BatchCallsError):
    """The request was made before, with the same body; ``batch_id`` is what it made."""

    def __init__(self, batch_id: str) -> None:
        super().__init__(f"the request made {batch_id}", reason=Reason.REQUEST_ID_REUSED)
        self.batch_id = batch_id


class Published(NamedTuple):
    """A durable event with its serialized message, which everybody shares."""

    event: Event
    payload: bytes


class Listener(Protocol):
    """Who is told what became durable, in order, before anybody else."""

    def committed(
        self, writes: Sequence[Effects], events: Sequence[Published], batches: Sequence[Batch], /
    ) -> None:
        """These effects are durable. Must not raise and not wait."""

    def health_changed(self, *, healthy: bool) -> None:
        """The store stopped, or began again, to commit."""


@dataclass(slots=True)
class _Entry:
    """A change in the queue. A ``caller`` may be told that nobody knows; our own parts wait."""

    change: Change
    done: Done | None
    is_fact: bool = False
    is_caller: bool = False

    def tell(self, error: BatchCallsError | None) -> None:
        """Answer whoever waits, once."""
        done, self.done = self.done, None
        if done is not None:
            done(error)


@dataclass(slots=True)
class _Read:
    ask: Callable[[], Any]
    done: Callable[[Any], None]


@dataclass(slots=True)
class _Fold:
    """A group, the ledgers as they are after it, and who is to be told what."""

    group: Group = field(default_factory=Group)
    forks: dict[str, Ledger] = field(default_factory=dict)
    answers: list[tuple[_Entry, BatchCallsError | None]] = field(default_factory=list)


class RunSync(Protocol):
    """Runs a blocking function where it doesn't block the loop, as ``trio.to_thread.run_sync``."""

    def __call__(self, function: Callable[..., T], *args: Any) -> Awaitable[T]: ...


async def run_inline(function: Callable[..., T], *args: Any) -> T:
    """Run it right here: for stores in memory under a virtual clock."""
    await trio.lowlevel.checkpoint()
    return function(*args)


class Journal:
    """Commits changes in groups and keeps the ledgers of all batches that aren't final.

    ``healthy`` tells whether the store can commit; ``commit_s`` how long the last commit took.
    """

    def __init__(
        self, store: Store, *, clock: Clock, run_sync: RunSync, retry_s: float = _RETRY_S
    ) -> None:
        self.healthy = True
        self.commit_s = 0.0
        self._store = store
        self._clock = clock
        self._run_sync = run_sync
        self._retry_s = retry_s
        self._listeners: list[Listener] = []
        self._ledgers: dict[str, Ledger] = {}
        self._queue: list[_Entry] = []
        self._reads: list[_Read] = []
        self._work = trio.Event()
        self._idle = trio.Event()

    def __repr__(self) -> str:
        health = "healthy" if self.healthy else "failing"
        return f"<Journal {health}, {len(self._queue)} queued, {len(self._ledgers)} batches>"

    # What others see

    def listen(self, listener: Listener) -> None:
        """Tell ``listener`` what becomes durable, behind those that listen already."""
        self._listeners.append(listener)

    def know(self, batch: Batch) -> None:
        """Take in a batch of an earlier process."""
        self._ledgers[batch.batch_id] = Ledger(batch)

    def batch(self, batch_id: str) -> Batch | None:
        """A batch that isn't final, as it stands durably."""
        ledger = self._ledgers.get(batch_id)
        return ledger.snapshot() if ledger else None

    def batches(self) -> list[Batch]:
        """All batches that aren't final."""
        return [ledger.snapshot() for ledger in tuple(self._ledgers.values())]

    @property
    def open_batches(self) -> int:
        """How many batches aren't final."""
        return len(self._ledgers)

    @property
    def open_calls(self) -> int:
        """How many calls aren't final, over all batches."""
        return sum(ledger.open_calls for ledger in self._ledgers.values())

    def propose(self, change: Change, done: Done) -> None:
        """Queue a change that may be refused; ``done`` gets None when it is durable, or why not.

        ``done`` is called from the journal's task, once, and must not raise or wait.
        """
        self._propose(_Entry(change, done))

    def _propose(self, entry: _Entry) -> None:
        if not self.healthy:
            entry.tell(_store_unavailable())
            return
        self._queue.append(entry)
        self._work.set()

    def record(self, change: Change) -> None:
        """Queue a fact; it will be durable as soon as the store can."""
        self._queue.append(_Entry(change, None, is_fact=True))
        self._work.set()

    async def commit(self, change: Change) -> None:
        """Propose a change and wait until it is durable. Cancelling doesn't take it back.

        Raises:
          WrongState, NotFound, Conflict, Replayed, Unavailable: it was refused.
        """
        answer: list[BatchCallsError | None] = []
        answered = trio.Event()

        def done(error: BatchCallsError | None) -> None:
            answer.append(error)
            answered.set()

        self._propose(_Entry(change, done, is_caller=True))
        await answered.wait()
        if answer[0] is not None:
            raise answer[0]

    def read(self, ask: Callable[[], T], done: Callable[[T], None]) -> None:
        """Queue a read of the store; ``done`` gets its result in step with the commits."""
        self._reads.append(_Read(ask, done))
        self._work.set()

    async def in_step(self, ask: Callable[[], T]) -> T:
        """Read the store in step with the commits; while it fails, wait until it can be read."""
        answer: list[T] = []
        answered = trio.Event()

        def done(result: T) -> None:
            answer.append(result)
            answered.set()

        self.read(ask, done)
        await answered.wait()
        return answer[0]

    def give_up(self) -> None:
        """The process ends: tell the callers that still wait that nobody knows."""
        self._tell_doubt(self._queue)

    async def flushed(self) -> None:
        """Wait until everything that is queued now, and while waiting, is durable."""
        while self._queue:
            await self._idle.wait()

    # The loop

    async def run(self) -> None:
        """Commit until cancelled. A commit under way is never abandoned."""
        while True:
            await self._work.wait()
            self._work = trio.Event()
            while self._queue or self._reads:
                await self._turn()
            self._idle.set()
            self._idle = trio.Event()

    async def _turn(self) -> None:
        entries = self._queue[:_MAX_GROUP]
        reads, self._reads = self._reads, []
        fold = self._fold(entries)
        began = self._clock.now()
        try:
            committed = await self._run_sync(self._store.commit, fold.group)
        except StoreFailure as failure:
            self._reads = reads + self._reads
            await self._wait_for_store(failure)
        except CommitInDoubt as doubt:
            self._reads = reads + self._reads
            await self._settle(doubt, entries, fold)
        else:
            self.commit_s = self._clock.now() - began
            del self._queue[: len(entries)]
            self._deliver(fold, committed)
            await self._answer(reads)

    async def _answer(self, reads: list[_Read]) -> None:
        """Answer reads before the next commit begins."""
        if not reads:
            return
        try:
            results = await self._run_sync(_ask_all, reads)
        except StoreFailure as failure:
            self._reads = reads + self._reads
            await self._wait_for_store(failure)
        else:
            for read, result in zip(reads, results, strict=True):
                read.done(result)

    def _fold(self, entries: list[_Entry]) -> _Fold:
        """Apply the changes to forks; those that a ledger refuses are left out.

        The refused hear of it behind the commit: what refuses them may be in this very group.
        """
        fold = _Fold()
        for entry in entries:
            try:
                effects = self._apply(entry.change, fold.forks)
            except BatchCallsError as error:
                if entry.is_fact:
                    raise AssertionError(f"a fact was refused: {entry.change}") from error
                fold.answers.append((entry, error))
            else:
                fold.group.writes.append(effects)
                if entry.done is not None:
                    fold.answers.append((entry, None))
        fold.group.batches = {batch_id: fork.snapshot() for batch_id, fork in fold.forks.items()}
        return fold

    def _apply(self, change: Change, forks: dict[str, Ledger]) -> Effects:
        ledger = forks.get(change.batch_id)
        if ledger is None:
            ledger = self._fork(change)
        elif isinstance(change, BatchSubmitted):
            raise _taken(change, ledger)
        try:
            effects = ledger.apply(change)
        except IllegalStep as error:
            message = f"batch {change.batch_id}: {error}"
            raise WrongState(message, reason=Reason.WRONG_STATE) from error
        forks[change.batch_id] = ledger
        return effects

    def _fork(self, change: Change) -> Ledger:
        ledger = self._ledgers.get(change.batch_id)
        if isinstance(change, BatchSubmitted):
            if ledger is not None:
                raise _taken(change, ledger)
            return Ledger.opened(change.spec, total_calls=len(change.calls), time_us=change.time_us)
        if ledger is None:
            raise _final(change.batch_id)
        return ledger.fork()

    def _deliver(self, fold: _Fold, committed: Committed) -> None:
        group, refused = fold.group, committed.refused
        batches = [batch for batch in group.batches.values() if batch.batch_id not in refused]
        for batch in batches:
            self._install(batch.batch_id, fold.forks)
        writes = group.writes
        if refused:
            writes = [effects for effects in writes if effects.batch_id not in refused]
        events = [event for effects in writes for event in effects.events]
        assert len(events) == len(committed.payloads), "each event that was written has a payload"
        published = list(map(Published, events, committed.payloads))
        for listener in self._listeners:
            listener.committed(writes, published, batches)
        for entry, error in fold.answers:
            entry.tell(_refusal(entry.change, committed) or error)

    def _install(self, batch_id: str, forks: dict[str, Ledger]) -> None:
        fork = forks[batch_id]
        if fork.status.final:
            self._ledgers.pop(batch_id, None)
            self._store.forget(batch_id)
        else:
            self._ledgers[batch_id] = fork

    # When the store fails

    async def _settle(self, doubt: CommitInDoubt, entries: list[_Entry], fold: _Fold) -> None:
        """Find out what became of a commit, and go on from there."""
        self._keep_facts(behind=len(entries))
        log.error("commit_in_doubt", detail=str(doubt), changes=len(entries))
        committed = await self._look_up(entries)
        log.warning("commit_settled", written=committed is not None)
        if committed is None:
            self._keep_facts()
        else:
            del self._queue[: len(entries)]
            self._deliver(fold, committed)
        self._set_health(healthy=True)

    async def _look_up(self, entries: list[_Entry]) -> Committed | None:
        began = self._clock.now()
        while True:
            await trio.sleep(self._retry_s)
            if self._clock.now() >= began + _DOUBT_S:
                self._tell_doubt(entries)
            with suppress(StoreFailure):
                return await self._run_sync(self._store.settle, self._clock.now_us())

    def _tell_doubt(self, entries: list[_Entry]) -> None:
        for entry in entries:
            if entry.is_caller:
                entry.tell(_in_doubt())

    async def _wait_for_store(self, failure: StoreFailure) -> None:
        self._keep_facts()
        log.error("store_failing", detail=str(failure), facts_waiting=len(self._queue))
        while True:
            await trio.sleep(self._retry_s)
            try:
                await self._run_sync(self._store.probe, self._clock.now_us())
            except StoreFailure:
                continue
            self._set_health(healthy=True)
            return

    def _keep_facts(self, *, behind: int = 0) -> None:
        """Refuse the proposals, but for those among the first entries, which are in doubt."""
        waiting = self._queue[behind:]
        self._queue[behind:] = [entry for entry in waiting if entry.is_fact]
        self._set_health(healthy=False)
        for entry in waiting:
            entry.tell(_store_unavailable())

    def _set_health(self, *, healthy: bool) -> None:
        if healthy != self.healthy:
            self.healthy = healthy
            log.warning("store_health_changed", healthy=healthy)
            for listener in self._listeners:
                listener.health_changed(healthy=healthy)


def _ask_all(reads: list[_Read]) -> list[Any]:
    return [read.ask() for read in reads]


def _store_unavailable() -> Unavailable:
    return Unavailable(
        "the store can't commit now; nothing was done", reason=Reason.STORE_UNAVAILABLE
    )


def _in_doubt() -> Unavailable:
    return Unavailable(
        "the store failed while it committed: it isn't known whether this was done; the same"
        " request again, with the same request_id, does it once",
        reason=Reason.COMMIT_IN_DOUBT,
    )


def _final(batch_id: str) -> WrongState:
    return WrongState(f"batch {batch_id} is final", reason=Reason.WRONG_STATE)


def _taken(change: BatchSubmitted, ledger: Ledger) -> BatchCallsError:
    spec = ledger.spec
    return _conflict(change, Refusal(spec.batch_id, spec.request_id, spec.request_digest))


def _refusal(change: Change, committed: Committed) -> BatchCallsError | None:
    refusal = committed.refused.get(change.batch_id)
    if refusal is None:
        return None
    if not isinstance(change, BatchSubmitted):
        return _final(change.batch_id)
    return _conflict(change, refusal)


def _conflict(change: BatchSubmitted, taken: Refusal) -> BatchCallsError:
    spec = change.spec
    if not spec.request_id or taken.request_id != spec.request_id:
        message = f"there is a batch {taken.batch_id} already"
        return Conflict(message, reason=Reason.BATCH_ID_TAKEN)
    if taken.request_digest != spec.request_digest:
        message = f"request id {spec.request_id!r} was used for another request"
        return Conflict(message, reason=Reason.REQUEST_ID_REUSED)
    return Replayed(taken.batch_id)
