"""What a call is, on both ends of the wire."""

from __future__ import annotations

import pytest

from batchcalls.carriers.base import (
    CallResult,
    NotKnown,
    OutboundCall,
    Progress,
)
from batchcalls.carriers.process.messages import (
    PROGRESS_VALUES,
    PROGRESS_WORDS,
    Found,
    StillUp,
    found_from_proto,
    found_to_proto,
    outbound_call_from_proto,
    outbound_call_to_proto,
    result_from_proto,
    result_to_proto,
)
from batchcalls.core.model import Outcome
from batchcalls.v1 import carrier_service_pb2 as messages
from batchcalls.v1 import outcome_pb2

CALL = OutboundCall(
    attempt_id="attempt_1_2_3",
    call_id="call_1_2",
    batch_id="batch_1",
    attempt_number=4,
    phone_number="+15550100000",
    script=("Hello", "Goodbye"),
    script_type="survey",
    voice_id="ava",
    caller_id="+15550100001",
    metadata={"order": "17"},
    ring_timeout_s=12.5,
)
BUSY = CallResult(outcome=Outcome.BUSY, carrier_call_id="7", carrier_code="486", detail="Busy Here")


def test_a_call_is_the_same_on_the_other_side() -> None:
    """No field of a call is lost on the way to the carrier."""
    assert outbound_call_from_proto(outbound_call_to_proto(CALL)) == CALL


@pytest.mark.parametrize("outcome", set(Outcome) - {Outcome.THROTTLED})
def test_every_end_has_a_way_back(outcome: Outcome) -> None:
    """No outcome, and no field of a result, is lost on the way from the carrier."""
    result = CallResult(outcome=outcome, carrier_call_id="7", carrier_code="x", detail="y")
    assert result_from_proto(result_to_proto(result)) == result


@pytest.mark.parametrize(
    "outcome", [outcome_pb2.OUTCOME_UNSPECIFIED, outcome_pb2.OUTCOME_THROTTLED, 99]
)
def test_an_end_that_cannot_be_one_is_unknown(outcome: outcome_pb2.Outcome.ValueType) -> None:
    """A call that was taken can't be refused any more: it isn't dialed again for such an end."""
    message = messages.CallResult(outcome=outcome)
    assert result_from_proto(message).outcome is Outcome.UNKNOWN


@pytest.mark.parametrize("found", [StillUp(), BUSY, NotKnown()])
def test_a_lookup_is_answered_over_the_wire(found: Found) -> None:
    """Each of the three answers comes back as itself."""
    assert found_from_proto(found_to_proto(found)) == found


def test_an_empty_answer_is_no_knowledge() -> None:
    """A carrier that says nothing of a call doesn't know it."""
    assert found_from_proto(messages.LookUpResponse()) == NotKnown()


def test_progress_has_the_same_words_in_proto_and_code() -> None:
    """A value that one side lacks would have no way across."""
    words = set(Progress) - {Progress.ACCEPTED}  # a message of its own
    names = {f"CALL_PROGRESS_{word.name}" for word in words} | {"CALL_PROGRESS_UNSPECIFIED"}
    assert names == set(messages.CallProgress.keys())
    assert {PROGRESS_WORDS[value] for value in PROGRESS_VALUES.values()} == words
