"""The loop that gRPC lives in, for use cases that run there."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TypeVar

from batchcalls.bridge import GuestTrio

T = TypeVar("T")


class AsyncioLoop:
    """The running loop, with the engine in the trio run that it hosts (an ``api.loop.Loop``)."""

    def __init__(self, trio: GuestTrio) -> None:
        self._trio = trio
        self._loop = asyncio.get_running_loop()

    def now(self) -> float:
        """The loop's own time."""
        return self._loop.time()

    def bell(self) -> AsyncioBell:
        """A bell for one task."""
        return AsyncioBell()

    async def sleep(self, duration_s: float) -> None:
        """Let others run."""
        await asyncio.sleep(duration_s)

    async def run(self, function: Callable[..., Awaitable[T]], *args: object) -> T:
        """Await it in trio; see ``GuestTrio.run``."""
        return await self._trio.run(function, *args)


class AsyncioBell:
    """Wakes the one task that waits."""

    def __init__(self) -> None:
        self._rung = asyncio.Event()
        self.ring = self._rung.set

    async def wait(self, until: float) -> bool:
        """Wait for a ring since the last wait; False when ``until`` has come first."""
        if not self._rung.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout_at(until):
                    await self._rung.wait()
        has_rung = self._rung.is_set()
        self._rung.clear()
        return has_rung
