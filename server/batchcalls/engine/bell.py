"""A bell: many ring, one waits. Rings that nobody waits for are remembered, as one."""

from __future__ import annotations

import trio


class Bell:
    """Wakes the one task that ``wait``s on it."""

    def __init__(self) -> None:
        self._rung = trio.Event()

    def ring(self) -> None:
        """Wake the waiter, now or when it comes back."""
        self._rung.set()

    async def wait(self, until: float) -> bool:
        """Wait for a ring since the last wait; False when ``until`` (monotonic) has come first."""
        with trio.move_on_at(until):
            await self._rung.wait()
        has_rung = self._rung.is_set()
        self._rung = trio.Event()
        return has_rung
