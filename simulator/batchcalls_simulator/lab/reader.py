"""Readers of a simulated world: they follow the events of a batch, and outlive every server.

Each server is one more door to the same log. A reader goes on where it stands: behind the last
sequence that any server gave it. The checker sees each page that it is given. The world isn't
over before every reader has come to the end of its log, so one that is never woken is missed.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Collection
from contextlib import aclosing
from random import Random
from typing import Final, Protocol

import trio

from batchcalls.core.model import EventType
from batchcalls.engine.feed import Page
from batchcalls.errors import NotFound, OutOfRange, Unavailable
from batchcalls_simulator.lab.books import BrokenPromise
from batchcalls_simulator.lab.checker import Checker
from batchcalls_simulator.lab.readings import Reading

_ASK_AGAIN_S: Final = 1.0
_LONGEST_STALL_S: Final = 120.0
_SLOWEST_POLL_S: Final = 60.0


class EventSource(Protocol):
    """What a reader asks of a server, as it is in ``api.streams.Streams``."""

    def events(
        self, batch_id: str, *, after: int, types: Collection[EventType]
    ) -> AsyncGenerator[Page, None]:
        """All events beyond ``after``, as they come, to the end of the log."""

    async def page(
        self, batch_id: str, *, after: int, limit: int, types: Collection[EventType]
    ) -> Page:
        """Up to ``limit`` events beyond ``after``."""


class Reader:
    """One who reads as ``reading`` says; ``done`` when the log is at its end."""

    def __init__(
        self, reading: Reading, *, checker: Checker, calm_at_s: float, random: Random
    ) -> None:
        self.reading = reading
        self.after = reading.after
        self.events = 0
        self.done = False
        self.was_answered = False
        self._checker = checker
        self._calm_at_s = calm_at_s
        self._random = random

    def __repr__(self) -> str:
        state = "done" if self.done else "reading"
        return f"<Reader {self.reading.name} {state}, behind {self.after}>"

    async def read(self, source: EventSource) -> None:
        """Read from one server, until the log ends or the server does."""
        await trio.sleep_until(self.reading.begins_s)
        while not self.done:
            try:
                await (self._poll(source) if self.reading.polls else self._follow(source))
            except (NotFound, OutOfRange) as refusal:
                self._refused(refusal)
                await trio.sleep(_ASK_AGAIN_S)
            except Unavailable:
                await trio.sleep(_ASK_AGAIN_S)

    async def _follow(self, source: EventSource) -> None:
        """Hold a stream to its end, or until the connection breaks."""
        reading = self.reading
        pages = source.events(reading.batch_id, after=self.after, types=reading.types)
        async with aclosing(pages):
            async for page in pages:
                self._take(page)
                await self._stall()
                if self._happens(reading.break_rate):
                    return
        if not self.done:
            self._checker.fail(BrokenPromise(f"{self!r}: its stream ended before the log"))

    async def _poll(self, source: EventSource) -> None:
        """Ask for one page, and rest."""
        reading = self.reading
        page = await source.page(
            reading.batch_id, after=self.after, limit=reading.limit, types=reading.types
        )
        if not self._happens(reading.break_rate):  # else the answer is lost
            self._take(page)
        await self._stall()
        if not page.payloads:
            await trio.sleep(_SLOWEST_POLL_S * self._random.random() ** 3)

    def _take(self, page: Page) -> None:
        self._checker.read(self.reading, self.after, page)
        self.was_answered = True
        self.events += len(page.payloads)
        self.after = page.last_sequence
        self.done = page.is_end

    def _refused(self, refusal: NotFound | OutOfRange) -> None:
        """Right only for one who named a sequence of its own; beyond the end there is nothing."""
        if self.was_answered:
            promise = f"{self!r} was refused what it was given: {refusal}"
            self._checker.fail(BrokenPromise(promise))
        self.done = self._checker.ends_before(self.reading.batch_id, self.after)

    async def _stall(self) -> None:
        if self._happens(self.reading.stall_rate):
            await trio.sleep(_LONGEST_STALL_S * self._random.random() ** 2)

    def _happens(self, rate: float) -> bool:
        return trio.current_time() < self._calm_at_s and self._random.random() < rate
