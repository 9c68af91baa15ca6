"""What the server tells, as documents: their keys, the order of them, their words."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from batchcalls.core.model import EventType, Outcome
from batchcalls.document import batch_document, call_document, event_document
from batchcalls.v1.batch_pb2 import BATCH_STATUS_RUNNING, Batch, BatchCounts
from batchcalls.v1.call_pb2 import (
    CALL_STATUS_COMPLETED,
    CALL_STATUS_IN_PROGRESS,
    Attempt,
    Call,
    CallSpec,
)
from batchcalls.v1.event_pb2 import EVENT_TYPE_CALL_COMPLETED, Event
from batchcalls.v1.outcome_pb2 import OUTCOME_BUSY, OUTCOME_COMPLETED
from batchcalls.v1.script_pb2 import Script, ScriptStep
from batchcalls.wire.words import EVENT_TYPE_VALUES, OUTCOME_VALUES

ACCEPTANCE = Path(__file__).resolve().parents[1] / "acceptance"
STATUS = json.loads((ACCEPTANCE / "status.json").read_text(encoding="utf-8"))

CALLS = [
    Call(
        call_id="call_abc123",
        status=CALL_STATUS_COMPLETED,
        spec=CallSpec(phone_number="+1234567890"),
    ),
    Call(
        call_id="call_def456",
        status=CALL_STATUS_IN_PROGRESS,
        spec=CallSpec(phone_number="+0987654321"),
    ),
]


def batch() -> Batch:
    message = Batch(
        batch_id="batch_xyz789",
        status=BATCH_STATUS_RUNNING,
        total_calls=2,
        completed_calls=1,
        in_progress=1,
        concurrency=5,
        priority=10,
        carrier="simulator",
    )
    message.retry_config.max_attempts = 3
    message.retry_config.delay.seconds = 300
    message.retry_config.backoff_multiplier = 1.5
    message.retry_config.retry_on.append(OUTCOME_BUSY)
    message.create_time.FromJsonString("2030-01-31T12:00:00Z")
    return message


def test_a_status_begins_as_the_accepted_one() -> None:
    """The keys of ``status.json`` come first, in its order and with its values."""
    document = batch_document(batch(), CALLS)
    assert list(document)[: len(STATUS)] == list(STATUS)
    calls = document["calls"]
    assert isinstance(calls, list)
    assert [list(call)[:3] for call in calls] == [list(call) for call in STATUS["calls"]]
    assert {key: document[key] for key in STATUS if key != "calls"} == {
        key: STATUS[key] for key in STATUS if key != "calls"
    }
    assert [{key: call[key] for key in ("id", "status", "phone_number")} for call in calls] == (
        STATUS["calls"]
    )


def test_a_status_tells_the_settings() -> None:
    """Durations are seconds, outcomes words; what is empty is left out."""
    document = batch_document(batch())
    assert document["status"] == "running"
    assert document["retry_config"] == {
        "max_attempts": 3,
        "delay": 300,
        "backoff_multiplier": 1.5,
        "max_delay": 0,
        "jitter": 0,
        "retry_on": ["busy"],
    }
    assert document["create_time"] == "2030-01-31T12:00:00.000000Z"
    assert document["max_calls_per_second"] == 0
    assert not {"calls", "display_name", "labels", "callback_url", "end_time"} & set(document)


def test_a_call_tells_its_attempts() -> None:
    """An attempt under way has no outcome and no end."""
    call = Call(
        call_id="call_a_0",
        batch_id="batch_a",
        status=CALL_STATUS_IN_PROGRESS,
        outcome=OUTCOME_BUSY,
        spec=CallSpec(
            phone_number="+15550100007",
            script=Script(type="t", steps=[ScriptStep(text="hello")]),
            variables={"a": "b"},
        ),
        attempts=[
            Attempt(attempt_id="x", number=1, carrier="simulator", outcome=OUTCOME_BUSY),
            Attempt(attempt_id="y", number=2, carrier="simulator"),
        ],
    )
    assert call_document(call) == {
        "id": "call_a_0",
        "status": "in_progress",
        "phone_number": "+15550100007",
        "outcome": "busy",
        "attempts": [
            {"attempt_id": "x", "number": 1, "outcome": "busy", "carrier": "simulator"},
            {"attempt_id": "y", "number": 2, "carrier": "simulator"},
        ],
        "batch_id": "batch_a",
        "script": {"type": "t", "steps": [{"text": "hello"}]},
        "priority": 0,
        "variables": {"a": "b"},
    }


def test_an_event_has_its_keys_in_a_fixed_order() -> None:
    """Type, sequence, time, batch, call, attempt, counts; counts of 0 are told."""
    event = Event(
        sequence=3,
        type=EVENT_TYPE_CALL_COMPLETED,
        batch_id="batch_a",
        call_id="call_a_0",
        attempt=Attempt(attempt_id="x", number=1, outcome=OUTCOME_COMPLETED),
        counts=BatchCounts(total_calls=1, completed_calls=1),
    )
    event.time.FromJsonString("2030-01-31T12:00:00.5Z")
    document = event_document(event)
    assert json.dumps(document) == (
        '{"type": "batch.call_completed", "sequence": 3, "time": "2030-01-31T12:00:00.500000Z",'
        ' "batch_id": "batch_a", "call_id": "call_a_0",'
        ' "attempt": {"attempt_id": "x", "number": 1, "outcome": "completed"},'
        ' "counts": {"total_calls": 1, "pending_calls": 0, "in_progress": 0,'
        ' "retrying_calls": 0, "completed_calls": 1, "failed_calls": 0, "canceled_calls": 0,'
        ' "voicemail_calls": 0}}'
    )


def test_a_retry_tells_when_it_is_due() -> None:
    """The time of the next attempt comes last."""
    event = Event(sequence=3)
    event.next_attempt_time.seconds = 1
    assert list(event_document(event))[-1] == "next_attempt_time"


@pytest.mark.parametrize("word", EventType)
def test_every_event_has_its_word(word: EventType) -> None:
    """The word is the one of the proto's comment."""
    assert event_document(Event(type=EVENT_TYPE_VALUES[word]))["type"] == word.value


@pytest.mark.parametrize("word", Outcome)
def test_every_outcome_has_its_word(word: Outcome) -> None:
    """The word is the name in lower case."""
    assert call_document(Call(outcome=OUTCOME_VALUES[word]))["outcome"] == word.name.lower()


def test_a_value_from_a_newer_server_is_shown_by_its_number() -> None:
    """A client that is older than its server still prints what it gets."""
    newer = Event.FromString(bytes([0x10, 0x63]))  # field 2, the type, is 99
    assert event_document(newer)["type"] == "99"
