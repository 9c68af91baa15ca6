"""What follows from a change: the one place that says what it means for calls and attempts.

``ledger.Ledger`` works the effects out, once; the store writes them down, the scheduler, the
metrics and the laboratory follow them. None of them asks what kind of change it was.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from batchcalls.core.changes import BatchSubmitted
from batchcalls.core.model import Attempt, CallStatus, Event, Outcome


class Move(NamedTuple):
    """A call goes from one status to another, from ``source`` to ``target``.

    ``attempts`` (those that count) and ``dials`` are how many the call has had from now on,
    ``outcome`` is how its last attempt ended: None leaves each as it was. ``due_time_us`` is
    when the call is dialed at the earliest, 0 where it waits for no time.
    """

    position: int
    source: CallStatus
    target: CallStatus
    attempts: int | None = None
    dials: int | None = None
    outcome: Outcome | None = None
    due_time_us: int = 0


class AttemptStep(StrEnum):
    """What can happen to an attempt. ``WITHDRAW`` undoes it: no phone rang, it never counted."""

    OPEN = "open"
    ANSWER = "answer"
    END = "end"
    WITHDRAW = "withdraw"


class Attempted(NamedTuple):
    """Something happened to the attempt of a call.

    For ``OPEN``, ``dial`` counts the dials of the call, this one included, and
    ``due_time_us`` is since when it could be dialed; both are 0 for other steps.
    """

    step: AttemptStep
    position: int
    attempt: Attempt
    dial: int = 0
    due_time_us: int = 0


@dataclass(slots=True, kw_only=True)
class Effects:
    """All that follows from one change of ``batch_id`` at ``time_us``; the ledger fills it in.

    ``events`` report it, in order. ``moves`` are calls that changed their status, ``attempt``
    what happened to an attempt. ``submitted`` is the batch, with its calls, where it is new.
    """

    batch_id: str
    time_us: int
    events: list[Event] = field(default_factory=list)
    moves: list[Move] = field(default_factory=list)
    attempt: Attempted | None = None
    submitted: BatchSubmitted | None = None
