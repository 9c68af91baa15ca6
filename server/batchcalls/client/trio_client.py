"""A client for trio programs.

    async with open_client("127.0.0.1:50051") as client:
        batch = await client.submit(request)
        async for event in client.events(batch.batch_id):
            ...

It speaks messages of ``batchcalls.v1`` and adds little to them: refusals as exceptions, pages
as one iteration, and streams that come back after the server was gone. It sets no deadlines
(that is what trio's cancel scopes are for) and repeats no request (whether that is safe, only
the caller knows; with a ``request_id`` it is).
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar
from weakref import WeakSet

import grpc.aio
import trio

from batchcalls.client.channel import CHANNEL_OPTIONS, DEFAULT_ADDRESS
from batchcalls.client.failure import rpc_failed
from batchcalls.client.loop import asyncio_loop, in_asyncio
from batchcalls.client.resume import Patience
from batchcalls.client.stream import OpenCall, Stream
from batchcalls.v1 import batch_calls_service_pb2 as messages
from batchcalls.v1.batch_calls_service_pb2_grpc import BatchCallsServiceStub
from batchcalls.v1.batch_pb2 import Batch, BatchStatus
from batchcalls.v1.call_pb2 import Call, CallStatus
from batchcalls.v1.event_pb2 import Event, EventType
from batchcalls.v1.outcome_pb2 import Outcome

Request = TypeVar("Request")
Response = TypeVar("Response")
Item = TypeVar("Item")


@asynccontextmanager
async def open_client(address: str = DEFAULT_ADDRESS) -> AsyncIterator[Client]:
    """A client of the server at ``address`` (host and port), for as long as the block lasts.

    It connects when the first RPC needs it. Leaving the block ends whatever is under way.
    """
    async with asyncio_loop():
        channel = grpc.aio.insecure_channel(address, options=CHANNEL_OPTIONS)
        client = Client(channel)
        try:
            yield client
        finally:
            with trio.CancelScope(shield=True):
                client.end_streams()
                await in_asyncio(channel.close)


class Client:
    """The RPCs of ``BatchCallsService`` on an open channel; see ``open_client``.

    Every method raises ``RpcFailed`` when the server refuses or can't be reached.
    """

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = BatchCallsServiceStub(channel)
        self._streams: WeakSet[Stream[Any]] = WeakSet()

    def end_streams(self) -> None:
        """End every stream that is still open, as ``Stream.close`` does."""
        for stream in tuple(self._streams):
            stream.close()

    async def submit(self, request: messages.SubmitBatchRequest) -> Batch:
        """Submit a batch; when this returns, it is durable.

        To be free to repeat it after a failure, give the request a ``request_id``.
        """
        return (await _answer(self._stub.SubmitBatch, request)).batch

    async def get_batch(self, batch_id: str) -> Batch:
        """The batch as it stands."""
        request = messages.GetBatchRequest(batch_id=batch_id)
        return (await _answer(self._stub.GetBatch, request)).batch

    def list_batches(
        self, *, statuses: Sequence[BatchStatus.ValueType] = (), page_size: int = 0
    ) -> AsyncIterator[Batch]:
        """All batches, or those in one of ``statuses``, newest first.

        ``page_size`` batches are fetched at once; 0 leaves it to the server.
        """
        request = messages.ListBatchesRequest(statuses=statuses, page_size=page_size)

        async def next_page() -> tuple[Sequence[Batch], bool]:
            response = await _answer(self._stub.ListBatches, request)
            request.page_token = response.next_page_token
            return response.batches, bool(response.next_page_token)

        return _Pages(next_page)

    async def pause(self, batch_id: str) -> Batch:
        """Stop dialing for the batch; calls that are up go on."""
        request = messages.PauseBatchRequest(batch_id=batch_id)
        return (await _answer(self._stub.PauseBatch, request)).batch

    async def resume(self, batch_id: str) -> Batch:
        """Dial again for a paused batch."""
        request = messages.ResumeBatchRequest(batch_id=batch_id)
        return (await _answer(self._stub.ResumeBatch, request)).batch

    async def cancel(self, batch_id: str, *, hang_up: bool = False) -> Batch:
        """End the batch; calls that are up finish, or with ``hang_up`` are hung up."""
        request = messages.CancelBatchRequest(batch_id=batch_id, hang_up=hang_up)
        return (await _answer(self._stub.CancelBatch, request)).batch

    async def get_call(self, call_id: str) -> Call:
        """The call with all its attempts."""
        request = messages.GetCallRequest(call_id=call_id)
        return (await _answer(self._stub.GetCall, request)).call

    def list_calls(
        self,
        batch_id: str,
        *,
        statuses: Sequence[CallStatus.ValueType] = (),
        outcomes: Sequence[Outcome.ValueType] = (),
        page_size: int = 0,
    ) -> AsyncIterator[Call]:
        """The batch's calls in the order of submission; all, or those that match both filters.

        ``page_size`` calls are fetched at once; 0 leaves it to the server.
        """
        request = messages.ListCallsRequest(
            batch_id=batch_id, statuses=statuses, outcomes=outcomes, page_size=page_size
        )

        async def next_page() -> tuple[Sequence[Call], bool]:
            response = await _answer(self._stub.ListCalls, request)
            request.page_token = response.next_page_token
            return response.calls, bool(response.next_page_token)

        return _Pages(next_page)

    def watch(self, batch_id: str, *, resume: bool = True) -> Stream[Batch]:
        """The batch as it stands, then as it changes, last in its final state.

        States in between are skipped when they come fast. With ``resume``, a server that
        answered and is then gone is waited for, until the caller cancels.
        """
        request = messages.WatchBatchRequest(batch_id=batch_id)
        seen: Batch | None = None

        def unpack(response: messages.WatchBatchResponse) -> Iterable[Batch]:
            nonlocal seen
            is_heartbeat = response.batch == seen
            seen = response.batch
            return () if is_heartbeat else (response.batch,)

        return self._stream(lambda: self._stub.WatchBatch(request), unpack, resume=resume)

    def events(
        self,
        batch_id: str,
        *,
        after_sequence: int = 0,
        types: Sequence[EventType.ValueType] = (),
        resume: bool = True,
    ) -> Stream[Event]:
        """The batch's events after ``after_sequence``, each exactly once, up to the final one.

        All of them, or those of ``types``. With ``resume``, a server that answered and is then
        gone is waited for, until the caller cancels, and the events go on where they stopped.
        """
        request = messages.WatchEventsRequest(
            batch_id=batch_id, after_sequence=after_sequence, types=types
        )

        def unpack(response: messages.WatchEventsResponse) -> Iterable[Event]:
            request.after_sequence = response.last_sequence
            return response.events

        return self._stream(lambda: self._stub.WatchEvents(request), unpack, resume=resume)

    def _stream(
        self, open_call: OpenCall, unpack: Callable[[Any], Iterable[Item]], *, resume: bool
    ) -> Stream[Item]:
        patience = Patience() if resume else Patience(limit_s=0)
        stream = Stream(open_call, unpack, patience=patience)
        self._streams.add(stream)
        return stream


class _Pages(AsyncIterator[Item]):
    """The items of page after page, fetched when they are needed."""

    def __init__(self, next_page: Callable[[], Awaitable[tuple[Sequence[Item], bool]]]) -> None:
        self._next_page = next_page
        self._items: deque[Item] = deque()
        self._more = True

    async def __anext__(self) -> Item:
        while not self._items:
            if not self._more:
                raise StopAsyncIteration
            page, self._more = await self._next_page()
            self._items.extend(page)
        return self._items.popleft()


async def _answer(
    method: grpc.aio.UnaryUnaryMultiCallable[Request, Response], request: Request
) -> Response:
    async def call() -> Response:
        return await method(request)

    try:
        return await in_asyncio(call)
    except grpc.aio.AioRpcError as error:
        raise rpc_failed(error) from error
