"""Evidence of a small run in which every promise was kept, to be doctored by tests."""

from __future__ import annotations

from dataclasses import replace

from batchcalls.core.model import (
    Attempt,
    Batch,
    BatchSettings,
    BatchSpec,
    BatchStatus,
    Call,
    CallSpec,
    CallStatus,
    Counts,
    Outcome,
    RetryConfig,
)
from batchcalls.wire.spec import new_call
from batchcalls_simulator.cdr_reader import LoggedDial
from batchcalls_simulator.lab.chaos.evidence import Acknowledged, Evidence, Launch, Seen, Stored
from batchcalls_simulator.lab.chaos.scenario import Limits

BATCH = "batch_1"
NUMBERS = ("+15550100007", "+15550100000")
EVENTS = tuple((sequence, f"event {sequence}".encode()) for sequence in range(1, 8))
LIMITS = Limits(server_calls=2, server_rate=2.0, carrier_calls=2, carrier_rate=2.0)


def attempt(position: int, number: int, outcome: Outcome) -> Attempt:
    return Attempt(
        attempt_id=f"attempt_1_{position}_{number}",
        number=number,
        carrier="witnessed",
        start_time_us=1,
        outcome=outcome,
        end_time_us=2,
    )


def call(position: int, *outcomes: Outcome) -> Call:
    """A call whose attempts ended so; it completed if the last one did."""
    completed = outcomes[-1] is Outcome.COMPLETED
    return Call(
        batch_id=BATCH,
        position=position,
        spec=new_call(CallSpec(phone_number=NUMBERS[position])).spec,
        status=CallStatus.COMPLETED if completed else CallStatus.FAILED,
        outcome=outcomes[-1],
        attempts=tuple(
            attempt(position, number, outcome) for number, outcome in enumerate(outcomes, start=1)
        ),
    )


def dial(position: int, number: int, at_s: float, outcome: Outcome) -> LoggedDial:
    """A dial that took a second."""
    return LoggedDial(
        attempt_id=f"attempt_1_{position}_{number}",
        call_id=f"call_1_{position}",
        batch_id=BATCH,
        attempt_number=number,
        phone_number=NUMBERS[position],
        start_s=at_s,
        end_s=at_s + 1.0,
        outcome=outcome,
    )


def launch(dialed: LoggedDial) -> Launch:
    """How that dial left the server."""
    return Launch(
        attempt_id=dialed.attempt_id,
        batch_id=dialed.batch_id,
        at_s=dialed.start_s - 0.001,
        intended=True,
    )


def batch(*, retry: RetryConfig, attempts: int, counts: Counts) -> Batch:
    return Batch(
        spec=BatchSpec(
            batch_id=BATCH,
            request_id="chaos-1-0",
            carrier="witnessed",
            settings=BatchSettings(concurrency=2, max_calls_per_second=2.0, retry=retry),
        ),
        status=BatchStatus.COMPLETED,
        counts=counts,
        attempts=attempts,
        last_sequence=len(EVENTS),
        end_time_us=3,
    )


def kept() -> Evidence:
    """Two calls: one busy, then reached; the other reached at once."""
    dials = (
        dial(0, 1, 10.0, Outcome.BUSY),
        dial(1, 1, 10.5, Outcome.COMPLETED),
        dial(0, 2, 11.0, Outcome.COMPLETED),
    )
    one = Stored(
        batch=batch(retry=RetryConfig(max_attempts=2), attempts=3, counts=Counts(completed=2)),
        calls=(call(0, Outcome.BUSY, Outcome.COMPLETED), call(1, Outcome.COMPLETED)),
        events=EVENTS,
    )
    return Evidence(
        limits=LIMITS,
        acknowledged=(Acknowledged(request_id="chaos-1-0", batch_id=BATCH, phone_numbers=NUMBERS),),
        stored=(one,),
        dials=dials,
        repeats=(),
        launches=tuple(map(launch, dials)),
        seen=(Seen(reader="a reader", batch_id=BATCH, events=EVENTS),),
    )


def with_stored(evidence: Evidence, one: Stored) -> Evidence:
    """The evidence with another account of its batch."""
    return replace(evidence, stored=(one,))


def with_dials(evidence: Evidence, *more: LoggedDial) -> Evidence:
    """The evidence with more dials, which left the server too."""
    return replace(
        evidence,
        dials=(*evidence.dials, *more),
        launches=(*evidence.launches, *map(launch, more)),
    )
