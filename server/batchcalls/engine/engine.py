"""The engine: all that runs batches, behind one door.

Callers (the RPCs, the simulated world) submit and steer batches here and read their present
state; everything else happens inside. The engine owns the dispatcher, the scheduler, the
dialer, the feed and the journal's listeners, and builds them from what it is given: the store,
the carriers, the clock, randomness and the way to run blocking code.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Any, Final, TypeVar

import structlog
import trio

from batchcalls.carriers.base import Carrier
from batchcalls.carriers.border import NO_AMENDMENTS, Border
from batchcalls.clock import Clock
from batchcalls.core.carrier_gate import CarrierGate
from batchcalls.core.changes import (
    BatchPaused,
    BatchResumed,
    BatchSubmitted,
    CancelRequested,
    Change,
    NewCall,
)
from batchcalls.core.dispatch import Dispatcher
from batchcalls.core.lane import Dial
from batchcalls.core.limits import Limit
from batchcalls.core.model import Batch, BatchSpec, BatchStatus
from batchcalls.engine.admission import Admission, EngineLimits
from batchcalls.engine.bell import Bell
from batchcalls.engine.chronicle import Chronicle
from batchcalls.engine.dialer import DEFAULT_TIMING, Dialer, Timing
from batchcalls.engine.ended import EndedBatches
from batchcalls.engine.feed import Feed
from batchcalls.engine.journal import Journal, Listener, Replayed, RunSync
from batchcalls.engine.recovery import Recovery
from batchcalls.engine.scheduler import Scheduler
from batchcalls.engine.undialed import UndialedBoard
from batchcalls.errors import (
    LimitExceeded,
    Reason,
    TryLater,
    Unavailable,
    WrongState,
    batch_not_found,
)
from batchcalls.store.contract import Store, StoreFailure

T = TypeVar("T")

log = structlog.get_logger()


DEFAULT_LIMITS = EngineLimits()

_WATCH_STORE_S: Final = 1.0

_RESUMED = (BatchStatus.RUNNING, BatchStatus.SCHEDULED)


class MissingCarrier(Exception):
    """Batches of an earlier process need carriers that this one doesn't have."""

    def __init__(self, missing: Mapping[str, int]) -> None:
        needs = ", ".join(f"{name!r} ({count} batches)" for name, count in missing.items())
        super().__init__(f"the database has unfinished batches of another carrier: {needs}")


class Engine:
    """Runs batches. ``run`` it in a nursery; the other methods belong to the same trio run.

    ``run_sync`` runs what blocks, commits above all; ``run_reads`` what readers ask of the
    store (None: the same).
    """

    def __init__(
        self,
        *,
        store: Store,
        carriers: Mapping[str, Carrier],
        clock: Clock,
        random: Random,
        run_sync: RunSync,
        run_reads: RunSync | None = None,
        limits: EngineLimits = DEFAULT_LIMITS,
        timing: Timing = DEFAULT_TIMING,
        carrier_limits: Mapping[str, Mapping[str, Any]] = NO_AMENDMENTS,
        undialed: UndialedBoard | None = None,
    ) -> None:
        borders = {
            name: Border(name, carrier, limits=carrier_limits.get(name, NO_AMENDMENTS))
            for name, carrier in carriers.items()
        }
        self.limits = limits
        self.journal = Journal(store, clock=clock, run_sync=run_sync)
        self.dispatcher = Dispatcher(
            server=Limit(
                "server", slots=limits.max_concurrent_calls, rate=limits.max_calls_per_second
            ),
            carriers=[_gate(name, border) for name, border in borders.items()],
        )
        self.store = store
        self.carriers: Mapping[str, Carrier] = borders
        self.feed = Feed(store=store, journal=self.journal, read=self.read, batch=self.batch)
        self._carriers_scope = trio.CancelScope()
        self._carriers_closed = trio.Event()
        self._clock = clock
        self._run_sync, self._run_reads = run_sync, run_reads or run_sync
        self._admission = Admission(
            limits, carriers=borders.keys(), journal=self.journal, clock=clock
        )
        self._ended = EndedBatches()
        self._stopping = False
        self._undialed = undialed or UndialedBoard()
        bell = Bell()
        self.dialer = Dialer(
            carriers=borders,
            dispatcher=self.dispatcher,
            journal=self.journal,
            clock=clock,
            random=random,
            timing=timing,
            bell=bell,
            undialed=self._undialed,
        )
        self.scheduler = Scheduler(
            store=store,
            journal=self.journal,
            dispatcher=self.dispatcher,
            dialer=self.dialer,
            clock=clock,
            bell=bell,
            undialed=self._undialed,
        )
        self._recovery = Recovery(
            carriers=borders,
            dispatcher=self.dispatcher,
            dialer=self.dialer,
            clock=clock,
            timing=timing,
            undialed=self._undialed,
        )
        self.journal.listen(self.scheduler)
        self.journal.listen(self.feed.hub)
        self.journal.listen(Chronicle())

    def __repr__(self) -> str:
        return f"<Engine {self.dispatcher!r} {self.journal!r}>"

    @property
    def ready(self) -> bool:
        """Whether the engine takes batches and dials."""
        return self.journal.healthy and not self._stopping

    def listen(self, listener: Listener) -> None:
        """Tell ``listener`` of every commit, behind the scheduler and the feed."""
        self.journal.listen(listener)

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Recover what an earlier process left, then run until cancelled.

        Raises:
          MissingCarrier: batches of an earlier process need a carrier that isn't here.
          StoreFailure: what they left can't be read.
        """
        open_dials = self._recover()
        async with trio.open_nursery() as nursery:
            await nursery.start(self._run_carriers)
            nursery.start_soon(self.journal.run)
            nursery.start_soon(self.dialer.give_up_held_calls)
            for dial in open_dials:
                nursery.start_soon(self._recovery.settle, dial)
            nursery.start_soon(self.scheduler.run)
            task_status.started()

    async def watch_store(
        self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> None:
        """Find out every second that the store is gone, also when nothing is to be written."""
        task_status.started()
        while True:
            await self.journal.in_step(self.store.check)
            await trio.sleep(_WATCH_STORE_S)

    async def drain(self, timeout_s: float) -> int:
        """Stop dialing and give the calls that are up ``timeout_s`` seconds to end.

        Returns how many are still up; they stay recorded as open. Everything that has ended
        is durable, unless the store fails.
        """
        self._stopping = True
        self.scheduler.stop_dialing()
        with trio.move_on_after(timeout_s):
            while self.dispatcher.server.in_use:
                await self.dialer.next_end()
        return self.dispatcher.server.in_use

    async def close_carriers(self, timeout_s: float) -> None:
        """Let go of the carriers: calls that are up go on where they can keep them.

        One that isn't done in ``timeout_s`` seconds is left alone with it.
        """
        self._carriers_scope.cancel()
        with trio.move_on_after(timeout_s) as deadline:
            await self._carriers_closed.wait()
        if deadline.cancelled_caught:
            log.error("carriers_not_closed", timeout_s=timeout_s)

    async def _run_carriers(
        self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> None:
        with self._carriers_scope:
            async with trio.open_nursery() as nursery:
                async with trio.open_nursery() as starting:
                    for border in self.carriers.values():
                        starting.start_soon(nursery.start, border.run)
                task_status.started()
        self._carriers_closed.set()

    async def flush(self, timeout_s: float) -> None:
        """Wait until all that happened is durable, but no longer than ``timeout_s`` seconds."""
        with trio.move_on_after(timeout_s) as deadline:
            await self.journal.flushed()
        if deadline.cancelled_caught:
            log.error("not_everything_is_durable", journal=repr(self.journal))
            self.journal.give_up()

    # Batches

    async def submit(self, spec: BatchSpec, calls: Sequence[NewCall]) -> Batch:
        """Store a new batch durably and run it; the same request again changes nothing.

        Raises:
          InvalidRequest: it names a carrier that isn't here.
          LimitExceeded, TryLater: it is above a limit of the server.
          Conflict: the batch id is taken, or the request id was used for another body.
          Unavailable: the store can't commit, or the server shuts down.
        """
        try:
            with self._admission.arriving(spec, len(calls)):
                return await self._store_batch(spec, calls)
        except (LimitExceeded, TryLater):
            made = await self._made_before(spec)
            if made is None:
                raise
            return made

    async def _store_batch(self, spec: BatchSpec, calls: Sequence[NewCall]) -> Batch:
        if self._stopping:
            raise _shutting_down()
        change = BatchSubmitted(
            batch_id=spec.batch_id, time_us=self._clock.now_us(), spec=spec, calls=calls
        )
        try:
            await self.journal.commit(change)
        except Replayed as replay:
            log.info("submission_repeated", batch_id=replay.batch_id, request_id=spec.request_id)
            return await self._present(replay.batch_id)
        return await self._present(spec.batch_id)

    async def _made_before(self, spec: BatchSpec) -> Batch | None:
        """What the same request made before: a full server still gives the answer again."""
        if not spec.request_id:
            return None
        made = await _read(self._run_sync, self.store.batch_of_request, spec.request_id)
        is_same = made is not None and made.spec.request_digest == spec.request_digest
        return made if is_same else None

    async def pause(self, batch_id: str) -> Batch:
        """Dial nothing more of the batch until it is resumed. Idempotent.

        Raises:
          NotFound: there is no such batch.
          WrongState: it is canceling or final.
          Unavailable: the store can't commit.
        """
        change = BatchPaused(batch_id=batch_id, time_us=self._clock.now_us())
        return await self._steer(change, lambda batch: batch.status is BatchStatus.PAUSED)

    async def resume(self, batch_id: str) -> Batch:
        """Dial again; raises as ``pause`` does. Idempotent."""
        change = BatchResumed(batch_id=batch_id, time_us=self._clock.now_us())
        return await self._steer(change, lambda batch: batch.status in _RESUMED)

    async def cancel(self, batch_id: str, *, hang_up: bool) -> Batch:
        """Cancel all waiting calls, and with ``hang_up`` those that are up. Idempotent.

        Raises:
          NotFound: there is no such batch.
          WrongState: it has completed or failed.
          Unavailable: the store can't commit.
        """

        def is_canceled(batch: Batch) -> bool:
            is_canceling = batch.status is BatchStatus.CANCELING and batch.hang_up >= hang_up
            return is_canceling or batch.status is BatchStatus.CANCELED

        time_us = self._clock.now_us()
        change = CancelRequested(batch_id=batch_id, time_us=time_us, hang_up=hang_up)
        return await self._steer(change, is_canceled)

    async def batch(self, batch_id: str) -> Batch:
        """The batch as it stands durably, for readers; at once, where it is ``known``.

        Raises:
          NotFound: there is no such batch, or its submission isn't known yet to be durable.
          Unavailable: the store can't be read.
        """
        return await self._batch(batch_id, self._run_reads)

    def known(self, batch_id: str) -> Batch | None:
        """The batch, where memory has it: it isn't final, or somebody asked for it before."""
        return self.journal.batch(batch_id) or self._ended.get(batch_id)

    async def read(self, ask: Callable[..., T], *args: Any) -> T:
        """Ask the store, for readers, beside the commits. Raises ``Unavailable``."""
        return await _read(self._run_reads, ask, *args)

    async def _batch(self, batch_id: str, run_sync: RunSync) -> Batch:
        # What the store shows open and the journal doesn't know either isn't known yet to be
        # durable, or has ended since: another look tells.
        for _ in range(2):
            known = self.known(batch_id)
            if known is not None:
                return known
            stored = await _read(run_sync, self.store.batch, batch_id)
            if stored is None:
                break
            if stored.status.final:
                self._ended.keep(stored)
                return stored
        known = self.known(batch_id)
        if known is None:
            raise batch_not_found(batch_id)
        return known

    async def _present(self, batch_id: str) -> Batch:
        """The batch, for a command: it doesn't queue behind readers."""
        return await self._batch(batch_id, self._run_sync)

    async def _steer(self, change: Change, is_done: Callable[[Batch], bool]) -> Batch:
        """Commit the change, unless it is done, by this caller or by one beside it."""
        batch = await self._present(change.batch_id)
        if is_done(batch):
            return batch
        if self._stopping:
            raise _shutting_down()
        try:
            await self.journal.commit(change)
        except WrongState:
            batch = await self._present(change.batch_id)
            if is_done(batch):
                return batch
            raise
        return await self._present(change.batch_id)

    def admit(self, spec: BatchSpec, total_calls: int) -> None:
        """Whether a batch would be taken in now. Raises as ``submit`` does."""
        if self._stopping:
            raise _shutting_down()
        self._admission.check(spec, total_calls)

    def _check_carriers(self, unfinished: list[Batch]) -> None:
        missing = Counter(batch.spec.carrier for batch in unfinished)
        for name in self.carriers:
            del missing[name]
        if missing:
            raise MissingCarrier(missing)

    def _recover(self) -> list[Dial]:
        """Take in what the store holds; return the calls that may be up."""
        dials = []
        unfinished = self.store.unfinished_batches()
        self._check_carriers(unfinished)
        for batch in unfinished:
            self.journal.know(batch)
            lane = self.scheduler.adopt(batch)
            if batch.counts.in_progress:
                found = self.store.open_calls(batch.batch_id)
                dials += self._recovery.adopt(lane, found)
        self._undialed.forget_others()
        if not self.store.is_empty():
            self.dispatcher.hold_pace(self._clock.now())
        log.info("recovered", batches=self.journal.open_batches, open_calls=len(dials))
        return dials


async def _read(run_sync: RunSync, ask: Callable[..., T], *args: Any) -> T:
    try:
        return await run_sync(ask, *args)
    except StoreFailure as failure:
        message = "the store can't be read now"
        raise Unavailable(message, reason=Reason.STORE_UNAVAILABLE) from failure


def _gate(name: str, carrier: Carrier) -> CarrierGate:
    limits = carrier.limits
    return CarrierGate(name, slots=limits.max_concurrent_calls, rate=limits.calls_per_second)


def _shutting_down() -> Unavailable:
    return Unavailable("the server is shutting down", reason=Reason.SHUTTING_DOWN)
