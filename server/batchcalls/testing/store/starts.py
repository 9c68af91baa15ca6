"""What the engine finds at its start, while it runs, and beside others at work."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Final

from batchcalls.core.lane import QueuedCall
from batchcalls.store.contract import OpenCall, Store
from batchcalls.testing.breach import require, require_equal
from batchcalls.testing.store.bench import Bench, Rule, StoreFactory, fresh
from batchcalls.testing.store.changes import (
    NOW_US,
    attempt,
    completed,
    dialed,
    paused,
    retried,
    submitted,
)

_READERS: Final = 2
_CALLS: Final = 20

_PAUSE_S: Final = 0.001
"""What a reader leaves to the others between two looks: a store may let them take turns."""


def unfinished_batches_are_those_that_have_not_ended(open_store: StoreFactory) -> None:
    """Oldest first; one that waits or is paused is among them."""
    with fresh(open_store) as bench:
        for number in range(5):
            bench.commit(submitted(f"batch_{number}", calls=1))
        bench.commit(paused("batch_3"))
        for name in ("batch_1", "batch_4"):
            bench.commit(dialed(batch_id=name))
            bench.commit(completed(batch_id=name))
        require_equal(
            bench.store.unfinished_batches(),
            [bench.books.batch(f"batch_{number}") for number in (0, 2, 3)],
            "unfinished batches must be all that aren't final, oldest first",
        )


def open_calls_have_an_intent_and_no_outcome(open_store: StoreFactory) -> None:
    """Each as it was before the dial, so that the next one gets the next number."""
    with fresh(open_store) as bench:
        bench.commit(submitted(priorities=[0, 3, 0, 0]), submitted("batch_b"))
        bench.commit(dialed(0), dialed(1), dialed(2), dialed(0, batch_id="batch_b"))
        bench.commit(completed(0), retried(1))
        bench.commit(dialed(1, number=2, dial=2))
        require_open_calls(bench.store)


def require_open_calls(store: Store) -> None:
    """Of the four calls of ``batch_a``, the second is up again and the third for the first time."""
    specs = submitted(priorities=[0, 3, 0, 0]).calls
    again = QueuedCall(position=1, priority=3, spec=specs[1].spec, attempts=1, dials=1)
    first = QueuedCall(position=2, priority=0, spec=specs[2].spec)
    require_equal(
        store.open_calls("batch_a"),
        [
            OpenCall(call=again, attempt=attempt(1, 2, 2)),
            OpenCall(call=first, attempt=attempt(2)),
        ],
        "open calls must be those with an intent and no outcome, as they were queued before",
    )


def the_earliest_due_call_is_found(open_store: StoreFactory) -> None:
    """Over all running batches; 0 while none waits for its time."""
    with fresh(open_store) as bench:
        bench.commit(submitted("batch_a", calls=2), submitted("batch_b", calls=2))
        _require_earliest(bench, 0)
        for name, due_s in (("batch_a", 60), ("batch_b", 30)):
            bench.commit(dialed(batch_id=name))
            bench.commit(retried(due_s=due_s, batch_id=name))
        _require_earliest(bench, retried(due_s=30).due_time_us)
        bench.commit(paused("batch_b"))
        _require_earliest(bench, retried(due_s=60).due_time_us)


def _require_earliest(bench: Bench, expected: int) -> None:
    rule = "the earliest due time must be that of all running batches"
    require_equal(bench.store.earliest_due_us(), expected, rule)


def a_probe_leaves_nothing(open_store: StoreFactory) -> None:
    """A good store passes it, and a check, as often as you like, and is as before."""
    with fresh(open_store) as bench:
        bench.commit(submitted())
        before = bench.portrait()
        for second in range(3):
            bench.store.probe(NOW_US + second)
            bench.store.check()
        require_equal(bench.portrait(), before, "a probe must leave what is stored as it was")


def reads_beside_commits_see_one_snapshot(open_store: StoreFactory) -> None:
    """Several threads read while another commits: nobody fails, and nobody sees half a group."""
    with fresh(open_store) as bench, ThreadPoolExecutor(_READERS) as threads:
        bench.commit(submitted(calls=_CALLS))
        over = Event()
        readers = [threads.submit(_read_until, over, bench.store) for _ in range(_READERS)]
        try:
            for position in range(_CALLS):
                bench.commit(dialed(position))
                bench.commit(completed(position))
        finally:
            over.set()
        for reader in readers:
            reader.result()


def _read_until(over: Event, store: Store) -> None:
    while not over.wait(_PAUSE_S):
        _require_snapshot(store)


def _require_snapshot(store: Store) -> None:
    page = store.event_page("batch_a", limit=10 * _CALLS)
    require(
        page and len(page.events) == page.last_sequence,
        "a page of events must be read as one snapshot",
    )
    for call in store.call_page("batch_a", limit=_CALLS).calls:
        ended = [bool(attempt.outcome) for attempt in call.attempts]
        tells = {(): "pending", (False,): "in_progress", (True,): "completed"}
        require_equal(
            call.status.value, tells[tuple(ended)], "a call and its attempts must be one snapshot"
        )


RULES: Final[tuple[Rule, ...]] = (
    unfinished_batches_are_those_that_have_not_ended,
    open_calls_have_an_intent_and_no_outcome,
    the_earliest_due_call_is_found,
    a_probe_leaves_nothing,
    reads_beside_commits_see_one_snapshot,
)
