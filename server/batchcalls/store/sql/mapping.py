"""Rows to records and back, for batches and calls. The column names are ``schema``'s."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Row as StoredRow

from batchcalls.core.changes import BatchSubmitted
from batchcalls.core.model import (
    Attempt,
    Batch,
    BatchSettings,
    BatchSpec,
    BatchStatus,
    Call,
    CallStatus,
    Counts,
    Outcome,
    RetryOrder,
    attempt_id,
    call_id,
)
from batchcalls.store.contract import UnreadableRow
from batchcalls.store.sql.given import Row
from batchcalls.store.sql.statements import ACCOUNT_COLUMNS
from batchcalls.v1 import batch_pb2, retry_config_pb2
from batchcalls.wire import spec as wire

_STATUSES: Final = {word.value: word for word in CallStatus}
_OUTCOMES: Final[Mapping[str | None, Outcome | None]] = {
    None: None,
    **{word.value: word for word in Outcome},
}


def account(batch: Batch) -> Row:
    """The ``ACCOUNT_COLUMNS`` of a batch."""
    counts = batch.counts
    return (
        batch.status.value,
        batch.started,
        batch.hang_up,
        counts.total,
        *counts,
        batch.attempts,
        batch.last_sequence,
        batch.revision,
        batch.update_time_us,
        batch.end_time_us,
    )


def batch_row(batch: Batch) -> dict[str, Any]:
    """All columns of a new batch."""
    spec, settings = batch.spec, batch.spec.settings
    return {
        "batch_id": spec.batch_id,
        "request_id": spec.request_id or None,
        "request_digest": spec.request_digest,
        "display_name": settings.display_name,
        "labels": json.dumps(dict(settings.labels), separators=(",", ":")),
        "carrier": spec.carrier,
        "concurrency": settings.concurrency,
        "max_calls_per_second": settings.max_calls_per_second,
        "priority": settings.priority,
        "retry_config": wire.retry_config_to_proto(settings.retry).SerializeToString(),
        "call_defaults": wire.call_defaults_to_proto(spec.defaults).SerializeToString(),
        "retry_order": settings.retry_order.value,
        "callback_url": settings.callback_url,
        "start_time_us": spec.start_time_us,
        "create_time_us": batch.create_time_us,
        **dict(zip(ACCOUNT_COLUMNS, account(batch), strict=True)),
    }


def call_rows(key: int, change: BatchSubmitted) -> list[Row]:
    """What is given for the calls of a new batch."""
    at = change.time_us
    return [
        (key, position, priority, at, spec)
        for position, (priority, spec) in enumerate(change.calls)
    ]


def batch_record(row: StoredRow[Any]) -> Batch:
    """The batch in a row of all columns of ``batches``. Raises ``UnreadableRow``."""
    try:
        return _batch(row)
    except Exception as error:
        raise UnreadableRow(f"batch {row.batch_id}", error) from error


def _batch(row: StoredRow[Any]) -> Batch:
    defaults = batch_pb2.CallDefaults.FromString(row.call_defaults)
    return Batch(
        spec=BatchSpec(
            batch_id=row.batch_id,
            request_id=row.request_id or "",
            request_digest=row.request_digest,
            carrier=row.carrier,
            settings=_settings(row),
            defaults=wire.call_defaults_from_proto(defaults),
            start_time_us=row.start_time_us,
        ),
        status=BatchStatus(row.status),
        counts=Counts(
            row.pending_calls,
            row.in_progress,
            row.retrying_calls,
            row.completed_calls,
            row.failed_calls,
            row.canceled_calls,
            row.voicemail_calls,
        ),
        attempts=row.attempts,
        last_sequence=row.last_sequence,
        create_time_us=row.create_time_us,
        update_time_us=row.update_time_us,
        end_time_us=row.end_time_us,
        revision=row.revision,
        started=row.started,
        hang_up=row.hang_up,
    )


def _settings(row: StoredRow[Any]) -> BatchSettings:
    retry = retry_config_pb2.RetryConfig.FromString(row.retry_config)
    return BatchSettings(
        concurrency=row.concurrency,
        max_calls_per_second=row.max_calls_per_second,
        priority=row.priority,
        retry=wire.retry_config_from_proto(retry),
        retry_order=RetryOrder(row.retry_order),
        display_name=row.display_name,
        labels=_labels(row.labels),
        callback_url=row.callback_url,
    )


def _labels(stored: str) -> dict[str, str]:
    labels = json.loads(stored)
    if not isinstance(labels, dict) or not all(isinstance(each, str) for each in labels.values()):
        raise ValueError(f"{stored!r} are no labels")
    return labels


def attempt_record(batch_id: str, row: Sequence[Any]) -> Attempt:
    """The attempt in a row that begins with all columns of ``attempts``."""
    # A row gives all its columns in order in the time in which it finds one of them by its name.
    _, position, number, dial, outcome, carrier, carrier_call_id, code, detail, *times = row
    start_time_us, ring_time_us, answer_time_us, end_time_us, *_ = times
    return Attempt(
        attempt_id=attempt_id(batch_id, position, dial),
        number=number,
        carrier=carrier,
        start_time_us=start_time_us,
        outcome=_OUTCOMES[outcome],
        carrier_call_id=carrier_call_id,
        carrier_code=code,
        detail=detail,
        ring_time_us=ring_time_us,
        answer_time_us=answer_time_us,
        end_time_us=end_time_us,
    )


def call_record(batch_id: str, row: StoredRow[Any], tried: Iterable[StoredRow[Any]]) -> Call:
    """The call in a row of all columns of ``calls``, with its attempts' rows in order.

    Raises:
      UnreadableRow: it, or one of its attempts, can't be read.
    """
    try:
        return _call(batch_id, row, tried)
    except Exception as error:
        raise UnreadableRow(f"call {call_id(batch_id, row.position)}", error) from error


def _call(batch_id: str, row: Sequence[Any], tried: Iterable[Sequence[Any]]) -> Call:
    _, position, status, outcome, _, _, _, due_time_us, spec, *times = row
    create_time_us, update_time_us, end_time_us = times
    wire.check_stored_call_spec(spec)
    return Call(
        batch_id=batch_id,
        position=position,
        spec=spec,
        status=_STATUSES[status],
        outcome=_OUTCOMES[outcome],
        attempts=tuple([attempt_record(batch_id, attempt) for attempt in tried]),
        due_time_us=due_time_us,
        create_time_us=create_time_us,
        update_time_us=update_time_us,
        end_time_us=end_time_us,
    )
