"""What stands between the dispatcher and one carrier: its limit, its health, its mood.

The limit is the carrier's contract. The breaker opens when the carrier is down and lets a
single probe through after a while. The adaptive rate slows down when the carrier throttles
and recovers step by step. Calls wait behind the gate; none of this costs them an attempt.
"""

from __future__ import annotations

import math

from batchcalls.core.breaker import Breaker
from batchcalls.core.limits import Limit
from batchcalls.core.throttle import AdaptiveRate


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

    def __repr__(self) -> str:
        return f"<CarrierGate {self.limit!r} {self.breaker!r} {self._rate!r}>"

    def prepare_at(self, now: float) -> float:
        """The first moment to prepare a dial; while the carrier isn't proven up, one at a time."""
        self._adapt(now)
        if not self.breaker.closed and self.limit.prepared:
            return math.inf
        return max(self.limit.prepare_at(now), self.breaker.earliest(now))

    def launch_at(self, now: float) -> float:
        """The first moment at which a prepared dial may leave, its limit aside."""
        self._adapt(now)
        return self.breaker.earliest(now)

    def launch(self, now: float) -> None:
        """A prepared dial leaves; its limit is told apart."""
        self.breaker.dialed(now)

    def throttled(self, now: float, *, retry_after_s: float) -> None:
        """The carrier had no room for a dial."""
        observed_rate = self.limit.pacer.observed_rate(now)
        self._rate.throttled(now, observed_rate=observed_rate, retry_after_s=retry_after_s)
        self._adapt(now)

    def _adapt(self, now: float) -> None:
        allowed = self._rate.allowed(now)
        if allowed != self.limit.pacer.rate:
            self.limit.pacer.set_rate(allowed, now)
