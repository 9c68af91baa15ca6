"""What can happen to a batch, as records: the one language of engine, journal and store.

A change says what happened and when; ``ledger.Ledger`` decides whether it may happen and
what follows from it (counts, events), the store writes it down. Nothing else writes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from batchcalls.core.model import Attempt, BatchSpec, CallStatus
from batchcalls.core.record import record


@record
class Change:
    """Something that happened to the batch ``batch_id`` at ``time_us``."""

    batch_id: str
    time_us: int


class NewCall(NamedTuple):
    """A call as it is submitted: its priority, and its spec in the form in which it is stored."""

    priority: int
    spec: bytes


@record
class BatchSubmitted(Change):
    """A new batch with its calls; their positions are their places in ``calls``."""

    spec: BatchSpec
    calls: Sequence[NewCall]


@record
class BatchStarted(Change):
    """The start time of a scheduled batch has come."""


@record
class BatchPaused(Change):
    """Somebody paused the batch."""


@record
class BatchResumed(Change):
    """Somebody resumed the batch."""


@record
class CancelRequested(Change):
    """Somebody canceled the batch; ``hang_up`` also ends the calls that are up."""

    hang_up: bool


@record
class CallDialed(Change):
    """The intent to dial: durable before a byte leaves.

    ``dial`` counts all dials of the call; ``due_time_us`` is since when it could be dialed.
    """

    position: int
    source: CallStatus
    dial: int
    due_time_us: int
    attempt: Attempt


@record
class CallAnswered(Change):
    """Somebody, or something, picked up."""

    position: int
    attempt: Attempt


@record
class CallEnded(Change):
    """The call is over for good: ``status`` is completed, failed or canceled."""

    position: int
    status: CallStatus
    attempt: Attempt


@record
class RetryScheduled(Change):
    """The attempt didn't reach anybody; the call is tried again at ``due_time_us``."""

    position: int
    attempt: Attempt
    due_time_us: int


@record
class CallReturned(Change):
    """The phone certainly did not ring: the attempt doesn't count, the call waits again.

    It isn't dialed before ``due_time_us``; 0 is at once.
    """

    position: int
    attempt: Attempt
    due_time_us: int = 0


@record
class CallsCanceled(Change):
    """Calls that wait are canceled: pairs of position and the status that they had."""

    calls: Sequence[tuple[int, CallStatus]]
