"""The boundary: what every RPC of ours goes through on its way in and out.

It counts the RPC, and sees to it that each ends in a proper answer. grpc.aio does not: a
handler that raises ``CancelledError`` while its client is still there never answers, and the
text of any other exception goes to the client. So a cancellation that isn't the client's
becomes UNAVAILABLE, our own errors become their ``google.rpc.Status``, and a stranger's
becomes INTERNAL with an error id that stands beside the traceback in the log. A cancellation
by the client is passed on: swallowing it would leak native memory.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from typing import Any, NoReturn

import grpc
import grpc.aio
import structlog

from batchcalls.errors import BatchCallsError, Reason, Unavailable
from batchcalls.metrics.rpcs import Handling, RpcMetrics
from batchcalls.rpc.status import refusal

log = structlog.get_logger()


class Boundary(grpc.aio.ServerInterceptor):
    """Guards the RPCs of the services whose full names begin with ``prefix``."""

    def __init__(self, metrics: RpcMetrics, *, prefix: str) -> None:
        self._metrics = metrics
        self._prefix = f"/{prefix}"
        self._guarded: dict[str, Any] = {}

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
        if handler is None or not method.startswith(self._prefix):
            return handler
        guarded = self._guarded[method] = self._guard(handler, method)
        return guarded

    def _guard(self, handler: Any, method: str) -> Any:
        if handler.response_streaming:
            return grpc.unary_stream_rpc_method_handler(
                self._guard_stream(handler.unary_stream, method),
                request_deserializer=handler.request_deserializer,
                response_serializer=handler.response_serializer,
            )
        return grpc.unary_unary_rpc_method_handler(
            self._guard_unary(handler.unary_unary, method),
            request_deserializer=handler.request_deserializer,
            response_serializer=handler.response_serializer,
        )

    def _guard_unary(self, handle: Callable[..., Awaitable[Any]], method: str) -> Any:
        counts = self._metrics.method("unary", method)

        async def unary(request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> Any:
            with Handling(counts) as handling:
                try:
                    return await handle(request, context)
                except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001  # _end ends
                    handling.code = _code(error)
                    await _end(context, error, method)

        return unary

    def _guard_stream(self, handle: Callable[..., AsyncIterator[Any]], method: str) -> Any:
        counts = self._metrics.method("server_stream", method)

        async def stream(
            request: Any, context: grpc.aio.ServicerContext[Any, Any]
        ) -> AsyncIterator[Any]:
            with Handling(counts) as handling:
                try:
                    async with aclosing(handle(request, context)) as responses:  # type: ignore[type-var]  # a generator, seen as an iterator
                        async for response in responses:
                            yield response
                except GeneratorExit:
                    handling.code = "CANCELLED"  # the client left while a message was on its way
                    raise
                except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001  # _end ends
                    handling.code = _code(error)
                    await _end(context, error, method)

        return stream


def _client_is_gone() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _code(error: BaseException) -> str:
    if isinstance(error, asyncio.CancelledError):
        return "CANCELLED" if _client_is_gone() else "UNAVAILABLE"
    return error.code if isinstance(error, BatchCallsError) else "INTERNAL"


async def _end(
    context: grpc.aio.ServicerContext[Any, Any], error: BaseException, method: str
) -> NoReturn:
    """End the RPC with what its client may know about ``error``."""
    if isinstance(error, asyncio.CancelledError):
        if _client_is_gone():
            raise error
        error = Unavailable("the server dropped the request", reason=Reason.SHUTTING_DOWN)
    assert isinstance(error, Exception)
    error_id = secrets.token_hex(6)
    if not isinstance(error, BatchCallsError):
        log.error("rpc_failed", method=method, error_id=error_id, exc_info=error)
    await context.abort(*refusal(error, error_id=error_id))
