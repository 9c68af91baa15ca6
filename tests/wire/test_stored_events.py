"""An answer made of stored bytes is the one that protobuf would make of the events."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from batchcalls.v1.batch_calls_service_pb2 import ListEventsResponse, WatchEventsResponse
from batchcalls.v1.event_pb2 import Event
from batchcalls.wire.stored_events import list_events_response, watch_events_response

SEQUENCES = st.integers(0, 2**63 - 1)
EVENTS = st.lists(
    st.builds(Event, sequence=SEQUENCES, batch_id=st.text(), call_id=st.text(max_size=300))
)
LONG = [
    Event(),
    Event(call_id="x" * 4_093),
    Event(call_id="x" * 4_094),
    Event(call_id="x" * 70_000),
]


@given(EVENTS, SEQUENCES)
@example(LONG, 1)
def test_a_message_of_a_stream_is_byte_for_byte_protobufs(
    events: list[Event], last_sequence: int
) -> None:
    """Whatever the events hold, and however long they are."""
    made = watch_events_response(
        [event.SerializeToString() for event in events], last_sequence=last_sequence
    )
    response = WatchEventsResponse(events=events, last_sequence=last_sequence)
    assert made == response.SerializeToString()


@given(EVENTS, SEQUENCES, SEQUENCES)
@example(LONG, 1, 1)
def test_a_page_is_byte_for_byte_protobufs(
    events: list[Event], last_sequence: int, next_after_sequence: int
) -> None:
    """The same for those who can't stream."""
    made = list_events_response(
        [event.SerializeToString() for event in events],
        last_sequence=last_sequence,
        next_after_sequence=next_after_sequence,
    )
    response = ListEventsResponse(
        events=events, last_sequence=last_sequence, next_after_sequence=next_after_sequence
    )
    assert made == response.SerializeToString()
