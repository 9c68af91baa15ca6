"""Spreads starts evenly over time and never lets them exceed a rate.

A pacer knows when the next start is allowed. It doesn't sleep, read a clock or keep a
queue: the caller asks ``earliest``, waits, and reports each ``start``.

The promise. With n = max(1, floor(rate)), there are never more than n starts in any
half-open window of n / rate seconds; for a whole rate, never more than ``rate`` in any
[t, t + 1). When the rate changes, every start obeys the rate in force when it is made:
together with it, at most n starts lie in the n / rate seconds up to it, whichever rate
the earlier ones were made under.

How. Two rules, and a start needs both. The *log* of recent start times is exact: a start
waits until the n-th start before it is a whole window old. Being a hard rule it would
still allow all n at once, so the *schedule* spreads them: each start takes a place one
interval, the n-th part of a window, after the place of the one before. A loop that wakes up
late finds the places of the missed moments still free and catches up, as long as it is at
most ``tolerance_s`` late. Whoever comes later than that was idle, and finds only
``tolerance_s`` worth of starts, at least one: idle time can't be saved up for a burst.

The guard. What a start looks like from outside is a little later than its record, by a time
that varies: a scheduler of threads or a network lies between. Two starts a window apart by
their records may be closer than a window outside. With ``guard_s`` the window of the log
is so much longer, and the interval with it; the promise then holds outside as well, as long
as the delays differ by no more than that.

Rounding. Times are floats. The length of a window and its end may each be rounded down by
half a step of the float; the end is pushed up by a whole one, so that the promise holds
exactly for the start times as recorded, not only nearly.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections import deque

_MEMORY_S = 1.5
"""How long starts are remembered beyond the last n, and the guard, in case the rate grows.

The window of a rate of 2 or more is at most 1 s and the guard long, and a lower rate looks
back only at the last start; the rest is margin for rounding.
"""


class Pacer:
    """Paces starts at ``rate`` per second; 0 means no limit.

    ``tolerance_s`` (default 0.02 s) is how late a loop may wake up and still catch up,
    ``guard_s`` (default 0) by how much each window is longer than promised.
    ``rate`` is to be read; ``set_rate`` changes it.
    ``now`` is monotonic seconds, 0 or more, and never runs backwards from start to start.
    Costs O(1) per start and remembers about ``rate`` start times.
    """

    def __init__(self, rate: float, *, tolerance_s: float = 0.02, guard_s: float = 0.0) -> None:
        self._tolerance_s = tolerance_s
        self._guard_s = guard_s
        self._memory_s = _MEMORY_S + guard_s
        self._log: deque[float] = deque()
        self._place = -math.inf
        self._apply(rate)

    def earliest(self, now: float) -> float:
        """The first moment, not before ``now``, at which a start is allowed."""
        if self.rate == 0.0:
            return now
        moment = max(now, self._place + self._interval_s)
        if len(self._log) < self._window_starts:
            return moment
        window_end = self._log[-self._window_starts] + self._window_s
        return max(moment, math.nextafter(window_end, math.inf))

    def hold(self, now: float) -> None:
        """Allow no start for a whole window: somebody else may have filled it up to ``now``."""
        self._place = max(self._place, now + self._window_s - self._interval_s)

    def observed_rate(self, now: float) -> float:
        """Starts per second, as made in the last second before ``now``."""
        return float(len(self._log) - bisect_right(self._log, now - 1.0))

    def start(self, now: float) -> None:
        """Record a start at ``now``, which ``earliest`` must allow."""
        assert self.earliest(now) <= now, f"{self!r} allows no start at {now}"
        assert not self._log or now >= self._log[-1], f"{now} lies before {self._log[-1]}"
        place = self._place + self._interval_s
        self._place = place if now - place <= self._tolerance_s else now - self._burst_s
        self._log.append(now)
        if self._log[0] < now - self._memory_s:
            self._forget(now)

    def postpone(self, planned: float, now: float) -> None:
        """The start recorded for ``planned`` is really made at ``now``, a little later.

        What is seen outside is the later moment: from here on, the promise is about that one.
        (Starts that were allowed in between may have come too close to it.) ``now`` is the
        time of the latest start, or later.
        """
        assert now >= self._log[-1], f"{now} lies before {self._log[-1]}"
        index = bisect_left(self._log, planned)
        if self._log[index] == planned:  # else it is so long ago that it is forgotten
            del self._log[index]
        self._log.append(now)

    def set_rate(self, rate: float, now: float) -> None:
        """Go on at ``rate`` from ``now``; the starts made so far count against it."""
        self._apply(rate)
        self._forget(now)

    def _apply(self, rate: float) -> None:
        assert 0.0 <= rate < math.inf, f"a rate is 0 or more starts per second, not {rate}"
        self.rate = rate
        self._window_starts = max(1, math.floor(rate))
        self._window_s = self._window_starts / rate + self._guard_s if rate else 0.0
        self._interval_s = self._window_s / self._window_starts
        self._burst_s = max(0.0, self._tolerance_s - self._interval_s)

    def _forget(self, now: float) -> None:
        log = self._log
        while len(log) > self._window_starts and log[0] < now - self._memory_s:
            log.popleft()

    def __repr__(self) -> str:
        rate = f"{self.rate:g}/s" if self.rate else "unlimited"
        last = f"{self._log[-1]:.6f}" if self._log else "never"
        return f"<Pacer {rate}, last start {last}>"
