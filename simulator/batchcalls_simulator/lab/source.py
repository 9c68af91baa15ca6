"""Where readers get events from: the streams and pages of one server."""

from __future__ import annotations

import math
from collections.abc import AsyncGenerator, Collection, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, Protocol

from batchcalls.core.model import Batch, EventType
from batchcalls.engine.bell import Bell
from batchcalls.engine.engine import Engine
from batchcalls.errors import NotFound, OutOfRange, Reason, Unavailable

_PAGE: Final = 512


@dataclass(frozen=True, slots=True)
class Page:
    """Serialized events, how far they bring the reader, and whether the log ends there."""

    payloads: Sequence[bytes]
    last_sequence: int
    is_end: bool


class EventSource(Protocol):
    """What a reader asks of a server. A reader may come back with any sequence it was given.

    Raises, each of them:
      NotFound: there is no such batch.
      OutOfRange: ``after`` lies beyond the last event.
      Unavailable: the server shuts down, or can't read.
    """

    def events(
        self, batch_id: str, *, after: int, types: Collection[EventType]
    ) -> AsyncGenerator[Page, None]:
        """All events beyond ``after``, as they come, to the end of the log."""
        ...

    async def page(
        self, batch_id: str, *, after: int, limit: int, types: Collection[EventType]
    ) -> Page:
        """Up to ``limit`` events beyond ``after``."""
        ...


class HubSource:
    """The source in front of a hub and a store. It shows nothing that isn't installed yet."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def events(
        self, batch_id: str, *, after: int, types: Collection[EventType]
    ) -> AsyncGenerator[Page, None]:
        """As the seam says."""
        bell = Bell()
        with self._engine.hub.watch(batch_id, bell.ring):
            while True:
                page = await self.page(batch_id, after=after, limit=_PAGE, types=types)
                yield page
                if page.is_end:
                    return
                if page.last_sequence == after:
                    await bell.wait(math.inf)
                after = page.last_sequence

    async def page(
        self, batch_id: str, *, after: int, limit: int, types: Collection[EventType]
    ) -> Page:
        """As the seam says."""
        if self._engine.hub.closed:
            raise Unavailable("the server is shutting down", reason=Reason.SHUTTING_DOWN)
        batch = await self._engine.batch(batch_id)
        batch = self._engine.journal.batch(batch_id) or batch
        if not batch.status.final and self._engine.journal.batch(batch_id) is None:
            raise NotFound("its submission is on its way", reason=Reason.BATCH_NOT_FOUND)
        if after > batch.last_sequence:
            raise OutOfRange("beyond the last event", reason=Reason.SEQUENCE_OUT_OF_RANGE)
        recent = self._engine.hub.recent(batch_id, after, limit)
        if not recent:
            return await self._stored(batch, after=after, limit=limit, types=types)
        wanted = [each.payload for each in recent if not types or each.event.type in types]
        return _page(batch, wanted, recent[-1].event.sequence)

    async def _stored(
        self, batch: Batch, *, after: int, limit: int, types: Collection[EventType]
    ) -> Page:
        """What the store holds, up to what was installed before it was asked."""
        ask = partial(
            self._engine.store.event_page, batch.batch_id, after=after, limit=limit, types=types
        )
        found = await self._engine.read(ask)
        assert found is not None, "a batch that is known is stored"
        kept = [each for each in found.events if each[0] <= batch.last_sequence]
        last_sequence = kept[-1][0] if len(kept) == limit else batch.last_sequence
        return _page(batch, [payload for _, payload in kept], last_sequence)


def _page(batch: Batch, payloads: Sequence[bytes], last_sequence: int) -> Page:
    is_end = batch.status.final and last_sequence == batch.last_sequence
    return Page(payloads, last_sequence, is_end)
