"""The loop of a virtual world, for use cases that run there: the streams are the real ones."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

import trio

from batchcalls.engine.bell import Bell

T = TypeVar("T")


class TrioLoop:
    """The running trio loop, in which the engine is too (an ``api.loop.Loop``)."""

    def now(self) -> float:
        """The virtual time."""
        return trio.current_time()

    def bell(self) -> Bell:
        """A bell for one task."""
        return Bell()

    async def sleep(self, duration_s: float) -> None:
        """Let others run."""
        await trio.sleep(duration_s)

    async def run(self, function: Callable[..., Awaitable[T]], *args: object) -> T:
        """Await it right here."""
        return await function(*args)
