"""A budget: what readers may have of a processor while calls are dialed.

Readers ask again as soon as they are answered. However many there are, and whatever they ask,
together they take all that they can get, and dialing shares the processor and the interpreter
with them. So an answer that takes t seconds of a processor pays for t/share seconds of the
clock, and who comes before those are over rests until then. Who asks for much waits longer, and
its next request comes later; dialing doesn't wait. What nobody took is saved up, a little of it:
who comes seldom never rests. While nothing is written, nobody pays.

How large the share is, the rests themselves tell: one that ends late shows that the loop had
more to do than it could, and what the loop does besides is dialing. Then the share is halved; as
long as rests end in time it grows, little by little.

It knows nothing of what is read, and of no loop: who rests says how.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from batchcalls.core.effects import Effects
from batchcalls.core.model import Batch
from batchcalls.engine.journal import Published

LONGEST_REST_S: Final = 2.0
"""However much was taken, a rest is over by then: nobody waits for ever."""

CREDIT_S: Final = 0.005
"""The most of a processor that is saved up: a pace forgives a loop that is late by four times
as much."""

_GROWTH_PER_S: Final = 0.2
"""By how much the share grows in a second of rests that end in time."""

_LATE_S: Final = 0.01
"""A rest that ends later than this ends late: a pace forgives no more than twice as much."""

_CALM_S: Final = 0.25
"""Calls are being dialed until nothing was written for so long."""


class Budget:
    """One budget, for all who share it; it listens to the journal to know when calls are dialed.

    ``now`` tells the time of the loop in which they rest, in seconds. The share, a part of one
    processor, begins with the ``least`` and never leaves the bounds.
    """

    def __init__(self, now: Callable[[], float], *, least: float, most: float) -> None:
        self.share = least
        self._least = least
        self._most = most
        self._now = now
        self._paid_until = -math.inf
        self._learned_at = -math.inf
        self._dialing_until = -math.inf

    def __repr__(self) -> str:
        return (
            f"<Budget {self.share:.0%} of a processor, {self._rest_s(self._now()):.3f} s to rest>"
        )

    async def rest(
        self, sleep: Callable[[float], Awaitable[object]], *, then_s: float = 0.0
    ) -> None:
        """Rest until what was paid so far is over; at once, where it is.

        ``then_s`` is paid before, for what follows the rest: who comes next rests behind it. Who
        is cancelled meanwhile has it back: where many have no patience, all would rest behind
        those who went, and go too.
        """
        now = self._now()
        rest_s = self._rest_s(now)
        self.pay(then_s)
        if not rest_s:
            return
        paid_s = self._paid_until - now - rest_s
        try:
            await sleep(rest_s)
        except BaseException:
            self._paid_until -= paid_s
            raise
        self._learn(rest_s, self._now() - now - rest_s)

    def pay(self, took_s: float) -> None:
        """So much of a processor was taken, or is about to be."""
        now = self._now()
        if now < self._dialing_until:
            saved_s = max(CREDIT_S / self.share, took_s)  # what took long was paid all the while
            paid_from = max(self._paid_until, now - saved_s)
            self._paid_until = min(paid_from + took_s / self.share, now + LONGEST_REST_S)

    def _rest_s(self, now: float) -> float:
        return max(0.0, self._paid_until - now) if now < self._dialing_until else 0.0

    def _learn(self, rest_s: float, late_s: float) -> None:
        """A rest is over. Of many at once, each tells of the time since the one before it ended."""
        now = self._now()
        seen_s = min(rest_s, now - self._learned_at)
        self._learned_at = now
        if late_s > _LATE_S:
            self.share = max(self.share / 2, self._least)
        else:
            self.share = min(self.share + seen_s * _GROWTH_PER_S, self._most)

    # As a listener of the journal

    def committed(
        self,
        writes: Sequence[Effects],
        _events: Sequence[Published],
        _batches: Sequence[Batch],
    ) -> None:
        """Something was written."""
        if writes:
            self._dialing_until = self._now() + _CALM_S

    def health_changed(self, *, healthy: bool) -> None:
        """Readers go on while nothing can be written."""
