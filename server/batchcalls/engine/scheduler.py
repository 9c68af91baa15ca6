"""The scheduler carries out what the dispatcher decides.

Its loop asks for a plan, does what the plan says, and sleeps until something happens or the
plan's time comes. What happens it learns in one place, ``committed``: nothing becomes true
for the dispatcher before it is durable. A dial goes through these hands:

    plan → intent proposed → durable → plan → launched (``Dialer``, a task)
         → line free, outcome recorded → durable → waits for its retry, or is settled

While the store can't commit, nothing new is planned.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial

import trio

from batchcalls.clock import Clock
from batchcalls.core.changes import BatchStarted, CallDialed
from batchcalls.core.dispatch import Dispatcher
from batchcalls.core.effects import Effects, Move
from batchcalls.core.lane import Dial, Lane
from batchcalls.core.model import Attempt, Batch, BatchSpec, BatchStatus, CallStatus, attempt_id
from batchcalls.engine.bell import Bell
from batchcalls.engine.dialer import Dialer
from batchcalls.engine.journal import Journal, Published
from batchcalls.engine.sweeper import Sweeper
from batchcalls.engine.undialed import UndialedBoard
from batchcalls.errors import BatchCallsError
from batchcalls.store.contract import QueueHead, Store


class Scheduler:
    """Runs all batches. It listens to the journal; ``run`` it as long as calls may be placed."""

    def __init__(
        self,
        *,
        store: Store,
        journal: Journal,
        dispatcher: Dispatcher,
        dialer: Dialer,
        clock: Clock,
        bell: Bell,
        undialed: UndialedBoard,
    ) -> None:
        self._store = store
        self._journal = journal
        self._dispatcher = dispatcher
        self._dialer = dialer
        self._clock = clock
        self._bell = bell
        self._undialed = undialed
        self._sweeper = Sweeper(store=store, journal=journal, clock=clock)
        self._starts: dict[str, int] = {}

    def __repr__(self) -> str:
        return f"<Scheduler {self._dispatcher!r}, {len(self._starts)} batches wait for their time>"

    async def run(self) -> None:
        """Plan and carry out until cancelled; the calls run in the nursery that this opens."""
        async with trio.open_nursery() as nursery:
            while True:
                await self._bell.wait(until=self._turn(nursery))

    def stop_dialing(self) -> None:
        """Launch nothing any more; what is prepared is given back."""
        self._dispatcher.stop()
        self._bell.ring()

    def adopt(self, batch: Batch) -> Lane:
        """Take in a batch of an earlier process."""
        lane = self._add_lane(batch.spec)
        self._follow(batch)
        return lane

    # Acting

    def _turn(self, nursery: trio.Nursery) -> float:
        if not self._journal.healthy:
            return math.inf
        now = self._clock.now()
        if self._clock.stepped(now):
            self._dispatcher.clock_stepped()
        plan = self._dispatcher.plan(now)
        for dial in plan.prepare:
            self._propose_intent(dial)
        for dial in plan.launch:
            nursery.start_soon(self._dialer.run, dial)
        for dial in plan.withdraw:
            self._dialer.withdraw(dial)
        for lane in plan.refill:
            self._read_queue(lane)
        return min(plan.wake_at, self._start_batches(), self._clock.look_again_at(now))

    def _propose_intent(self, dial: Dial) -> None:
        lane, call = dial.lane, dial.call
        now_us = self._clock.now_us()
        dial.attempt = Attempt(
            attempt_id=attempt_id(lane.batch_id, call.position, call.dials + 1),
            number=call.attempts + 1,
            carrier=lane.carrier.name,
            start_time_us=now_us,
        )
        intent = CallDialed(
            batch_id=lane.batch_id,
            time_us=now_us,
            position=call.position,
            source=call.status,
            dial=call.dials + 1,
            due_time_us=call.due_time_us or lane.opened_us,
            attempt=dial.attempt,
        )
        self._undialed.add(dial.attempt)
        self._journal.propose(intent, partial(self._intent_answered, dial))

    def _intent_answered(self, dial: Dial, error: BatchCallsError | None) -> None:
        now = self._clock.now()
        if error is None:
            self._dispatcher.prepared(dial, now)
        else:
            self._settled(dial)
            self._dispatcher.unprepared(dial, now)
            self._dialer.given_back()
            self._follow_again(dial.lane.batch_id)
        self._bell.ring()

    def _read_queue(self, lane: Lane) -> None:
        lane.taken_for_due(self._clock.now_us())
        head = partial(
            self._store.queue_head,
            lane.batch_id,
            now_us=lane.due_until_us,
            after=lane.waiting.bound,
            limit=lane.fetch_size,
            order=lane.settings.retry_order,
        )
        self._journal.read(head, partial(self._refill, lane))

    def _refill(self, lane: Lane, head: QueueHead) -> None:
        to_monotonic = self._clock.conversion()
        self._dispatcher.refilled(
            lane,
            ready=head.ready,
            waiting=[call.due_at(to_monotonic(call.due_time_us)) for call in head.waiting],
            ready_complete=head.ready_complete,
            waiting_complete=head.waiting_complete,
        )
        self._bell.ring()

    def _start_batches(self) -> float:
        """Start the scheduled batches whose time has come; return when the next one's comes."""
        if not self._starts:
            return math.inf
        now_us = self._clock.now_us()
        for batch_id in [known for known, at_us in self._starts.items() if at_us <= now_us]:
            del self._starts[batch_id]
            started = BatchStarted(batch_id=batch_id, time_us=now_us)
            self._journal.propose(started, partial(self._start_answered, batch_id))
        return self._clock.to_monotonic(min(self._starts.values())) if self._starts else math.inf

    def _start_answered(self, batch_id: str, error: BatchCallsError | None) -> None:
        if error is not None:
            self._follow_again(batch_id)

    def _follow_again(self, batch_id: str) -> None:
        """A proposal was refused: what the batch's status asks for may have passed its call by."""
        batch = self._journal.batch(batch_id)
        if batch is not None:
            self._follow(batch)

    # Listening

    def committed(
        self, writes: Sequence[Effects], _events: Sequence[Published], batches: Sequence[Batch]
    ) -> None:
        """Let the dispatcher know what is durable."""
        for effects in writes:
            if effects.submitted is not None:
                self._add_lane(effects.submitted.spec)
            for move in effects.moves:
                if move.source is CallStatus.IN_PROGRESS:
                    self._came_back(effects.batch_id, move)
        for batch in batches:
            self._follow(batch)
        self._bell.ring()

    def health_changed(self, *, healthy: bool) -> None:
        """Plan again, or stop planning."""
        if healthy:
            for batch in self._journal.batches():
                self._follow(batch)
        self._bell.ring()

    def _add_lane(self, spec: BatchSpec) -> Lane:
        gate = self._dispatcher.carriers[spec.carrier]
        lane = Lane(spec, gate, above=(self._dispatcher.server,))
        self._dispatcher.add_lane(lane)
        return lane

    def _came_back(self, batch_id: str, move: Move) -> None:
        """A call is no longer in progress: it is over, or waits to be dialed again."""
        dial = self._dispatcher.lanes[batch_id].dials[move.position]
        self._settled(dial)
        if move.target.final:
            self._dispatcher.settled(dial)
            return
        assert move.attempts is not None
        due_time_us = move.due_time_us
        due_s = self._clock.to_monotonic(due_time_us) if due_time_us else 0.0
        call = dial.call.again(attempts=move.attempts, due_s=due_s, due_time_us=due_time_us)
        self._dispatcher.put_back(dial, call, self._clock.now())

    def _settled(self, dial: Dial) -> None:
        """The intent of a dial isn't open any more, or never was."""
        assert dial.attempt is not None
        self._undialed.settle(dial.attempt)

    def _follow(self, batch: Batch) -> None:
        """Bring the batch's lane in line with its status."""
        lane = self._dispatcher.lanes[batch.batch_id]
        self._starts.pop(batch.batch_id, None)
        match batch.status:
            case BatchStatus.SCHEDULED:
                self._starts[batch.batch_id] = batch.spec.start_time_us
            case BatchStatus.RUNNING:
                if not lane.is_open:
                    lane.opened_us = self._clock.now_us()
                    self._dispatcher.open_lane(lane)
            case BatchStatus.PAUSED:
                self._dispatcher.close_lane(lane)
            case BatchStatus.CANCELING:
                self._cancel(lane, batch)
            case _:
                self._dispatcher.close_lane(lane)
                self._dispatcher.drop_lane(lane)

    def _cancel(self, lane: Lane, batch: Batch) -> None:
        self._dispatcher.close_lane(lane)
        if batch.hang_up:
            self._dialer.hang_up(lane)
        if batch.counts.pending or batch.counts.retrying:
            self._sweeper.sweep(lane)
