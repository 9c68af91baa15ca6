"""A store under watch, with the books of all that is committed to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from typing import Final
from uuid import uuid4

from batchcalls.core.changes import BatchSubmitted, Change
from batchcalls.core.ledger import Ledger
from batchcalls.core.model import Batch, Call
from batchcalls.store.contract import Committed, Group, Store
from batchcalls.testing.breach import require, require_equal

StoreFactory = Callable[[str], Store]
Rule = Callable[[StoreFactory], None]

_ALL: Final = 1_000_000
"""More than any batch of these checks has of anything."""


def _make_names() -> Iterator[str]:
    run = uuid4().hex
    for number in count(1):
        yield f"check{run}_{number}"


_names = _make_names()


def new_name() -> str:
    """A name that no store has had, in this process or an earlier one."""
    return next(_names)


class Books:
    """The ledgers behind a series of groups, kept as the engine's journal would keep them."""

    def __init__(self) -> None:
        self._ledgers: dict[str, Ledger] = {}

    def group(self, *changes: Change) -> Group:
        """The group of those changes, which happen now."""
        group = Group()
        for change in changes:
            if isinstance(change, BatchSubmitted):
                self._ledgers[change.batch_id] = Ledger.opened(
                    change.spec, total_calls=len(change.calls), time_us=change.time_us
                )
            ledger = self._ledgers[change.batch_id]
            group.writes.append(ledger.apply(change))
            group.batches[change.batch_id] = ledger.snapshot()
        return group

    def batch(self, batch_id: str) -> Batch:
        """The batch as it stands in the books."""
        return self._ledgers[batch_id].snapshot()


class Bench:
    """One open store and its books."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.books = Books()

    def commit(self, *changes: Change) -> Committed:
        """Commit one group of those changes."""
        return self.store.commit(self.books.group(*changes))

    def calls(self, batch_id: str = "batch_a") -> list[Call]:
        """All calls of a batch as they are stored."""
        return list(self.store.call_page(batch_id, limit=_ALL).calls)

    def events(self, batch_id: str = "batch_a") -> list[tuple[int, bytes]]:
        """The whole log of a batch as it is stored."""
        page = self.store.event_page(batch_id, limit=_ALL)
        return list(page.events) if page else []

    def portrait(self) -> object:
        """All that is stored, to be compared with what is stored later."""
        batches = self.store.batch_page(limit=_ALL).batches
        return [
            (batch, self.calls(batch.batch_id), self.events(batch.batch_id)) for batch in batches
        ]

    def require_as_in_the_books(self, batch_id: str = "batch_a") -> None:
        """Refuse a batch that isn't stored as the books have it, with its whole log."""
        expected = self.books.batch(batch_id)
        require_equal(
            self.store.batch(batch_id), expected, "a batch must stand as its last group left it"
        )
        require_equal(
            [sequence for sequence, _ in self.events(batch_id)],
            list(range(1, expected.last_sequence + 1)),
            "each event must be in the log once",
        )


@contextmanager
def fresh(open_store: StoreFactory) -> Iterator[Bench]:
    """A new store, which is closed in the end whatever happens."""
    store = open_store(new_name())
    try:
        require(store.is_empty(), "a store that was opened for the first time must be empty")
        yield Bench(store)
    finally:
        store.close()
