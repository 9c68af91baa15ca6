"""The hub tells watchers that something became durable, and remembers the latest events.

It holds, for each batch that somebody watches or that is active, a short ring of the events
last published, serialized once and shared by all. A reader who is near the end of the log
reads from the ring, one who lags behind reads from the store: so a slow reader costs nothing
and no reader ever holds up the engine. The hub knows no loop and no protocol: a watcher
leaves a callable, which is called in the thread of the engine.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from batchcalls.core.effects import Effects
from batchcalls.core.model import Batch
from batchcalls.engine.journal import Published

_RING: Final = 1_024
"""Events kept in memory per watched batch: at 1,000 calls a second about a third of a second."""


class Watch:
    """One watcher's registration; ``close`` it (or leave its ``with``) to hear no more."""

    def __init__(self, hub: Hub, batch_id: str, notify: Callable[[], None]) -> None:
        self.batch_id = batch_id
        self.notify = notify
        self._hub = hub

    def __enter__(self) -> Watch:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Hear no more. Idempotent."""
        self._hub.leave(self)


class _Board:
    """What the hub knows of one watched batch: who listens, and the latest events."""

    __slots__ = ("recent", "watches")

    def __init__(self) -> None:
        self.watches: set[Watch] = set()
        self.recent: deque[Published] = deque(maxlen=_RING)


class Hub:
    """Registers watchers and passes on what the journal commits (as its ``Listener``)."""

    def __init__(self) -> None:
        self._boards: dict[str, _Board] = {}
        self.closed = False

    def __repr__(self) -> str:
        return f"<Hub {self.watchers} watchers of {len(self._boards)} batches>"

    @property
    def watchers(self) -> int:
        """How many watch anything."""
        return sum(len(board.watches) for board in tuple(self._boards.values()))

    def watch(self, batch_id: str, notify: Callable[[], None]) -> Watch:
        """Call ``notify`` whenever something of the batch became durable, and at ``close``.

        ``notify`` must be cheap and must not raise; several changes may come in one call.
        """
        watch = Watch(self, batch_id, notify)
        self._boards.setdefault(batch_id, _Board()).watches.add(watch)
        return watch

    def leave(self, watch: Watch) -> None:
        """Forget a watcher."""
        board = self._boards.get(watch.batch_id)
        if board is not None:
            board.watches.discard(watch)
            if not board.watches:
                del self._boards[watch.batch_id]

    def recent(self, batch_id: str, after: int, limit: int) -> list[Published] | None:
        """Up to ``limit`` events beyond ``after`` from memory; None if the store must be asked."""
        board = self._boards.get(batch_id)
        if board is None or not board.recent:
            return None
        first = board.recent[0].event.sequence
        if after + 1 < first:
            return None
        return list(_slice(board.recent, after + 1 - first, limit))

    def latest(self, batch_id: str) -> int:
        """The sequence of the last event of a batch that has some in memory."""
        return self._boards[batch_id].recent[-1].event.sequence

    def committed(
        self, _writes: Sequence[Effects], events: Sequence[Published], batches: Sequence[Batch]
    ) -> None:
        """Publish a commit."""
        for published in events:
            board = self._boards.get(published.event.batch_id)
            if board is not None:
                board.recent.append(published)
        for batch in batches:
            board = self._boards.get(batch.batch_id)
            if board is not None:
                for watch in tuple(board.watches):
                    watch.notify()

    def health_changed(self, *, healthy: bool) -> None:
        """Watchers needn't know."""

    def close(self) -> None:
        """The server shuts down: wake every watcher, so that each can say goodbye."""
        self.closed = True
        for board in tuple(self._boards.values()):
            for watch in tuple(board.watches):
                watch.notify()


def _slice(recent: deque[Published], start: int, limit: int) -> Iterator[Published]:
    for index in range(start, min(start + limit, len(recent))):
        yield recent[index]
