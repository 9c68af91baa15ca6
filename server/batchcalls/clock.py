"""The two times of the service, as one argument.

Inside, time is monotonic float seconds (trio's clock, so that a virtual clock moves it);
what is stored or told is wall-clock time, microseconds since the epoch. The conversion looks
at both clocks at that moment, so a stepped wall clock moves due times with it.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import trio

MICROSECONDS = 1_000_000


class Clock:
    """Tells both times. ``wall`` returns seconds since the epoch (default ``time.time``)."""

    def __init__(self, *, wall: Callable[[], float] = time.time) -> None:
        self._wall = wall

    def now(self) -> float:
        """Monotonic seconds; only inside a trio run."""
        return trio.current_time()

    def now_us(self) -> int:
        """Wall-clock microseconds since the epoch."""
        return int(self._wall() * MICROSECONDS)

    def to_monotonic(self, time_us: int) -> float:
        """The monotonic time of a wall-clock time."""
        return self.now() + (time_us - self.now_us()) / MICROSECONDS
