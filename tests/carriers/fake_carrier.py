"""A carrier in a process of its own that breaks off in all the ways a carrier can.

The number that is dialed says how the telling goes and what is known afterwards.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NoReturn

import grpc
from google.rpc import error_details_pb2, status_pb2

from batchcalls.v1 import carrier_service_pb2 as messages
from batchcalls.v1 import outcome_pb2
from batchcalls.v1.carrier_service_pb2_grpc import (
    CarrierServiceServicer,
    add_CarrierServiceServicer_to_server,
)

Context = grpc.ServicerContext

BREAKS = "+15550200000"
"""Accepted; then the stream breaks. The carrier can't say, then it is up, then it was busy."""
JUST_ENDS = "+15550200001"
"""Rings; then the stream ends in good order, but without an end. It was rejected."""
FORGOTTEN = "+15550200002"
"""The stream breaks before anything was told, and the carrier knows nothing."""
FULL = "+15550200003"
"""Refused with a delay of 7 s."""
FULL_TOO_LATE = "+15550200004"
"""Rings; then it is refused with a delay. The carrier knows nothing."""
FULL_SAYS_SOMEBODY = "+15550200005"
"""Refused without the details that only the carrier can give. The carrier knows nothing."""
DOWN = "+15550200006"
"""Refused since the carrier is down."""
REPEATED = "+15550200007"
"""The attempt was dialed before; it completed."""
SECRET = "+15550200008"
"""The stream breaks, and the carrier won't say."""

ACCEPTED = messages.PlaceCallResponse(accepted=messages.CallAccepted())
RINGS = messages.PlaceCallResponse(progress=messages.CALL_PROGRESS_RINGING)

LOOK_UPS: dict[str, list[outcome_pb2.Outcome.ValueType | grpc.StatusCode | None]] = {
    BREAKS: [grpc.StatusCode.UNAVAILABLE, None, outcome_pb2.OUTCOME_BUSY],
    JUST_ENDS: [outcome_pb2.OUTCOME_REJECTED],
    REPEATED: [outcome_pb2.OUTCOME_COMPLETED],
    SECRET: [grpc.StatusCode.PERMISSION_DENIED],
}
"""What LookUp says, one after the other: an end, an error, or None where the call is up."""


class FakeCarrier(CarrierServiceServicer):
    """Attempt ids are numbers dialed, a hyphen, and anything."""

    def __init__(self) -> None:
        self._look_ups: Counter[str] = Counter()
        self._dialed: set[str] = set()

    def PlaceCall(  # noqa: N802 - the proto names it
        self, request: messages.PlaceCallRequest, context: Context
    ) -> Iterator[messages.PlaceCallResponse]:
        assert request.attempt_id not in self._dialed, "never twice"
        self._dialed.add(request.attempt_id)
        number = request.phone_number
        if number == BREAKS:
            yield ACCEPTED
        if number in (JUST_ENDS, FULL_TOO_LATE):
            yield RINGS
        if number in (FULL, FULL_TOO_LATE):
            refuse(context, grpc.StatusCode.RESOURCE_EXHAUSTED, retry_in(7))
        if number == FULL_SAYS_SOMEBODY:
            context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "too much")
        if number == DOWN:
            info = error_details_pb2.ErrorInfo(reason="CARRIER_DOWN", domain="batchcalls")
            refuse(context, grpc.StatusCode.UNAVAILABLE, info)
        if number == REPEATED:
            context.abort(grpc.StatusCode.ALREADY_EXISTS, "known")
        if number != JUST_ENDS:
            context.abort(grpc.StatusCode.UNAVAILABLE, "gone")

    def LookUp(  # noqa: N802 - the proto names it
        self, request: messages.LookUpRequest, context: Context
    ) -> messages.LookUpResponse:
        answers = LOOK_UPS.get(request.attempt_id.partition("-")[0])
        if answers is None:
            return messages.LookUpResponse(not_known=messages.CallNotKnown())
        answer = answers[min(self._look_ups[request.attempt_id], len(answers) - 1)]
        self._look_ups[request.attempt_id] += 1
        if isinstance(answer, grpc.StatusCode):
            context.abort(answer, "not now, or never")
        if answer is None:
            return messages.LookUpResponse(still_up=messages.CallStillUp())
        return messages.LookUpResponse(ended=messages.CallResult(outcome=answer))

    def HangUp(  # noqa: N802 - the proto names it
        self, request: messages.HangUpRequest, context: Context
    ) -> messages.HangUpResponse:
        return messages.HangUpResponse()


def retry_in(delay_s: int) -> error_details_pb2.RetryInfo:
    retry = error_details_pb2.RetryInfo()
    retry.retry_delay.seconds = delay_s
    return retry


def refuse(context: Context, code: grpc.StatusCode, detail: Any) -> NoReturn:
    status = status_pb2.Status(code=code.value[0], message="refused")
    status.details.add().Pack(detail)
    context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
    context.abort(code, "refused")


def main() -> None:
    server = grpc.server(ThreadPoolExecutor(max_workers=16))
    add_CarrierServiceServicer_to_server(FakeCarrier(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    sys.stdout.write(f"listening on 127.0.0.1:{port}\n")
    sys.stdout.flush()
    server.wait_for_termination()


if __name__ == "__main__":
    main()
