"""The connection to a carrier's process: the gRPC half of the carrier ``grpc``.

Its coroutines run in asyncio, where grpc.aio lives; ``carrier`` calls them from trio. It says
what came over the wire, and decides nothing: neither when to ask again nor when to hang up.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import grpc
import grpc.aio
import structlog

from batchcalls.carriers.base import (
    CallResult,
    CarrierError,
    CarrierUnavailable,
    OutboundCall,
    Progress,
)
from batchcalls.carriers.process.messages import (
    PROGRESS_WORDS,
    Found,
    found_from_proto,
    outbound_call_to_proto,
    result_from_proto,
)
from batchcalls.carriers.process.refusal import promise
from batchcalls.client.channel import CHANNEL_OPTIONS
from batchcalls.v1 import carrier_service_pb2 as messages
from batchcalls.v1.carrier_service_pb2_grpc import CarrierServiceStub

if TYPE_CHECKING:  # the type of a stub on a channel of asyncio is in the types alone
    from batchcalls.v1.carrier_service_pb2_grpc import CarrierServiceAsyncStub

_ANSWER_TIMEOUT_S: Final = 5.0
"""How long one LookUp or HangUp may take before it is worth another try."""

_OPTIONS: Final = (
    *CHANNEL_OPTIONS,
    # A request that gRPC sends again by itself would be a second dial.
    ("grpc.enable_retries", 0),
)

_PASSING: Final = frozenset(
    {
        grpc.StatusCode.ABORTED,
        grpc.StatusCode.CANCELLED,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        grpc.StatusCode.UNAVAILABLE,
    }
)
"""What a LookUp or HangUp ends with that may pass when it is asked again."""

log = structlog.get_logger()


class CarrierLink:
    """One channel to the carrier at ``address``; it is made when it is first needed."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._opened: tuple[grpc.aio.Channel, CarrierServiceAsyncStub] | None = None

    def __repr__(self) -> str:
        return f"<CarrierLink to {self._address} {'connected' if self.connected else 'apart'}>"

    @property
    def connected(self) -> bool:
        """Whether a request would leave at once. Asking doesn't connect."""
        return (
            self._opened is not None
            and self._opened[0].get_state() is grpc.ChannelConnectivity.READY
        )

    async def connect(self) -> None:
        """Wait until the carrier can be reached, or the channel is closed."""
        channel, _ = self._open()
        with suppress(grpc.aio.UsageError):
            await channel.channel_ready()

    async def place(
        self, call: OutboundCall, report: Callable[[Progress], None]
    ) -> CallResult | None:
        """Have a call placed and follow it; None when the telling broke off and promised nothing.

        Raises:
          CarrierThrottled, CarrierUnavailable: the carrier refused, and no phone rang.
        """
        _, stub = self._open()
        telling = stub.PlaceCall(outbound_call_to_proto(call))
        told = False
        try:
            async for response in telling:
                told = True
                if response.HasField("ended"):
                    return result_from_proto(response.ended)
                if response.HasField("accepted"):
                    report(Progress.ACCEPTED)
                elif response.progress in PROGRESS_WORDS:
                    report(PROGRESS_WORDS[response.progress])
        except grpc.aio.AioRpcError as error:
            refused = None if told else promise(error)
            if refused is not None:
                raise refused from error
            log.warning(
                "carrier_lost_sight",
                attempt_id=call.attempt_id,
                code=error.code().name,
                detail=error.details(),
            )
        finally:
            telling.cancel()
        return None

    async def look_up(self, attempt_id: str) -> Found:
        """What the carrier knows of a call.

        Raises:
          CarrierUnavailable: it may say so when it is asked again.
          CarrierError: it won't say.
        """
        _, stub = self._open()
        try:
            request = messages.LookUpRequest(attempt_id=attempt_id)
            return found_from_proto(await stub.LookUp(request, timeout=_ANSWER_TIMEOUT_S))
        except grpc.aio.AioRpcError as error:
            raise _failure(error) from error

    async def hang_up(self, attempt_id: str) -> None:
        """End a call; when this returns, its line is free. Raises as ``look_up`` does."""
        _, stub = self._open()
        try:
            request = messages.HangUpRequest(attempt_id=attempt_id)
            await stub.HangUp(request, timeout=_ANSWER_TIMEOUT_S)
        except grpc.aio.AioRpcError as error:
            raise _failure(error) from error

    async def close(self) -> None:
        """Close the channel, and so cancel what is under way on it."""
        opened, self._opened = self._opened, None
        if opened is not None:
            await opened[0].close()

    def _open(self) -> tuple[grpc.aio.Channel, CarrierServiceAsyncStub]:
        if self._opened is None:
            channel = grpc.aio.insecure_channel(self._address, options=_OPTIONS)
            self._opened = channel, CarrierServiceStub(channel)
        return self._opened


def _failure(error: grpc.aio.AioRpcError) -> CarrierError:
    kind = CarrierUnavailable if error.code() in _PASSING else CarrierError
    return kind(f"{error.code().name}: {error.details()}")
