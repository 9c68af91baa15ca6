"""The running account of one batch: its status, counts, sequence and what follows from a change.

``Ledger.apply`` takes one change, checks it against the life-cycle tables, moves the counts
and returns all that follows, with the batch's own final event behind the last call's.
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
from batchcalls.core.effects import Attempted, AttemptStep, Effects, Move
from batchcalls.core.lifecycle import (
    BATCH_EVENT,
    CALL_EVENT,
    OPENING,
    SETTLING,
    BatchStep,
    CallStep,
    next_batch,
    next_call,
)
from batchcalls.core.model import (
    Attempt,
    Batch,
    BatchSpec,
    BatchStatus,
    CallStatus,
    Counts,
    Event,
    EventType,
    Outcome,
)

_INDEX: Final = {status: index for index, status in enumerate(CallStatus)}
_VOICEMAIL: Final = Counts._fields.index("voicemail")
_ENDING: Final = {
    CallStatus.COMPLETED: CallStep.COMPLETE,
    CallStatus.FAILED: CallStep.FAIL,
    CallStatus.CANCELED: CallStep.CANCEL,
}


class Ledger:
    """One batch's account. Start from ``opened``, or a stored batch; read it with ``snapshot``."""

    __slots__ = (
        "_attempts",
        "_calls",
        "_create_time_us",
        "_end_time_us",
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

    def apply(self, change: Change) -> Effects:
        """Account for ``change`` and return what follows from it.

        Raises:
          IllegalStep: the batch or the call can't do that now; the account is as before.
        """
        effects = Effects(batch_id=change.batch_id, time_us=change.time_us)
        _APPLY[type(change)](self, change, effects)
        self._update_time_us = change.time_us
        self._revision += 1
        self._settle(effects)
        return effects

    # Batches

    def _submitted(self, change: BatchSubmitted, effects: Effects) -> None:
        effects.submitted = change
        step = OPENING[BatchStatus.SCHEDULED, change.spec.start_time_us <= change.time_us]
        if step is not None:
            self._step(step, effects)

    def _begun(self, _change: BatchStarted, effects: Effects) -> None:
        self._step(BatchStep.START, effects)

    def _paused(self, _change: BatchPaused, effects: Effects) -> None:
        self._step(BatchStep.PAUSE, effects)

    def _resumed(self, _change: BatchResumed, effects: Effects) -> None:
        step = OPENING[BatchStatus.PAUSED, self._started]
        assert step is not None
        self._step(step, effects)

    def _cancel_requested(self, change: CancelRequested, effects: Effects) -> None:
        self._step(BatchStep.CANCEL, effects)
        self._hang_up = self._hang_up or change.hang_up

    def _step(self, step: BatchStep, effects: Effects) -> None:
        self._status = next_batch(self._status, step)
        self._started = self._started or self._status is BatchStatus.RUNNING
        self._log(BATCH_EVENT[step], effects)

    def _settle(self, effects: Effects) -> None:
        pending, in_progress, retrying, completed, *_ = self._calls
        if pending or in_progress or retrying or self._status.final:
            return
        self._end_time_us = effects.time_us
        self._step(SETTLING[self._status, completed > 0], effects)

    # Calls

    def _dialed(self, change: CallDialed, effects: Effects) -> None:
        position, attempt, dial = change.position, change.attempt, change.dial
        next_batch(self._status, BatchStep.DIAL)  # refused unless the batch is running
        target = self._move(change.source, CallStep.DIAL)
        self._attempts += 1
        effects.moves.append(Move(position, change.source, target, attempt.number, dial))
        effects.attempt = Attempted(AttemptStep.OPEN, position, attempt, dial, change.due_time_us)
        self._log(CALL_EVENT[CallStep.DIAL], effects, position, attempt)

    def _answered(self, change: CallAnswered, effects: Effects) -> None:
        assert self._calls[_INDEX[CallStatus.IN_PROGRESS]], f"no call of {self!r} is up"
        effects.attempt = Attempted(AttemptStep.ANSWER, change.position, change.attempt)
        self._log(EventType.CALL_ANSWERED, effects, change.position, change.attempt)

    def _ended(self, change: CallEnded, effects: Effects) -> None:
        self._end(change, _ENDING[change.status], effects, due_time_us=0)

    def _retry_scheduled(self, change: RetryScheduled, effects: Effects) -> None:
        self._end(change, CallStep.RETRY, effects, due_time_us=change.due_time_us)

    def _end(
        self,
        change: CallEnded | RetryScheduled,
        step: CallStep,
        effects: Effects,
        *,
        due_time_us: int,
    ) -> None:
        position, attempt = change.position, change.attempt
        target = self._move(CallStatus.IN_PROGRESS, step)
        move = Move(
            position,
            CallStatus.IN_PROGRESS,
            target,
            attempt.number,
            outcome=attempt.outcome,
            due_time_us=due_time_us,
        )
        effects.moves.append(move)
        effects.attempt = Attempted(AttemptStep.END, position, attempt)
        if step is CallStep.COMPLETE and attempt.outcome is Outcome.VOICEMAIL:
            self._calls[_VOICEMAIL] += 1
        self._log(CALL_EVENT[step], effects, position, attempt, due_time_us)

    def _returned(self, change: CallReturned, effects: Effects) -> None:
        position, attempt = change.position, change.attempt
        counted = attempt.number - 1
        step = CallStep.RETRY if counted else CallStep.RETURN
        target = self._move(CallStatus.IN_PROGRESS, step)
        self._attempts -= 1
        due_time_us = max(change.due_time_us, change.time_us if counted else 0)
        effects.moves.append(
            Move(position, CallStatus.IN_PROGRESS, target, counted, due_time_us=due_time_us)
        )
        effects.attempt = Attempted(AttemptStep.WITHDRAW, position, attempt)
        self._log(CALL_EVENT[step], effects, position, attempt, due_time_us or change.time_us)

    def _calls_canceled(self, change: CallsCanceled, effects: Effects) -> None:
        for _, source in change.calls:
            next_call(source, CallStep.CANCEL)  # all of them or none
        for position, source in change.calls:
            target = self._move(source, CallStep.CANCEL)
            move = Move(position, source, target, outcome=Outcome.CANCELED)
            effects.moves.append(move)
            self._log(CALL_EVENT[CallStep.CANCEL], effects, position)

    def _move(self, source: CallStatus, step: CallStep) -> CallStatus:
        target = next_call(source, step)
        assert self._calls[_INDEX[source]] > 0, f"no call of {self!r} is {source}"
        self._calls[_INDEX[source]] -= 1
        self._calls[_INDEX[target]] += 1
        return target

    def _log(
        self,
        kind: EventType,
        effects: Effects,
        position: int | None = None,
        attempt: Attempt | None = None,
        due_time_us: int = 0,
    ) -> None:
        self._sequence += 1
        effects.events.append(
            Event(
                sequence=self._sequence,
                type=kind,
                time_us=effects.time_us,
                batch_id=self._spec.batch_id,
                counts=Counts(*self._calls),
                position=position,
                attempt=attempt,
                due_time_us=due_time_us,
            )
        )


_APPLY: Final[dict[type[Change], Callable[..., None]]] = {
    BatchSubmitted: Ledger._submitted,
    BatchStarted: Ledger._begun,
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
