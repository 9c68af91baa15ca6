"""Stops dialing a carrier that is down or broken, and finds out when it works again.

A breaker is told how dials went and says when the next may go. It doesn't dial, wait or
read a clock.

One failure opens it: a carrier that can't be reached costs its calls no attempt, so
nothing is gained by asking again at once. A *fault* is a dial of which the carrier can't
say what became. It costs its call an attempt, and often the call, so a carrier that breaks
every dial would burn a list; but one fault may be an accident. ``FAULTS_TO_OPEN`` of them
without a result in between open the breaker.

Open means that nobody dials for a while. Then one dial, the *probe*, goes ahead alone (half
open). The breaker closes when the carrier takes it: by a word of its progress, by a result,
or by keeping it for ``SILENCE_S`` without any word, for some carriers tell none. If it isn't
taken, the breaker opens again for twice as long, up to a maximum, which is longer where each
probe costs a call. Only a result makes the open time short again, and the faults forgotten: a
carrier may break each call after it rang.

News may be old. A dial can fail long after it began, by when others have found out more.
So what is told of a dial that began before the breaker came into its present state
changes nothing; in particular, late failures don't keep an open breaker open, and in the
half-open state only the probe is heard.

``TRANSITIONS`` is the whole machine. An event that isn't in it is a bug of the caller: it
raises and changes nothing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

FAULTS_TO_OPEN: Final = 5
"""So many faults in a row are no accident."""

SILENCE_S: Final = 30.0
"""A carrier that keeps its probe for so long has taken it: who refuses is quicker."""

MAX_BROKEN_FOR_S: Final = 300.0
"""The longest open time after a fault: a carrier that stays broken costs 12 calls an hour."""


class BreakerState(StrEnum):
    """Whether dials may go: all (closed), none (open), or the probe alone (half open)."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class BreakerEvent(StrEnum):
    """What a breaker is told; ``FAULT``: the last of too many in a row."""

    DIALED = "dialed"
    TAKEN = "taken"
    SUCCESS = "success"
    FAILURE = "failure"
    FAULT = "fault"
    ABANDONED = "abandoned"


_CLOSED, _OPEN, _HALF_OPEN = BreakerState
_DIALED, _TAKEN, _SUCCESS, _FAILURE, _FAULT, _ABANDONED = BreakerEvent

TRANSITIONS: Mapping[tuple[BreakerState, BreakerEvent], BreakerState] = MappingProxyType(
    {
        (_CLOSED, _DIALED): _CLOSED,
        (_CLOSED, _TAKEN): _CLOSED,
        (_CLOSED, _SUCCESS): _CLOSED,
        (_CLOSED, _FAILURE): _OPEN,
        (_CLOSED, _FAULT): _OPEN,
        (_CLOSED, _ABANDONED): _CLOSED,
        (_OPEN, _DIALED): _HALF_OPEN,
        (_OPEN, _TAKEN): _OPEN,
        (_OPEN, _SUCCESS): _OPEN,
        (_OPEN, _FAILURE): _OPEN,
        (_OPEN, _FAULT): _OPEN,
        (_OPEN, _ABANDONED): _OPEN,
        (_HALF_OPEN, _TAKEN): _CLOSED,
        (_HALF_OPEN, _SUCCESS): _CLOSED,
        (_HALF_OPEN, _FAILURE): _OPEN,
        (_HALF_OPEN, _FAULT): _OPEN,
        (_HALF_OPEN, _ABANDONED): _OPEN,
    }
)


class Breaker:
    """The circuit breaker of one carrier; a new one is closed.

    It opens for ``open_for_s`` seconds (default 5), twice as long after each failed probe,
    but never longer than ``max_open_for_s`` (default 60), or ``MAX_BROKEN_FOR_S`` after a fault.

    ``closed`` tells whether dials may go freely, as far as is known.

    ``dialed_at`` is the ``now`` that ``dialed`` was given for the dial that is told of; by
    default it began at this moment.
    """

    def __init__(self, open_for_s: float = 5.0, max_open_for_s: float = 60.0) -> None:
        assert 0.0 < open_for_s <= max_open_for_s, f"{open_for_s} s lies outside (0, max]"
        self._first_open_for_s = open_for_s
        self._max_open_for_s = max_open_for_s
        self._open_for_s = open_for_s
        self._faults = 0
        self._open_until = -math.inf
        self._since = -math.inf
        self._state = BreakerState.CLOSED
        self.closed = True

    @property
    def state(self) -> BreakerState:
        """Where the breaker stands. It leaves OPEN by the probe, not by the mere time."""
        return self._state

    @property
    def untroubled(self) -> bool:
        """Whether a result is no news: the carrier works, and always has lately."""
        return self.closed and not self._faults and self._open_for_s == self._first_open_for_s

    def open_at(self, now: float) -> bool:
        """Whether not even a probe may go yet: the carrier was down shortly before ``now``."""
        return self._state is BreakerState.OPEN and now < self._open_until

    def earliest(self, now: float) -> float:
        """The first moment, not before ``now``, at which a dial may go.

        While a probe is out, what becomes of it may be told before.
        """
        match self._state:
            case BreakerState.CLOSED:
                return now
            case BreakerState.OPEN:
                return max(now, self._open_until)
            case BreakerState.HALF_OPEN:
                return max(now, self._since + SILENCE_S)

    def dialed(self, now: float) -> None:
        """A dial goes, which ``earliest`` must allow; on an open breaker it is the probe.

        Beside a probe that has been out for long, it goes since the carrier has taken that one.
        """
        assert self.earliest(now) <= now, f"{self!r} allows no dial at {now}"
        if self._state is BreakerState.HALF_OPEN:
            self.taken(now)
        self._enter(TRANSITIONS[self._state, _DIALED], now)

    def taken(self, now: float, *, dialed_at: float | None = None) -> None:
        """The carrier took a dial: it said that the phone rings, or that there is no room now."""
        if not self._is_old(now if dialed_at is None else dialed_at):
            self._enter(TRANSITIONS[self._state, _TAKEN], now)

    def success(self, now: float, *, dialed_at: float | None = None) -> None:
        """A dial ended in a result of any kind."""
        if self._is_old(now if dialed_at is None else dialed_at):
            return
        self._enter(TRANSITIONS[self._state, _SUCCESS], now)
        if self._state is BreakerState.CLOSED:
            self._faults = 0
            self._open_for_s = self._first_open_for_s

    def failure(self, now: float, *, dialed_at: float | None = None) -> bool:
        """The carrier couldn't be reached or was down; True if that opened the breaker."""
        if self._is_old(now if dialed_at is None else dialed_at):
            return False
        return self._open(_FAILURE, now, longest_s=self._max_open_for_s)

    def fault(self, now: float, *, dialed_at: float | None = None) -> bool:
        """A dial ended, and the carrier can't say how: too many in a row open the breaker.

        Once they did, each fault does, until there is a result. True if this one opened it.
        """
        if self._is_old(now if dialed_at is None else dialed_at):
            return False
        self._faults += 1
        if self._faults < FAULTS_TO_OPEN and self._state is not BreakerState.HALF_OPEN:
            return False
        return self._open(_FAULT, now, longest_s=MAX_BROKEN_FOR_S)

    def _open(self, event: BreakerEvent, now: float, *, longest_s: float) -> bool:
        if not self._enter(TRANSITIONS[self._state, event], now):
            return False
        self._open_until = now + min(self._open_for_s, longest_s)
        self._open_for_s = min(2.0 * self._open_for_s, longest_s)
        return True

    def abandoned(self, now: float, *, dialed_at: float | None = None) -> None:
        """A dial ended and tells nothing of the carrier; if it was the probe, another may go."""
        if self._is_old(now if dialed_at is None else dialed_at):
            return
        self._enter(TRANSITIONS[self._state, _ABANDONED], now)

    def _is_old(self, dialed_at: float) -> bool:
        return dialed_at < self._since

    def _enter(self, state: BreakerState, now: float) -> bool:
        if state is self._state:
            return False
        self._state = state
        self.closed = state is BreakerState.CLOSED
        self._since = now
        return True

    def __repr__(self) -> str:
        until = f" until {self._open_until:.3f}" if self._state is BreakerState.OPEN else ""
        return f"<Breaker {self._state}{until}>"
