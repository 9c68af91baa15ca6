"""What the use cases ask of the loop that they run in.

The engine lives in trio; the doors live in asyncio, and the laboratory in trio. A use case knows
neither: it awaits through this seam alone, so that the very same code serves both.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

T = TypeVar("T")


class Bell(Protocol):
    """Wakes the one who waits. Rings that nobody waits for are remembered, as one."""

    def ring(self) -> None:
        """Wake the waiter, now or when it comes back. Called in the thread of the loop."""

    async def wait(self, until: float) -> bool:
        """Wait for a ring since the last wait; False when ``until`` has come first."""


class Loop(Protocol):
    """A running loop. Its times are monotonic, in seconds."""

    def now(self) -> float:
        """The present time."""

    def bell(self) -> Bell:
        """A bell that one task of this loop can wait for."""

    async def sleep(self, duration_s: float) -> None:
        """Leave the loop to everybody else for that long."""

    async def run(self, function: Callable[..., Awaitable[T]], *args: object) -> T:
        """Await a method of the engine: its result, or what it raises.

        Cancelling the caller cancels the method.

        Raises:
          Unavailable: the engine ends first.
        """
