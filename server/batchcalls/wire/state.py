"""What the server tells: batches, calls, attempts and events as they stand."""

from __future__ import annotations

from typing import Protocol

from batchcalls.core.model import (
    Attempt,
    Batch,
    Call,
    CallDefaults,
    Counts,
    Event,
    call_id,
    parse_call_id,
)
from batchcalls.timestamps import microseconds, set_timestamp
from batchcalls.v1 import batch_pb2, call_pb2, event_pb2
from batchcalls.wire.spec import fill_retry_config, fill_stored_call_spec
from batchcalls.wire.words import (
    BATCH_STATUS_VALUES,
    CALL_STATUS_VALUES,
    EVENT_TYPE_VALUES,
    EVENT_TYPE_WORDS,
    OUTCOME_VALUES,
    OUTCOME_WORDS,
    RETRY_ORDER_VALUES,
)


class _CountFields(Protocol):
    """The count fields that ``Batch`` and ``BatchCounts`` have alike."""

    total_calls: int
    pending_calls: int
    in_progress: int
    retrying_calls: int
    completed_calls: int
    failed_calls: int
    canceled_calls: int
    voicemail_calls: int


def _fill_counts(message: _CountFields, counts: Counts) -> None:
    pending, in_progress, retrying, completed, failed, canceled, voicemail = counts
    message.total_calls = pending + in_progress + retrying + completed + failed + canceled
    message.pending_calls = pending
    message.in_progress = in_progress
    message.retrying_calls = retrying
    message.completed_calls = completed
    message.failed_calls = failed
    message.canceled_calls = canceled
    message.voicemail_calls = voicemail


def counts_from_proto(message: batch_pb2.BatchCounts) -> Counts:
    """The record of ``message``; its total follows from the others."""
    return Counts(
        pending=message.pending_calls,
        in_progress=message.in_progress,
        retrying=message.retrying_calls,
        completed=message.completed_calls,
        failed=message.failed_calls,
        canceled=message.canceled_calls,
        voicemail=message.voicemail_calls,
    )


def batch_to_proto(batch: Batch, *, simulated: bool = False) -> batch_pb2.Batch:
    """The message of ``batch``; the etag is its revision.

    A record doesn't know what its carrier is: ``simulated`` says whether it rings no phone.
    """
    spec, settings = batch.spec, batch.spec.settings
    message = batch_pb2.Batch(
        simulated=simulated,
        batch_id=spec.batch_id,
        status=BATCH_STATUS_VALUES[batch.status],
        display_name=settings.display_name,
        labels=settings.labels,
        concurrency=settings.concurrency,
        max_calls_per_second=settings.max_calls_per_second,
        priority=settings.priority,
        retry_order=RETRY_ORDER_VALUES[settings.retry_order],
        callback_url=settings.callback_url,
        carrier=spec.carrier,
        attempts=batch.attempts,
        last_sequence=batch.last_sequence,
        etag=str(batch.revision),
    )
    fill_retry_config(message.retry_config, settings.retry)
    _fill_counts(message, batch.counts)
    set_timestamp(message.start_time, spec.start_time_us)
    set_timestamp(message.create_time, batch.create_time_us)
    set_timestamp(message.update_time, batch.update_time_us)
    set_timestamp(message.end_time, batch.end_time_us)
    return message


def call_to_proto(call: Call, defaults: CallDefaults) -> call_pb2.Call:
    """The message of ``call``, its spec completed by the ``defaults`` of its batch."""
    message = call_pb2.Call(
        call_id=call.call_id, batch_id=call.batch_id, status=CALL_STATUS_VALUES[call.status]
    )
    if call.outcome is not None:
        message.outcome = OUTCOME_VALUES[call.outcome]
    fill_stored_call_spec(message.spec, call.spec, defaults)
    for attempt in call.attempts:
        _fill_attempt(message.attempts.add(), attempt)
    set_timestamp(message.next_attempt_time, call.due_time_us)
    set_timestamp(message.create_time, call.create_time_us)
    set_timestamp(message.update_time, call.update_time_us)
    set_timestamp(message.end_time, call.end_time_us)
    return message


def _fill_attempt(message: call_pb2.Attempt, attempt: Attempt) -> None:
    message.attempt_id = attempt.attempt_id
    message.number = attempt.number
    message.carrier = attempt.carrier
    if attempt.outcome is not None:
        message.outcome = OUTCOME_VALUES[attempt.outcome]
    message.carrier_call_id = attempt.carrier_call_id
    message.carrier_code = attempt.carrier_code
    message.detail = attempt.detail
    set_timestamp(message.start_time, attempt.start_time_us)
    set_timestamp(message.ring_time, attempt.ring_time_us)
    set_timestamp(message.answer_time, attempt.answer_time_us)
    set_timestamp(message.end_time, attempt.end_time_us)


def attempt_to_proto(attempt: Attempt) -> call_pb2.Attempt:
    """The message of ``attempt``."""
    message = call_pb2.Attempt()
    _fill_attempt(message, attempt)
    return message


def attempt_from_proto(message: call_pb2.Attempt) -> Attempt:
    """The record of ``message``."""
    return Attempt(
        attempt_id=message.attempt_id,
        number=message.number,
        carrier=message.carrier,
        start_time_us=microseconds(message.start_time),
        outcome=OUTCOME_WORDS.get(message.outcome),
        carrier_call_id=message.carrier_call_id,
        carrier_code=message.carrier_code,
        detail=message.detail,
        ring_time_us=microseconds(message.ring_time),
        answer_time_us=microseconds(message.answer_time),
        end_time_us=microseconds(message.end_time),
    )


def event_to_proto(event: Event) -> event_pb2.Event:
    """The message of ``event``."""
    message = event_pb2.Event()
    message.sequence = event.sequence
    message.type = EVENT_TYPE_VALUES[event.type]
    message.batch_id = event.batch_id
    if event.position is not None:
        message.call_id = call_id(event.batch_id, event.position)
    if event.attempt is not None:
        _fill_attempt(message.attempt, event.attempt)
    _fill_counts(message.counts, event.counts)
    set_timestamp(message.time, event.time_us)
    set_timestamp(message.next_attempt_time, event.due_time_us)
    return message


def event_from_proto(message: event_pb2.Event) -> Event:
    """The record of ``message``."""
    place = parse_call_id(message.call_id)
    return Event(
        sequence=message.sequence,
        type=EVENT_TYPE_WORDS[message.type],
        time_us=microseconds(message.time),
        batch_id=message.batch_id,
        counts=counts_from_proto(message.counts),
        position=place[1] if place else None,
        attempt=attempt_from_proto(message.attempt) if message.HasField("attempt") else None,
        due_time_us=microseconds(message.next_attempt_time),
    )
