"""A carrier in a process of its own that keeps the contract, and some that break it.

The argument names the class to serve.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Event, Lock
from typing import Any

import grpc
from google.rpc import error_details_pb2

from batchcalls.v1 import carrier_service_pb2 as messages
from batchcalls.v1 import outcome_pb2
from batchcalls.v1.carrier_service_pb2_grpc import (
    CarrierServiceServicer,
    add_CarrierServiceServicer_to_server,
)
from tests.carriers.fake_carrier import ACCEPTED, RINGS, Context, refuse, retry_in

LASTS = "+15550100009"
LINES = 2

COMPLETED = messages.CallResult(outcome=outcome_pb2.OUTCOME_COMPLETED)
CANCELED = messages.CallResult(outcome=outcome_pb2.OUTCOME_CANCELED)

Telling = Iterator[messages.PlaceCallResponse]


class Honest(CarrierServiceServicer):
    """Keeps the contract, in parts for the others to break one at a time."""

    def __init__(self) -> None:
        self.lock = Lock()
        self.up: dict[str, Event] = {}
        self.ended: dict[str, messages.CallResult] = {}

    def PlaceCall(self, request: messages.PlaceCallRequest, context: Context) -> Telling:  # noqa: N802 - the proto names it
        with self.lock:
            self.require_new(request.attempt_id, context)
            if len(self.up) >= LINES:
                self.refuse(context)
            over = self.up[request.attempt_id] = Event()
        context.add_callback(lambda: self.told_no_more(request.attempt_id))
        yield ACCEPTED
        yield RINGS
        yield from self.talk(request, context, over)

    def talk(self, request: messages.PlaceCallRequest, context: Context, over: Event) -> Telling:
        result = COMPLETED
        if request.phone_number == LASTS:
            over.wait()
            result = CANCELED
        self.end(request.attempt_id, result)
        yield messages.PlaceCallResponse(ended=self.told_end(result))

    def require_new(self, attempt_id: str, context: Context) -> None:
        if attempt_id in self.up or attempt_id in self.ended:
            context.abort(grpc.StatusCode.ALREADY_EXISTS, "known")

    def refuse(self, context: Context) -> None:
        refuse(context, grpc.StatusCode.RESOURCE_EXHAUSTED, retry_in(1))

    def told_end(self, result: messages.CallResult) -> messages.CallResult:
        return result

    def told_no_more(self, attempt_id: str) -> None:
        """The stream is over; a call that is up goes on."""

    def end(self, attempt_id: str, result: messages.CallResult) -> None:
        with self.lock:
            self.up.pop(attempt_id, Event()).set()
            self.ended.setdefault(attempt_id, result)

    def LookUp(self, request: messages.LookUpRequest, context: Context) -> messages.LookUpResponse:  # noqa: N802 - the proto names it
        with self.lock:
            if request.attempt_id in self.up:
                return messages.LookUpResponse(still_up=messages.CallStillUp())
            if request.attempt_id in self.ended:
                return messages.LookUpResponse(ended=self.ended[request.attempt_id])
            return messages.LookUpResponse(not_known=messages.CallNotKnown())

    def HangUp(self, request: messages.HangUpRequest, context: Context) -> messages.HangUpResponse:  # noqa: N802 - the proto names it
        self.end(request.attempt_id, CANCELED)
        return messages.HangUpResponse()


class TellsNoEnd(Honest):
    def talk(self, request: messages.PlaceCallRequest, context: Context, over: Event) -> Telling:
        for told in super().talk(request, context, over):
            if not told.HasField("ended"):
                yield told


class TalksOn(Honest):
    def talk(self, request: messages.PlaceCallRequest, context: Context, over: Event) -> Telling:
        yield from super().talk(request, context, over)
        yield RINGS


class EndsThrottled(Honest):
    def told_end(self, result: messages.CallResult) -> messages.CallResult:
        return messages.CallResult(outcome=outcome_pb2.OUTCOME_THROTTLED)


class TellsNul(Honest):
    def told_end(self, result: messages.CallResult) -> messages.CallResult:
        return messages.CallResult(outcome=result.outcome, detail="a\0b")


class Forgets(Honest):
    def end(self, attempt_id: str, result: messages.CallResult) -> None:
        super().end(attempt_id, result)
        if result == COMPLETED:
            del self.ended[attempt_id]


class DialsAgain(Honest):
    def require_new(self, attempt_id: str, context: Context) -> None:
        if self.ended.get(attempt_id) != COMPLETED:
            super().require_new(attempt_id, context)


class DialsAgainWhileUp(Honest):
    def require_new(self, attempt_id: str, context: Context) -> None:
        if attempt_id not in self.up:
            super().require_new(attempt_id, context)


class HangsUpWithTheStream(Honest):
    def told_no_more(self, attempt_id: str) -> None:
        self.end(attempt_id, CANCELED)


class HangsUpNothing(Honest):
    def HangUp(self, request: messages.HangUpRequest, context: Context) -> messages.HangUpResponse:  # noqa: N802 - the proto names it
        if request.attempt_id not in self.up:
            self.end(request.attempt_id, CANCELED)
        return messages.HangUpResponse()


class RewritesEnds(Honest):
    def end(self, attempt_id: str, result: messages.CallResult) -> None:
        super().end(attempt_id, result)
        self.ended[attempt_id] = result


class BarsNothing(Honest):
    def HangUp(self, request: messages.HangUpRequest, context: Context) -> messages.HangUpResponse:  # noqa: N802 - the proto names it
        if request.attempt_id in self.up:
            self.end(request.attempt_id, CANCELED)
        return messages.HangUpResponse()


class KnowsEverything(Honest):
    def LookUp(self, request: messages.LookUpRequest, context: Context) -> messages.LookUpResponse:  # noqa: N802 - the proto names it
        found = super().LookUp(request, context)
        if found.HasField("not_known"):
            return messages.LookUpResponse(ended=COMPLETED)
        return found


class RefusesWithoutDetails(Honest):
    def refuse(self, context: Context) -> None:
        context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "no room")


class RefusesWithTheWrongDetails(Honest):
    def refuse(self, context: Context) -> None:
        info: Any = error_details_pb2.ErrorInfo(reason="CARRIER_DOWN", domain="acme.example")
        refuse(context, grpc.StatusCode.UNAVAILABLE, info)


def main() -> None:
    server = grpc.server(ThreadPoolExecutor(max_workers=16))
    add_CarrierServiceServicer_to_server(globals()[sys.argv[1]](), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    sys.stdout.write(f"listening on 127.0.0.1:{port}\n")
    sys.stdout.flush()
    server.wait_for_termination()


if __name__ == "__main__":
    main()
