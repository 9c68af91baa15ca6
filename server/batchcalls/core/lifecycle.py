"""The life cycles of batches and calls, as two tables.

Everything that may happen to a status stands here: state × step → state. A step that
isn't in the table raises ``IllegalStep`` and changes nothing. The diagrams in the docs are
generated from these tables.

Theory: a *call* is dialed (``DIAL``) and then leaves ``in_progress`` in exactly one of five
ways: it completes, fails, is canceled, waits for its next attempt (``RETRY``), or is given
back undialed because the phone certainly did not ring (``RETURN``; only a call without any
attempt that counts goes back to ``pending``, others ``RETRY``). A *batch* runs until all its
calls are final; then it settles. Pausing stops new dials, so a paused batch may still settle
when its last call ends. Canceling is a state of its own, since calls that are up may go on.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from batchcalls.core.model import BatchStatus, CallStatus


class CallStep(StrEnum):
    """What can happen to a call."""

    DIAL = "dial"
    COMPLETE = "complete"
    FAIL = "fail"
    CANCEL = "cancel"
    RETRY = "retry"
    RETURN = "return"


class BatchStep(StrEnum):
    """What can happen to a batch."""

    START = "start"
    PAUSE = "pause"
    RESUME = "resume"
    RESCHEDULE = "reschedule"
    CANCEL = "cancel"
    SETTLE_COMPLETED = "settle_completed"
    SETTLE_FAILED = "settle_failed"
    SETTLE_CANCELED = "settle_canceled"


CALL: Final[Mapping[CallStatus, Mapping[CallStep, CallStatus]]] = {
    CallStatus.PENDING: {
        CallStep.DIAL: CallStatus.IN_PROGRESS,
        CallStep.CANCEL: CallStatus.CANCELED,
    },
    CallStatus.IN_PROGRESS: {
        CallStep.COMPLETE: CallStatus.COMPLETED,
        CallStep.FAIL: CallStatus.FAILED,
        CallStep.CANCEL: CallStatus.CANCELED,
        CallStep.RETRY: CallStatus.RETRYING,
        CallStep.RETURN: CallStatus.PENDING,
    },
    CallStatus.RETRYING: {
        CallStep.DIAL: CallStatus.IN_PROGRESS,
        CallStep.CANCEL: CallStatus.CANCELED,
    },
    CallStatus.COMPLETED: {},
    CallStatus.FAILED: {},
    CallStatus.CANCELED: {},
}

BATCH: Final[Mapping[BatchStatus, Mapping[BatchStep, BatchStatus]]] = {
    BatchStatus.SCHEDULED: {
        BatchStep.START: BatchStatus.RUNNING,
        BatchStep.PAUSE: BatchStatus.PAUSED,
        BatchStep.CANCEL: BatchStatus.CANCELING,
    },
    BatchStatus.RUNNING: {
        BatchStep.PAUSE: BatchStatus.PAUSED,
        BatchStep.CANCEL: BatchStatus.CANCELING,
        BatchStep.SETTLE_COMPLETED: BatchStatus.COMPLETED,
        BatchStep.SETTLE_FAILED: BatchStatus.FAILED,
    },
    BatchStatus.PAUSED: {
        BatchStep.RESUME: BatchStatus.RUNNING,
        BatchStep.RESCHEDULE: BatchStatus.SCHEDULED,
        BatchStep.CANCEL: BatchStatus.CANCELING,
        BatchStep.SETTLE_COMPLETED: BatchStatus.COMPLETED,
        BatchStep.SETTLE_FAILED: BatchStatus.FAILED,
    },
    BatchStatus.CANCELING: {
        BatchStep.CANCEL: BatchStatus.CANCELING,
        BatchStep.SETTLE_CANCELED: BatchStatus.CANCELED,
    },
    BatchStatus.COMPLETED: {},
    BatchStatus.FAILED: {},
    BatchStatus.CANCELED: {},
}


class IllegalStep(Exception):
    """The step isn't allowed from that status; nothing has changed."""

    def __init__(self, status: BatchStatus | CallStatus, step: BatchStep | CallStep) -> None:
        super().__init__(f"{step.value!r} is not possible while {status.value}")
        self.status = status
        self.step = step


def next_call(status: CallStatus, step: CallStep) -> CallStatus:
    """The status of a call after ``step``. Raises ``IllegalStep``."""
    try:
        return CALL[status][step]
    except KeyError:
        raise IllegalStep(status, step) from None


def next_batch(status: BatchStatus, step: BatchStep) -> BatchStatus:
    """The status of a batch after ``step``. Raises ``IllegalStep``."""
    try:
        return BATCH[status][step]
    except KeyError:
        raise IllegalStep(status, step) from None
