"""The asyncio loop that a client for trio programs runs in, and the way into it.

No other module imports trio-asyncio: that alone changes asyncio, and it can't be done on Python
3.14 and later.

Theory: grpc.aio runs on an asyncio loop, which trio-asyncio runs inside of trio. gRPC is at
ease with one loop in a process only, so a client takes the loop that is open around it, and
opens one where there is none.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar, cast

if sys.version_info >= (3, 14):
    raise ImportError(
        "batchcalls.client needs trio-asyncio, which can't be imported on Python 3.14 and later:"
        " use Python 3.11 to 3.13, or the stubs in batchcalls.v1 with grpc or grpc.aio"
    )
import trio_asyncio

T = TypeVar("T")


@asynccontextmanager
async def asyncio_loop() -> AsyncIterator[None]:
    """The asyncio loop around, or a new one."""
    if trio_asyncio.current_loop.get() is not None:
        yield
        return
    async with trio_asyncio.open_loop() as loop:
        loop.set_exception_handler(_handle_loop_error)
        yield


def _handle_loop_error(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Let every error end the client but one, which is about a client that has ended.

    gRPC has one queue of events for all loops of a process. A loop may find the last event of a
    call there that was canceled just before its own loop was closed; nobody waits for it.
    """
    in_queue = "PollerCompletionQueue" in str(context.get("message"))
    if not (in_queue and str(context.get("exception")) == "Event loop is closed"):
        loop.default_exception_handler(context)


async def in_asyncio(function: Callable[[], Awaitable[T]]) -> T:
    """Await ``function()`` in the loop around; a cancelled caller cancels it."""
    return cast(T, await trio_asyncio.aio_as_trio(function)())
