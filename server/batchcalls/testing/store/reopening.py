"""What a store that was closed has kept for the next process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from batchcalls.testing.breach import require, require_equal
from batchcalls.testing.store.bench import Bench, Rule, StoreFactory, new_name
from batchcalls.testing.store.changes import completed, dialed, retried, submitted
from batchcalls.testing.store.starts import require_open_calls


@contextmanager
def _reopened(open_store: StoreFactory, bench: Bench, name: str) -> Iterator[Bench]:
    """The store of that name once more, with the books of before."""
    bench.store.close()
    again = Bench(open_store(name))
    again.books = bench.books
    try:
        yield again
    finally:
        again.store.close()


def what_was_committed_is_there_for_the_next_process(open_store: StoreFactory) -> None:
    """Batches, calls, attempts and events are as they were, and ids stay taken."""
    name = new_name()
    bench = Bench(open_store(name))
    bench.commit(submitted("batch_a", calls=1, request_id="r"), submitted("batch_b", calls=2))
    bench.commit(dialed())
    bench.commit(completed(), dialed(batch_id="batch_b"))
    before = bench.portrait()
    with _reopened(open_store, bench, name) as again:
        require_equal(again.portrait(), before, "what was committed must be there after a close")
        require(not again.store.is_empty(), "a store with a batch must not be empty")
        taken = again.store.batch_of_request("r")
        require_equal(taken, bench.books.batch("batch_a"), "a request id must stay taken")


def unfinished_batches_go_on_in_the_next_process(open_store: StoreFactory) -> None:
    """Once they were read, they can be written to, and their queues are there."""
    name = new_name()
    bench = Bench(open_store(name))
    bench.commit(submitted("batch_a", calls=1), submitted("batch_b", calls=2))
    bench.commit(dialed())
    bench.commit(completed())
    with _reopened(open_store, bench, name) as again:
        rule = "unfinished batches must be there for the next process"
        expected = [bench.books.batch("batch_b")]
        require_equal(again.store.unfinished_batches(), expected, rule)
        require_equal(len(again.store.undialed_calls("batch_b", limit=9)), 2, rule)
        for change in (dialed(batch_id="batch_b"), completed(batch_id="batch_b")):
            again.commit(change)
        found = again.store.batch("batch_b")
        require_equal(found, bench.books.batch("batch_b"), "an unfinished batch must go on")


def open_calls_are_there_for_the_next_process(open_store: StoreFactory) -> None:
    """What was up when the last process ended is known, attempt by attempt."""
    name = new_name()
    bench = Bench(open_store(name))
    bench.commit(submitted(priorities=[0, 3, 0, 0]))
    bench.commit(dialed(0), dialed(1), dialed(2))
    bench.commit(completed(0), retried(1))
    bench.commit(dialed(1, number=2, dial=2))
    with _reopened(open_store, bench, name) as again:
        again.store.unfinished_batches()
        require_open_calls(again.store)


def closing_twice_is_closing_once(open_store: StoreFactory) -> None:
    """After the first close the store is free for others; the second does nothing to them."""
    name = new_name()
    bench = Bench(open_store(name))
    with _reopened(open_store, bench, name) as again:
        bench.store.close()
        again.commit(submitted())
        found = again.store.batch("batch_a")
        require_equal(found, again.books.batch("batch_a"), "to close twice must do nothing more")


RULES: Final[tuple[Rule, ...]] = (
    what_was_committed_is_there_for_the_next_process,
    unfinished_batches_go_on_in_the_next_process,
    open_calls_are_there_for_the_next_process,
    closing_twice_is_closing_once,
)
