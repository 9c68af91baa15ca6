"""The log's story of the batches: what became durable of each, a line at a time.

It follows what is committed, like everybody else, so a line stands for what no crash undoes.
Single calls are not in it: there may be thousands a second, and each has its events.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import structlog

from batchcalls.clock import MICROSECONDS
from batchcalls.core.changes import BatchSubmitted
from batchcalls.core.effects import Effects
from batchcalls.core.model import Batch, BatchStatus, Event, EventType
from batchcalls.engine.journal import Published

_CANCELED: Final = (BatchStatus.CANCELING, BatchStatus.CANCELED)

log = structlog.get_logger()


class Chronicle:
    """Writes the story, as a listener of the journal."""

    def committed(
        self, writes: Sequence[Effects], events: Sequence[Published], batches: Sequence[Batch]
    ) -> None:
        """Tell what happened to whole batches."""
        for effects in writes:
            if effects.submitted is not None:
                _tell_submission(effects.submitted)
        for event, _ in events:
            if event.position is None:
                _tell(event, next(each for each in batches if each.batch_id == event.batch_id))

    def health_changed(self, *, healthy: bool) -> None:
        """The journal tells that itself."""


def _tell_submission(submitted: BatchSubmitted) -> None:
    spec = submitted.spec
    log.info(
        "batch_submitted",
        batch_id=spec.batch_id,
        request_id=spec.request_id,
        calls=len(submitted.calls),
        carrier=spec.carrier,
        concurrency=spec.settings.concurrency,
        max_attempts=spec.settings.retry.max_attempts,
        start_time_us=spec.start_time_us,
    )


def _tell(event: Event, batch: Batch) -> None:
    batch_id, counts = event.batch_id, event.counts._asdict()
    match event.type:
        case EventType.BATCH_STARTED:
            log.info("batch_started", batch_id=batch_id, counts=counts)
        case EventType.BATCH_PAUSED:
            log.info("batch_paused", batch_id=batch_id, counts=counts)
        case EventType.BATCH_RESUMED:
            log.info("batch_resumed", batch_id=batch_id, counts=counts)
        case EventType.BATCH_UPDATED if batch.status in _CANCELED:
            log.info("batch_canceling", batch_id=batch_id, hang_up=batch.hang_up, counts=counts)
        case EventType.BATCH_COMPLETED | EventType.BATCH_FAILED | EventType.BATCH_CANCELED:
            log.info(
                "batch_ended",
                batch_id=batch_id,
                status=batch.status.value,
                counts=counts,
                attempts=batch.attempts,
                took_s=(batch.end_time_us - batch.create_time_us) / MICROSECONDS,
            )
