"""A limit: slots and a pace, the same for the server, a carrier and a batch.

A *slot* is the right to have one call up. It is taken when a dial is prepared (before its
intent is written) and given back when the line is free. The *pace* is calls per second. It
binds at the moment of the launch, when the dial leaves for the carrier, since only that
moment is seen outside; a commit lies between preparing and launching, and how long it takes
nobody knows. So dials are prepared up to ``lead_s`` ahead of their turn and wait, ready, for
the exact moment.
"""

from __future__ import annotations

import math

from batchcalls.core.pacing import Pacer

LEAD_S = 0.1
"""How far ahead of its turn a paced dial is prepared: longer than a commit takes on a slow disk."""


GUARD_S = 0.01
"""How differently long dials may take from their launch to the carrier: two turns of a thread.

It costs 1 % of a pace of whole calls a second, and never 2 % of one above 1.
"""


class Limit:
    """Counts slots and paces launches. ``slots`` of 0 and ``rate`` of 0 mean no limit."""

    __slots__ = ("in_use", "name", "pacer", "prepared", "slots")

    def __init__(self, name: str, *, slots: int = 0, rate: float = 0.0) -> None:
        self.name = name
        self.slots = slots
        self.pacer = Pacer(rate, guard_s=GUARD_S)
        self.in_use = 0
        self.prepared = 0

    def __repr__(self) -> str:
        slots = self.slots or "∞"
        return f"<Limit {self.name}: {self.in_use}/{slots} slots, {self.prepared} prepared>"

    def set(self, *, slots: int, rate: float, now: float) -> None:
        """Hold these limits from ``now`` on; what was launched before counts against them."""
        self.slots = slots
        if rate != self.pacer.rate:
            self.pacer.set_rate(rate, now)

    @property
    def full(self) -> bool:
        return 0 < self.slots <= self.in_use

    def prepare_at(self, now: float) -> float:
        """The first moment from ``now`` on to prepare a dial.

        Infinite until a slot is free, and while the pace waits for dials that are late (their
        commit lasts longer than the lead): then only a launch makes room, not the time.
        """
        if self.full:
            return math.inf
        rate = self.pacer.rate
        if not rate:
            return now
        ahead_s = self.prepared / rate - LEAD_S
        launch_at = self.pacer.earliest(now)
        if launch_at > now:
            return max(now, launch_at + ahead_s)
        return now if ahead_s <= 0.0 else math.inf

    def launch_at(self, now: float) -> float:
        """The first moment from ``now`` on at which a prepared dial may leave."""
        return self.pacer.earliest(now)

    def prepare(self) -> None:
        """Take a slot."""
        self.in_use += 1
        self.prepared += 1

    def launch(self, now: float) -> None:
        """A prepared dial leaves."""
        self.prepared -= 1
        self.pacer.start(now)

    def launched(self, *, planned: float, now: float) -> None:
        """A dial that was to leave at ``planned`` really leaves, a little later."""
        if self.pacer.rate:
            self.pacer.postpone(planned, now)

    def withdraw(self) -> None:
        """A prepared dial doesn't leave after all; its slot is free."""
        self.prepared -= 1
        self.release()

    def adopt(self) -> None:
        """Take a slot for a call that is up already, even above the limit."""
        self.in_use += 1

    def release(self) -> None:
        """Give a slot back."""
        assert self.in_use > 0, f"slot of {self.name} released twice"
        self.in_use -= 1
