"""What is seen at the phones: every dial, from outside, and the rules that each must keep.

The rules look at what the network saw (who rang when, who is up) and at what was durable at
that moment. They believe nothing that the engine holds in memory.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from batchcalls.carriers.base import CarrierLimits, OutboundCall
from batchcalls.core.model import BatchStatus, Call, CallStatus, Outcome, parse_call_id
from batchcalls.engine.admission import EngineLimits
from batchcalls_simulator.lab.books import BatchBook, CallBook, require

_ROUNDING_S: Final = 1e-6
"""Moments that are apart by exactly a window may seem this much closer: times are floats."""

_ROUNDING_US: Final = 10
"""Wall-clock times as float seconds, and there and back, lose a few microseconds."""


@dataclass(slots=True)
class Ring:
    """One dial as the network saw it.

    ``silent``: no phone rang, as the carrier said. ``disowned``: the carrier denied it, so
    nobody knows that it is up. ``outcome`` is how it really ended.
    """

    call: OutboundCall
    carrier: str
    process: int
    at_s: float
    at_us: int
    up: bool = True
    silent: bool = False
    disowned: bool = False
    outcome: Outcome | None = None


class Tally:
    """Calls up and starts made, against one limit (0 means none)."""

    def __init__(self, name: str, *, slots: int, rate: float) -> None:
        self.name = name
        self.slots = slots
        self.up = 0
        self._window_starts = max(1, math.floor(rate)) if rate else 0
        self._window_s = self._window_starts / rate if rate else 0.0
        self._starts: deque[float] = deque(maxlen=self._window_starts or 1)

    def __repr__(self) -> str:
        return f"<Tally {self.name}, {self.up} of {self.slots} up>"

    def start(self, now: float) -> None:
        """One more is dialed."""
        self.up += 1
        require(
            not self.slots or self.up <= self.slots,
            f"{self.name}: {self.up} calls are up, {self.slots} may be",
        )
        if self._window_starts:
            self._require_pace(now)
            self._starts.append(now)

    def _require_pace(self, now: float) -> None:
        if len(self._starts) < self._window_starts:
            return
        since_s = now - self._starts[0]
        require(
            since_s >= self._window_s - _ROUNDING_S,
            f"{self.name}: {self._window_starts + 1} dials within {since_s:.6f} s,"
            f" {self._window_starts} may be in {self._window_s:g} s",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What a server knows of a batch's status, and since when (monotonic seconds)."""

    status: BatchStatus
    hang_up: bool
    since_s: float


class Dials:
    """Every dial of a world."""

    def __init__(self, *, limits: EngineLimits, carriers: Mapping[str, CarrierLimits]) -> None:
        self.rings: dict[str, Ring] = {}
        self._by_number: dict[tuple[str, int], Ring] = {}
        self._rung: dict[str, int] = {}
        self._tallies = {
            "server": Tally(
                "server", slots=limits.max_concurrent_calls, rate=limits.max_calls_per_second
            )
        }
        for name, carrier in carriers.items():
            self._tallies[name] = Tally(
                name, slots=carrier.max_concurrent_calls, rate=carrier.calls_per_second
            )

    def __repr__(self) -> str:
        return f"<Dials {len(self.rings)}, {self._tallies['server'].up} up>"

    @property
    def up(self) -> list[Ring]:
        """The calls that are up."""
        return [ring for ring in self.rings.values() if ring.up]

    def dialed(self, ring: Ring, book: BatchBook, known: Known | None, stored: Call | None) -> None:
        """Require that this dial is allowed, and take note of it."""
        call = ring.call
        require(call.attempt_id not in self.rings, f"{call.attempt_id} was dialed twice")
        position = _position(call)
        kept = book.calls[position]
        self._require_intent(call, kept, stored)
        self._require_attempts(call, book, kept)
        _require_due(ring, kept)
        require(known is not None, f"{call.attempt_id}: dialed for a batch that nobody knows")
        assert known is not None
        _require_status(ring, known)
        self.note(ring, book)

    def silent(self, attempt_id: str) -> None:
        """The carrier promised that no phone rang."""
        ring = self.rings.get(attempt_id)
        if ring is not None:  # else the dial broke a promise and wasn't taken note of
            ring.silent = True
            self._rung[ring.call.call_id] -= 1

    def over(self, attempt_id: str, outcome: Outcome | None) -> None:
        """The line is free."""
        ring = self.rings[attempt_id]
        ring.outcome = outcome
        self._let_go(ring)

    def disowned(self, attempt_id: str) -> None:
        """The carrier denied the call: from now on nobody can count it."""
        ring = self.rings.get(attempt_id)
        if ring is not None:
            ring.disowned = True
            self._let_go(ring)

    def _let_go(self, ring: Ring) -> None:
        if ring.up:
            ring.up = False
            for name in self._limits(ring):
                self._tallies[name].up -= 1

    def _limits(self, ring: Ring) -> tuple[str, str, str]:
        return "server", ring.carrier, ring.call.batch_id

    def note(self, ring: Ring, book: BatchBook) -> None:
        """Take note of a dial that is allowed; the limits have their say."""
        call = ring.call
        self.rings[call.attempt_id] = ring
        self._by_number[call.call_id, call.attempt_number] = ring
        self._rung[call.call_id] = self._rung.get(call.call_id, 0) + 1
        if call.batch_id not in self._tallies:
            settings = book.spec.settings
            self._tallies[call.batch_id] = Tally(
                call.batch_id, slots=settings.concurrency, rate=settings.max_calls_per_second
            )
        for name in self._limits(ring):
            self._tallies[name].start(ring.at_s)

    def _require_intent(self, call: OutboundCall, kept: CallBook, stored: Call | None) -> None:
        """The intent is in the database, and says the same as what is dialed."""
        intents = [
            attempt
            for attempt in (stored.attempts if stored else ())
            if attempt.attempt_id == call.attempt_id and attempt.outcome is None
        ]
        require(
            stored is not None and stored.status is CallStatus.IN_PROGRESS and intents,
            f"{call.attempt_id} was dialed without a durable intent",
        )
        require(
            intents[0].number == call.attempt_number
            and kept.spec.phone_number == call.phone_number,
            f"{call.attempt_id}: the durable intent is for another dial",
        )

    def _require_attempts(self, call: OutboundCall, book: BatchBook, kept: CallBook) -> None:
        retry = book.spec.settings.retry
        earlier = self._by_number.get((call.call_id, call.attempt_number))
        require(
            earlier is None or earlier.silent,
            f"{call.call_id}: attempt number {call.attempt_number} was dialed twice",
        )
        require(
            self._rung.get(call.call_id, 0) < retry.max_attempts
            and call.attempt_number <= retry.max_attempts,
            f"{call.call_id} was dialed past its {retry.max_attempts} attempts",
        )
        outcome = kept.last_outcome
        require(
            outcome is None or outcome in retry.retry_on,
            f"{call.call_id} was dialed again after {outcome}",
        )


def _require_due(ring: Ring, kept: CallBook) -> None:
    early_us = kept.due_time_us - ring.at_us
    require(
        early_us <= _ROUNDING_US,
        f"{ring.call.call_id} was tried again {early_us / 1e6:.6f} s before it was due",
    )


def _require_status(ring: Ring, known: Known) -> None:
    """A batch that is paused, canceled, not started or over dials nothing new."""
    call = ring.call
    if known.status is BatchStatus.RUNNING:
        return
    require(
        known.status in (BatchStatus.PAUSED, BatchStatus.CANCELING),
        f"{call.attempt_id} was dialed while its batch was {known.status}",
    )
    require(
        ring.at_s <= known.since_s,
        f"{call.attempt_id} was dialed though its batch was {known.status}",
    )


def _position(call: OutboundCall) -> int:
    parsed = parse_call_id(call.call_id)
    require(parsed is not None and parsed[0] == call.batch_id, f"{call.call_id} is no call id")
    assert parsed is not None
    return parsed[1]
