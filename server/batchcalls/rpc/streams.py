"""The two streams: the status of a batch, conflated, and its events, complete.

Both are told by the hub that something changed, and poll nothing. A stream holds one message
at a time, so a slow reader costs constant memory: a status that it missed is replaced by the
next, and events that left the hub's memory are read from the store. Both end by themselves
after the final state; when the server shuts down they end UNAVAILABLE, for a client to resume.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Final

from batchcalls.bridge import GuestTrio
from batchcalls.core.model import Batch, EventType
from batchcalls.engine.engine import Engine
from batchcalls.errors import OutOfRange, Reason, Unavailable, batch_not_found

HEARTBEAT_S: Final = 15.0
"""How long an event stream is silent at most; it keeps proxies and watchdogs content."""

_PAGE: Final = 512
"""Events in one message: about 100 KiB."""

_FINAL: Final = frozenset(
    {EventType.BATCH_COMPLETED, EventType.BATCH_FAILED, EventType.BATCH_CANCELED}
)


@dataclass(frozen=True, slots=True)
class Page:
    """Serialized events, how far they bring the reader, and whether the log ends there."""

    payloads: Sequence[bytes]
    last_sequence: int
    is_end: bool


class Streams:
    """Makes the streams of watchers."""

    def __init__(self, engine: Engine, trio: GuestTrio) -> None:
        self._engine = engine
        self._trio = trio

    async def batch(self, batch_id: str, *, min_interval_s: float) -> AsyncGenerator[Batch, None]:
        """The batch now, then after changes, at most one in ``min_interval_s``; to its end."""
        loop = asyncio.get_running_loop()
        changed = asyncio.Event()
        with self._engine.hub.watch(batch_id, changed.set):
            while True:
                changed.clear()
                batch = await self.current(batch_id)
                sent_at = loop.time()
                yield batch
                if batch.status.final:
                    return
                await changed.wait()
                await self._pause(batch_id, changed, until=sent_at + min_interval_s)
                self._check_open()

    async def _pause(self, batch_id: str, changed: asyncio.Event, *, until: float) -> None:
        """Let time pass; the end of the batch, or of the server, doesn't wait for it."""
        with suppress(TimeoutError):
            async with asyncio.timeout_at(until):
                while self._engine.journal.batch(batch_id) and not self._engine.hub.closed:
                    changed.clear()
                    await changed.wait()

    async def events(
        self, batch_id: str, *, after: int, types: frozenset[EventType]
    ) -> AsyncGenerator[Page, None]:
        """All events beyond ``after``, first the stored ones, then as they come; to the end.

        A page without events is a heartbeat.

        Raises:
          NotFound: there is no such batch.
          OutOfRange: ``after`` lies beyond the last event.
        """
        await self.checked(batch_id, after)
        changed = asyncio.Event()
        with self._engine.hub.watch(batch_id, changed.set):
            while True:
                changed.clear()
                page = await self.page(batch_id, after=after, limit=_PAGE, types=types)
                is_news = page.last_sequence > after
                after = page.last_sequence
                if page.payloads:
                    yield page
                if page.is_end:
                    return
                self._check_open()
                if not is_news and not await _rings(changed):
                    yield page

    async def page(
        self, batch_id: str, *, after: int, limit: int, types: frozenset[EventType]
    ) -> Page:
        """Up to ``limit`` events beyond ``after``, from memory or from the store."""
        recent = self._engine.hub.recent(batch_id, after, limit)
        if recent is None:
            return await self._stored(batch_id, after=after, limit=limit, types=types)
        if not recent:
            return await self._nothing_recent(batch_id, after=after, limit=limit, types=types)
        wanted = [each.payload for each in recent if not types or each.event.type in types]
        last = recent[-1].event
        return Page(wanted, last.sequence, is_end=last.type in _FINAL)

    async def checked(self, batch_id: str, after: int) -> Batch:
        """The batch, if its log reaches ``after``. Raises ``NotFound``, ``OutOfRange``."""
        batch = await self.current(batch_id)
        if after > batch.last_sequence:
            raise OutOfRange(
                f"after_sequence {after} lies beyond the last event, {batch.last_sequence}",
                reason=Reason.SEQUENCE_OUT_OF_RANGE,
            )
        return batch

    async def current(self, batch_id: str) -> Batch:
        """The batch as it stands durably; from memory, at once, while it isn't final."""
        batch = self._engine.journal.batch(batch_id)
        if batch is None:
            batch = await self._trio.run(self._engine.batch, batch_id)
        return batch

    async def _nothing_recent(
        self, batch_id: str, *, after: int, limit: int, types: frozenset[EventType]
    ) -> Page:
        """Memory ends where the reader stands: more will come, unless the batch is final."""
        if self._engine.journal.batch(batch_id) is None:
            return await self._stored(batch_id, after=after, limit=limit, types=types)
        return Page((), after, is_end=False)

    async def _stored(
        self, batch_id: str, *, after: int, limit: int, types: frozenset[EventType]
    ) -> Page:
        ask = partial(
            self._engine.store.event_page, batch_id, after=after, limit=limit, types=types
        )
        found = await self._trio.run(self._engine.read, ask)
        if found is None:
            raise batch_not_found(batch_id)
        is_full = len(found.events) == limit
        last_sequence = found.events[-1][0] if is_full else max(after, found.last_sequence)
        is_end = found.final and last_sequence >= found.last_sequence
        return Page([payload for _, payload in found.events], last_sequence, is_end=is_end)

    def _check_open(self) -> None:
        if self._engine.hub.closed:
            raise Unavailable(
                "the server is shutting down; resume from the last sequence",
                reason=Reason.SHUTTING_DOWN,
            )


async def _rings(bell: asyncio.Event) -> bool:
    """Wait for the bell; False when the time for a heartbeat has come first."""
    try:
        async with asyncio.timeout(HEARTBEAT_S):
            await bell.wait()
    except TimeoutError:
        return False
    return True
