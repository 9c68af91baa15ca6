"""The ledger against a plain dictionary of calls, under random changes, legal and not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from batchcalls.core.changes import (
    BatchPaused,
    BatchResumed,
    BatchStarted,
    BatchSubmitted,
    CallAnswered,
    CallDialed,
    CallEnded,
    CallReturned,
    CallsCanceled,
    CancelRequested,
    Change,
    NewCall,
    RetryScheduled,
)
from batchcalls.core.ledger import Ledger
from batchcalls.core.lifecycle import IllegalStep
from batchcalls.core.model import (
    Attempt,
    BatchSettings,
    BatchSpec,
    BatchStatus,
    CallStatus,
    Counts,
    Event,
    EventType,
)

BATCH_ID = "batch_1"
CALL = NewCall(priority=0, spec=b"")
FINAL_CALLS = [CallStatus.COMPLETED, CallStatus.FAILED, CallStatus.CANCELED]
END_EVENT = {
    CallStatus.COMPLETED: EventType.CALL_COMPLETED,
    CallStatus.FAILED: EventType.CALL_FAILED,
    CallStatus.CANCELED: EventType.CALL_CANCELED,
}
FINAL_EVENT = {
    BatchStatus.COMPLETED: EventType.BATCH_COMPLETED,
    BatchStatus.FAILED: EventType.BATCH_FAILED,
    BatchStatus.CANCELED: EventType.BATCH_CANCELED,
}


def make_attempt(number: int = 1) -> Attempt:
    return Attempt(attempt_id=f"a{number}", number=number, carrier="any", start_time_us=1)


def types(events: list[Event]) -> list[EventType]:
    return [event.type for event in events]


class Account(RuleBasedStateMachine):
    """A ledger against a plain dictionary of calls."""

    def __init__(self) -> None:
        super().__init__()
        self.time_us = 1_000
        self.calls: dict[int, CallStatus] = {}
        self.tries: Counter[int] = Counter()
        self.status = BatchStatus.SCHEDULED
        self.ran = False
        self.hang_up = False
        self.sequence = 0
        self.changes = 0

    @initialize(calls=st.integers(1, 6), wait=st.booleans())
    def submit(self, calls: int, wait: bool) -> None:
        self.calls = dict.fromkeys(range(calls), CallStatus.PENDING)
        start = self.time_us + 1 if wait else 0
        spec = BatchSpec(
            batch_id=BATCH_ID,
            carrier="any",
            start_time_us=start,
            settings=BatchSettings(concurrency=1),
        )
        self.ledger = Ledger.opened(spec, total_calls=calls, time_us=self.time_us)
        self.ran = not wait
        self.status = BatchStatus.SCHEDULED if wait else BatchStatus.RUNNING
        change = BatchSubmitted(
            batch_id=BATCH_ID, time_us=self.time_us, spec=spec, calls=[CALL] * calls
        )
        self.expect(change, [] if wait else [EventType.BATCH_STARTED])

    # Steering

    @rule()
    def start(self) -> None:
        if self.steer(
            BatchStarted, {BatchStatus.SCHEDULED: BatchStatus.RUNNING}, EventType.BATCH_STARTED
        ):
            self.ran = True

    @rule()
    def pause(self) -> None:
        moves = dict.fromkeys((BatchStatus.SCHEDULED, BatchStatus.RUNNING), BatchStatus.PAUSED)
        self.steer(BatchPaused, moves, EventType.BATCH_PAUSED)

    @rule()
    def resume(self) -> None:
        target = BatchStatus.RUNNING if self.ran else BatchStatus.SCHEDULED
        self.steer(BatchResumed, {BatchStatus.PAUSED: target}, EventType.BATCH_RESUMED)

    @rule(hang_up=st.booleans(), really=st.integers(0, 3))
    def cancel(self, hang_up: bool, really: int) -> None:
        if really:
            return
        change = CancelRequested(batch_id=BATCH_ID, time_us=self.tick(), hang_up=hang_up)
        if self.status.final:
            self.refuse(change)
        else:
            self.hang_up = self.hang_up or hang_up
            self.status = BatchStatus.CANCELING
            self.expect(change, [EventType.BATCH_UPDATED])

    def steer(
        self,
        change: Callable[..., Change],
        moves: dict[BatchStatus, BatchStatus],
        event: EventType,
    ) -> bool:
        made = change(batch_id=BATCH_ID, time_us=self.tick())
        if self.status not in moves:
            self.refuse(made)
            return False
        self.status = moves[self.status]
        self.expect(made, [event])
        return True

    # Calls

    def pick(self, data: st.DataObject, *statuses: CallStatus) -> int | None:
        """A call in one of the statuses, or None when there is none."""
        found = [position for position, status in self.calls.items() if status in statuses]
        return data.draw(st.sampled_from(found)) if found else None

    @rule(data=st.data())
    def dial(self, data: st.DataObject) -> None:
        position = data.draw(st.sampled_from(sorted(self.calls)))
        source = self.calls[position]
        self.tries[position] += 1
        change = CallDialed(
            batch_id=BATCH_ID,
            time_us=self.tick(),
            position=position,
            source=source,
            due_time_us=0,
            dial=1,
            attempt=make_attempt(self.tries[position]),
        )
        is_running = self.status is BatchStatus.RUNNING
        if is_running and source in (CallStatus.PENDING, CallStatus.RETRYING):
            self.calls[position] = CallStatus.IN_PROGRESS
            self.expect(change, [EventType.CALL_STARTED])
        else:
            self.tries[position] -= 1
            self.refuse(change)

    @rule(data=st.data())
    def answer(self, data: st.DataObject) -> None:
        position = self.pick(data, CallStatus.IN_PROGRESS)
        change = CallAnswered(
            batch_id=BATCH_ID,
            time_us=self.tick(),
            position=position or 0,
            attempt=make_attempt(self.tries[position or 0]),
        )
        if position is None:
            self.refuse(change)
        else:
            self.expect(change, [EventType.CALL_ANSWERED])

    @rule(data=st.data(), status=st.sampled_from(FINAL_CALLS))
    def end(self, data: st.DataObject, status: CallStatus) -> None:
        position = self.pick(data, CallStatus.IN_PROGRESS)
        change = CallEnded(
            batch_id=BATCH_ID,
            time_us=self.tick(),
            position=position or 0,
            status=status,
            attempt=make_attempt(),
        )
        self.leave(change, position, status, END_EVENT[status])

    @rule(data=st.data())
    def retry(self, data: st.DataObject) -> None:
        position = self.pick(data, CallStatus.IN_PROGRESS)
        change = RetryScheduled(
            batch_id=BATCH_ID,
            time_us=self.tick(),
            position=position or 0,
            attempt=make_attempt(),
            due_time_us=self.time_us + 7,
        )
        self.leave(change, position, CallStatus.RETRYING, EventType.CALL_RETRY_SCHEDULED)

    @rule(data=st.data())
    def give_back(self, data: st.DataObject) -> None:
        position = self.pick(data, CallStatus.IN_PROGRESS)
        number = self.tries[position or 0] or 1
        change = CallReturned(
            batch_id=BATCH_ID,
            time_us=self.tick(),
            position=position or 0,
            attempt=make_attempt(number),
        )
        status = CallStatus.PENDING if number == 1 else CallStatus.RETRYING
        if position is not None:
            self.tries[position] -= 1
        self.leave(change, position, status, EventType.CALL_RETRY_SCHEDULED)

    def leave(
        self, change: Change, position: int | None, status: CallStatus, event: EventType
    ) -> None:
        if position is None:
            self.refuse(change)
        else:
            self.calls[position] = status
            self.expect(change, [event])

    @precondition(lambda self: self.status is not BatchStatus.SCHEDULED and not self.status.final)
    @rule(data=st.data())
    def cancel_calls(self, data: st.DataObject) -> None:
        chosen = data.draw(st.lists(st.sampled_from(sorted(self.calls)), unique=True, min_size=1))
        pairs = [(position, self.calls[position]) for position in chosen]
        change = CallsCanceled(batch_id=BATCH_ID, time_us=self.tick(), calls=pairs)
        if any(status.final for _, status in pairs):
            self.refuse(change)
        else:
            self.calls |= dict.fromkeys(chosen, CallStatus.CANCELED)
            self.expect(change, [EventType.CALL_CANCELED] * len(chosen))

    # What must follow

    def tick(self) -> int:
        self.time_us += 1
        return self.time_us

    def refuse(self, change: Change) -> None:
        """The change is illegal: it raises, and the account is as before."""
        before = self.ledger.snapshot()
        with pytest.raises((IllegalStep, AssertionError)):
            self.ledger.apply(change)
        assert self.ledger.snapshot() == before

    def expect(self, change: Change, kinds: list[EventType]) -> None:
        """The change is legal: it raises nothing and is reported by exactly these events."""
        fork = self.ledger.fork()
        before = self.ledger.snapshot()
        events = self.ledger.apply(change).events
        assert fork.snapshot() == before, "a fork moved with its original"
        self.changes += 1
        if self.settle():
            kinds = [*kinds, FINAL_EVENT[self.status]]
        assert types(events) == kinds
        self.check_events(events)

    def settle(self) -> bool:
        if not all(status.final for status in self.calls.values()):
            return False
        if self.status is BatchStatus.CANCELING:
            self.status = BatchStatus.CANCELED
        elif CallStatus.COMPLETED in self.calls.values():
            self.status = BatchStatus.COMPLETED
        else:
            self.status = BatchStatus.FAILED
        return True

    def check_events(self, events: list[Event]) -> None:
        for event in events:
            self.sequence += 1
            assert event.sequence == self.sequence
            assert event.time_us == self.time_us
            assert event.batch_id == BATCH_ID
            assert event.counts.total == len(self.calls)
            assert (event.position is None) == (not event.type.startswith("batch.call_"))
        if events:
            assert events[-1].counts == self.counts()

    def counts(self) -> Counts:
        found = Counter(self.calls.values())
        return Counts(*[found[status] for status in CallStatus])

    @invariant()
    def books_agree(self) -> None:
        """Status, counts, attempts and sequence are those of the plain model."""
        if not self.calls:
            return
        batch = self.ledger.snapshot()
        assert batch.status is self.status is self.ledger.status
        assert batch.counts == self.counts()
        assert batch.counts.total == len(self.calls)
        assert batch.attempts == sum(self.tries.values())
        assert batch.last_sequence == self.sequence
        assert batch.revision == 1 + self.changes
        assert (batch.started, batch.hang_up) == (self.ran, self.hang_up)
        assert (batch.end_time_us > 0) == batch.status.final
        assert self.ledger.open_calls == sum(not end.final for end in self.calls.values())
        assert Ledger(batch).snapshot() == batch


TestAccount = Account.TestCase
