"""A lane and its store, step by step: no call is dialed twice, out of order, or forgotten.

The store is a dictionary. A read of it takes time: it begins, it sees the store at some later
moment, and it arrives later still; in between calls are taken, come back and fall due, but
nothing becomes durable between the moment that a read sees and the one when it arrives.
"""

from __future__ import annotations

import math

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from batchcalls.core.carrier_gate import CarrierGate
from batchcalls.core.lane import Lane, QueuedCall, waiting_key
from batchcalls.core.model import RetryOrder
from tests.core.dispatch_setup import LaneSetup, make_call, make_lane

DELAYS = st.sampled_from([0.0, 0.0, 1.0, 2.0, 3.0, 40.0])


class Queue(RuleBasedStateMachine):
    """One lane with small windows; ``taken`` is on its way, ``up`` has left the store."""

    lane: Lane

    def __init__(self) -> None:
        super().__init__()
        self.now = 100.0
        self.stored: dict[int, QueuedCall] = {}
        self.taken: dict[int, QueuedCall] = {}
        self.up: dict[int, QueuedCall] = {}
        self.begun: tuple[int, tuple[float, ...], int] | None = None
        self.seen: tuple[list[QueuedCall], list[QueuedCall], bool, bool] | None = None

    @initialize(
        window=st.integers(1, 4),
        priorities=st.lists(st.integers(0, 1), min_size=1, max_size=30),
        order=st.sampled_from(RetryOrder),
    )
    def begin(self, window: int, priorities: list[int], order: RetryOrder) -> None:
        self.lane = make_lane("batch", LaneSetup(window=window, order=order), CarrierGate("any"))
        self.lane.is_open = True
        calls = [make_call(position, priority) for position, priority in enumerate(priorities)]
        self.stored = {call.position: call for call in calls}
        self.read()

    def us(self) -> int:
        return int(self.now * 1_000_000)

    # Reads

    @precondition(lambda self: self.lane.wants_refill)
    @rule()
    def begin_read(self) -> None:
        self.lane.begin_refill()
        self.lane.taken_for_due(self.us())
        now_us = self.lane.due_until_us
        self.begun = now_us, self.lane.waiting.bound or (now_us, 2**31), self.lane.fetch_size

    @precondition(lambda self: self.begun)
    @rule()
    def see(self) -> None:
        assert self.begun is not None
        (now_us, after, most), self.begun = self.begun, None
        calls = self.stored.values()
        ready = sorted(
            (call for call in calls if call.due_time_us <= now_us), key=self.lane.ready_key
        )
        waiting = sorted(
            (call for call in calls if call.due_time_us and waiting_key(call) > after),
            key=waiting_key,
        )
        self.seen = ready[:most], waiting[:most], len(ready) < most, len(waiting) < most

    @precondition(lambda self: self.seen)
    @rule()
    def arrive(self) -> None:
        assert self.seen is not None
        (ready, waiting, ready_complete, waiting_complete), self.seen = self.seen, None
        self.lane.is_refilling = False
        if self.lane.is_open:
            self.lane.refill(
                ready, waiting, ready_complete=ready_complete, waiting_complete=waiting_complete
            )

    def read(self) -> None:
        """All of a read at once, whatever has begun of it."""
        if self.lane.wants_refill:
            self.begin_read()
        if self.begun is not None:
            self.see()
        if self.seen is not None:
            self.arrive()

    # Calls

    @precondition(lambda self: self.lane.is_open)
    @rule(most=st.integers(1, 3))
    def take(self, most: int) -> None:
        self.lane.promote(self.now)
        for _ in range(most):
            if self.lane.ready.peek() is not None:
                self.take_one()

    def take_one(self) -> None:
        call = self.lane.take().call
        assert call == self.stored[call.position], "what is dialed isn't what the store has"
        assert call.position not in self.taken, "a call is dialed twice"
        assert call.due_s <= self.now, "a retry is dialed before its time"
        self.taken[call.position] = call
        for other in self.stored.values():
            if other.position not in self.taken and self.is_known_due(other):
                key = self.lane.ready_key
                assert key(call) < key(other), f"{other} should come first"

    def is_known_due(self, call: QueuedCall) -> bool:
        """A retry beyond what the lane knows of the waiting ones comes with a later read."""
        waiting = self.lane.waiting
        is_known = waiting.bound is not None and waiting_key(call) <= waiting.bound
        return not call.due_time_us or (call.due_s <= self.now and (waiting.complete or is_known))

    @precondition(lambda self: self.taken)
    @rule(data=st.data())
    def refuse(self, data: st.DataObject) -> None:
        position = data.draw(st.sampled_from(sorted(self.taken)))
        self.put_back(self.taken.pop(position))

    @precondition(lambda self: self.taken and self.seen is None)
    @rule(data=st.data())
    def become_durable(self, data: st.DataObject) -> None:
        position = data.draw(st.sampled_from(sorted(self.taken)))
        self.up[position] = self.taken.pop(position)
        del self.stored[position]

    @precondition(lambda self: self.up and self.seen is None)
    @rule(data=st.data(), delay_s=DELAYS, counts=st.booleans())
    def come_back(self, data: st.DataObject, delay_s: float, counts: bool) -> None:
        """The call is tried again later, or it is given back: then it is due at once."""
        position = data.draw(st.sampled_from(sorted(self.up)))
        call = self.up.pop(position)
        attempts = call.attempts + counts
        due_us = self.us() + int(delay_s * 1_000_000) * counts if attempts else 0
        due_s = self.now + delay_s if counts else 0.0
        again = call.again(attempts=attempts, due_s=due_s, due_time_us=due_us)
        self.stored[position] = again
        self.put_back(again)

    def put_back(self, call: QueuedCall) -> None:
        del self.lane.dials[call.position]
        if self.lane.is_open:
            self.lane.put_back(call, now=self.now)

    @precondition(lambda self: self.up and self.seen is None)
    @rule(data=st.data())
    def end(self, data: st.DataObject) -> None:
        position = data.draw(st.sampled_from(sorted(self.up)))
        del self.up[position]
        del self.lane.dials[position]

    @precondition(lambda self: self.lane.is_open and self.seen is None)
    @rule(delays_s=st.lists(DELAYS, min_size=1, max_size=5))
    def dial_some_in_vain(self, delays_s: list[float]) -> None:
        """Some calls are taken, leave, and are to be tried again, all in one moment."""
        self.lane.promote(self.now)
        for delay_s in delays_s:
            if self.lane.ready.peek() is not None:
                self.take_one()
                position, call = self.taken.popitem()
                due_us = self.us() + int(delay_s * 1_000_000)
                again = call.again(
                    attempts=call.attempts + 1, due_s=self.now + delay_s, due_time_us=due_us
                )
                self.stored[position] = again
                self.put_back(again)

    @rule(seconds=st.sampled_from([0.5, 1.0, 2.5]))
    def pass_time(self, seconds: float) -> None:
        self.now += seconds

    @rule(really=st.integers(0, 5))
    def pause_or_resume(self, really: int) -> None:
        if not really or not self.lane.is_open:
            self.lane.is_open = not self.lane.is_open
            if not self.lane.is_open:
                self.lane.forget_queue()

    @invariant()
    def no_call_stands_in_two_places(self) -> None:
        for call in self.stored.values():
            places = [
                self.lane.ready_key(call) in self.lane.ready,
                waiting_key(call) in self.lane.waiting,
                call.position in self.lane.dials,
            ]
            assert sum(places) <= 1, f"{call} stands in {places}"

    @invariant()
    def windows_hold_only_what_the_store_has(self) -> None:
        if self.stored or self.taken or self.up:
            held = len(self.lane.ready) + len(self.lane.waiting)
            assert held <= len(self.stored.keys() - self.taken.keys())

    def teardown(self) -> None:
        """When all goes well, every call gets its turn."""
        if not hasattr(self, "lane"):
            return
        self.lane.is_open = True
        for _ in range(1_000):
            self.read()
            self.take(3)
            for position in list(self.taken):
                self.up[position] = self.taken.pop(position)
                del self.stored[position]
            for position in list(self.up):
                del self.up[position]
                del self.lane.dials[position]
            if not self.stored:
                return
            if not len(self.lane.ready) and self.lane.next_due_s < math.inf:
                self.now = max(self.now, self.lane.next_due_s)
        raise AssertionError(f"{self.lane} has lost {sorted(self.stored)}")


Queue.TestCase.settings = settings(stateful_step_count=60)
TestQueue = Queue.TestCase
