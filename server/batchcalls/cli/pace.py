"""How fast a batch goes and how long it will take, from the states that were seen.

It is an estimate for people. Theory: calls that were never dialed take as long as it takes, at
the pace of now, to dial them; due retries take their share of the same slots, and are in that
pace. What is up ends after a call's length, which is how many are up by how many are dialed a
second (Little's law). And the end comes no sooner than the last retry that is due: its wait is
added, because calls that are yet to be dialed will fail and wait too.

The window is at least ``WINDOW_S`` long: calm to read, yet soon aware of a change. Where dials
are rare it is longer, until it holds enough of them.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

WINDOW_S = 10.0
"""How far back the speed is measured at least, in seconds."""

ENOUGH_ATTEMPTS = 20
"""How many dials make a speed, if ``LONGEST_WINDOW_S`` has as many."""

LONGEST_WINDOW_S = 600.0


class _Sample(NamedTuple):
    now_s: float
    attempts: int
    pending: int


class Pace:
    """The speed of one batch; ``add`` takes what was seen, at any monotonic time."""

    def __init__(self) -> None:
        self._samples: deque[_Sample] = deque()

    def add(self, now_s: float, *, attempts: int, pending: int) -> None:
        """Note how many attempts were made, and how many calls had none, at ``now_s``."""
        self._samples.append(_Sample(now_s, attempts, pending))
        while len(self._samples) > 2 and self._is_too_old(self._samples[1]):
            self._samples.popleft()

    def pause(self) -> None:
        """Forget the speed: nothing is dialed for now, so what follows is measured anew."""
        self._samples.clear()

    @property
    def calls_per_second(self) -> float | None:
        """Attempts a second; None before there is something to measure."""
        if not self._samples or not self._span_s():
            return None
        return (self._samples[-1].attempts - self._samples[0].attempts) / self._span_s()

    def time_left_s(self, *, pending: int, due: int, up: int, wait_s: float) -> float | None:
        """Until all calls have ended; None where nobody knows.

        ``pending`` calls were never dialed, ``due`` ones only wait for a slot, ``up`` ones are
        under way, and the last retry is due in ``wait_s`` (0 where none waits).
        """
        if not (pending or due or up):
            return wait_s
        speed, fall = self.calls_per_second, self._pending_per_second()
        if not speed or (pending and not fall):
            return None
        work_s = pending / fall if pending else due / speed
        return work_s + up / speed + wait_s

    def _pending_per_second(self) -> float:
        if not self._samples or not self._span_s():
            return 0.0
        return max(0, self._samples[0].pending - self._samples[-1].pending) / self._span_s()

    def _is_too_old(self, sample: _Sample) -> bool:
        age_s = self._samples[-1].now_s - sample.now_s
        enough = self._samples[-1].attempts - sample.attempts >= ENOUGH_ATTEMPTS
        return age_s >= (WINDOW_S if enough else LONGEST_WINDOW_S)

    def _span_s(self) -> float:
        return self._samples[-1].now_s - self._samples[0].now_s
