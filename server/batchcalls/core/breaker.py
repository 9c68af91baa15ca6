"""Stops dialing a carrier that is down, and finds out when it is up again.

A breaker is told how dials went and says when the next may go. It doesn't dial, wait or
read a clock.

One failure opens it: a carrier that can't be reached costs its calls no attempt, so
nothing is gained by asking again at once. Open means that nobody dials for a while. Then
one dial, the *probe*, goes ahead alone (half open): if the carrier takes it, the breaker
closes; if not, it opens again for twice as long, up to a maximum.

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


class BreakerState(StrEnum):
    """Whether dials may go: all (closed), none (open), or the probe alone (half open)."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class BreakerEvent(StrEnum):
    """What a breaker is told."""

    DIALED = "dialed"
    SUCCESS = "success"
    FAILURE = "failure"
    ABANDONED = "abandoned"


_CLOSED, _OPEN, _HALF_OPEN = BreakerState
_DIALED, _SUCCESS, _FAILURE, _ABANDONED = BreakerEvent

TRANSITIONS: Mapping[tuple[BreakerState, BreakerEvent], BreakerState] = MappingProxyType(
    {
        (_CLOSED, _DIALED): _CLOSED,
        (_CLOSED, _SUCCESS): _CLOSED,
        (_CLOSED, _FAILURE): _OPEN,
        (_CLOSED, _ABANDONED): _CLOSED,
        (_OPEN, _DIALED): _HALF_OPEN,
        (_OPEN, _SUCCESS): _OPEN,
        (_OPEN, _FAILURE): _OPEN,
        (_OPEN, _ABANDONED): _OPEN,
        (_HALF_OPEN, _SUCCESS): _CLOSED,
        (_HALF_OPEN, _FAILURE): _OPEN,
        (_HALF_OPEN, _ABANDONED): _OPEN,
    }
)


class Breaker:
    """The circuit breaker of one carrier; a new one is closed.

    It opens for ``open_for_s`` seconds (default 5), twice as long after each failed probe,
    but never longer than ``max_open_for_s`` (default 60).

    ``dialed_at`` is the ``now`` that ``dialed`` was given for the dial that is told of; by
    default it began at this moment.
    """

    def __init__(self, open_for_s: float = 5.0, max_open_for_s: float = 60.0) -> None:
        assert 0.0 < open_for_s <= max_open_for_s, f"{open_for_s} s lies outside (0, max]"
        self._first_open_for_s = open_for_s
        self._max_open_for_s = max_open_for_s
        self._open_for_s = open_for_s
        self._open_until = -math.inf
        self._since = -math.inf
        self._state = BreakerState.CLOSED

    @property
    def state(self) -> BreakerState:
        """Where the breaker stands. It leaves OPEN by the probe, not by the mere time."""
        return self._state

    @property
    def closed(self) -> bool:
        """Whether dials may go freely, as far as is known."""
        return self._state is BreakerState.CLOSED

    def open_at(self, now: float) -> bool:
        """Whether not even a probe may go yet: the carrier was down shortly before ``now``."""
        return self._state is BreakerState.OPEN and now < self._open_until

    def earliest(self, now: float) -> float:
        """The first moment, not before ``now``, at which a dial may go.

        Infinity while a probe is out: what becomes of it is told first.
        """
        match self._state:
            case BreakerState.CLOSED:
                return now
            case BreakerState.OPEN:
                return max(now, self._open_until)
            case BreakerState.HALF_OPEN:
                return math.inf

    def dialed(self, now: float) -> None:
        """A dial goes, which ``earliest`` must allow; on an open breaker it is the probe."""
        assert self.earliest(now) <= now, f"{self!r} allows no dial at {now}"
        self._enter(TRANSITIONS[self._state, _DIALED], now)

    def success(self, now: float, *, dialed_at: float | None = None) -> None:
        """The carrier took a dial: it rings, or it ended in a result of any kind."""
        if self._is_old(now if dialed_at is None else dialed_at):
            return
        if self._enter(TRANSITIONS[self._state, _SUCCESS], now):
            self._open_for_s = self._first_open_for_s

    def failure(self, now: float, *, dialed_at: float | None = None) -> None:
        """The carrier couldn't be reached or was down (``CarrierUnavailable``)."""
        if self._is_old(now if dialed_at is None else dialed_at):
            return
        if self._enter(TRANSITIONS[self._state, _FAILURE], now):
            self._open_until = now + self._open_for_s
            self._open_for_s = min(2.0 * self._open_for_s, self._max_open_for_s)

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
        self._since = now
        return True

    def __repr__(self) -> str:
        until = f" until {self._open_until:.3f}" if self._state is BreakerState.OPEN else ""
        return f"<Breaker {self._state}{until}>"
