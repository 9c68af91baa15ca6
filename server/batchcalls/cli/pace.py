"""How fast a batch goes and when it will be done, from the states that were seen.

It is an estimate for people: the speed of the last seconds goes on. Retries that wait for
minutes make it wrong, and it knows nothing of them.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

WINDOW_S = 10.0
"""How far back the speed is measured, in seconds: calm to read, yet soon aware of a change."""


class _Sample(NamedTuple):
    now_s: float
    attempts: int
    ended: int


class Pace:
    """The speed of one batch; ``add`` takes what was seen, at any monotonic time."""

    def __init__(self) -> None:
        self._samples: deque[_Sample] = deque()

    def add(self, now_s: float, *, attempts: int, ended: int) -> None:
        """Note how many attempts were made and how many calls had ended at ``now_s``."""
        self._samples.append(_Sample(now_s, attempts, ended))
        while len(self._samples) > 2 and self._samples[1].now_s <= now_s - WINDOW_S:
            self._samples.popleft()

    @property
    def calls_per_second(self) -> float | None:
        """Attempts a second; None before there is something to measure."""
        span_s = self._span_s()
        if not span_s:
            return None
        return (self._samples[-1].attempts - self._samples[0].attempts) / span_s

    def time_left_s(self, calls_left: int) -> float | None:
        """Until ``calls_left`` more calls have ended; None where nothing ends, so who knows."""
        ended = self._samples[-1].ended - self._samples[0].ended if self._samples else 0
        return calls_left * self._span_s() / ended if ended > 0 else None

    def _span_s(self) -> float:
        return self._samples[-1].now_s - self._samples[0].now_s if self._samples else 0.0
