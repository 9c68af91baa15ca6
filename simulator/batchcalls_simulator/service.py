"""The simulator as a process of its own: ``CarrierService`` over the switchboard.

It is the asyncio half: RPCs come in, calls live in trio (``switchboard``), and a stream that
breaks ends nothing but itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Any, Final

import grpc
import grpc.aio

from batchcalls.bridge import GuestTrio
from batchcalls.carriers.base import (
    CallResult,
    CarrierThrottled,
    CarrierUnavailable,
    Progress,
)
from batchcalls.carriers.process.messages import (
    PROGRESS_VALUES,
    found_to_proto,
    outbound_call_from_proto,
    result_to_proto,
)
from batchcalls.carriers.process.refusal import refusal
from batchcalls.v1 import carrier_service_pb2 as messages
from batchcalls.v1.carrier_service_pb2_grpc import (
    CarrierServiceServicer,
    add_CarrierServiceServicer_to_server,
)
from batchcalls_simulator.carrier import SimulatorCarrier
from batchcalls_simulator.cdr import CallDetailLog
from batchcalls_simulator.switchboard import AttemptKnown, Switchboard, Told

_OPTIONS: Final = (
    ("grpc.so_reuseport", 0),  # two simulators on one port must not share it in silence
    ("grpc.max_concurrent_streams", 1_000_000),  # each call that is up holds one
    ("grpc.max_receive_message_length", -1),
)

Context = grpc.aio.ServicerContext[Any, Any]


async def serve(
    carrier: SimulatorCarrier,
    *,
    listen: str,
    log: CallDetailLog | None,
    on_listening: Callable[[int], None],
    stop: asyncio.Event,
) -> None:
    """Serve ``carrier`` at ``listen`` (host and port; port 0 takes a free one) until ``stop``.

    ``on_listening`` gets the port. In the end, calls that are up are hung up, and nobody is told.

    Raises:
      OSError: the address can't be bound, or the log can't be written.
    """
    switchboard = Switchboard(carrier, log=log)
    async with GuestTrio() as guest:
        await guest.start(switchboard.run)
        server = grpc.aio.server(options=_OPTIONS)
        add_CarrierServiceServicer_to_server(CarrierServicer(switchboard, guest), server)
        port = _bind(server, listen)
        await server.start()
        on_listening(port)
        await _first(stop, guest.ended)
        await server.stop(0)


class CarrierServicer(CarrierServiceServicer):
    """The RPCs of ``CarrierService``."""

    def __init__(self, switchboard: Switchboard, guest: GuestTrio) -> None:
        self._switchboard = switchboard
        self._guest = guest

    async def PlaceCall(
        self, request: messages.PlaceCallRequest, context: Context
    ) -> AsyncIterator[messages.PlaceCallResponse]:
        """Place a call and tell of it for as long as anyone listens.

        That it was taken goes without saying: the first news says it, or is the refusal.
        """
        await _require(context, attempt_id=request.attempt_id, phone_number=request.phone_number)
        news: asyncio.Queue[Told] = asyncio.Queue()
        try:
            self._switchboard.place(outbound_call_from_proto(request), news.put_nowait)
        except AttemptKnown as known:
            await context.abort(grpc.StatusCode.ALREADY_EXISTS, str(known))
        told = await news.get()
        if isinstance(told, CarrierThrottled | CarrierUnavailable):
            await context.abort(*refusal(told))
        while isinstance(told, Progress):
            yield messages.PlaceCallResponse(progress=PROGRESS_VALUES[told])
            told = await news.get()
        if isinstance(told, CallResult):
            yield messages.PlaceCallResponse(ended=result_to_proto(told))

    async def HangUp(
        self, request: messages.HangUpRequest, context: Context
    ) -> messages.HangUpResponse:
        """End a call."""
        await _require(context, attempt_id=request.attempt_id)
        await self._guest.run(self._switchboard.hang_up, request.attempt_id)
        return messages.HangUpResponse()

    async def LookUp(
        self, request: messages.LookUpRequest, context: Context
    ) -> messages.LookUpResponse:
        """Tell what became of a call."""
        await _require(context, attempt_id=request.attempt_id)
        try:
            found = self._switchboard.look_up(request.attempt_id)
        except CarrierUnavailable as down:
            await context.abort(*refusal(down))
        return found_to_proto(found)


async def _require(context: Context, **fields: str) -> None:
    missing = [name for name, value in fields.items() if not value]
    if missing:
        await context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"missing: {', '.join(missing)}")


def _bind(server: grpc.aio.Server, listen: str) -> int:
    try:
        return server.add_insecure_port(listen)
    except RuntimeError as error:
        raise OSError(f"can't listen on {listen}: {error}") from error


async def _first(*events: asyncio.Event) -> None:
    waits = [asyncio.create_task(event.wait()) for event in events]
    await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    for wait in waits:
        wait.cancel()
        with suppress(asyncio.CancelledError):
            await wait
