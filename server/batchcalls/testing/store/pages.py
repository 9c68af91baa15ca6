"""Pages of batches, calls and events: together they are all that passes the filter, once."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from random import Random
from typing import Final

from batchcalls.core.model import BatchStatus, CallStatus, EventType, Outcome
from batchcalls.store.contract import Store
from batchcalls.testing.breach import BrokenContract, require, require_equal
from batchcalls.testing.store.bench import Bench, Rule, StoreFactory, fresh
from batchcalls.testing.store.changes import completed, dialed, retried, submitted
from batchcalls.testing.store.scene import draw, stand

_LIMITS: Final = range(1, 9)


def pages_of_batches_are_complete(open_store: StoreFactory) -> None:
    """Newest first, whatever the filter and the size of the pages."""
    filters: dict[tuple[BatchStatus, ...], list[int]] = {
        (): [6, 5, 4, 3, 2, 1, 0],
        (BatchStatus.COMPLETED,): [5, 3, 1],
        (BatchStatus.RUNNING, BatchStatus.PAUSED): [6, 4, 2, 0],
        (BatchStatus.FAILED,): [],
    }
    with fresh(open_store) as bench:
        commit_batches(bench)
        for limit in _LIMITS:
            for statuses, numbers in filters.items():
                require_equal(
                    _all_batches(bench.store, limit, statuses),
                    [f"batch_{number}" for number in numbers],
                    f"pages of batches must have each batch once, newest first, by {statuses}",
                )


def commit_batches(bench: Bench) -> None:
    """Seven batches; every second one is over."""
    for number in range(7):
        name = f"batch_{number}"
        bench.commit(submitted(name, calls=1))
        if number % 2:
            bench.commit(dialed(batch_id=name))
            bench.commit(completed(batch_id=name))


def _all_batches(store: Store, limit: int, statuses: Collection[BatchStatus]) -> list[str]:
    found: list[str] = []
    cursor, first = "", True
    while cursor or first:
        page = store.batch_page(cursor=cursor, limit=limit, statuses=statuses)
        found += [batch.batch_id for batch in page.batches]
        cursor, first = page.next_cursor, False
        require(len(page.batches) <= limit, "a page must have no more than was asked for")
        require(len(found) <= 7, "pages of batches must not repeat")
    return found


def a_foreign_cursor_is_refused(open_store: StoreFactory) -> None:
    """A cursor that this store never gave out is a ValueError, whatever it holds."""
    with fresh(open_store) as bench:
        commit_batches(bench)
        for cursor in ("nonsense", "-1", "9" * 30):
            try:
                bench.store.batch_page(cursor=cursor, limit=9)
            except ValueError:
                continue
            raise BrokenContract(f"a foreign cursor must be a ValueError: {cursor}")


def pages_of_calls_are_complete(open_store: StoreFactory) -> None:
    """Whatever the filter, the pages together are all calls that pass it, in order."""
    with fresh(open_store) as bench:
        for seed in range(20):
            random, batch_id = Random(seed), f"batch_{seed}"
            places = draw(random)
            stand(bench, batch_id, places)
            statuses = set(random.sample(list(CallStatus), random.randint(0, 3)))
            outcomes = set(random.sample([Outcome.BUSY, Outcome.COMPLETED], random.randint(0, 2)))
            expected = [
                position
                for position, place in enumerate(places)
                if (not statuses or place.status in statuses)
                and (not outcomes or place.outcome in outcomes)
            ]
            if not outcomes and (not statuses or CallStatus.IN_PROGRESS in statuses):
                expected.append(len(places))
            require_equal(
                _all_calls(bench.store, batch_id, random.randint(1, 9), statuses, outcomes),
                expected,
                f"pages of calls must have each call once, in order, by {statuses} {outcomes}",
            )


def _all_calls(
    store: Store,
    batch_id: str,
    limit: int,
    statuses: Collection[CallStatus],
    outcomes: Collection[Outcome],
) -> list[int]:
    found: list[int] = []
    after: int | None = -1
    while after is not None:
        page = store.call_page(
            batch_id, after=after, limit=limit, statuses=statuses, outcomes=outcomes
        )
        found += [call.position for call in page.calls]
        require(
            page.next_after is None or page.next_after > after, "pages of calls must go forward"
        )
        require(len(page.calls) <= limit, "a page must have no more than was asked for")
        after = page.next_after
    return found


def commit_log(bench: Bench) -> None:
    """A batch of three calls, two of them over, with a log of seven events."""
    bench.commit(submitted(calls=3))
    for position in range(2):
        bench.commit(dialed(position))
        bench.commit(completed(position))
    bench.commit(dialed(2))
    bench.commit(retried(2))


def pages_of_events_are_complete(open_store: StoreFactory) -> None:
    """From any sequence on, each event that passes the filter comes once, in order."""
    filters: dict[tuple[EventType, ...], list[int]] = {
        (): [1, 2, 3, 4, 5, 6, 7],
        (EventType.CALL_STARTED,): [2, 4, 6],
        (EventType.CALL_COMPLETED, EventType.CALL_RETRY_SCHEDULED): [3, 5, 7],
        (EventType.BATCH_CANCELED,): [],
    }
    with fresh(open_store) as bench:
        bench.commit(submitted("batch_b"))
        commit_log(bench)
        for limit in _LIMITS:
            for types, sequences in filters.items():
                for start in range(9):
                    require_equal(
                        _all_events(bench.store, start, limit, types),
                        [sequence for sequence in sequences if sequence > start],
                        f"pages of events must have each event once, in order, by {types}",
                    )


def _all_events(store: Store, start: int, limit: int, types: Sequence[EventType]) -> list[int]:
    found: list[int] = []
    after = start
    while True:
        page = store.event_page("batch_a", after=after, limit=limit, types=types)
        if page is None:
            raise BrokenContract("the log of a batch that is stored must be there")
        end = (page.last_sequence, page.final)
        require_equal(end, (7, False), "a page of events must say where the log ends")
        require(len(page.events) <= limit, "a page must have no more than was asked for")
        found += [sequence for sequence, _ in page.events]
        if page.upto >= page.last_sequence:
            return found
        require(page.upto > after, "pages of events must go forward")
        require(
            max(found, default=0) <= page.upto, "a page must bring its reader past all its events"
        )
        after = page.upto


RULES: Final[tuple[Rule, ...]] = (
    pages_of_batches_are_complete,
    a_foreign_cursor_is_refused,
    pages_of_calls_are_complete,
    pages_of_events_are_complete,
)
