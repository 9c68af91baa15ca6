"""Changes of a small batch, for checks of what a store makes of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from batchcalls.core.changes import (
    BatchPaused,
    BatchSubmitted,
    CallAnswered,
    CallDialed,
    CallEnded,
    CallReturned,
    CallsCanceled,
    CancelRequested,
    Change,
    RetryScheduled,
)
from batchcalls.core.effects import Effects
from batchcalls.core.ledger import Ledger
from batchcalls.core.model import (
    Attempt,
    Batch,
    BatchSettings,
    BatchSpec,
    BatchStatus,
    CallSpec,
    CallStatus,
    Counts,
    Outcome,
    Script,
    attempt_id,
)
from batchcalls.wire.spec import new_call

NOW_US: Final = 1_700_000_000_000_000
SECOND_US: Final = 1_000_000


def call_spec(position: int = 0, **fields: Any) -> CallSpec:
    return CallSpec(phone_number=f"+1999{position:07d}", script=Script(text="Hello"), **fields)


def submitted(
    batch_id: str = "batch_a",
    *,
    calls: int = 3,
    priorities: Sequence[int] = (),
    request_id: str = "",
    digest: bytes = b"",
    time_us: int = NOW_US,
) -> BatchSubmitted:
    """A batch of ``calls`` calls, or of one with each of ``priorities``."""
    spec = BatchSpec(
        batch_id=batch_id,
        carrier="simulator",
        request_id=request_id,
        request_digest=digest,
        settings=BatchSettings(concurrency=10, labels={"campaign": "recall"}),
    )
    specs = [
        new_call(call_spec(position, priority=priority))
        for position, priority in enumerate(priorities or [0] * calls)
    ]
    return BatchSubmitted(batch_id=batch_id, time_us=time_us, spec=spec, calls=specs)


def attempt(
    position: int = 0,
    number: int = 1,
    dial: int = 1,
    outcome: Outcome | None = None,
    *,
    batch_id: str = "batch_a",
) -> Attempt:
    """The attempt of a call; over where it has an outcome."""
    return Attempt(
        attempt_id=attempt_id(batch_id, position, dial),
        number=number,
        carrier="simulator",
        start_time_us=NOW_US,
        outcome=outcome,
        end_time_us=NOW_US + SECOND_US if outcome else 0,
    )


def dialed(
    position: int = 0, number: int = 1, dial: int = 1, *, batch_id: str = "batch_a"
) -> CallDialed:
    return CallDialed(
        batch_id=batch_id,
        time_us=NOW_US,
        position=position,
        source=CallStatus.PENDING if number == 1 else CallStatus.RETRYING,
        dial=dial,
        due_time_us=NOW_US,
        attempt=attempt(position, number, dial, batch_id=batch_id),
    )


def answered(
    position: int = 0, number: int = 1, dial: int = 1, *, batch_id: str = "batch_a"
) -> CallAnswered:
    return CallAnswered(
        batch_id=batch_id,
        time_us=NOW_US,
        position=position,
        attempt=attempt(position, number, dial, batch_id=batch_id),
    )


def completed(
    position: int = 0, number: int = 1, dial: int = 1, *, batch_id: str = "batch_a"
) -> CallEnded:
    return CallEnded(
        batch_id=batch_id,
        time_us=NOW_US + SECOND_US,
        position=position,
        status=CallStatus.COMPLETED,
        attempt=attempt(position, number, dial, Outcome.COMPLETED, batch_id=batch_id),
    )


def failed(position: int = 0, outcome: Outcome = Outcome.BUSY, *, batch_id: str) -> CallEnded:
    return CallEnded(
        batch_id=batch_id,
        time_us=NOW_US + SECOND_US,
        position=position,
        status=CallStatus.FAILED,
        attempt=attempt(position, outcome=outcome, batch_id=batch_id),
    )


def retried(
    position: int = 0,
    number: int = 1,
    dial: int = 1,
    *,
    due_s: int = 60,
    batch_id: str = "batch_a",
) -> RetryScheduled:
    return RetryScheduled(
        batch_id=batch_id,
        time_us=NOW_US + SECOND_US,
        position=position,
        attempt=attempt(position, number, dial, Outcome.BUSY, batch_id=batch_id),
        due_time_us=NOW_US + due_s * SECOND_US,
    )


def returned(
    position: int = 0,
    number: int = 1,
    dial: int = 1,
    *,
    due_s: int | None = None,
    batch_id: str = "batch_a",
) -> CallReturned:
    return CallReturned(
        batch_id=batch_id,
        time_us=NOW_US + SECOND_US,
        position=position,
        attempt=attempt(position, number, dial, Outcome.THROTTLED, batch_id=batch_id),
        due_time_us=0 if due_s is None else NOW_US + due_s * SECOND_US,
    )


def canceled(*positions: int, batch_id: str = "batch_a") -> CallsCanceled:
    waiting = [(position, CallStatus.PENDING) for position in positions]
    return CallsCanceled(batch_id=batch_id, time_us=NOW_US, calls=waiting)


def paused(batch_id: str = "batch_a") -> BatchPaused:
    return BatchPaused(batch_id=batch_id, time_us=NOW_US)


def cancel_requested(batch_id: str = "batch_a") -> CancelRequested:
    return CancelRequested(batch_id=batch_id, time_us=NOW_US, hang_up=True)


def effects_alone(change: Change) -> Effects:
    """What a change would do to calls, for a ledger that takes it for possible."""
    ledger = Ledger(
        Batch(
            spec=submitted().spec,
            status=BatchStatus.RUNNING,
            counts=Counts(pending=9, in_progress=9, retrying=9),
        )
    )
    effects = ledger.apply(change)
    effects.events.clear()
    return effects
