"""The boundary: what every RPC of ours goes through on its way in and out.

It counts the RPC, and sees to it that each ends in a proper answer. grpc.aio does not: a
handler that raises ``CancelledError`` while its client is still there never answers, and the
text of any other exception goes to the client. So a cancellation that isn't the client's
becomes UNAVAILABLE, our own errors become their ``google.rpc.Status``, and a stranger's
becomes INTERNAL with an error id that stands beside the traceback in the log. A cancellation
by the client is passed on: swallowing it would leak native memory.

When the server stops, gRPC would cut off whatever is under way, as CANCELLED or worse. So the
boundary is closed first: each RPC that is under way, and each that comes still, ends UNAVAILABLE
with SHUTTING_DOWN. (Only a stream whose client doesn't read what it was sent has to be cut off.)

What gRPC would refuse in words of its own is refused here in ours: a method that isn't there,
and a request that can't be read. A message above the size limit never gets this far: it ends
RESOURCE_EXHAUSTED without an ``ErrorInfo``.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from typing import Any, Final, NoReturn

import grpc
import grpc.aio
import structlog
from google.protobuf.descriptor import Descriptor
from google.protobuf.message import DecodeError

from batchcalls.errors import (
    BatchCallsError,
    Reason,
    Unavailable,
    UnknownMethod,
    UnreadableRequest,
)
from batchcalls.metrics.rpcs import Handling, RpcMetrics
from batchcalls.rpc.outline import LARGE_BYTES, check_outline
from batchcalls.rpc.status import refusal
from batchcalls.rpc.under_way import UnderWay, client_is_gone

_PAUSE_S: Final = 0.001
"""What is left to everybody else between two steps through a large request."""

log = structlog.get_logger()


class Boundary(grpc.aio.ServerInterceptor):
    """Guards the RPCs of the services whose full names begin with ``prefix``."""

    def __init__(self, metrics: RpcMetrics, *, prefix: str) -> None:
        self._metrics = metrics
        self._prefix = f"/{prefix}"
        self._guarded: dict[str, Any] = {}
        self._under_way = UnderWay()

    def close(self) -> None:
        """End what is under way, and from now on everything that comes. Idempotent."""
        self._under_way.close()

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Any]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Any:
        """Wrap the handler of an RPC of ours, which is the same for every call of its method."""
        method = handler_call_details.method
        guarded = self._guarded.get(method)
        if guarded is not None:
            return guarded
        handler = await continuation(handler_call_details)
        if handler is None:
            return _NO_METHOD
        if not method.startswith(self._prefix):
            return handler
        guarded = self._guarded[method] = self._guard(handler, method)
        return guarded

    def _guard(self, handler: Any, method: str) -> Any:
        if handler.response_streaming:
            return grpc.unary_stream_rpc_method_handler(
                self._guard_stream(handler.unary_stream, method),
                request_deserializer=_request_or_error(handler.request_deserializer),
                response_serializer=_bytes_or_message(handler.response_serializer),
            )
        return grpc.unary_unary_rpc_method_handler(
            self._guard_unary(handler.unary_unary, method),
            request_deserializer=_request_or_error(handler.request_deserializer),
            response_serializer=_bytes_or_message(handler.response_serializer),
        )

    def _guard_unary(self, handle: Callable[..., Awaitable[Any]], method: str) -> Any:
        counts = self._metrics.method("unary", method)
        under_way = self._under_way

        async def unary(request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> Any:
            with Handling(counts) as handling:
                try:
                    with under_way:
                        return await handle(await _readable(request), context)
                except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001  # _end ends
                    handling.code = _code(error)
                    await _end(context, error, method)

        return unary

    def _guard_stream(self, handle: Callable[..., AsyncIterator[Any]], method: str) -> Any:
        counts = self._metrics.method("server_stream", method)
        under_way = self._under_way

        async def stream(
            request: Any, context: grpc.aio.ServicerContext[Any, Any]
        ) -> AsyncIterator[Any]:
            with Handling(counts) as handling:
                try:
                    with under_way:
                        answer = handle(await _readable(request), context)
                    async with aclosing(answer) as responses:  # type: ignore[type-var]  # a generator, seen as an iterator
                        while True:
                            with under_way:
                                response = await anext(responses, None)
                            if response is None:
                                return
                            yield response
                except GeneratorExit:
                    handling.code = "CANCELLED"  # the client left while a message was on its way
                    raise
                except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001  # _end ends
                    handling.code = _code(error)
                    await _end(context, error, method)

        return stream


class _Large:
    """A request that isn't read before its outline is found good."""

    def __init__(self, data: bytes, kind: Descriptor, read: Callable[[bytes], Any]) -> None:
        self._data = data
        self._kind = kind
        self._read = read

    async def checked(self) -> Any:
        """Read it, and keep its bytes no longer. Raises ``InvalidRequest``."""
        for _ in check_outline(self._data, self._kind):
            await asyncio.sleep(_PAUSE_S)
        data, self._data = self._data, b""
        return self._read(data)


def _request_or_error(deserialize: Callable[[bytes], Any]) -> Callable[[bytes], Any]:
    """Read a request; what can't be read becomes an error in its place, for the guard to raise.

    An exception would end in grpc.aio, which answers it in words of its own. A large one waits
    for the guard to look at its outline, which takes steps.
    """
    kind = deserialize(b"").DESCRIPTOR

    def read_or_leave(data: bytes) -> Any:
        return _Large(data, kind, read) if len(data) > LARGE_BYTES else read(data)

    def read(data: bytes) -> Any:
        try:
            return deserialize(data)
        except DecodeError:
            return UnreadableRequest(
                "the request is no message of the RPC's type, or a text in it isn't UTF-8",
                reason=Reason.UNREADABLE_REQUEST,
            )

    return read_or_leave


def _bytes_or_message(serialize: Callable[[Any], bytes]) -> Callable[[Any], bytes]:
    """Write an answer; one that is serialized already passes as it is."""

    def write(answer: Any) -> bytes:
        return answer if isinstance(answer, bytes) else serialize(answer)

    return write


async def _readable(request: Any) -> Any:
    if isinstance(request, _Large):
        request = await request.checked()
    if isinstance(request, UnreadableRequest):
        raise request
    return request


async def _refuse_method(
    _: AsyncIterator[bytes], context: grpc.aio.ServicerContext[Any, Any]
) -> NoReturn:
    error = UnknownMethod("the server has no such RPC", reason=Reason.UNKNOWN_METHOD)
    await context.abort(*refusal(error, error_id=""))


# It reads no request, so it serves methods of every kind.
_NO_METHOD: Any = grpc.stream_stream_rpc_method_handler(_refuse_method)


def _code(error: BaseException) -> str:
    if isinstance(error, asyncio.CancelledError):
        return "CANCELLED" if client_is_gone() else "UNAVAILABLE"
    return error.code if isinstance(error, BatchCallsError) else "INTERNAL"


async def _end(
    context: grpc.aio.ServicerContext[Any, Any], error: BaseException, method: str
) -> NoReturn:
    """End the RPC with what its client may know about ``error``."""
    if isinstance(error, asyncio.CancelledError):
        if client_is_gone():
            raise error
        error = Unavailable("the server dropped the request", reason=Reason.SHUTTING_DOWN)
    assert isinstance(error, Exception)
    error_id = secrets.token_hex(6)
    if not isinstance(error, BatchCallsError):
        log.error("rpc_failed", method=method, error_id=error_id, exc_info=error)
    await context.abort(*refusal(error, error_id=error_id))
