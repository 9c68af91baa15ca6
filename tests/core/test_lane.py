"""A lane gives the right call next, holds no more than it must, and never a call twice."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchcalls.core.carrier_gate import CarrierGate
from batchcalls.core.lane import Dial, Lane, QueuedCall, waiting_key
from batchcalls.core.lifecycle import DialStep
from batchcalls.core.limits import Limit
from batchcalls.core.model import BatchSettings, BatchSpec, CallStatus, RetryConfig, RetryOrder

NOW = 100.0


def make_lane(
    *, concurrency: int = 2, window: int = 0, order: RetryOrder = RetryOrder.FRESH_FIRST
) -> Lane:
    settings = BatchSettings(concurrency=concurrency, retry_order=order)
    spec = BatchSpec(batch_id="batch_1", carrier="any", settings=settings)
    lane = Lane(spec, CarrierGate("any"))
    lane.is_open = True
    if window:
        lane.hold(window)
    return lane


def fresh(position: int, *, priority: int = 0) -> QueuedCall:
    return QueuedCall(position=position, priority=priority, spec=b"")


def retry(position: int, *, due_s: float = 0.0, priority: int = 0) -> QueuedCall:
    due_time_us = int(due_s * 1_000_000) or 1
    return fresh(position, priority=priority).again(
        attempts=1, due_s=due_s, due_time_us=due_time_us
    )


def fill(lane: Lane, ready: Iterable[QueuedCall], waiting: Iterable[QueuedCall] = ()) -> None:
    lane.begin_refill()
    lane.refill(ready, waiting, ready_complete=True, waiting_complete=True)
    lane.is_refilling = False


def take_all(lane: Lane) -> list[int]:
    return [lane.take().call.position for _ in range(len(lane.ready))]


CALLS = st.lists(
    st.tuples(st.integers(-3, 3), st.booleans()), min_size=1, max_size=30
)  # priority, and whether it is a retry


@pytest.mark.parametrize("order", RetryOrder)
@given(calls=CALLS)
def test_calls_are_dialed_by_priority_then_in_the_retry_order_then_by_position(
    order: RetryOrder, calls: list[tuple[int, bool]]
) -> None:
    """High priority first; of one priority retries first or last; of those, by position."""
    lane = make_lane(order=order)
    queued = [
        retry(position, priority=priority) if is_retry else fresh(position, priority=priority)
        for position, (priority, is_retry) in enumerate(calls)
    ]
    fill(lane, sorted(queued, key=lane.ready_key))
    expected = sorted(
        range(len(calls)),
        key=lambda place: (-calls[place][0], calls[place][1] is (order is RetryOrder.FRESH_FIRST)),
    )
    assert take_all(lane) == expected


def test_a_call_with_attempts_is_retrying_and_one_without_is_pending() -> None:
    """The status of a waiting call follows from its attempts alone."""
    assert fresh(0).status is CallStatus.PENDING
    assert retry(0).status is CallStatus.RETRYING
    assert fresh(0).again(attempts=0, due_s=0.0, due_time_us=0).status is CallStatus.PENDING


def test_every_dial_of_a_call_counts() -> None:
    """A dial counts even if its attempt doesn't: no two dials share an id."""
    call = fresh(0).again(attempts=0, due_s=0.0, due_time_us=0)
    assert (call.attempts, call.dials) == (0, 1)
    assert call.again(attempts=1, due_s=5.0, due_time_us=5).dials == 2


def test_retries_wait_until_they_are_due() -> None:
    """A retry moves to the ready calls at its time, not before."""
    lane = make_lane(order=RetryOrder.RETRIES_FIRST)
    fill(lane, [fresh(0)], [retry(7, due_s=NOW + 0.01), retry(3, due_s=NOW + 2.0)])
    assert lane.next_due_s == NOW + 0.01
    lane.promote(NOW)
    assert len(lane.ready) == 1
    lane.promote(NOW + 0.01)
    assert lane.take().call.position == 7
    assert lane.next_due_s == NOW + 2.0


def test_a_call_that_is_put_back_waits_in_its_place() -> None:
    """A retry for later waits; one that is due, and a call that wasn't dialed, are ready."""
    lane = make_lane(order=RetryOrder.RETRIES_FIRST)
    fill(lane, [fresh(0)])
    lane.put_back(retry(1, due_s=NOW + 5.0), now=NOW)
    lane.put_back(retry(2, due_s=NOW), now=NOW)
    assert (len(lane.ready), len(lane.waiting)) == (2, 1)
    assert take_all(lane) == [2, 0]


@given(concurrency=st.integers(1, 200), calls=st.integers(0, 2_000))
def test_the_windows_are_bounded(concurrency: int, calls: int) -> None:
    """However many calls wait, a lane holds a few times its concurrency."""
    lane = make_lane(concurrency=concurrency)
    fill(lane, [fresh(position) for position in range(calls)])
    for position in range(calls, 2 * calls):
        lane.put_back(retry(position, due_s=NOW + position), now=NOW)
        lane.put_back(retry(position + calls, due_s=NOW), now=NOW)
    assert len(lane.ready) <= 2 * lane.capacity
    assert len(lane.waiting) <= 2 * lane.capacity
    assert lane.capacity == max(64, 2 * concurrency)


def test_a_dialed_call_doesnt_come_back_with_a_refill() -> None:
    """The store may still show a call whose intent is on its way; it isn't dialed twice."""
    lane = make_lane()
    fill(lane, [fresh(0), fresh(1)])
    lane.take()
    fill(lane, [fresh(0), fresh(1)])
    assert take_all(lane) == [1]


def test_a_call_taken_during_a_read_doesnt_come_back_with_it() -> None:
    """What left the window while the store was read is not brought back by the read."""
    lane = make_lane()
    fill(lane, [fresh(0), fresh(1)])
    lane.begin_refill()
    dial = lane.take()
    del lane.dials[dial.call.position]  # settled: final before the read is back
    lane.refill([fresh(0), fresh(1)], [], ready_complete=True, waiting_complete=True)
    assert take_all(lane) == [1]


@pytest.mark.parametrize("listed_twice", [False, True])
def test_a_retry_is_never_in_both_windows(listed_twice: bool) -> None:
    """One that falls due between the two reads of the store stands among the ready alone."""
    lane = make_lane()
    due = retry(5, due_s=NOW)
    fill(lane, [], [due])
    fill(lane, [due], [due] if listed_twice else [])
    assert lane.ready_key(due) in lane.ready
    assert waiting_key(due) not in lane.waiting
    lane.promote(NOW)
    assert take_all(lane) == [5]


def test_a_call_that_came_back_during_a_read_is_not_also_waiting() -> None:
    """Given back after the read began, it is ready here, though the read calls it waiting."""
    lane = make_lane()
    fill(lane, [])
    lane.begin_refill()
    back = retry(5).again(attempts=1, due_s=0.0, due_time_us=7)
    lane.put_back(back, now=NOW)
    lane.refill([], [back], ready_complete=True, waiting_complete=True)
    assert (len(lane.ready), len(lane.waiting)) == (1, 0)


def test_a_dialed_retry_doesnt_come_back_among_the_waiting() -> None:
    """A refill leaves out the waiting retries, too, that are being dialed."""
    lane = make_lane()
    fill(lane, [retry(5, due_s=NOW)])
    lane.take()
    fill(lane, [], [retry(5, due_s=NOW)])
    assert len(lane.waiting) == 0


def test_a_read_of_calls_that_are_known_to_be_ready_gets_the_waiting_window_on() -> None:
    """Else the same calls would be read again at once, and again, for as long as they are ready."""
    lane = make_lane(window=1)
    due = [retry(position, due_s=NOW) for position in range(2)]
    lane.begin_refill()
    lane.refill(due, due, ready_complete=False, waiting_complete=False)
    assert (len(lane.ready), len(lane.waiting)) == (2, 0)
    assert lane.waiting.bound == waiting_key(due[-1])


def test_a_refill_asks_for_more_than_what_still_stands_in_the_queue() -> None:
    """Calls without a durable intent are at the head of the store's queue: they come on top."""
    lane = make_lane()
    fill(lane, [fresh(position) for position in range(9)])
    dials = [lane.take() for _ in range(4)]
    assert lane.fetch_size == lane.capacity + 4
    dials[0].take(DialStep.INTEND)
    assert lane.fetch_size == lane.capacity + 3


def test_only_an_open_lane_without_a_read_wants_a_refill() -> None:
    """A closed lane reads nothing, and no lane reads twice at once."""
    lane = make_lane()
    wanted = [lane.wants_refill]
    lane.begin_refill()
    wanted.append(lane.wants_refill)
    lane.is_refilling = False
    lane.is_open = False
    wanted.append(lane.wants_refill)
    assert wanted == [True, False, False]


def test_a_lane_that_knows_all_wants_no_refill() -> None:
    """When both windows are complete, the store isn't read again, however empty they are."""
    lane = make_lane()
    fill(lane, [])
    assert not lane.wants_refill


def test_a_lane_that_forgot_its_queue_knows_nothing() -> None:
    """After a pause both windows are empty and must be read anew; a read under way is void."""
    lane = make_lane()
    fill(lane, [fresh(0)], [retry(1, due_s=NOW)])
    lane.begin_refill()
    lane.forget_queue()
    lane.refill([fresh(0)], [], ready_complete=True, waiting_complete=True)
    lane.is_refilling = False
    assert (len(lane.ready), len(lane.waiting)) == (0, 0)
    assert lane.wants_refill


def test_a_retry_beyond_the_window_is_left_to_the_store() -> None:
    """In a window that isn't complete, what lies beyond its end comes with a later refill."""
    lane = make_lane(window=2)
    lane.begin_refill()
    lane.refill(
        [fresh(0), fresh(1)], [retry(9, due_s=150.0)], ready_complete=False, waiting_complete=False
    )
    lane.put_back(retry(5, due_s=200.0), now=NOW)
    lane.put_back(retry(6, due_s=120.0), now=NOW)
    assert len(lane.waiting) == 2
    assert lane.next_due_s == 120.0


def test_taking_a_call_that_is_being_dialed_is_a_bug() -> None:
    """No call is in two dials."""
    lane = make_lane()
    fill(lane, [fresh(0)])
    lane.dials[0] = Dial(lane, fresh(0))
    with pytest.raises(AssertionError, match="dialed already"):
        lane.take()


def test_retries_that_are_due_go_by_how_long_they_have_waited() -> None:
    """Of one priority, the one that was due first is dialed first, whatever its position."""
    lane = make_lane()
    fill(lane, [retry(9, due_s=NOW - 3.0), retry(2, due_s=NOW - 2.0), retry(5, due_s=NOW - 1.0)])
    assert take_all(lane) == [9, 2, 5]


def test_a_fresh_call_may_wait_for_its_time() -> None:
    """A first dial that isn't to leave before its time is no retry, and waits as one does."""
    lane = make_lane()
    later = replace(fresh(1), due_s=NOW + 5.0, due_time_us=int((NOW + 5.0) * 1_000_000))
    fill(lane, [fresh(0)], [later])
    assert later.status is CallStatus.PENDING
    lane.promote(NOW + 4.9)
    assert take_all(lane) == [0]
    lane.promote(NOW + 5.0)
    assert take_all(lane) == [1]


def test_other_settings_take_effect_while_the_lane_runs() -> None:
    """Slots, pace, weight, retries and their order; the windows are read anew, in the new order."""
    lane = make_lane()
    fill(lane, [fresh(0), retry(1, due_s=NOW)])
    settings = BatchSettings(
        concurrency=500,
        max_calls_per_second=7.0,
        priority=90,
        retry=RetryConfig(max_attempts=9),
        retry_order=RetryOrder.RETRIES_FIRST,
    )
    lane.configure(settings, now=NOW)
    assert (lane.limit.slots, lane.limit.pacer.rate, lane.weight) == (500, 7.0, 90)
    assert (lane.capacity, lane.settings.retry.max_attempts) == (1_000, 9)
    assert lane.wants_refill
    fill(lane, [retry(1, due_s=NOW), fresh(0)])
    assert take_all(lane) == [1, 0]


def test_a_read_that_began_under_other_settings_brings_nothing() -> None:
    """It may have come in another order: what it says of the queue's head is worth nothing."""
    lane = make_lane()
    lane.begin_refill()
    lane.configure(replace(lane.settings, retry_order=RetryOrder.RETRIES_FIRST), now=NOW)
    lane.refill([fresh(0)], [], ready_complete=True, waiting_complete=True)
    assert lane.ready.peek() is None
    assert not lane.ready.complete


def test_a_lane_stands_below_limits_of_any_number() -> None:
    """The widest first, then the carrier's, then its own."""
    server, tenant, gate = Limit("server"), Limit("tenant"), CarrierGate("any")
    spec = BatchSpec(batch_id="b", carrier="any", settings=BatchSettings(concurrency=1))
    lane = Lane(spec, gate, above=(server, tenant))
    assert lane.path == (server, tenant, gate.limit, lane.limit)
    assert lane.shared == (server, tenant, gate.limit)
