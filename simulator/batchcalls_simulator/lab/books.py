"""A second account of every batch, kept from the outside, of what is durable.

The books are fed with the effects of each change at the moment they became durable: every call
must really stand where a move takes it from, and what follows for counts, attempts and the
batch they work out for themselves. They share no code with ``Ledger`` and the store beyond the
records, so that a bug must be made twice to go unseen. What doesn't add up raises
``BrokenPromise``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Final

from batchcalls.core.effects import Attempted, AttemptStep, Effects, Move
from batchcalls.core.model import (
    Attempt,
    Batch,
    BatchSpec,
    BatchStatus,
    Call,
    CallSpec,
    CallStatus,
    Counts,
    Event,
    EventType,
    Outcome,
)

_ROUNDING_S: Final = 1e-5
"""Delays are float seconds, what is stored are microseconds."""


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
        self.types: list[EventType] = []

    def __repr__(self) -> str:
        return f"<BatchBook {self.spec.batch_id} {self.status} #{len(self.payloads)}>"

    @property
    def name(self) -> str:
        """The batch in messages."""
        return self.spec.batch_id

    def apply(self, effects: Effects, payloads: Sequence[bytes]) -> None:
        """Account for what a durable change did, and for the events that report it."""
        if effects.attempt is not None:
            self._attempted(effects.attempt, effects.moves)
        for move in effects.moves:
            self._move(move)
        for event in effects.events:
            self._steer(event.type)
        self._settle()
        self._log(effects.events, payloads)

    def _log(self, events: Sequence[Event], payloads: Sequence[bytes]) -> None:
        for event, payload in zip(events, payloads, strict=True):
            self.payloads.append(payload)
            self.types.append(event.type)
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
            self._compare_counts(events[-1].counts, f"event {events[-1].sequence}")

    def logged(self, after: int, until: int, types: Collection[EventType]) -> list[bytes]:
        """The events beyond sequence ``after``, up to ``until``, of these types (empty: all)."""
        return [
            payload
            for payload, kind in zip(
                self.payloads[after:until], self.types[after:until], strict=True
            )
            if not types or kind in types
        ]

    def compare(self, batch: Batch) -> None:
        """Require that the service's own account says the same; whether it hangs up it tells."""
        self.hang_up = batch.hang_up
        self._compare_counts(batch.counts, "the batch")
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

    def _compare_counts(self, counts: Counts, where: str) -> None:
        machines = sum(
            call.status is CallStatus.COMPLETED and call.last_outcome is Outcome.VOICEMAIL
            for call in self.calls
        )
        kept = Counts(*[self.counts[status] for status in CallStatus])._replace(voicemail=machines)
        require(counts == kept, f"{self.name}: {where} counts {counts}, it should be {kept}")

    # What effects mean

    def _steer(self, event: EventType) -> None:
        """What the log says of the batch itself; how it settles, the books find out."""
        match event:
            case EventType.BATCH_STARTED:
                self.status = BatchStatus.RUNNING
                self.started = True
            case EventType.BATCH_PAUSED:
                self.status = BatchStatus.PAUSED
            case EventType.BATCH_RESUMED:
                self.status = BatchStatus.RUNNING if self.started else BatchStatus.SCHEDULED
            case EventType.BATCH_UPDATED:
                self.status = BatchStatus.CANCELING
                self.canceled = True

    def _attempted(self, attempted: Attempted, moves: Sequence[Move]) -> None:
        if attempted.step is AttemptStep.OPEN:
            self._open(attempted)
            return
        call = self._require_open(attempted)
        if attempted.step is AttemptStep.END:
            call.ended.append(attempted.attempt)
        if attempted.step is not AttemptStep.ANSWER:
            call.open = None
            require(
                [move.position for move in moves] == [attempted.position],
                f"{self.name} call {attempted.position}: its attempt ended, and it didn't move",
            )
        if attempted.step is AttemptStep.END and moves[0].target is CallStatus.RETRYING:
            self._require_delay(call, moves[0])

    def _open(self, attempted: Attempted) -> None:
        call, attempt = self.calls[attempted.position], attempted.attempt
        where = f"{self.name} call {attempted.position}"
        require(
            call.status in (CallStatus.PENDING, CallStatus.RETRYING) and call.open is None,
            f"{where} is {call.status} and is dialed",
        )
        require(
            self.status is BatchStatus.RUNNING,
            f"{where} is dialed though its batch was {self.status}",
        )
        call.dials += 1
        require(
            attempted.dial == call.dials, f"{where}: dial {attempted.dial} should be {call.dials}"
        )
        require(
            attempt.number == call.attempts + 1,
            f"{where}: attempt {attempt.number} should be {call.attempts + 1}",
        )
        call.open = attempt

    def _require_open(self, attempted: Attempted) -> CallBook:
        call = self.calls[attempted.position]
        attempt_id = attempted.attempt.attempt_id
        require(
            call.open is not None and call.open.attempt_id == attempt_id,
            f"{self.name} call {attempted.position}: {attempt_id} has news and isn't open",
        )
        return call

    def _move(self, move: Move) -> None:
        call, where = self.calls[move.position], f"{self.name} call {move.position}"
        require(
            move.source is call.status,
            f"{where} is {call.status} and moves as if it were {move.source}",
        )
        require(
            (call.open is not None) == (move.target is CallStatus.IN_PROGRESS),
            f"{where} becomes {move.target}, its open attempt is {call.open}",
        )
        require(
            move.attempts in (None, call.attempts),
            f"{where}: {move.attempts} attempts should be {call.attempts}",
        )
        require(
            move.due_time_us > 0 or move.target is not CallStatus.RETRYING,
            f"{where} becomes {move.target} and is due at {move.due_time_us}",
        )
        if move.target is not CallStatus.IN_PROGRESS:  # a dial is held against when it was due
            call.due_time_us = move.due_time_us
        self.counts[call.status] -= 1
        self.counts[move.target] += 1
        call.status = move.target

    def _require_delay(self, call: CallBook, move: Move) -> None:
        """A retry waits as long as the batch asks, by the books' own reckoning."""
        retry, last = self.spec.settings.retry, call.ended[-1]
        delay_s = retry.delay_s * retry.backoff_multiplier ** (len(call.ended) - 1)
        shortest_s = min(delay_s, retry.max_delay_s) * (1.0 - retry.jitter)
        early_s = shortest_s - (move.due_time_us - last.end_time_us) / 1e6
        require(
            early_s <= _ROUNDING_S,
            f"{self.name} call {move.position} is to be tried again {early_s:g} s too early",
        )

    def _settle(self) -> None:
        if any(self.counts[status] for status in CallStatus if not status.final):
            return
        if self.canceled:
            self.status = BatchStatus.CANCELED
        elif self.counts[CallStatus.COMPLETED]:
            self.status = BatchStatus.COMPLETED
        else:
            self.status = BatchStatus.FAILED
