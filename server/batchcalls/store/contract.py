"""The store contract: what the engine asks of whoever keeps its batches, in the domain's words.

A store decides nothing. It writes a group of changes durably, all or nothing, and reads. Its
methods block. One thread at a time calls those that say *in step* (the journal does, between
commits): they see what the last commit left. Every other one may be called from any number of
threads beside the commits, and sees one snapshot.

``batchcalls.testing.check_store`` proves a store against this contract.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from batchcalls.core.effects import Effects
from batchcalls.core.lane import QueuedCall
from batchcalls.core.model import (
    Attempt,
    Batch,
    BatchStatus,
    Call,
    CallStatus,
    EventType,
    Outcome,
    RetryOrder,
)


class StoreFailure(Exception):
    """The store can't commit or read now (disk full, I/O error); nothing was written."""


class UnreadableRow(Exception):
    """What is stored of a batch or a call can't be read: another program wrote it, or a disk."""

    def __init__(self, name: str, error: Exception) -> None:
        super().__init__(f"{name} is stored in a form that can't be read: {error}")


class CommitInDoubt(Exception):
    """The store failed while it committed: whether the group was written isn't known now."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A submitted batch that wasn't stored, since its batch id or request id is taken."""

    batch_id: str
    request_id: str
    request_digest: bytes


@dataclass(slots=True)
class Group:
    """What goes through one commit.

    ``writes`` are the effects of changes, in order; ``batches`` those that they touch, as they
    stand after the last one. A call changes its status once at most in a group. What a carrier
    told is as ``carriers.border`` lets it through: valid UTF-8, no control characters.
    """

    writes: list[Effects] = field(default_factory=list)
    batches: dict[str, Batch] = field(default_factory=dict)


@dataclass(slots=True)
class Committed:
    """What a commit left: the serialized events in the order of the group's, and refusals.

    ``refused`` is keyed by the batch id of the submission that was refused; nothing of that
    batch was written, and its events have no payload here.
    """

    payloads: list[bytes] = field(default_factory=list)
    refused: dict[str, Refusal] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueHead:
    """The first calls of a batch's queue; complete where the store has none beyond them.

    When calls are due, the store knows by the wall clock alone: ``due_s`` is left at 0.
    """

    ready: Sequence[QueuedCall]
    ready_complete: bool
    waiting: Sequence[QueuedCall]
    waiting_complete: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenCall:
    """A call with an intent and no outcome, as it was queued before, and that attempt."""

    call: QueuedCall
    attempt: Attempt


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchPage:
    """Batches in order, and where the next page begins; empty on the last.

    No page of a filtered list looks at more than so much of it: one may hold fewer than it was
    asked for, or none, and not be the last.
    """

    batches: Sequence[Batch]
    next_cursor: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CallPage:
    """Calls in order, and the position after which the next page begins; None on the last.

    As with batches, a page of a filtered list may hold few and not be the last.
    """

    calls: Sequence[Call]
    next_after: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EventPage:
    """Stored events in order, as (sequence, serialized message), and where the log ends.

    ``upto`` is how far the page brings its reader: every event up to it is in the page or
    isn't of the types. No page looks at more than so much of the log, so one with few events,
    or none, need not be the last: that is the one whose ``upto`` is the ``last_sequence``.
    """

    events: Sequence[tuple[int, bytes]]
    upto: int
    last_sequence: int
    final: bool


class Store(ABC):
    """Keeps batches. Close it when nothing uses it any more.

    Every method raises ``StoreFailure`` where the store can't do it now. A row that can't be
    read touches nothing else: whoever asks for that batch or call gets ``UnreadableRow``, and
    lists leave it out and name it in the log.
    """

    # At the start

    @abstractmethod
    def unfinished_batches(self) -> list[Batch]:
        """All batches that aren't final, oldest first; from now on they can be written to."""

    @abstractmethod
    def open_calls(self, batch_id: str) -> list[OpenCall]:
        """The calls of an unfinished batch that have an intent without an outcome."""

    @abstractmethod
    def is_empty(self) -> bool:
        """Whether no batch was ever stored."""

    # In step

    @abstractmethod
    def commit(self, group: Group) -> Committed:
        """Write a group durably, all or nothing. An empty one costs nothing.

        A submission whose batch id or request id is taken is left out, with all else of its
        batch, and named in ``refused``; the rest is written.

        Raises:
          StoreFailure: nothing was written; the same group may be tried again.
          CommitInDoubt: it may have been written. ``settle`` comes before anything else.
          AssertionError: what is stored isn't as the group takes for granted, by a bug of
            ours; nothing was written.
        """

    @abstractmethod
    def settle(self, time_us: int) -> Committed | None:
        """What the commit in doubt left; None if it never will have written anything.

        Raises:
          StoreFailure: that still isn't known.
        """

    @abstractmethod
    def probe(self, time_us: int) -> None:
        """Find out whether the store can commit as much as a group."""

    @abstractmethod
    def check(self) -> None:
        """Find out whether what is stored is where others will look for it.

        It costs next to nothing, and may be called at any time.
        """

    @abstractmethod
    def forget(self, batch_id: str) -> None:
        """Nobody will write to that batch any more: it is final. Read in step, it is empty."""

    @abstractmethod
    def queue_head(
        self,
        batch_id: str,
        *,
        now_us: int,
        after: tuple[float, ...] | None,
        limit: int,
        order: RetryOrder,
    ) -> QueueHead:
        """The first ``limit`` ready calls, and the first ``limit`` that are due after ``after``.

        Ready are calls that wait for no time, and those that are due at ``now_us``: by
        priority, high first, then by ``order``, then by due time and position. ``after`` is a
        pair of due time and position; None means: after ``now_us``. What it costs doesn't grow
        with the length of the queue.
        """

    @abstractmethod
    def undialed_calls(self, batch_id: str, *, limit: int) -> list[tuple[int, CallStatus]]:
        """Up to ``limit`` calls that are pending or retrying, as pairs of position and status."""

    # Beside

    @abstractmethod
    def batch(self, batch_id: str) -> Batch | None:
        """The batch with that id."""

    @abstractmethod
    def batch_of_request(self, request_id: str) -> Batch | None:
        """The batch that the request with that id made."""

    @abstractmethod
    def batch_page(
        self, *, cursor: str = "", limit: int, statuses: Collection[BatchStatus] = ()
    ) -> BatchPage:
        """Up to ``limit`` batches, newest first, from the ``next_cursor`` of a page on.

        Raises:
          ValueError: the cursor is none of this store's.
        """

    @abstractmethod
    def call(self, batch_id: str, position: int) -> Call | None:
        """One call with its attempts."""

    @abstractmethod
    def call_page(
        self,
        batch_id: str,
        *,
        after: int = -1,
        limit: int,
        statuses: Collection[CallStatus] = (),
        outcomes: Collection[Outcome] = (),
    ) -> CallPage:
        """Up to ``limit`` calls in order of position, beyond the position ``after``."""

    @abstractmethod
    def event_page(
        self, batch_id: str, *, after: int = 0, limit: int, types: Collection[EventType] = ()
    ) -> EventPage | None:
        """The events of a batch beyond sequence ``after``; None when there is no such batch."""

    @abstractmethod
    def earliest_due_us(self) -> int:
        """When the call that is due first, of all running batches, is due; 0 if none waits."""

    @abstractmethod
    def close(self) -> None:
        """Give up everything; the store may be opened again, by this or another process."""
