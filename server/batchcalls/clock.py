"""The two times of the service, as one argument.

Inside, time is monotonic float seconds (trio's clock, so that a virtual clock moves it);
what is stored or told is wall-clock time, microseconds since the epoch. The conversion looks
at both clocks at that moment. A wall clock may be set, and it goes on while a machine sleeps:
whoever waits for a moment of it looks again every ``CHECK_S``, and asks whether it ``stepped``.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Final

import trio

MICROSECONDS = 1_000_000

CHECK_S: Final = 0.5
"""How often who waits for a wall-clock time looks at both clocks again: due times are kept to a
second, whatever the clock does."""

_STEP_S: Final = 0.1
"""By how much the clocks may move against each other unnoticed: they are adjusted all the time."""


class Clock:
    """Tells both times. ``wall`` returns seconds since the epoch (default ``time.time``).

    ``check_s`` (default ``CHECK_S``) is how often ``wall`` may have been set; infinite for a
    virtual one that keeps step with trio's.
    """

    def __init__(self, *, wall: Callable[[], float] = time.time, check_s: float = CHECK_S) -> None:
        self._wall = wall
        self._check_s = check_s
        self._offset_s: float | None = None

    def now(self) -> float:
        """Monotonic seconds; only inside a trio run."""
        return trio.current_time()

    def now_us(self) -> int:
        """Wall-clock microseconds since the epoch."""
        return int(self._wall() * MICROSECONDS)

    def to_monotonic(self, time_us: int) -> float:
        """The monotonic time of a wall-clock time."""
        return self.conversion()(time_us)

    def conversion(self) -> Callable[[int], float]:
        """What turns wall-clock times into monotonic ones, as both clocks stand now."""
        now, now_us = self.now(), self.now_us()
        return lambda time_us: now + (time_us - now_us) / MICROSECONDS

    def stepped(self, now: float) -> bool:
        """Whether the wall clock was set since this was asked last; it is ``now`` by the other."""
        if self._check_s == math.inf:
            return False
        offset_s = self._wall() - now
        last_s = self._offset_s
        if last_s is not None and abs(offset_s - last_s) <= _STEP_S:
            return False
        self._offset_s = offset_s
        return last_s is not None

    def look_again_at(self, now: float) -> float:
        """When to ask again whether the wall clock was set (monotonic seconds)."""
        return now + self._check_s
