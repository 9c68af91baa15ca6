"""The trunk: the lines to the outside world, how fast they take calls, and when they are dead.

It doesn't wait and owns no clock: the caller says what time it is, and whoever seizes a
line releases it. These are the world's limits, which a carrier finds out the hard way;
the limits of the contract, which the engine keeps by itself, are ``CarrierLimits``.

A rate of r calls per second is kept as at most ceil(r) calls in any half-open window of
ceil(r)/r seconds. For a whole r that is r calls in any window of one second; a fraction
is kept exactly in the long run, and calls spaced evenly at the rate are never refused.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from batchcalls.carriers.base import CarrierThrottled, CarrierUnavailable
from batchcalls_simulator.values import read_spans

_FULL_RETRY_AFTER_S = 1.0
"""Nobody knows when a line becomes free; a second is short against a call."""

_CLOCK_GRAIN_S = 1e-9
"""Two calls paced one window apart may come this much closer by floating-point rounding."""


class Shortage(StrEnum):
    """What a trunk has too little of for a dial."""

    LINES = "lines"
    TURNS = "turns"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outage:
    """The trunk is dead from ``start_s`` up to, not including, ``end_s`` after its first use."""

    start_s: float
    end_s: float

    def __post_init__(self) -> None:
        if not 0 <= self.start_s < self.end_s < math.inf:
            raise ValueError(
                f"an outage must start at 0 s or later and before it ends, "
                f"not {self.start_s:g}-{self.end_s:g}"
            )


def read_outages(value: object) -> tuple[Outage, ...]:
    """The outages that ``"60-90,200-210"`` spells, in seconds after the trunk's first use.

    Raises:
      ValueError: the text isn't of that form, or an outage ends before it starts.
    """
    form = "60-90,200-210"
    spans = read_spans(value, form=form)
    if any(rest for _, _, rest in spans):
        raise ValueError(f"must look like {form}, not {value!r}")
    return tuple(Outage(start_s=start, end_s=end) for start, end, _ in spans)


class Trunk:
    """A bundle of lines. ``capacity`` and ``calls_per_second`` of 0 mean no limit.

    ``now`` is any monotonic time in seconds; outages count from the first one given.
    ``shortage`` is why it throttled last, None where it never did.
    """

    def __init__(
        self,
        *,
        capacity: int = 0,
        calls_per_second: float = 0.0,
        outages: Sequence[Outage] = (),
    ) -> None:
        self._capacity = capacity or math.inf
        self._window_calls = math.ceil(calls_per_second)
        self._window_s = self._window_calls / calls_per_second if calls_per_second else 0.0
        self._outages = tuple(outages)
        self._recent: deque[float] = deque()
        self._first_use: float | None = None
        self.calls_up = 0
        self.peak_calls_up = 0
        self.shortage: Shortage | None = None

    def __repr__(self) -> str:
        return f"<Trunk calls_up={self.calls_up} capacity={self._capacity}>"

    def require_alive(self, now: float) -> None:
        """Raise ``CarrierUnavailable`` during an outage."""
        if self._first_use is None:
            self._first_use = now
        since_s = now - self._first_use
        for outage in self._outages:
            if outage.start_s <= since_s < outage.end_s:
                raise CarrierUnavailable(
                    f"the trunk is down for another {outage.end_s - since_s:g} s"
                )

    def seize(self, now: float) -> None:
        """Take a line for one call, or take nothing and raise.

        Raises:
          CarrierUnavailable: the trunk is down.
          CarrierThrottled: no line is free, or too many calls came within the window.
        """
        self.require_alive(now)
        if self.calls_up >= self._capacity:
            self.shortage = Shortage.LINES
            raise CarrierThrottled("every line is taken", retry_after_s=_FULL_RETRY_AFTER_S)
        if self._window_calls:
            self._take_turn(now)
        self.calls_up += 1
        self.peak_calls_up = max(self.peak_calls_up, self.calls_up)

    def release(self) -> None:
        """Give back the line of one call."""
        assert self.calls_up > 0, "a line was released that nobody had seized"
        self.calls_up -= 1

    def _take_turn(self, now: float) -> None:
        while self._recent and self._recent[0] + self._window_s <= now + _CLOCK_GRAIN_S:
            self._recent.popleft()
        if len(self._recent) >= self._window_calls:
            self.shortage = Shortage.TURNS
            retry_after_s = self._recent[0] + self._window_s - now
            raise CarrierThrottled("too many calls at once", retry_after_s=retry_after_s)
        self._recent.append(now)
