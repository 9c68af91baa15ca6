"""The life cycles of batches, calls and dials, as tables.

Everything that may happen to a status stands here: state × step → state. A step that
isn't in the table raises ``IllegalStep`` and changes nothing. What step a batch takes when it
opens or has no open call left, and the event that reports a step, are tables too. The
diagrams in the docs are generated from these tables.

Theory: a *call* is dialed (``DIAL``) and then leaves ``in_progress`` in exactly one of five
ways: it completes, fails, is canceled, waits for its next attempt (``RETRY``), or is given
back undialed because the phone certainly did not ring (``RETURN``; only a call without any
attempt that counts goes back to ``pending``, others ``RETRY``). A *batch* runs until all its
calls are final; then it settles. Pausing stops new dials, so a paused batch may still settle
when its last call ends. Canceling is a state of its own, since calls that are up may go on.

A *dial* is a call on its way to a phone, from the moment that a slot is taken for it
(``preparing``: its intent isn't durable yet) until what became of it is durable
(``settling``: the line is free). It leaves for the carrier between ``launched`` and ``up``;
up to there it can be recalled, and no phone has rung.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from batchcalls.core.model import BatchStatus, CallStatus, EventType


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
    DIAL = "dial"
    PAUSE = "pause"
    RESUME = "resume"
    RESCHEDULE = "reschedule"
    CANCEL = "cancel"
    SETTLE_COMPLETED = "settle_completed"
    SETTLE_FAILED = "settle_failed"
    SETTLE_CANCELED = "settle_canceled"


class DialState(StrEnum):
    """Where a dial stands. It holds its slots up to and including ``UP``."""

    PREPARING = "preparing"
    PREPARED = "prepared"
    LAUNCHED = "launched"
    UP = "up"
    SETTLING = "settling"
    GONE = "gone"


class DialStep(StrEnum):
    """What can happen to a dial.

    ``INTEND``: its intent is durable; ``REFUSE``: it can't be. ``LAUNCH``: its turn has come.
    ``PLACE``: it leaves for the carrier; ``RECALL``: it never does. ``FREE``: the line is
    free. ``SETTLE``: what became of it is durable.
    """

    INTEND = "intend"
    REFUSE = "refuse"
    LAUNCH = "launch"
    PLACE = "place"
    RECALL = "recall"
    FREE = "free"
    SETTLE = "settle"


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
        BatchStep.DIAL: BatchStatus.RUNNING,
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

OPENING: Final[Mapping[tuple[BatchStatus, bool], BatchStep | None]] = {
    (BatchStatus.SCHEDULED, True): BatchStep.START,
    (BatchStatus.SCHEDULED, False): None,
    (BatchStatus.PAUSED, True): BatchStep.RESUME,
    (BatchStatus.PAUSED, False): BatchStep.RESCHEDULE,
}
"""The step of a batch that is to open, by whether its time has come; None: it waits for it."""

SETTLING: Final[Mapping[tuple[BatchStatus, bool], BatchStep]] = {
    (BatchStatus.RUNNING, True): BatchStep.SETTLE_COMPLETED,
    (BatchStatus.RUNNING, False): BatchStep.SETTLE_FAILED,
    (BatchStatus.PAUSED, True): BatchStep.SETTLE_COMPLETED,
    (BatchStatus.PAUSED, False): BatchStep.SETTLE_FAILED,
    (BatchStatus.CANCELING, True): BatchStep.SETTLE_CANCELED,
    (BatchStatus.CANCELING, False): BatchStep.SETTLE_CANCELED,
}
"""The step of a batch whose calls are all final, by whether any of them completed."""

BATCH_EVENT: Final[Mapping[BatchStep, EventType]] = {
    BatchStep.START: EventType.BATCH_STARTED,
    BatchStep.PAUSE: EventType.BATCH_PAUSED,
    BatchStep.RESUME: EventType.BATCH_RESUMED,
    BatchStep.RESCHEDULE: EventType.BATCH_RESUMED,
    BatchStep.CANCEL: EventType.BATCH_UPDATED,
    BatchStep.SETTLE_COMPLETED: EventType.BATCH_COMPLETED,
    BatchStep.SETTLE_FAILED: EventType.BATCH_FAILED,
    BatchStep.SETTLE_CANCELED: EventType.BATCH_CANCELED,
}

CALL_EVENT: Final[Mapping[CallStep, EventType]] = {
    CallStep.DIAL: EventType.CALL_STARTED,
    CallStep.COMPLETE: EventType.CALL_COMPLETED,
    CallStep.FAIL: EventType.CALL_FAILED,
    CallStep.CANCEL: EventType.CALL_CANCELED,
    CallStep.RETRY: EventType.CALL_RETRY_SCHEDULED,
    CallStep.RETURN: EventType.CALL_RETRY_SCHEDULED,
}

DIAL: Final[Mapping[DialState, Mapping[DialStep, DialState]]] = {
    DialState.PREPARING: {
        DialStep.INTEND: DialState.PREPARED,
        DialStep.REFUSE: DialState.GONE,
    },
    DialState.PREPARED: {
        DialStep.LAUNCH: DialState.LAUNCHED,
        DialStep.RECALL: DialState.SETTLING,
    },
    DialState.LAUNCHED: {
        DialStep.PLACE: DialState.UP,
        DialStep.RECALL: DialState.SETTLING,
    },
    DialState.UP: {DialStep.FREE: DialState.SETTLING},
    DialState.SETTLING: {DialStep.SETTLE: DialState.GONE},
    DialState.GONE: {},
}


class IllegalStep(Exception):
    """The step isn't allowed from that status; nothing has changed."""

    def __init__(
        self,
        status: BatchStatus | CallStatus | DialState,
        step: BatchStep | CallStep | DialStep,
    ) -> None:
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


def next_dial(state: DialState, step: DialStep) -> DialState:
    """The state of a dial after ``step``. Raises ``IllegalStep``."""
    try:
        return DIAL[state][step]
    except KeyError:
        raise IllegalStep(state, step) from None
