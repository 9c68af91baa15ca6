"""What readers follow, as streams or by asking: the status of a batch, and its events.

The two streams are the status, conflated, and the events, complete.

Both are told by the feed that something changed, and poll nothing. A stream holds one message
at a time, so a slow reader costs constant memory: a status that it missed is replaced by the
next, and events that left the feed's memory are read from the store. Neither is silent for longer
than ``HEARTBEAT_S``, whatever it was asked to leave out. Both end by themselves after the final
state; from the moment at which the server shuts down, every one ends UNAVAILABLE, for a client to
resume.

Memory answers at once, and all who ask again as soon as they are answered could take the loop for
themselves. So whoever asks, and whoever opens a stream, has a turn: together they have a budget.
What a stream tells from then on comes at the pace of what happens, and waits for nobody.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Collection
from functools import partial
from typing import Final

from batchcalls.api.loop import Bell, Loop
from batchcalls.core.model import Batch, EventType
from batchcalls.engine.budget import Budget
from batchcalls.engine.engine import Engine
from batchcalls.engine.feed import Page
from batchcalls.errors import Reason, Unavailable

HEARTBEAT_S: Final = 15.0
"""How long a stream is silent at most; it keeps proxies and watchdogs content."""

_PAGE: Final = 512
"""Events in one message: about 100 KiB."""

ANSWER_S: Final = 0.000_4
"""What a question that memory answers takes of a processor, nearly all of it for gRPC: half as
much where many come at once, but then the budget sees to it that they don't."""

LEAST_SHARE: Final = 0.1
MOST_SHARE: Final = 0.25
"""The part of one processor for such answers while calls are dialed: 250 to 625 a second."""


class Streams:
    """Makes the streams of watchers, and answers who asks. One for all the readers of an engine."""

    def __init__(self, engine: Engine, loop: Loop) -> None:
        self._engine = engine
        self._feed = engine.feed
        self._loop = loop
        self._budget = Budget(loop.now, least=LEAST_SHARE, most=MOST_SHARE)
        engine.listen(self._budget)

    async def turn(self) -> None:
        """Wait for one's turn to ask: at once, unless calls are dialed and many ask."""
        await self._budget.rest(self._loop.sleep, then_s=ANSWER_S)

    async def batch(self, batch_id: str, *, min_interval_s: float) -> AsyncGenerator[Batch, None]:
        """The batch now, then after changes, at most one in ``min_interval_s``; to its end.

        A heartbeat is the same batch again.

        Raises:
          NotFound: there is no such batch.
          Unavailable: the server shuts down, or can't read the store.
        """
        await self.turn()
        bell = self._loop.bell()
        with self._feed.watch(batch_id, bell.ring):
            while True:
                self._check_open()
                batch = await self.current(batch_id)
                sent_at = self._loop.now()
                yield batch
                if batch.status.final:
                    return
                while not await self._changes(bell, batch_id, sent_at, min_interval_s):
                    yield batch

    async def _changes(
        self, bell: Bell, batch_id: str, sent_at: float, min_interval_s: float
    ) -> bool:
        """Wait until a change may be told; False when a heartbeat is due first."""
        beat_at = self._loop.now() + HEARTBEAT_S
        due_at = sent_at + min_interval_s
        has_changed = False
        while True:
            has_changed |= await bell.wait(min(due_at, beat_at) if has_changed else beat_at)
            self._check_open()
            # The final state doesn't wait.
            if has_changed and (self._loop.now() >= due_at or not self._is_open(batch_id)):
                return True
            if self._loop.now() >= beat_at:
                if has_changed:
                    bell.ring()  # what rang is still to be told
                return False

    async def events(
        self, batch_id: str, *, after: int, types: Collection[EventType]
    ) -> AsyncGenerator[Page, None]:
        """All events beyond ``after``, first the stored ones, then as they come; to the end.

        A page without events is a heartbeat, or the last one, which tells where the log ended.

        Raises:
          NotFound: there is no such batch.
          OutOfRange: ``after`` lies beyond the last event.
          Unavailable: the server shuts down, or can't read the store.
        """
        await self.turn()
        bell = self._loop.bell()
        with self._feed.watch(batch_id, bell.ring):
            beat_at = self._loop.now() + HEARTBEAT_S
            while True:
                self._check_open()
                page = await self._page(batch_id, after=after, limit=_PAGE, types=types)
                is_news = page.last_sequence > after
                after = page.last_sequence
                if page.payloads or page.is_end or self._loop.now() >= beat_at:
                    yield page
                    beat_at = self._loop.now() + HEARTBEAT_S
                if page.is_end:
                    return
                if not is_news:
                    await bell.wait(beat_at)

    async def page(
        self, batch_id: str, *, after: int, limit: int, types: Collection[EventType]
    ) -> Page:
        """One page of events for who asks, in turn. Raises as ``Feed.page``."""
        await self.turn()
        return await self._page(batch_id, after=after, limit=limit, types=types)

    async def _page(
        self, batch_id: str, *, after: int, limit: int, types: Collection[EventType]
    ) -> Page:
        """One page of events, from memory at once where it has them."""
        page = self._feed.remembered(batch_id, after=after, limit=limit, types=types)
        if page is None:
            ask = partial(self._feed.page, batch_id, after=after, limit=limit, types=types)
            page = await self._loop.run(ask)
        return page

    async def current(self, batch_id: str) -> Batch:
        """The batch as it stands durably; from memory, at once, where that has it."""
        batch = self._engine.known(batch_id)
        if batch is None:
            batch = await self._loop.run(self._engine.batch, batch_id)
        return batch

    def _is_open(self, batch_id: str) -> bool:
        return self._engine.journal.batch(batch_id) is not None

    def _check_open(self) -> None:
        if self._feed.closed:
            raise Unavailable("the server is shutting down", reason=Reason.SHUTTING_DOWN)
