"""A lane: one running batch inside the dispatcher.

A lane knows which of its calls to dial next. It holds two windows over the queue in the
store: ``ready`` (calls that are due: high priority first, then as the retry order says, then
those that are due for longest, then by position) and ``waiting`` (calls that are due later, by
that time). A call that falls due moves from the second to the first. Both are bounded, so a
batch of a million calls costs no more memory than a batch of a thousand.

``dials`` are the calls that left the windows and are not settled durably: from the moment that
one is taken until its end is on the disk. A refill that was read meanwhile may still show such
a call in the queue; it must not bring it back.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable
from typing import Final

from batchcalls.core.carrier_gate import CarrierGate
from batchcalls.core.lifecycle import DialState, DialStep, next_dial
from batchcalls.core.limits import Limit
from batchcalls.core.model import Attempt, BatchSettings, BatchSpec, CallStatus, RetryOrder
from batchcalls.core.record import record
from batchcalls.core.window import Key, Window

_MIN_WINDOW: Final = 64
"""The smallest window: a refill costs a store read, however few calls it brings."""


@record
class QueuedCall:
    """A call that waits to be dialed.

    ``spec`` is in the form in which it is stored: a call that waits needs no more of it than
    its priority. ``attempts`` and ``dials`` are those made so far. ``due_s`` (monotonic) and
    ``due_time_us`` (wall clock, as stored) say before when it isn't dialed, 0 for no such time;
    where that time has come, ``due_s`` may be 0 as well.
    """

    position: int
    priority: int
    spec: bytes
    attempts: int = 0
    dials: int = 0
    due_s: float = 0.0
    due_time_us: int = 0

    @property
    def status(self) -> CallStatus:
        return CallStatus.RETRYING if self.attempts else CallStatus.PENDING

    def due_at(self, due_s: float) -> QueuedCall:
        """The same call, whose time is known on this clock."""
        return QueuedCall(
            position=self.position,
            priority=self.priority,
            spec=self.spec,
            attempts=self.attempts,
            dials=self.dials,
            due_s=due_s,
            due_time_us=self.due_time_us,
        )

    def again(self, *, attempts: int, due_s: float, due_time_us: int) -> QueuedCall:
        """The same call after one more dial."""
        return QueuedCall(
            position=self.position,
            priority=self.priority,
            spec=self.spec,
            attempts=attempts,
            dials=self.dials + 1,
            due_s=due_s,
            due_time_us=due_time_us,
        )


def waiting_key(call: QueuedCall) -> Key:
    """The place of a call that waits for its time."""
    return (call.due_time_us, call.position)


def fresh_first(call: QueuedCall) -> Key:
    """The place of a ready call where those that wait for no time go first."""
    return (-call.priority, call.due_time_us, call.position)


def retries_first(call: QueuedCall) -> Key:
    """The place of a ready call where those that have waited for their time go first."""
    return (-call.priority, call.due_time_us == 0, call.due_time_us, call.position)


READY_KEYS: Final = {
    RetryOrder.FRESH_FIRST: fresh_first,
    RetryOrder.RETRIES_FIRST: retries_first,
}
"""How ready calls are ordered."""


class Dial:
    """One call on its way, as ``lifecycle.DIAL`` has it; the dispatcher alone moves it.

    ``launched_at`` is None until its turn to leave has come.
    """

    __slots__ = ("attempt", "call", "lane", "launched_at", "state")

    def __init__(
        self,
        lane: Lane,
        call: QueuedCall,
        attempt: Attempt | None = None,
        state: DialState = DialState.PREPARING,
    ) -> None:
        self.lane = lane
        self.call = call
        self.attempt = attempt
        self.state = state
        self.launched_at: float | None = None

    def __repr__(self) -> str:
        return f"<Dial {self.lane.batch_id} call {self.call.position} {self.state}>"

    def take(self, step: DialStep) -> None:
        """Go on to the next state. Raises ``IllegalStep``."""
        self.state = next_dial(self.state, step)


class Lane:
    """The queue and the limit of one batch, below the limits that it shares with others.

    ``above`` are those limits, the widest first (the server's, a tenant's); the carrier's and
    the batch's own follow: ``path`` is all of them, ``shared`` all but the last. A call needs a
    slot of each, and its turn.

    ``is_open`` while the batch may dial, ``opened_us`` since when.
    """

    def __init__(
        self, spec: BatchSpec, carrier: CarrierGate, *, above: tuple[Limit, ...] = ()
    ) -> None:
        self.spec = spec
        self.batch_id = spec.batch_id
        self.carrier = carrier
        self.above = above
        self.limit = Limit(spec.batch_id)
        self.shared = (*above, carrier.limit)
        self.path = (*self.shared, self.limit)
        self.ready: Window[QueuedCall] = Window(_MIN_WINDOW, key=fresh_first)
        self.waiting: Window[QueuedCall] = Window(_MIN_WINDOW, key=waiting_key)
        self.dials: dict[int, Dial] = {}
        self.launchable: deque[Dial] = deque()
        self.opened_us = 0
        self.due_until_us = 0
        self.turn = 0.0
        self.timer_at = math.inf
        self.launch_at = math.inf
        self.is_open = False
        self.is_queued = False
        self.is_refilling = False

        self.configure(spec.settings, now=0.0)

    def __repr__(self) -> str:
        state = "open" if self.is_open else "closed"
        return f"<Lane {self.batch_id} {state} {self.ready!r} {self.waiting!r} {self.limit!r}>"

    def configure(self, settings: BatchSettings, *, now: float) -> None:
        """Go on by these settings from ``now``; calls that are up above a new limit go on.

        The windows begin anew, from the store.
        """
        self.settings = settings
        self.weight = settings.priority
        self.limit.set(slots=settings.concurrency, rate=settings.max_calls_per_second, now=now)
        self.ready_key = READY_KEYS[settings.retry_order]
        self.hold(max(2 * settings.concurrency, _MIN_WINDOW))

    def hold(self, capacity: int) -> None:
        """Let each window hold about so many calls; they begin anew, from the store."""
        self.capacity = capacity
        self.ready.reset(capacity, self.ready_key)
        self.waiting.reset(capacity, waiting_key)

    @property
    def wants_refill(self) -> bool:
        wanted = self.ready.wants_refill or self.waiting.wants_refill
        return wanted and self.is_open and not self.is_refilling

    @property
    def next_due_s(self) -> float:
        """When the first waiting retry falls due; infinite when none waits here."""
        first = self.waiting.peek()
        return first.due_s if first else math.inf

    @property
    def fetch_size(self) -> int:
        """How many calls a refill asks for: a window full beyond those that still stand there.

        A call stands in the store's queue until the intent to dial it is durable.
        """
        preparing = [dial for dial in self.dials.values() if dial.state is DialState.PREPARING]
        return self.capacity + len(preparing)

    def promote(self, now: float) -> None:
        """Move the retries that are due to the ready calls."""
        while self.next_due_s <= now:
            self._push_ready(self.waiting.pop())

    def take(self) -> Dial:
        """Take the first ready call out, to be dialed."""
        call = self.ready.pop()
        assert call.position not in self.dials, f"{call} is dialed already"
        dial = self.dials[call.position] = Dial(self, call)
        return dial

    def put_back(self, call: QueuedCall, *, now: float) -> None:
        """Let a call that wasn't dialed, or is tried again, wait in its natural place."""
        if call.due_s > now:
            self.waiting.push(call)
        else:
            self._push_ready(call)

    def _push_ready(self, call: QueuedCall) -> None:
        self.taken_for_due(call.due_time_us)
        self.ready.push(call)

    def taken_for_due(self, time_us: int) -> None:
        """Retries due until that wall-clock time are ready, even if that clock is set back.

        Between the two windows lies one moment. Were it to move back, retries that the ready
        window dropped, and the waiting window is past, would be found by neither.
        """
        self.due_until_us = max(self.due_until_us, time_us)

    def begin_refill(self) -> None:
        """A read of the store begins, whose result ``refill`` will bring."""
        self.is_refilling = True
        self.ready.begin_refill()
        self.waiting.begin_refill()

    def refill(
        self,
        ready: Iterable[QueuedCall],
        waiting: Iterable[QueuedCall],
        *,
        ready_complete: bool,
        waiting_complete: bool,
    ) -> None:
        """Take in what the store holds: the first ready and the first waiting calls, in order.

        A retry may fall due between the two reads of the store or in this very moment; it
        must never stand in both windows, or it would be dialed twice.
        """
        fresh = [call for call in ready if call.position not in self.dials]
        for call in fresh:
            if call.due_time_us:
                self.waiting.discard(waiting_key(call))
        self.ready.refill(fresh, complete=ready_complete)
        later = list(waiting)
        self.waiting.refill(later, complete=waiting_complete)
        for call in later:
            if call.position in self.dials or self.ready_key(call) in self.ready:
                self.waiting.discard(waiting_key(call))

    def forget_queue(self) -> None:
        """Drop the windows, and the moment between them; the store still has everything."""
        self.ready.clear()
        self.waiting.clear()
        self.due_until_us = 0
