"""The feed: the one way in which events reach readers, whatever door they come by.

They come in the order of the log, each once, without a gap, and never ahead of what the engine
has installed. A commit is on the disk a moment before the engine hears of it; a reader who was
shown that moment would know more than the server that it asks next. So what the store holds is
cut at what is installed.

A reader near the end of the log is served from memory (the hub), one who lags from the store.
The feed knows no loop, so any reader can wait in a way of its own: it is called when there is
something new, and comes for a page.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, Protocol, TypeVar

from batchcalls.core.model import Batch, EventType
from batchcalls.engine.hub import Hub, Watch
from batchcalls.engine.journal import Journal
from batchcalls.errors import OutOfRange, Reason, batch_not_found
from batchcalls.store.contract import EventPage, Store

T = TypeVar("T")

PAGE_BYTES: Final = 1024 * 1024
"""The most bytes of events in a page: clients take messages of 4 MiB. One event always fits."""

_FINAL: Final = frozenset(
    {EventType.BATCH_COMPLETED, EventType.BATCH_FAILED, EventType.BATCH_CANCELED}
)


class Read(Protocol):
    """Asks the store beside the commits, as ``Engine.read`` does."""

    def __call__(self, ask: Callable[[], T], /) -> Awaitable[T]: ...


@dataclass(frozen=True, slots=True)
class Page:
    """Serialized events, and how far they bring the reader.

    ``last_sequence`` is that place: all up to it are here, or weren't asked for. ``latest`` is
    the end of the log by now; ``is_end`` says that the reader is there and nothing will follow.
    """

    payloads: Sequence[bytes]
    last_sequence: int
    latest: int
    is_end: bool


class Feed:
    """Gives events to readers. ``batch`` gives a batch as the engine has installed it."""

    def __init__(
        self,
        *,
        store: Store,
        journal: Journal,
        read: Read,
        batch: Callable[[str], Awaitable[Batch]],
    ) -> None:
        self.hub = Hub()
        self._store = store
        self._journal = journal
        self._read = read
        self._batch = batch

    def __repr__(self) -> str:
        return f"<Feed {self.hub!r}>"

    @property
    def closed(self) -> bool:
        """Whether readers are to go."""
        return self.hub.closed

    def close(self) -> None:
        """The server shuts down: wake every reader, so that each can say goodbye."""
        self.hub.close()

    def watch(self, batch_id: str, notify: Callable[[], None]) -> Watch:
        """Call ``notify`` whenever the batch has changed, and at ``close``; see ``Hub.watch``."""
        return self.hub.watch(batch_id, notify)

    def remembered(
        self, batch_id: str, *, after: int, limit: int, types: Collection[EventType] = ()
    ) -> Page | None:
        """The page, where memory has it, at once; None where the store must be asked."""
        recent = self.hub.recent(batch_id, after, limit)
        if recent:
            last = recent[-1].event
            events = [
                (one.event.sequence, one.payload)
                for one in recent
                if not types or one.event.type in types
            ]
            latest = self.hub.latest(batch_id)
            return _page(events, last.sequence, latest=latest, is_final=last.type in _FINAL)
        batch = self._journal.batch(batch_id)
        is_at_the_end = batch is not None and batch.last_sequence == after
        return Page((), after, after, is_end=False) if is_at_the_end else None

    async def page(
        self, batch_id: str, *, after: int, limit: int, types: Collection[EventType] = ()
    ) -> Page:
        """Up to ``limit`` events of ``types`` (empty means all) beyond sequence ``after``.

        Raises:
          NotFound: there is no such batch.
          OutOfRange: ``after`` lies beyond the end of the log.
          Unavailable: the store can't be read now.
        """
        remembered = self.remembered(batch_id, after=after, limit=limit, types=types)
        if remembered is not None:
            return remembered
        batch = await self._batch(batch_id)
        if after == batch.last_sequence:
            return Page((), after, after, is_end=batch.status.final)
        found = await self._stored(batch_id, after=after, limit=limit, types=types)
        if after > batch.last_sequence:
            return _ahead(found, after)
        # What the store has beyond the batch as it was, the engine hasn't installed yet.
        events = [event for event in found.events if event[0] <= batch.last_sequence]
        reached = min(found.upto, batch.last_sequence)
        return _page(events, reached, latest=batch.last_sequence, is_final=batch.status.final)

    async def _stored(
        self, batch_id: str, *, after: int, limit: int, types: Collection[EventType]
    ) -> EventPage:
        ask = partial(self._store.event_page, batch_id, after=after, limit=limit, types=types)
        found = await self._read(ask)
        if found is None:
            raise batch_not_found(batch_id)
        return found


def _ahead(found: EventPage, after: int) -> Page:
    """For a reader who knows more than is installed: from a list of batches, or another server."""
    if after > found.last_sequence:
        raise OutOfRange(
            f"after_sequence {after} lies beyond the last event, {found.last_sequence}",
            reason=Reason.SEQUENCE_OUT_OF_RANGE,
        )
    return Page((), after, after, is_end=False)


def _page(
    events: Sequence[tuple[int, bytes]], reached: int, *, latest: int, is_final: bool
) -> Page:
    """As many of the events, in order, as a page has room for; all of them ``reached`` so far."""
    payloads = [payload for _, payload in events]
    if sum(map(len, payloads)) > PAGE_BYTES:
        del payloads[_fitting(payloads) :]
        reached = events[len(payloads) - 1][0]
    return Page(payloads, reached, latest, is_end=is_final and reached == latest)


def _fitting(payloads: Sequence[bytes]) -> int:
    """How many of the first have room in a page: one at least."""
    count, size = 1, len(payloads[0])
    for payload in payloads[1:]:
        size += len(payload)
        if size > PAGE_BYTES:
            break
        count += 1
    return count
