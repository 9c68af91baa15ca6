"""The asyncio loop that gRPC needs under trio, for one test."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any

import trio_asyncio


def with_grpc_loop(test: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
    """Run a test with an open loop around it."""

    @wraps(test)
    async def around(*args: object, **fixtures: object) -> None:
        async with trio_asyncio.open_loop() as loop:
            loop.set_exception_handler(handle_loop_error)
            await test(*args, **fixtures)

    return around


def handle_loop_error(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Let every error fail the test but one, which is about a test that is over.

    gRPC has one queue of events for all loops of a process. A loop may find the last event of a
    call there that was canceled just before its own loop was closed.
    """
    in_queue = "PollerCompletionQueue" in str(context.get("message"))
    if not (in_queue and str(context.get("exception")) == "Event loop is closed"):
        loop.default_exception_handler(context)
