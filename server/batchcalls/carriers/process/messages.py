"""Records of the carrier seam to messages of ``CarrierService`` and back, for both of its ends.

What a peer leaves out, or a newer one says, becomes the value that promises the least.
"""

from __future__ import annotations

from dataclasses import dataclass

from batchcalls.carriers.base import CallResult, NotKnown, OutboundCall, Progress
from batchcalls.core.model import Outcome
from batchcalls.v1 import carrier_service_pb2 as messages
from batchcalls.wire.spec import duration_s, set_duration
from batchcalls.wire.words import OUTCOME_VALUES, OUTCOME_WORDS

PROGRESS_VALUES = {
    word: messages.CallProgress.Value(f"CALL_PROGRESS_{word.name}")
    for word in (Progress.RINGING, Progress.ANSWERED)  # accepted is a message of its own
}
PROGRESS_WORDS = {int(value): word for word, value in PROGRESS_VALUES.items()}


@dataclass(frozen=True, slots=True)
class StillUp:
    """LookUp: the call is under way; ask again."""


Found = CallResult | StillUp | NotKnown
"""What LookUp tells of a dial."""


def outbound_call_to_proto(call: OutboundCall) -> messages.PlaceCallRequest:
    """The request that dials ``call``."""
    message = messages.PlaceCallRequest(
        attempt_id=call.attempt_id,
        call_id=call.call_id,
        batch_id=call.batch_id,
        attempt_number=call.attempt_number,
        phone_number=call.phone_number,
        script=call.script,
        script_type=call.script_type,
        voice_id=call.voice_id,
        caller_id=call.caller_id,
        metadata=call.metadata,
    )
    set_duration(message.ring_timeout, call.ring_timeout_s)
    return message


def outbound_call_from_proto(message: messages.PlaceCallRequest) -> OutboundCall:
    """The call that a request dials."""
    return OutboundCall(
        attempt_id=message.attempt_id,
        call_id=message.call_id,
        batch_id=message.batch_id,
        attempt_number=message.attempt_number,
        phone_number=message.phone_number,
        script=tuple(message.script),
        script_type=message.script_type,
        voice_id=message.voice_id,
        caller_id=message.caller_id,
        metadata=dict(message.metadata),
        ring_timeout_s=duration_s(message.ring_timeout),
    )


def result_to_proto(result: CallResult) -> messages.CallResult:
    """The message of ``result``."""
    return messages.CallResult(
        outcome=OUTCOME_VALUES[result.outcome],
        carrier_call_id=result.carrier_call_id,
        carrier_code=result.carrier_code,
        detail=result.detail,
    )


def result_from_proto(message: messages.CallResult) -> CallResult:
    """The record of ``message``; an end that can't be one is unknown."""
    outcome = OUTCOME_WORDS.get(message.outcome, Outcome.UNKNOWN)
    return CallResult(
        outcome=Outcome.UNKNOWN if outcome is Outcome.THROTTLED else outcome,
        carrier_call_id=message.carrier_call_id,
        carrier_code=message.carrier_code,
        detail=message.detail,
    )


def found_to_proto(found: Found) -> messages.LookUpResponse:
    """The answer that tells what was ``found``."""
    match found:
        case StillUp():
            return messages.LookUpResponse(still_up=messages.CallStillUp())
        case CallResult():
            return messages.LookUpResponse(ended=result_to_proto(found))
        case NotKnown():
            return messages.LookUpResponse(not_known=messages.CallNotKnown())


def found_from_proto(message: messages.LookUpResponse) -> Found:
    """What an answer tells."""
    match message.WhichOneof("state"):
        case "still_up":
            return StillUp()
        case "ended":
            return result_from_proto(message.ended)
        case _:
            return NotKnown()
