"""The running account of one batch: its status, counts, sequence and what follows from a change.

``Ledger.apply`` takes one change, checks it against the life-cycle tables, moves the counts
and returns the events to be logged, with the batch's own final event behind the last call's.
It is pure: the journal applies changes to a fork, commits, and only then keeps the fork, so a
commit that fails leaves no trace in memory.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

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
    RetryScheduled,
)
from batchcalls.core.lifecycle import BatchStep, CallStep, next_batch, next_call
from batchcalls.core.model import (
    Attempt,
    Batch,
    BatchSpec,
    BatchStatus,
    CallStatus,
    Counts,
    Event,
    EventType,
)

_INDEX: Final = {status: index for index, status in enumerate(CallStatus)}
_STEP: Final = {
    CallStatus.COMPLETED: CallStep.COMPLETE,
    CallStatus.FAILED: CallStep.FAIL,
    CallStatus.CANCELED: CallStep.CANCEL,
}
_END_EVENT: Final = {
    CallStatus.COMPLETED: EventType.CALL_COMPLETED,
    CallStatus.FAILED: EventType.CALL_FAILED,
    CallStatus.CANCELED: EventType.CALL_CANCELED,
}
_SETTLED_EVENT: Final = {
    BatchStep.SETTLE_COMPLETED: EventType.BATCH_COMPLETED,
    BatchStep.SETTLE_FAILED: EventType.BATCH_FAILED,
    BatchStep.SETTLE_CANCELED: EventType.BATCH_CANCELED,
}


class Ledger:
    """One batch's account. Start from ``opened`` or ``of``; read it with ``snapshot``."""

    __slots__ = (
        "_attempts",
        "_calls",
        "_create_time_us",
        "_end_time_us",
        "_events",
        "_hang_up",
        "_revision",
        "_sequence",
        "_spec",
        "_started",
        "_status",
        "_update_time_us",
    )

    def __init__(self, batch: Batch) -> None:
        self._spec = batch.spec
        self._status = batch.status
        self._calls = list(batch.counts)
        self._attempts = batch.attempts
        self._sequence = batch.last_sequence
        self._create_time_us = batch.create_time_us
        self._update_time_us = batch.update_time_us
        self._end_time_us = batch.end_time_us
        self._revision = batch.revision
        self._started = batch.started
        self._hang_up = batch.hang_up
        self._events: list[Event] = []

    def __repr__(self) -> str:
        counts = Counts(*self._calls)
        return f"<Ledger {self._spec.batch_id} {self._status} #{self._sequence} {counts}>"

    @classmethod
    def opened(cls, spec: BatchSpec, *, total_calls: int, time_us: int) -> Ledger:
        """The account of a batch that was just submitted."""
        return cls(
            Batch(
                spec=spec,
                status=BatchStatus.SCHEDULED,
                counts=Counts(pending=total_calls),
                create_time_us=time_us,
                update_time_us=time_us,
            )
        )

    @property
    def status(self) -> BatchStatus:
        return self._status

    @property
    def spec(self) -> BatchSpec:
        return self._spec

    @property
    def open_calls(self) -> int:
        """How many calls aren't final."""
        return self._calls[0] + self._calls[1] + self._calls[2]

    def fork(self) -> Ledger:
        """An independent copy."""
        copy = object.__new__(Ledger)
        for name in Ledger.__slots__:
            setattr(copy, name, getattr(self, name))
        copy._calls = list(self._calls)
        copy._events = []
        return copy

    def snapshot(self) -> Batch:
        """The account as a record."""
        return Batch(
            spec=self._spec,
            status=self._status,
            counts=Counts(*self._calls),
            attempts=self._attempts,
            last_sequence=self._sequence,
            create_time_us=self._create_time_us,
            update_time_us=self._update_time_us,
            end_time_us=self._end_time_us,
            revision=self._revision,
            started=self._started,
            hang_up=self._hang_up,
        )

    def apply(self, change: Change) -> list[Event]:
        """Account for ``change`` and return the events that report it, in order.

        Raises:
          IllegalStep: the batch or the call can't do that now; the account is as before.
        """
        self._events = []
        _APPLY[type(change)](self, change)
        self._update_time_us = change.time_us
        self._revision += 1
        self._settle(change.time_us)
        return self._events

    def _submitted(self, change: BatchSubmitted) -> None:
        if change.spec.start_time_us <= change.time_us:
            self._start(change)

    def _start(self, change: Change) -> None:
        self._step(BatchStep.START)
        self._started = True
        self._log(EventType.BATCH_STARTED, change.time_us)

    def _paused(self, change: BatchPaused) -> None:
        self._step(BatchStep.PAUSE)
        self._log(EventType.BATCH_PAUSED, change.time_us)

    def _resumed(self, change: BatchResumed) -> None:
        self._step(BatchStep.RESUME if self._started else BatchStep.RESCHEDULE)
        self._log(EventType.BATCH_RESUMED, change.time_us)

    def _cancel_requested(self, change: CancelRequested) -> None:
        self._step(BatchStep.CANCEL)
        self._hang_up = self._hang_up or change.hang_up
        self._log(EventType.BATCH_UPDATED, change.time_us)

    def _dialed(self, change: CallDialed) -> None:
        self._move(change.source, CallStep.DIAL)
        self._attempts += 1
        self._log_call(EventType.CALL_STARTED, change.time_us, change.position, change.attempt)

    def _answered(self, change: CallAnswered) -> None:
        assert self._calls[_INDEX[CallStatus.IN_PROGRESS]], f"no call of {self!r} is up"
        self._log_call(EventType.CALL_ANSWERED, change.time_us, change.position, change.attempt)

    def _ended(self, change: CallEnded) -> None:
        self._move(CallStatus.IN_PROGRESS, _STEP[change.status])
        event = _END_EVENT[change.status]
        self._log_call(event, change.time_us, change.position, change.attempt)

    def _retry_scheduled(self, change: RetryScheduled) -> None:
        self._move(CallStatus.IN_PROGRESS, CallStep.RETRY)
        self._log_retry(change, change.due_time_us)

    def _returned(self, change: CallReturned) -> None:
        step = CallStep.RETURN if change.attempt.number == 1 else CallStep.RETRY
        self._move(CallStatus.IN_PROGRESS, step)
        self._attempts -= 1
        self._log_retry(change, change.time_us)

    def _calls_canceled(self, change: CallsCanceled) -> None:
        for _, source in change.calls:
            next_call(source, CallStep.CANCEL)  # all of them or none
        for position, source in change.calls:
            self._move(source, CallStep.CANCEL)
            self._log_call(EventType.CALL_CANCELED, change.time_us, position, None)

    def _step(self, step: BatchStep) -> None:
        self._status = next_batch(self._status, step)

    def _move(self, source: CallStatus, step: CallStep) -> None:
        target = next_call(source, step)
        assert self._calls[_INDEX[source]] > 0, f"no call of {self!r} is {source}"
        self._calls[_INDEX[source]] -= 1
        self._calls[_INDEX[target]] += 1

    def _settle(self, time_us: int) -> None:
        pending, in_progress, retrying, completed, _, _ = self._calls
        if pending or in_progress or retrying or self._status.final:
            return
        if self._status is BatchStatus.CANCELING:
            step = BatchStep.SETTLE_CANCELED
        elif completed:
            step = BatchStep.SETTLE_COMPLETED
        else:
            step = BatchStep.SETTLE_FAILED
        self._step(step)
        self._end_time_us = time_us
        self._log(_SETTLED_EVENT[step], time_us)

    def _log(self, kind: EventType, time_us: int) -> None:
        self._append(kind, time_us, None, None, 0)

    def _log_call(
        self, kind: EventType, time_us: int, position: int, attempt: Attempt | None
    ) -> None:
        self._append(kind, time_us, position, attempt, 0)

    def _log_retry(self, change: RetryScheduled | CallReturned, due_time_us: int) -> None:
        kind = EventType.CALL_RETRY_SCHEDULED
        self._append(kind, change.time_us, change.position, change.attempt, due_time_us)

    def _append(
        self,
        kind: EventType,
        time_us: int,
        position: int | None,
        attempt: Attempt | None,
        due_time_us: int,
    ) -> None:
        self._sequence += 1
        self._events.append(
            Event(
                sequence=self._sequence,
                type=kind,
                time_us=time_us,
                batch_id=self._spec.batch_id,
                counts=Counts(*self._calls),
                position=position,
                attempt=attempt,
                due_time_us=due_time_us,
            )
        )


_APPLY: Final[dict[type[Change], Callable[..., None]]] = {
    BatchSubmitted: Ledger._submitted,
    BatchStarted: Ledger._start,
    BatchPaused: Ledger._paused,
    BatchResumed: Ledger._resumed,
    CancelRequested: Ledger._cancel_requested,
    CallDialed: Ledger._dialed,
    CallAnswered: Ledger._answered,
    CallEnded: Ledger._ended,
    RetryScheduled: Ledger._retry_scheduled,
    CallReturned: Ledger._returned,
    CallsCanceled: Ledger._calls_canceled,
}
