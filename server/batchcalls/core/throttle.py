"""How fast to dial a carrier that says it has no room.

A carrier's limits are often not what its contract says. Each time it throttles, the rate
is halved (multiplicative decrease); then it grows by a steady amount per second until it
is back where it was (additive increase). That is how TCP shares a line with strangers,
and it settles around what the carrier really takes.

An ``AdaptiveRate`` only says the rate: a ``Pacer`` keeps it. It doesn't measure either:
the caller brings the rate at which it has lately dialed.

The step of growth is 5 % per second of a *reference*: the configured ceiling, or, where
there is none, the rate that was observed when the carrier throttled first. It doesn't
shrink with repeated decreases, so the way back is always short: 20 s of growth at most to
a ceiling; without a ceiling, 40 s at most to twice the reference, where the rate becomes
unlimited again. The carrier may ask for a rest before the growth begins.
"""

from __future__ import annotations

import math

DECREASE = 0.5
"""The factor of a decrease."""

INCREASE_PER_S = 0.05
"""The growth per second, as a share of the reference."""


MAX_REST_S = 300.0
"""The longest rest of a carrier, in seconds, whatever it asks for: then it is asked again."""


class AdaptiveRate:
    """The calls per second that a carrier takes, as it is known now.

    ``ceiling`` is the configured limit, 0 for none. The rate never falls below ``floor``
    (default 0.5/s), or the ceiling if that is lower: somebody must find out that there is
    room again. All that the carrier throttles within ``hold_s`` (default 1 s) of a decrease
    was dialed before it could help, and doesn't count.
    """

    def __init__(self, ceiling: float, *, floor: float = 0.5, hold_s: float = 1.0) -> None:
        assert 0.0 <= ceiling < math.inf, f"a ceiling is 0 or more, not {ceiling}"
        assert floor > 0.0, f"a floor is more than 0, not {floor}"
        self._ceiling = ceiling
        self._floor = floor
        self._hold_s = hold_s
        self._reference = 0.0
        self._low = math.inf
        self._decreased_at = -math.inf
        self._grows_from = -math.inf

    def allowed(self, now: float) -> float:
        """The calls per second allowed at ``now``; 0 means no limit."""
        if self._low == math.inf:
            return self._ceiling
        rate = self._grown(now)
        return rate if rate < self._goal else self._ceiling

    def throttled(self, now: float, *, observed_rate: float, retry_after_s: float = 0.0) -> None:
        """Take note that the carrier throttled a dial at ``now``.

        ``observed_rate`` is how many calls per second were lately dialed (0 or more): less
        than what was allowed, if calls or slots were short. The rate stays low for the
        ``retry_after_s`` seconds that the carrier asks for (at most ``MAX_REST_S``) before
        it grows.
        """
        if now - self._decreased_at < self._hold_s:
            return
        rate = self.allowed(now)
        if self._ceiling:
            self._reference = self._ceiling
        elif not rate:
            self._reference = max(observed_rate, self._floor)
        lately = min(rate, observed_rate) if rate else observed_rate
        self._low = max(self._floor, DECREASE * lately)
        self._decreased_at = now
        self._grows_from = now + min(max(retry_after_s, 0.0), MAX_REST_S)

    @property
    def _goal(self) -> float:
        return self._ceiling or 2.0 * self._reference

    def _grown(self, now: float) -> float:
        growing_s = max(0.0, now - self._grows_from)
        return self._low + INCREASE_PER_S * self._reference * growing_s

    def __repr__(self) -> str:
        goal = f"{self._goal:g}/s" if self._ceiling else "unlimited"
        if self._low == math.inf:
            return f"<AdaptiveRate {goal}, never throttled>"
        return f"<AdaptiveRate {goal}, {self._low:g}/s at {self._decreased_at:.3f}>"
