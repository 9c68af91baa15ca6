"""The nouns of the service, as frozen records.

They hold no behaviour beyond what follows from their own fields, know no clock, no
store and no wire format. Times are integers, microseconds since the Unix epoch (UTC),
so that a record is equal to itself after any round trip; the aware datetimes and
protobuf timestamps live at the border.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from enum import StrEnum
from typing import NamedTuple

from batchcalls.core.record import record


class BatchStatus(StrEnum):
    """Where a batch stands; ``lifecycle.BATCH`` is the table of its moves."""

    SCHEDULED = "scheduled"
    RUNNING = "running"
    PAUSED = "paused"
    CANCELING = "canceling"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELED = "canceled"

    @property
    def final(self) -> bool:
        return self in _FINAL_BATCH


_FINAL_BATCH = frozenset({BatchStatus.COMPLETED, BatchStatus.FAILED, BatchStatus.CANCELED})


class CallStatus(StrEnum):
    """Where a call stands; ``lifecycle.CALL`` is the table of its moves."""

    PENDING = "pending"
    IN_PROGRESS = "in_progress"
    RETRYING = "retrying"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELED = "canceled"

    @property
    def final(self) -> bool:
        return self in _FINAL_CALL


_FINAL_CALL = frozenset({CallStatus.COMPLETED, CallStatus.FAILED, CallStatus.CANCELED})


class Outcome(StrEnum):
    """How an attempt ended.

    ``VOICEMAIL`` is an answered call whose callee is a machine: unless it is retried, its
    call ends completed. ``UNKNOWN`` means that a crash or a carrier hid the end.
    ``THROTTLED`` means that the carrier had no room: it never counts as an attempt.
    """

    COMPLETED = "completed"
    VOICEMAIL = "voicemail"
    BUSY = "busy"
    NO_ANSWER = "no_answer"
    REJECTED = "rejected"
    FAILED = "failed"
    INVALID_NUMBER = "invalid_number"
    CANCELED = "canceled"
    UNKNOWN = "unknown"
    THROTTLED = "throttled"


class EventType(StrEnum):
    """What an event reports; the values are the words of documents and webhooks."""

    BATCH_STARTED = "batch.started"
    CALL_STARTED = "batch.call_started"
    CALL_ANSWERED = "batch.call_answered"
    CALL_RETRY_SCHEDULED = "batch.call_retry_scheduled"
    CALL_COMPLETED = "batch.call_completed"
    CALL_FAILED = "batch.call_failed"
    CALL_CANCELED = "batch.call_canceled"
    CALLS_ADDED = "batch.calls_added"
    BATCH_UPDATED = "batch.updated"
    BATCH_PAUSED = "batch.paused"
    BATCH_RESUMED = "batch.resumed"
    BATCH_COMPLETED = "batch.completed"
    BATCH_FAILED = "batch.failed"
    BATCH_CANCELED = "batch.canceled"


class RetryOrder(StrEnum):
    """Which calls of one priority go first: those never dialed, or retries that are due."""

    FRESH_FIRST = "fresh_first"
    RETRIES_FIRST = "retries_first"


RETRYABLE_OUTCOMES = frozenset(
    {
        Outcome.BUSY,
        Outcome.NO_ANSWER,
        Outcome.FAILED,
        Outcome.REJECTED,
        Outcome.VOICEMAIL,
        Outcome.UNKNOWN,
    }
)
"""The outcomes that ``RetryConfig.retry_on`` may name."""


@record
class RetryConfig:
    """How the calls of a batch are tried again.

    ``max_attempts`` counts the first dial, 1 to 100, default 1. ``delay_s`` is the time
    before the second attempt, at least 0, default 300 s. The delay before attempt n+1 is
    ``delay_s`` × ``backoff_multiplier`` to the power n-1 (multiplier 1 to 10, default 1),
    never more than ``max_delay_s`` (default 24 h), and spread by ``jitter`` (0 to 1,
    default 0): a factor drawn evenly from 1-jitter to 1+jitter.
    """

    max_attempts: int = 1
    delay_s: float = 300.0
    backoff_multiplier: float = 1.0
    max_delay_s: float = 86_400.0
    jitter: float = 0.0
    retry_on: frozenset[Outcome] = frozenset({Outcome.BUSY, Outcome.NO_ANSWER, Outcome.FAILED})


@record
class Script:
    """What the voice says: one of ``text`` and ``steps``; ``type`` is the client's own word."""

    type: str = ""
    text: str = ""
    steps: tuple[str, ...] = ()


@record
class CallDefaults:
    """What the calls of a batch inherit where their own spec says nothing."""

    voice_id: str = ""
    caller_id: str = ""
    script: Script | None = None


@record
class CallSpec:
    """What a client gives for one call. ``script`` is None where the batch's default holds."""

    phone_number: str
    script: Script | None = None
    voice_id: str = ""
    caller_id: str = ""
    priority: int = 0
    reference_id: str = ""
    variables: Mapping[str, str] = field(default_factory=dict)
    metadata: Mapping[str, str] = field(default_factory=dict)


@record
class BatchSettings:
    """What may change while a batch runs.

    ``concurrency`` is the most calls up at once (at least 1). ``max_calls_per_second`` of 0
    means no limit of the batch's own. ``priority`` is its weight, 1 to 100, against other
    batches: twice the priority, twice the share.
    """

    concurrency: int
    max_calls_per_second: float = 0.0
    priority: int = 10
    retry: RetryConfig = RetryConfig()
    retry_order: RetryOrder = RetryOrder.FRESH_FIRST
    display_name: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    callback_url: str = ""


@record
class BatchSpec:
    """What a client gives for one batch, without its calls: who it is, and its settings.

    ``start_time_us`` of 0 means at once.
    """

    batch_id: str
    carrier: str
    settings: BatchSettings
    request_id: str = ""
    request_digest: bytes = b""
    defaults: CallDefaults = CallDefaults()
    start_time_us: int = 0


class Counts(NamedTuple):
    """How many calls of a batch stand where; the first six always add up to ``total``.

    ``voicemail`` of the completed ones reached a machine, the others a person.
    """

    pending: int = 0
    in_progress: int = 0
    retrying: int = 0
    completed: int = 0
    failed: int = 0
    canceled: int = 0
    voicemail: int = 0

    @property
    def total(self) -> int:
        return sum(self[:-1])

    @property
    def by_status(self) -> dict[CallStatus, int]:
        """How many calls have each status."""
        return dict(zip(CallStatus, self, strict=False))


@record
class Batch:
    """One batch as it stands after a commit.

    ``revision`` grows with every change (it is the etag). ``started`` tells whether it ever
    ran; ``hang_up`` whether its cancellation also ends the calls that are up.
    """

    spec: BatchSpec
    status: BatchStatus
    counts: Counts
    attempts: int = 0
    last_sequence: int = 0
    create_time_us: int = 0
    update_time_us: int = 0
    end_time_us: int = 0
    revision: int = 1
    started: bool = False
    hang_up: bool = False

    @property
    def batch_id(self) -> str:
        return self.spec.batch_id


@record
class Attempt:
    """One dial of a call. ``number`` counts from 1; times are 0 where it didn't get that far.

    Its steps are spelled out, since each dial takes them all: ``replace`` takes five times as long.
    """

    attempt_id: str
    number: int
    carrier: str
    start_time_us: int
    outcome: Outcome | None = None
    carrier_call_id: str = ""
    carrier_code: str = ""
    detail: str = ""
    ring_time_us: int = 0
    answer_time_us: int = 0
    end_time_us: int = 0

    def up(self, *, ring_time_us: int, answer_time_us: int) -> Attempt:
        """The same attempt, under way, with these times."""
        return Attempt(
            attempt_id=self.attempt_id,
            number=self.number,
            carrier=self.carrier,
            start_time_us=self.start_time_us,
            ring_time_us=ring_time_us,
            answer_time_us=answer_time_us,
        )

    def ended(
        self,
        outcome: Outcome,
        *,
        end_time_us: int,
        carrier_call_id: str = "",
        carrier_code: str = "",
        detail: str = "",
    ) -> Attempt:
        """The same attempt at its end."""
        return Attempt(
            attempt_id=self.attempt_id,
            number=self.number,
            carrier=self.carrier,
            start_time_us=self.start_time_us,
            outcome=outcome,
            carrier_call_id=carrier_call_id,
            carrier_code=carrier_code,
            detail=detail,
            ring_time_us=self.ring_time_us,
            answer_time_us=self.answer_time_us,
            end_time_us=end_time_us,
        )


@record
class Call:
    """One call with all its attempts, as stored: its ``spec`` in the form that ``NewCall`` has."""

    batch_id: str
    position: int
    spec: bytes
    status: CallStatus
    outcome: Outcome | None = None
    attempts: tuple[Attempt, ...] = ()
    due_time_us: int = 0
    create_time_us: int = 0
    update_time_us: int = 0
    end_time_us: int = 0

    @property
    def call_id(self) -> str:
        return call_id(self.batch_id, self.position)


@record
class Event:
    """One entry of a batch's log. ``sequence`` is dense per batch: 1, 2, 3 …

    ``position`` is None on events that are about the whole batch; ``due_time_us`` says when
    the call is tried again, on ``CALL_RETRY_SCHEDULED`` alone.
    """

    sequence: int
    type: EventType
    time_us: int
    batch_id: str
    counts: Counts
    position: int | None = None
    attempt: Attempt | None = None
    due_time_us: int = 0


_BATCH_PREFIX = "batch_"
_CALL_PREFIX = "call_"
_ATTEMPT_PREFIX = "attempt_"


def call_id(batch_id: str, position: int) -> str:
    """The public id of the call at ``position`` (from 0): the batch's id and the position.

    Ids that follow from what is stored need no index of their own and no room in memory.
    """
    return f"{_CALL_PREFIX}{batch_id.removeprefix(_BATCH_PREFIX)}_{position}"


def parse_call_id(text: str) -> tuple[str, int] | None:
    """The batch id and position inside a call id, or None when ``text`` isn't one."""
    stem, _, position = text.removeprefix(_CALL_PREFIX).rpartition("_")
    if not text.startswith(_CALL_PREFIX) or not stem or not _is_canonical_number(position):
        return None
    return f"{_BATCH_PREFIX}{stem}", int(position)


def parse_attempt_id(text: str) -> tuple[str, int, int] | None:
    """The batch id, position and dial inside an attempt id, or None when ``text`` isn't one."""
    stem, _, dial = text.removeprefix(_ATTEMPT_PREFIX).rpartition("_")
    call = parse_call_id(f"{_CALL_PREFIX}{stem}")
    if not text.startswith(_ATTEMPT_PREFIX) or call is None or not _is_canonical_number(dial):
        return None
    return *call, int(dial)


def _is_canonical_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and (text == "0" or text[0] != "0") and len(text) <= 9


def attempt_id(batch_id: str, position: int, dial: int) -> str:
    """The id that a carrier gets with a dial: no two dials ever share one.

    ``dial`` counts every dial of the call, throttled ones too, unlike the attempt's number.
    """
    return f"{_ATTEMPT_PREFIX}{batch_id.removeprefix(_BATCH_PREFIX)}_{position}_{dial}"
