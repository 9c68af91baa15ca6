"""What waits to be dialed, read in step: the head of a queue is the head of a plain sort."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Final

from batchcalls.core.lane import QueuedCall
from batchcalls.core.model import CallStatus, RetryOrder
from batchcalls.store.contract import QueueHead
from batchcalls.testing.breach import require, require_equal
from batchcalls.testing.store.bench import Bench, Rule, StoreFactory, fresh
from batchcalls.testing.store.changes import (
    NOW_US,
    SECOND_US,
    call_spec,
    canceled,
    completed,
    dialed,
    retried,
    submitted,
)
from batchcalls.testing.store.scene import Place, draw, plainly_ready, plainly_waiting, stand
from batchcalls.wire.spec import stored_call_spec

_SCENES: Final = 15
_LIMITS: Final = (1, 5, 30)
_LONG: Final = 10_000
_BEYOND: Final = 2**31


def the_head_of_the_queue_is_that_of_a_plain_sort(open_store: StoreFactory) -> None:
    """Whatever waits where, in both retry orders, from any due time on, up to any limit."""
    with fresh(open_store) as bench:
        for seed in range(_SCENES):
            places, batch_id = draw(Random(seed)), f"batch_{seed}"
            stand(bench, batch_id, places)
            for order in RetryOrder:
                for limit in _LIMITS:
                    _require_heads(bench, batch_id, places, order, limit)


def the_head_of_a_long_queue_is_found(open_store: StoreFactory) -> None:
    """Of ten thousand calls, some of them retries, the first ones come and no others."""
    with fresh(open_store) as bench:
        bench.commit(submitted(priorities=[position % 3 for position in range(_LONG)]))
        places = [Place(CallStatus.PENDING, position % 3) for position in range(_LONG)]
        due = range(0, _LONG, 97)
        bench.commit(*(dialed(position) for position in due))
        bench.commit(*(retried(position, due_s=position % 7 - 3) for position in due))
        for position in due:
            places[position] = Place(CallStatus.RETRYING, position % 3, position % 7 - 3)
        for order in RetryOrder:
            _require_head(bench, "batch_a", places, order, 256, None)


def _require_heads(
    bench: Bench, batch_id: str, places: Sequence[Place], order: RetryOrder, limit: int
) -> None:
    for after in [None, (-1, 7), *plainly_waiting(places)[::3]]:
        _require_head(bench, batch_id, places, order, limit, after)


def _require_head(
    bench: Bench,
    batch_id: str,
    places: Sequence[Place],
    order: RetryOrder,
    limit: int,
    after: tuple[int, int] | None,
) -> None:
    head = bench.store.queue_head(
        batch_id,
        now_us=NOW_US,
        after=after and (NOW_US + after[0] * SECOND_US, after[1]),
        limit=limit,
        order=order,
    )
    ready = plainly_ready(places, order)
    later = [each[1] for each in plainly_waiting(places) if each > (after or (0, _BEYOND))]
    asked = f"({order}, after {after}, limit {limit})"
    _require_positions(head.ready, ready[:limit], f"ready calls must be in order {asked}")
    _require_positions(head.waiting, later[:limit], f"waiting calls must be by due time {asked}")
    _require_complete(head, ready, later, limit)
    for call in [*head.ready, *head.waiting]:
        _require_as_placed(call, places[call.position])


def _require_positions(found: Sequence[QueuedCall], expected: list[int], rule: str) -> None:
    require_equal([call.position for call in found], expected, rule)


def _require_complete(head: QueueHead, ready: list[int], later: list[int], limit: int) -> None:
    require(
        len(ready) <= limit or not head.ready_complete,
        "ready calls must not be called complete where more of them are stored",
    )
    require(
        len(later) <= limit or not head.waiting_complete,
        "waiting calls must not be called complete where more of them are stored",
    )
    require(
        (head.ready_complete or len(ready) >= limit)
        and (head.waiting_complete or len(later) >= limit),
        "calls must be called complete where fewer are stored than were asked for",
    )


def _require_as_placed(call: QueuedCall, place: Place) -> None:
    require_equal(
        (call.priority, call.status, call.attempts, call.dials, call.due_time_us),
        (
            place.priority,
            place.status,
            place.tried,
            int(place.due_s is not None),
            0 if place.due_s is None else NOW_US + place.due_s * SECOND_US,
        ),
        "a queued call must be as it is stored",
    )
    require_equal(
        stored_call_spec(call.spec),
        call_spec(call.position, priority=place.priority),
        "a queued call must have its spec",
    )


def undialed_calls_are_the_pending_and_the_retrying(open_store: StoreFactory) -> None:
    """Each with its status, up to the limit, and none twice."""
    with fresh(open_store) as bench:
        for seed in range(_SCENES):
            places, batch_id = draw(Random(seed)), f"batch_{seed}"
            stand(bench, batch_id, places)
            waiting = {(at, place.status) for at, place in enumerate(places) if place.waits}
            for limit in _LIMITS:
                found = bench.store.undialed_calls(batch_id, limit=limit)
                require(
                    len(set(found)) == len(found) == min(limit, len(waiting)),
                    "undialed calls must come once each, as many as there are or were asked for",
                )
                require(
                    set(found) <= waiting,
                    "undialed calls must be pending or retrying, each with its status",
                )


def canceled_calls_wait_no_more(open_store: StoreFactory) -> None:
    """What was swept isn't found again."""
    with fresh(open_store) as bench:
        bench.commit(submitted(calls=3))
        bench.commit(canceled(0, 2))
        require_equal(
            bench.store.undialed_calls("batch_a", limit=9),
            [(1, CallStatus.PENDING)],
            "calls that were canceled must not be undialed",
        )


def a_forgotten_batch_is_empty(open_store: StoreFactory) -> None:
    """Those who haven't heard of its end yet may still ask; no other batch is touched."""
    with fresh(open_store) as bench:
        bench.commit(submitted("batch_a", calls=1), submitted("batch_b", calls=1))
        bench.commit(dialed())
        bench.commit(completed())
        for _ in range(2):
            bench.store.forget("batch_a")
            _require_empty(bench, "batch_a")
        require_equal(
            bench.store.undialed_calls("batch_b", limit=9),
            [(0, CallStatus.PENDING)],
            "to forget a batch must not touch another",
        )
        require(bench.store.batch("batch_a"), "a forgotten batch must still be read")


def _require_empty(bench: Bench, batch_id: str) -> None:
    order = RetryOrder.FRESH_FIRST
    head = bench.store.queue_head(batch_id, now_us=NOW_US, after=None, limit=9, order=order)
    undialed = bench.store.undialed_calls(batch_id, limit=9)
    require_equal(
        ([*head.ready, *head.waiting], undialed, head.ready_complete, head.waiting_complete),
        ([], [], True, True),
        "a batch that was forgotten must be empty, and complete",
    )


RULES: Final[tuple[Rule, ...]] = (
    the_head_of_the_queue_is_that_of_a_plain_sort,
    the_head_of_a_long_queue_is_found,
    undialed_calls_are_the_pending_and_the_retrying,
    canceled_calls_wait_no_more,
    a_forgotten_batch_is_empty,
)
