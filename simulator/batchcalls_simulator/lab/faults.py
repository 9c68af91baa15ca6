"""What goes wrong in a simulated world, and how badly.

A seed decides by *swarm testing*: each fault is off in about half of the worlds and anything
from mild to wild in the others. A world in which everything fails at once hides the bugs that
need one fault alone for a long time, or two faults without a third that cures them.

It only draws. ``Disk``, ``PhoneNetwork``, ``Process`` and the options of the simulator make
the faults happen.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from random import Random
from typing import TypeVar

T = TypeVar("T")


class Moment(StrEnum):
    """Where a server may die.

    ``TIME``: after so many seconds. ``STEP``: at the so-many-th step of any of its tasks, so at
    any await. ``BEFORE_COMMIT``: a commit is lost. ``AFTER_COMMIT``: it is durable, and nobody
    heard of it. ``BEFORE_LEAVING``: the intent is durable, and its dial is about to leave.
    ``BEFORE_DIAL``: it has left, and no phone rang. ``AFTER_DIAL``: the phone rings, and nobody
    listens. ``DRAIN``: after so many seconds, but in good order.
    """

    TIME = "time"
    STEP = "step"
    BEFORE_COMMIT = "before_commit"
    AFTER_COMMIT = "after_commit"
    BEFORE_LEAVING = "before_leaving"
    BEFORE_DIAL = "before_dial"
    AFTER_DIAL = "after_dial"
    DRAIN = "drain"


@dataclass(frozen=True, slots=True, kw_only=True)
class Doom:
    """How one server ends: at the ``count``-th such moment (seconds for ``TIME``, ``DRAIN``).

    The next one starts ``restart_s`` seconds later.
    """

    moment: Moment
    count: int
    restart_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """A stretch of virtual time in which something is broken."""

    start_s: float
    end_s: float

    def covers(self, now: float) -> bool:
        """Whether it is broken at ``now``."""
        return self.start_s <= now < self.end_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """All that goes wrong until ``calm_at_s`` of virtual time; from then on nothing does.

    ``dooms``: how the servers end, one after the other; the one behind the last lives on.
    ``full_disk``: when nothing can be committed. ``slow_disk_s``: the longest way to the disk,
    and back.
    ``lost_result_rate``: the share of calls whose end the carrier doesn't tell (it raises).
    ``forgetful_rate``: the share of calls that ``follow`` doesn't find.
    """

    calm_at_s: float
    dooms: tuple[Doom, ...] = ()
    full_disk: tuple[Trouble, ...] = ()
    slow_disk_s: float = 0.0
    lost_result_rate: float = 0.0
    forgetful_rate: float = 0.0


NO_FAULTS = Faults(calm_at_s=0.0)


def draw_faults(random: Random) -> Faults:
    """The faults of one world."""
    calm_at_s = random.uniform(60.0, 1_800.0)
    return Faults(
        calm_at_s=calm_at_s,
        dooms=perhaps(random, lambda: _dooms(random), ()),
        full_disk=perhaps(random, lambda: draw_troubles(random, calm_at_s), ()),
        slow_disk_s=perhaps(random, lambda: 10.0 ** random.uniform(-2.0, 0.7), 0.0),
        lost_result_rate=draw_rate(random),
        forgetful_rate=draw_rate(random),
    )


def draw_rate(random: Random, most: float = 0.5) -> float:
    """A probability: 0 half of the time, else small or large up to ``most``."""
    return perhaps(random, lambda: most * random.random() ** 2, 0.0)


def draw_troubles(random: Random, until_s: float) -> tuple[Trouble, ...]:
    """One to three stretches of up to a quarter of the time."""
    starts = [random.uniform(0.0, until_s) for _ in range(random.randint(1, 3))]
    return tuple(
        Trouble(start_s=start, end_s=start + random.uniform(0.1, until_s / 4))
        for start in sorted(starts)
    )


def perhaps(random: Random, draw: Callable[[], T], otherwise: T) -> T:
    """``draw()`` in half of the worlds, ``otherwise`` in the rest."""
    return draw() if random.random() < 0.5 else otherwise


def _dooms(random: Random) -> tuple[Doom, ...]:
    wild = random.randint(1, 8)
    return tuple(_doom(random) for _ in range(wild))


_LATEST = {
    Moment.TIME: 300,
    Moment.STEP: 3_000,
    Moment.BEFORE_COMMIT: 60,
    Moment.AFTER_COMMIT: 60,
    Moment.BEFORE_LEAVING: 30,
    Moment.BEFORE_DIAL: 30,
    Moment.AFTER_DIAL: 30,
    Moment.DRAIN: 300,
}
"""The largest count drawn: late enough for a server to get into its stride."""


def _doom(random: Random) -> Doom:
    moment = random.choice(list(Moment))
    count = max(1, round(_LATEST[moment] * random.random() ** 2))
    return Doom(moment=moment, count=count, restart_s=random.choice([0.0, 0.5, 5.0, 60.0]))
