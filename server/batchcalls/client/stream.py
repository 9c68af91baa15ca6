"""What a server streams, as an iteration that a lost server only interrupts.

Where a stream resumes, whoever opens it knows: every try is a new call of ``open_call``.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable
from types import TracebackType
from typing import Any, Self, TypeVar

import grpc
import grpc.aio
import trio

from batchcalls.client.failure import RpcFailed, rpc_failed
from batchcalls.client.loop import in_asyncio
from batchcalls.client.resume import Patience

Item = TypeVar("Item")
OpenCall = Callable[[], grpc.aio.UnaryStreamCall[Any, Any]]


class Stream(AsyncIterator[Item]):
    """What a server streams, item by item; for ``async for``, by one task at a time.

    It is left in order by ``async with`` or ``close``; one that is only dropped ends when it is
    collected. A wait that is canceled loses nothing: the next one goes on from there. Items that
    arrived in one message come without a checkpoint between them.
    """

    def __init__(
        self,
        open_call: OpenCall,
        unpack: Callable[[Any], Iterable[Item]],
        *,
        patience: Patience,
    ) -> None:
        self._open_call = open_call
        self._unpack = unpack
        self._patience = patience
        self._call: grpc.aio.UnaryStreamCall[Any, Any] | None = None
        self._items: deque[Item] = deque()
        self._ended = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
        await trio.lowlevel.checkpoint()

    def close(self) -> None:
        """End the stream, here and on the server; further reads find its end."""
        self._ended = True
        self._items.clear()
        self._end_call()

    def __del__(self) -> None:
        self._end_call()

    async def __anext__(self) -> Item:
        while not self._items:
            if self._ended:
                raise StopAsyncIteration
            await self._receive()
        return self._items.popleft()

    async def _receive(self) -> None:
        """Take the next message, or the end; or wait before the next try."""
        try:
            response = await in_asyncio(self._read)
        except grpc.aio.AioRpcError as error:
            self._call = None
            await self._wait_after(rpc_failed(error), cause=error)
        except trio.Cancelled:
            self._end_call()  # a call whose read was canceled can't be read again
            raise
        else:
            self._patience.renew()
            self._take(response)

    async def _read(self) -> Any:
        if self._call is None:
            self._call = self._open_call()
        return await self._call.read()

    def _end_call(self) -> None:
        call, self._call = self._call, None
        if call is not None:
            call.cancel()

    def _take(self, response: Any) -> None:
        if response is grpc.aio.EOF:
            self._ended = True
        else:
            self._items.extend(self._unpack(response))

    async def _wait_after(self, failure: RpcFailed, *, cause: grpc.RpcError) -> None:
        delay_s = self._patience.after(failure, trio.current_time())
        if delay_s is None:
            self._ended = True
            raise failure from cause
        await trio.sleep(delay_s)
