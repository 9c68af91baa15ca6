"""A carrier's process, as a check sees it: one request at a time, over a plain channel.

It knows how a call is placed and asked about; what should come of it is the rules' business.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Self, cast

import grpc

from batchcalls.carriers.base import CallResult, OutboundCall
from batchcalls.carriers.process.messages import (
    PROGRESS_WORDS,
    Found,
    StillUp,
    found_from_proto,
    outbound_call_to_proto,
    result_from_proto,
)
from batchcalls.carriers.process.refusal import promise
from batchcalls.testing.breach import BrokenContract
from batchcalls.testing.watched_call import new_attempt_id, require_believable
from batchcalls.v1 import carrier_service_pb2 as messages
from batchcalls.v1.carrier_service_pb2_grpc import CarrierServiceStub
from batchcalls.wire.words import OUTCOME_WORDS

Telling = Iterator[messages.PlaceCallResponse]


class Unreachable(Exception):
    """There is nobody at the address."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbers:
    """What to dial: a number that completes, and one that stays up until it is hung up."""

    completes: str
    lasts: str


class CarrierWire:
    """The carrier at ``address``; each answer may take ``patience_s`` seconds."""

    def __init__(self, address: str, *, patience_s: float) -> None:
        self.patience_s = patience_s
        self._channel = grpc.insecure_channel(address, options=[("grpc.enable_retries", 0)])
        self._stub = CarrierServiceStub(self._channel)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._channel.close()

    def connect(self) -> None:
        """Raises ``Unreachable`` where nobody answers in time."""
        try:
            grpc.channel_ready_future(self._channel).result(timeout=self.patience_s)
        except grpc.FutureTimeoutError:
            raise Unreachable(f"nobody answered within {self.patience_s:g} s") from None

    def place(self, phone_number: str, *, attempt_id: str = "") -> Placed:
        """Have a number dialed, under ``attempt_id`` or one that was never used before."""
        call = OutboundCall(
            attempt_id=attempt_id or new_attempt_id(),
            call_id="call_check_0",
            batch_id="batch_check",
            attempt_number=1,
            phone_number=phone_number,
            script=("This is a check of the carrier.",),
        )
        telling = self._stub.PlaceCall(outbound_call_to_proto(call), timeout=self.patience_s)
        return Placed(call.attempt_id, telling)

    def look_up(self, attempt_id: str) -> Found:
        """What the carrier says of a dial."""
        request = messages.LookUpRequest(attempt_id=attempt_id)
        try:
            answer = self._stub.LookUp(request, timeout=self.patience_s)
        except grpc.RpcError as error:
            raise BrokenContract(f"LookUp must answer: {_words(error)}") from None
        return _believable(answer.ended) if answer.HasField("ended") else found_from_proto(answer)

    def hang_up(self, attempt_id: str) -> None:
        """End a call; when this returns its line is free."""
        request = messages.HangUpRequest(attempt_id=attempt_id)
        try:
            self._stub.HangUp(request, timeout=self.patience_s)
        except grpc.RpcError as error:
            raise BrokenContract(f"HangUp must answer OK: {_words(error)}") from None


class Placed:
    """One PlaceCall: what was told of it so far, and how the telling ended."""

    def __init__(self, attempt_id: str, telling: Telling) -> None:
        self.attempt_id = attempt_id
        self.result: CallResult | None = None
        self.error: grpc.RpcError | None = None
        self._told = ""
        self._telling = telling

    def __repr__(self) -> str:
        return f"<Placed {self.attempt_id}, it {self.ending}>"

    @property
    def ending(self) -> str:
        """How the telling went, for a message."""
        told = f"told {self._told}" if self._told else "told nothing"
        return told if self.error is None else f"{told} and failed with {_words(self.error)}"

    def break_off(self) -> None:
        """Stop listening, as a server does that dies."""
        cast("grpc.Call", self._telling).cancel()

    def finish(self) -> CallResult:
        """The result, which must be the last that is told."""
        while self._is_told_more():
            pass
        if self.result is None or self.error is not None:
            raise BrokenContract(
                f"`ended` must be told, and then the stream end OK: it {self.ending}"
            )
        return self.result

    def require_taken(self) -> None:
        """The call wasn't refused, nor is it over."""
        if not self._is_told_more() or self.result is not None:
            raise BrokenContract(f"a call must be up until it is hung up: it {self.ending}")

    def require_known(self) -> None:
        """It was refused as one that comes a second time, and nothing was told of it."""
        if self._is_told_more() or self._code is not grpc.StatusCode.ALREADY_EXISTS:
            raise BrokenContract(
                "PlaceCall of an attempt that is known must fail with ALREADY_EXISTS, and tell "
                f"nothing: it {self.ending}"
            )

    def require_refused(self) -> None:
        """It was refused for want of room, with the details that make it a promise."""
        if self._is_told_more() or self.error is None or promise(self.error) is None:
            raise BrokenContract(
                "without a free line PlaceCall must fail with RESOURCE_EXHAUSTED and RetryInfo, "
                f"or UNAVAILABLE and ErrorInfo, before anything is told: it {self.ending}"
            )

    @property
    def _code(self) -> grpc.StatusCode | None:
        return None if self.error is None else code(self.error)

    def _is_told_more(self) -> bool:
        """Wait for the next that is told; False where the stream has ended instead."""
        try:
            response = next(self._telling)
        except StopIteration:
            return False
        except grpc.RpcError as error:
            self.error = error
            return False
        if self.result is not None:
            raise BrokenContract("`ended` must be the last that is told of a call")
        self._take(response)
        return True

    def _take(self, response: messages.PlaceCallResponse) -> None:
        self._told = str(response.WhichOneof("update"))
        match self._told:
            case "ended":
                self.result = _believable(response.ended)
            case "progress" if response.progress not in PROGRESS_WORDS:
                raise BrokenContract(f"there is no progress {response.progress}")
            case "None":
                raise BrokenContract("what is told must be accepted, progress or ended")


def _believable(message: messages.CallResult) -> CallResult:
    """The result that was told, where the border would have nothing to mend in it."""
    result = result_from_proto(message)
    if OUTCOME_WORDS.get(message.outcome) is not result.outcome:
        raise BrokenContract(f"a call can't end with outcome {message.outcome}")
    return require_believable(result)


def require_up(wire: CarrierWire, attempt_id: str, *, why: str) -> None:
    """LookUp says that the call is up."""
    found = wire.look_up(attempt_id)
    if not isinstance(found, StillUp):
        raise BrokenContract(f"{why}: LookUp says {found!r}")


def code(error: grpc.RpcError) -> grpc.StatusCode:
    """The status that an RPC failed with; every error of a channel has one."""
    return cast("grpc.Call", error).code()


def _words(error: grpc.RpcError) -> str:
    return f"{code(error).name} ({cast('grpc.Call', error).details()})"
