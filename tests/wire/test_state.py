"""What the server tells has everything that the records hold."""

from __future__ import annotations

from google.protobuf.message import Message
from hypothesis import given

from batchcalls.core.model import (
    Attempt,
    Batch,
    BatchSettings,
    BatchSpec,
    BatchStatus,
    Call,
    CallDefaults,
    CallSpec,
    CallStatus,
    Counts,
    Event,
    EventType,
    Outcome,
    Script,
)
from batchcalls.v1 import batch_pb2, call_pb2, event_pb2, outcome_pb2
from batchcalls.wire import state as wire
from batchcalls.wire.spec import new_call
from tests.wire.records import EVENTS

TIME_US = 1_900_000_000_123_456
ATTEMPT = Attempt(
    attempt_id="attempt_a_3_1",
    number=1,
    carrier="simulator",
    start_time_us=TIME_US,
    outcome=Outcome.BUSY,
    carrier_call_id="x",
    carrier_code="486",
    detail="Busy Here",
    ring_time_us=TIME_US,
    answer_time_us=TIME_US,
    end_time_us=TIME_US,
)
BATCH = Batch(
    spec=BatchSpec(
        batch_id="batch_a",
        carrier="simulator",
        start_time_us=TIME_US,
        settings=BatchSettings(
            concurrency=5,
            display_name="n",
            labels={"a": "b"},
            max_calls_per_second=2.0,
            callback_url="https://example.com",
        ),
    ),
    status=BatchStatus.RUNNING,
    counts=Counts(1, 2, 3, 4, 5, 6, 2),
    attempts=9,
    last_sequence=12,
    create_time_us=TIME_US,
    update_time_us=TIME_US,
    end_time_us=TIME_US,
    revision=13,
)
CALL = Call(
    batch_id="batch_a",
    position=3,
    spec=new_call(CallSpec(phone_number="+15550100001")).spec,
    status=CallStatus.RETRYING,
    outcome=Outcome.BUSY,
    attempts=(ATTEMPT,),
    due_time_us=TIME_US,
    create_time_us=TIME_US,
    update_time_us=TIME_US,
    end_time_us=TIME_US,
)
EVENT = Event(
    sequence=4,
    type=EventType.CALL_RETRY_SCHEDULED,
    time_us=TIME_US,
    batch_id="batch_a",
    counts=Counts(1, 2, 3, 4, 5, 6, 2),
    position=3,
    attempt=ATTEMPT,
    due_time_us=TIME_US,
)


def unset(message: Message) -> set[str]:
    fields = {field.name for field in message.DESCRIPTOR.fields}
    return fields - {field.name for field, _ in message.ListFields()}


@given(EVENTS)
def test_an_event_survives_the_round_trip(event: Event) -> None:
    """Bytes of an event give back an equal event, with its attempt and counts."""
    blob = wire.event_to_proto(event).SerializeToString()
    assert wire.event_from_proto(event_pb2.Event.FromString(blob)) == event


def test_a_full_record_reaches_every_field() -> None:
    """No field of a message is forgotten."""
    messages = [
        wire.batch_to_proto(BATCH, simulated=True),
        wire.call_to_proto(CALL, CallDefaults()),
        wire.event_to_proto(EVENT),
        wire.attempt_to_proto(ATTEMPT),
        wire.event_to_proto(EVENT).counts,
    ]
    assert [unset(message) for message in messages] == [set()] * len(messages)


def test_what_did_not_happen_is_unset() -> None:
    """A time of 0, no outcome and no attempt leave their fields unset."""
    attempt = Attempt(attempt_id="a", number=1, carrier="c", start_time_us=TIME_US)
    event = Event(
        sequence=1, type=EventType.BATCH_STARTED, time_us=TIME_US, batch_id="b", counts=Counts(1)
    )
    assert unset(wire.attempt_to_proto(attempt)) >= {"outcome", "ring_time", "end_time"}
    assert unset(wire.event_to_proto(event)) == {"call_id", "attempt", "next_attempt_time"}


def test_the_counts_of_a_batch_add_up() -> None:
    """The total is the sum of the six counts."""
    message = wire.batch_to_proto(BATCH)
    assert message.total_calls == 21
    assert (message.pending_calls, message.in_progress, message.retrying_calls) == (1, 2, 3)
    assert (message.completed_calls, message.failed_calls, message.canceled_calls) == (4, 5, 6)


def test_the_etag_follows_the_revision() -> None:
    """Two revisions have two etags."""
    assert wire.batch_to_proto(BATCH).etag == "13"


def test_a_call_shows_what_it_inherits() -> None:
    """The defaults of the batch are filled in; the call's own value wins."""
    defaults = CallDefaults(voice_id="v", caller_id="c", script=Script(text="hello"))
    call = Call(
        batch_id="batch_a",
        position=0,
        spec=new_call(CallSpec(phone_number="+15550100000", voice_id="own")).spec,
        status=CallStatus.PENDING,
    )
    spec = wire.call_to_proto(call, defaults).spec
    assert (spec.voice_id, spec.caller_id, spec.script.text) == ("own", "c", "hello")


def test_words_keep_their_meaning() -> None:
    """The enums are matched by name."""
    message = wire.call_to_proto(CALL, CallDefaults())
    assert message.status == call_pb2.CALL_STATUS_RETRYING
    assert message.outcome == outcome_pb2.OUTCOME_BUSY
    assert wire.batch_to_proto(BATCH).status == batch_pb2.BATCH_STATUS_RUNNING
    assert wire.event_to_proto(EVENT).type == event_pb2.EVENT_TYPE_CALL_RETRY_SCHEDULED
