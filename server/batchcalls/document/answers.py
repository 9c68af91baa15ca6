"""What the server tells, as documents: batches, calls and events.

Keys come in a fixed order. Counts are always there; what is unset or empty is left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from batchcalls.document.request import document_path
from batchcalls.timestamps import microseconds, rfc3339
from batchcalls.v1.batch_calls_service_pb2 import SubmitBatchResponse
from batchcalls.v1.batch_pb2 import Batch, BatchCounts
from batchcalls.v1.call_pb2 import Attempt, Call
from batchcalls.v1.event_pb2 import Event
from batchcalls.v1.retry_config_pb2 import RetryConfig
from batchcalls.v1.script_pb2 import Script
from batchcalls.wire.spec import duration_s
from batchcalls.wire.words import (
    BATCH_STATUS_WORDS,
    CALL_STATUS_WORDS,
    EVENT_TYPE_WORDS,
    OUTCOME_WORDS,
    RETRY_ORDER_WORDS,
)

Document = dict[str, object]


def batch_document(batch: Batch, calls: Iterable[Call] | None = None) -> Document:
    """The status of ``batch``; with its ``calls`` where they are given."""
    return {
        "batch_id": batch.batch_id,
        "total_calls": batch.total_calls,
        "completed_calls": batch.completed_calls,
        "failed_calls": batch.failed_calls,
        "in_progress": batch.in_progress,
        **({} if calls is None else {"calls": [call_document(call) for call in calls]}),
        "status": _word(BATCH_STATUS_WORDS, batch.status),
        "pending_calls": batch.pending_calls,
        "retrying_calls": batch.retrying_calls,
        "canceled_calls": batch.canceled_calls,
        "voicemail_calls": batch.voicemail_calls,
        "attempts": batch.attempts,
        "last_sequence": batch.last_sequence,
        **_settings(batch),
        **_given(
            create_time=_time(batch.create_time),
            update_time=_time(batch.update_time),
            end_time=_time(batch.end_time),
            etag=batch.etag,
        ),
    }


def _settings(batch: Batch) -> Document:
    return _given(
        display_name=batch.display_name,
        labels=dict(batch.labels),
        concurrency=batch.concurrency,
        max_calls_per_second=_number(batch.max_calls_per_second),
        priority=batch.priority,
        retry_config=_retry_config(batch.retry_config),
        retry_order=_word(RETRY_ORDER_WORDS, batch.retry_order),
        callback_url=batch.callback_url,
        carrier=batch.carrier,
        simulated=batch.simulated or None,
        start_time=_time(batch.start_time),
    )


def submitted_document(answer: SubmitBatchResponse) -> Document:
    """The status of the batch that was submitted, and what there is to say about its submission."""
    warnings = [
        {"field": document_path(warning.field), "description": warning.description}
        for warning in answer.warnings
    ]
    return {
        **batch_document(answer.batch),
        **_given(already_submitted=answer.already_submitted or None, warnings=warnings),
    }


def call_document(call: Call) -> Document:
    """How ``call`` stands, what was asked for, and its attempts."""
    spec = call.spec
    return {
        "id": call.call_id,
        "status": _word(CALL_STATUS_WORDS, call.status),
        "phone_number": spec.phone_number,
        **_given(
            outcome=_word(OUTCOME_WORDS, call.outcome),
            attempts=[_attempt(attempt) for attempt in call.attempts],
            next_attempt_time=_time(call.next_attempt_time),
            batch_id=call.batch_id,
            voice_id=spec.voice_id,
            script=_script(spec.script),
        ),
        "priority": spec.priority,
        **_given(
            variables=dict(spec.variables),
            metadata=dict(spec.metadata),
            reference_id=spec.reference_id,
            caller_id=spec.caller_id,
            create_time=_time(call.create_time),
            update_time=_time(call.update_time),
            end_time=_time(call.end_time),
        ),
    }


def event_document(event: Event) -> Document:
    """What ``event`` reports: the body of a webhook and a line of ``batchcalls events``."""
    return {
        "type": _word(EVENT_TYPE_WORDS, event.type),
        "sequence": event.sequence,
        **_given(
            time=_time(event.time),
            batch_id=event.batch_id,
            call_id=event.call_id,
            attempt=_attempt(event.attempt) if event.HasField("attempt") else None,
        ),
        "counts": _counts(event.counts),
        **_given(next_attempt_time=_time(event.next_attempt_time)),
    }


def _attempt(attempt: Attempt) -> Document:
    return _given(
        attempt_id=attempt.attempt_id,
        number=attempt.number,
        outcome=_word(OUTCOME_WORDS, attempt.outcome),
        carrier=attempt.carrier,
        carrier_call_id=attempt.carrier_call_id,
        carrier_code=attempt.carrier_code,
        detail=attempt.detail,
        start_time=_time(attempt.start_time),
        ring_time=_time(attempt.ring_time),
        answer_time=_time(attempt.answer_time),
        end_time=_time(attempt.end_time),
    )


def _counts(counts: BatchCounts) -> Document:
    return {
        "total_calls": counts.total_calls,
        "pending_calls": counts.pending_calls,
        "in_progress": counts.in_progress,
        "retrying_calls": counts.retrying_calls,
        "completed_calls": counts.completed_calls,
        "failed_calls": counts.failed_calls,
        "canceled_calls": counts.canceled_calls,
        "voicemail_calls": counts.voicemail_calls,
    }


def _retry_config(retry: RetryConfig) -> Document:
    return _given(
        max_attempts=retry.max_attempts,
        delay=_seconds(retry.delay),
        backoff_multiplier=_number(retry.backoff_multiplier),
        max_delay=_seconds(retry.max_delay),
        jitter=_number(retry.jitter),
        retry_on=[_word(OUTCOME_WORDS, outcome) for outcome in retry.retry_on],
    )


def _script(script: Script) -> Document:
    return _given(
        type=script.type,
        text=script.text,
        steps=[{"text": step.text} for step in script.steps],
    )


def _given(**values: object) -> Document:
    return {key: value for key, value in values.items() if value not in (None, "", [], {})}


def _word(words: Mapping[int, StrEnum], value: int) -> str:
    """The word for an enum's value: empty for unspecified; a newer server's is its number."""
    word = words.get(value)
    return word.value if word else str(value or "")


def _number(value: float) -> int | float:
    return int(value) if value.is_integer() else value


def _seconds(message: Duration) -> int | float:
    return _number(duration_s(message))


def _time(message: Timestamp) -> str:
    time_us = microseconds(message)
    return rfc3339(time_us) if time_us else ""
