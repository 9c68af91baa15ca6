"""A second account of every batch, kept from the outside, of what is durable.

The books are fed with each group of changes at the moment it became durable and work out for
themselves where every call must stand. They share no code with ``Ledger`` and the store
beyond the records, so that a bug must be made twice to go unseen. What doesn't add up raises
``BrokenPromise``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

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
from batchcalls.core.model import (
    Attempt,
    Batch,
    BatchSpec,
    BatchStatus,
    Call,
    CallSpec,
    CallStatus,
    Event,
    Outcome,
)


class BrokenPromise(Exception):
    """The service did what it promises never to do; the text says what, and to whom."""


def require(promise: object, text: str) -> None:
    """Raise ``BrokenPromise`` unless ``promise`` holds."""
    if not promise:
        raise BrokenPromise(text)


@dataclass(slots=True)
class CallBook:
    """One call: its ``open`` attempt, and how those that count have ended."""

    spec: CallSpec
    status: CallStatus = CallStatus.PENDING
    open: Attempt | None = None
    dials: int = 0
    ended: list[Attempt] = field(default_factory=list)
    due_time_us: int = 0

    @property
    def attempts(self) -> int:
        """How many attempts count, the open one included."""
        return len(self.ended) + (self.open is not None)

    @property
    def last_outcome(self) -> Outcome | None:
        """How the last attempt that counts has ended."""
        return self.ended[-1].outcome if self.ended else None


class BatchBook:
    """One batch: its calls, its log, and what it was told to do."""

    def __init__(self, spec: BatchSpec, calls: Sequence[CallSpec]) -> None:
        self.spec = spec
        self.calls = [CallBook(call) for call in calls]
        self.counts = Counter({CallStatus.PENDING: len(calls)})
        self.status = BatchStatus.SCHEDULED
        self.started = False
        self.canceled = False
        self.hang_up = False
        self.payloads: list[bytes] = []

    def __repr__(self) -> str:
        return f"<BatchBook {self.spec.batch_id} {self.status} #{len(self.payloads)}>"

    @property
    def name(self) -> str:
        """The batch in messages."""
        return self.spec.batch_id

    def apply(self, change: Change) -> None:
        """Account for a durable change."""
        _APPLY[type(change)](self, change)
        self._settle()

    def log(self, events: Sequence[Event], payloads: Sequence[bytes]) -> None:
        """Account for the events of the change that was applied last."""
        for event, payload in zip(events, payloads, strict=True):
            self.payloads.append(payload)
            expected = len(self.payloads)
            require(
                event.sequence == expected,
                f"{self.name}: event {event.sequence} logged where {expected} was due",
            )
            require(
                event.counts.total == len(self.calls),
                f"{self.name}: the counts of event {event.sequence} don't add up",
            )
        if events:
            self._compare_counts(events[-1].counts._asdict(), f"event {events[-1].sequence}")

    def compare(self, batch: Batch) -> None:
        """Require that the service's own account says the same."""
        self._compare_counts(batch.counts._asdict(), "the batch")
        attempts = sum(call.attempts for call in self.calls)
        require(
            batch.attempts == attempts,
            f"{self.name}: {batch.attempts} attempts counted, {attempts} made",
        )
        require(
            batch.last_sequence == len(self.payloads),
            f"{self.name}: last sequence {batch.last_sequence}, {len(self.payloads)} logged",
        )
        require(
            batch.status is self.status,
            f"{self.name} is {batch.status} and should be {self.status}",
        )

    def compare_call(self, position: int, stored: Call) -> None:
        """Require that the store shows this call as the books do."""
        call = self.calls[position]
        counted = [one for one in stored.attempts if one.outcome is not Outcome.THROTTLED]
        attempts = [(one.attempt_id, one.number, one.outcome) for one in counted]
        known = [*call.ended, *([call.open] if call.open else [])]
        expected = [(one.attempt_id, one.number, one.outcome) for one in known]
        where = f"{self.name} call {position}"
        require(
            stored.status is call.status,
            f"{where} is stored as {stored.status} and should be {call.status}",
        )
        require(attempts == expected, f"{where} has {attempts} stored and should have {expected}")
        if call.status is CallStatus.RETRYING:
            require(stored.due_time_us == call.due_time_us, f"{where}: its due time isn't durable")

    def _compare_counts(self, counts: dict[str, int], where: str) -> None:
        kept = {status.value: self.counts[status] for status in CallStatus}
        require(counts == kept, f"{self.name}: {where} counts {counts}, it should be {kept}")

    # What changes mean

    def _submitted(self, change: BatchSubmitted) -> None:
        if change.spec.start_time_us <= change.time_us:
            self._started(change)

    def _started(self, _change: Change) -> None:
        self.status = BatchStatus.RUNNING
        self.started = True

    def _paused(self, _change: BatchPaused) -> None:
        self.status = BatchStatus.PAUSED

    def _resumed(self, _change: BatchResumed) -> None:
        self.status = BatchStatus.RUNNING if self.started else BatchStatus.SCHEDULED

    def _cancel_requested(self, change: CancelRequested) -> None:
        self.status = BatchStatus.CANCELING
        self.canceled = True
        self.hang_up = self.hang_up or change.hang_up

    def _dialed(self, change: CallDialed) -> None:
        call = self.calls[change.position]
        where = f"{self.name} call {change.position}"
        require(
            call.status in (CallStatus.PENDING, CallStatus.RETRYING),
            f"{where} is {call.status} and is dialed",
        )
        call.dials += 1
        require(change.dial == call.dials, f"{where}: dial {change.dial} should be {call.dials}")
        require(
            change.attempt.number == call.attempts + 1,
            f"{where}: attempt {change.attempt.number} should be {call.attempts + 1}",
        )
        call.open = change.attempt
        self._move(call, CallStatus.IN_PROGRESS)

    def _answered(self, change: CallAnswered) -> None:
        self._require_open(change.position, change.attempt)

    def _ended(self, change: CallEnded) -> None:
        call = self._require_open(change.position, change.attempt)
        call.ended.append(change.attempt)
        call.open = None
        require(change.status.final, f"{self.name}: a call ended {change.status}")
        self._move(call, change.status)

    def _retry_scheduled(self, change: RetryScheduled) -> None:
        call = self._require_open(change.position, change.attempt)
        call.ended.append(change.attempt)
        call.open = None
        call.due_time_us = change.due_time_us
        self._move(call, CallStatus.RETRYING)

    def _returned(self, change: CallReturned) -> None:
        call = self._require_open(change.position, change.attempt)
        call.open = None
        call.due_time_us = change.time_us if call.ended else 0
        self._move(call, CallStatus.RETRYING if call.ended else CallStatus.PENDING)

    def _calls_canceled(self, change: CallsCanceled) -> None:
        for position, _ in change.calls:
            call = self.calls[position]
            require(
                call.open is None and not call.status.final,
                f"{self.name} call {position} is {call.status} and is canceled as if it waited",
            )
            self._move(call, CallStatus.CANCELED)

    def _require_open(self, position: int, attempt: Attempt) -> CallBook:
        call = self.calls[position]
        require(
            call.open is not None and call.open.attempt_id == attempt.attempt_id,
            f"{self.name} call {position}: {attempt.attempt_id} has news and isn't open",
        )
        return call

    def _move(self, call: CallBook, status: CallStatus) -> None:
        self.counts[call.status] -= 1
        self.counts[status] += 1
        call.status = status

    def _settle(self) -> None:
        if any(self.counts[status] for status in CallStatus if not status.final):
            return
        if self.canceled:
            self.status = BatchStatus.CANCELED
        elif self.counts[CallStatus.COMPLETED]:
            self.status = BatchStatus.COMPLETED
        else:
            self.status = BatchStatus.FAILED


_APPLY: Final[dict[type[Change], Callable[[BatchBook, Any], None]]] = {
    BatchSubmitted: BatchBook._submitted,
    BatchStarted: BatchBook._started,
    BatchPaused: BatchBook._paused,
    BatchResumed: BatchBook._resumed,
    CancelRequested: BatchBook._cancel_requested,
    CallDialed: BatchBook._dialed,
    CallAnswered: BatchBook._answered,
    CallEnded: BatchBook._ended,
    RetryScheduled: BatchBook._retry_scheduled,
    CallReturned: BatchBook._returned,
    CallsCanceled: BatchBook._calls_canceled,
}
