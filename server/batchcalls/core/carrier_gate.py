"""What stands between the dispatcher and one carrier: its limit, its health, its mood.

The limit is the carrier's contract. The breaker opens when the carrier is down and lets a
single probe through after a while. When the carrier throttles, it gets the rest that it asks
for; then the adaptive rate begins low and recovers step by step. Calls wait behind the gate;
none of this costs them an attempt.

"No room" may mean the carrier, or only the number that was dialed; nobody can tell by the word.
It is taken for the carrier's, until a call was refused ``REFUSALS_OF_ITS_OWN`` times in a row
although others were taken in between: others don't slow down for that one any more.
"""

from __future__ import annotations

import math
from typing import Final

from batchcalls.core.breaker import Breaker
from batchcalls.core.limits import Limit
from batchcalls.core.pacing import Pacer
from batchcalls.core.throttle import MAX_REST_S, AdaptiveRate

QUESTIONS_PER_S: Final = 50.0
"""How often a carrier is asked about calls of an earlier process that has no pace of its own."""

MAX_SUSPECTS: Final = 256
"""How many refused calls are remembered; one that is forgotten begins anew."""

REFUSALS_OF_ITS_OWN: Final = 5
"""A carrier that is full refuses some call so often by chance, but not many."""

CallKey = tuple[str, int]
"""Batch and position."""


class CarrierGate:
    """Says when the next dial may be prepared for, and launched at, one carrier."""

    def __init__(
        self,
        name: str,
        *,
        slots: int = 0,
        rate: float = 0.0,
        breaker: Breaker | None = None,
    ) -> None:
        self.name = name
        self.limit = Limit(name, slots=slots, rate=rate)
        self.breaker = breaker or Breaker()
        self._rate = AdaptiveRate(rate)
        self._questions = Pacer(QUESTIONS_PER_S)
        self._rests_until = -math.inf
        self._has_room = True
        self._suspects: dict[CallKey, int] = {}

    def __repr__(self) -> str:
        return f"<CarrierGate {self.limit!r} {self.breaker!r} {self._rate!r}>"

    def prepare_at(self, now: float) -> float:
        """The first moment to prepare a dial; while the carrier isn't proven up, one at a time."""
        self._adapt(now)
        if not self.breaker.closed and self.limit.prepared:
            return math.inf
        return self._earliest(self.limit.prepare_at(now))

    def launch_at(self, now: float) -> float:
        """The first moment at which a prepared dial may leave, its limit aside."""
        self._adapt(now)
        return self._earliest(now)

    def shut_at(self, now: float) -> bool:
        """Whether nothing may leave: the carrier is down, or rests."""
        return now < self._rests_until or self.breaker.open_at(now)

    def launch(self, now: float) -> None:
        """A prepared dial leaves; its limit is told apart."""
        if not self.breaker.closed:
            self.breaker.dialed(now)

    def ask_at(self, now: float) -> float:
        """The first moment to ask the carrier about a call: a question takes a dial's turn."""
        self._adapt(now)
        return max(self._rests_until, self._pacer_of_questions.earliest(now))

    def ask(self, now: float) -> None:
        """A question leaves, which ``ask_at`` must allow."""
        self._pacer_of_questions.start(now)

    @property
    def _pacer_of_questions(self) -> Pacer:
        return self.limit.pacer if self.limit.pacer.rate else self._questions

    def took(self, call: CallKey) -> None:
        """The carrier took a dial of that call."""
        self._has_room = True
        self._suspects.pop(call, None)

    def throttled(self, now: float, call: CallKey, *, retry_after_s: float) -> int:
        """The carrier had no room for a call; returns how often in a row, from 1.

        The carrier gets the rest that it asks for, unless that is about the call alone.
        """
        refusals = self._suspects[call] = self._suspects.pop(call, 0) + 1
        if len(self._suspects) > MAX_SUSPECTS:
            del self._suspects[next(iter(self._suspects))]
        if refusals < REFUSALS_OF_ITS_OWN or not self._has_room:
            self._rest(now, retry_after_s)
        return refusals

    def _rest(self, now: float, retry_after_s: float) -> None:
        self._has_room = False
        self._rests_until = max(self._rests_until, now + min(retry_after_s, MAX_REST_S))
        observed_rate = self.limit.pacer.observed_rate(now)
        self._rate.throttled(now, observed_rate=observed_rate, retry_after_s=retry_after_s)
        self._adapt(now)

    def _earliest(self, moment: float) -> float:
        at = max(self._rests_until, moment)
        return at if self.breaker.closed else self.breaker.earliest(at)

    def _adapt(self, now: float) -> None:
        allowed = self._rate.allowed(now)
        if allowed != self.limit.pacer.rate:
            self.limit.pacer.set_rate(allowed, now)
