"""The dispatcher decides which calls to dial, and when to look again.

``plan(now)`` is synchronous and free of I/O: it looks at the lanes, the limits and the time
and returns a ``Plan``; whoever holds the dispatcher carries it out and reports back
(``prepared``, ``line_free``, ``refilled`` …). Every dial passes two stations:

1. *prepare*: a slot of the server, the carrier and the lane is taken; the intent to dial is
   to be made durable. Only ever a little ahead of the pace (``limits.LEAD_S``).
2. *launch*: the intent is durable and the pace allows it: the dial is to leave at this moment.

Up to the moment at which it really leaves (``place``) a dial can be called off.

Between lanes the choice is *stride scheduling* (Waldspurger and Weihl, 1995): each lane has a
turn that grows by 1/weight with each dial, and the smallest turn goes next. A lane that was
idle starts at the current turn, so a new small batch beside a huge one is served at once, no
lane saves up credit while idle, and none starves. A carrier that had no room saves up none
either: once it has, all its lanes move up to the current turn, by one *shift*, which keeps
their order and their shares among themselves. The same holds for each group of lanes that share
their limits, such as those of one tenant at one carrier.

Work per plan grows with the dials it returns, not with the lanes that exist: a lane that
can't dial leaves the queue and comes back when what it waits for happens (a slot, a due
retry, a refill, its pace).
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Final

from batchcalls.core.carrier_gate import CarrierGate
from batchcalls.core.lane import Dial, Lane, QueuedCall
from batchcalls.core.lifecycle import DialStep
from batchcalls.core.limits import Limit
from batchcalls.core.model import BatchSettings

_SPARE_TIMERS: Final = 64
"""How many superseded timers are tolerated, beyond one a lane, before they are cleared away."""


PLAN_SIZE = 128
"""The most dials that one plan prepares, and launches: about 10 ms of work.

Whoever carries out a larger one would keep everybody else in the thread waiting.
"""


@dataclass(slots=True, kw_only=True)
class Plan:
    """What to do now, and when to plan again at the latest (monotonic seconds)."""

    prepare: list[Dial] = field(default_factory=list)
    launch: list[Dial] = field(default_factory=list)
    withdraw: list[Dial] = field(default_factory=list)
    refill: list[Lane] = field(default_factory=list)
    wake_at: float = math.inf


class _Group:
    """The lanes that share all limits but their own, and which of them could dial.

    ``shift`` is how far the turns of the group lag behind those of all.
    """

    __slots__ = ("gate", "heap", "lanes", "limits", "shift")

    def __init__(self, gate: CarrierGate, limits: tuple[Limit, ...]) -> None:
        self.gate = gate
        self.limits = limits
        self.heap: list[tuple[float, int, Lane]] = []
        self.lanes = 0
        self.shift = 0.0

    def prepare_at(self, now: float) -> float:
        """The first moment to prepare a dial of the group."""
        at = self.gate.prepare_at(now)
        for limit in self.limits:
            at = max(at, limit.prepare_at(now))
        return at

    def catch_up(self, turn: float) -> None:
        """Move the lanes of a group that had no room for a while up to the current turn."""
        if self.heap:
            self.shift = max(self.shift, turn - self.heap[0][0])


class Dispatcher:
    """Holds the lanes and the limits. Every method takes the monotonic time where it matters."""

    def __init__(self, *, server: Limit, carriers: list[CarrierGate]) -> None:
        self.server = server
        self.carriers = {gate.name: gate for gate in carriers}
        self.lanes: dict[str, Lane] = {}
        self._groups: dict[tuple[Limit, ...], _Group] = {}
        self._timers: list[tuple[float, int, Lane]] = []
        self._launchable: list[tuple[float, int, Lane]] = []
        self._ticket = count()
        self._turn = 0.0
        self._stopped = False
        self._recalled: list[Dial] = []

    def __repr__(self) -> str:
        return f"<Dispatcher {len(self.lanes)} lanes, {self.server!r}>"

    # Lanes

    def add_lane(self, lane: Lane) -> None:
        """Take in a lane, closed."""
        assert lane.batch_id not in self.lanes
        assert lane.path[0] is self.server, f"{lane!r} isn't below {self.server!r}"
        self.lanes[lane.batch_id] = lane
        group = self._groups.setdefault(lane.shared, _Group(lane.carrier, lane.shared[1:-1]))
        group.lanes += 1

    def open_lane(self, lane: Lane) -> None:
        """Let a lane dial; its windows fill from the store."""
        lane.is_open = True
        self._enqueue(lane)

    def close_lane(self, lane: Lane) -> None:
        """Stop a lane's dials; those that haven't left will be withdrawn. Idempotent."""
        lane.is_open = False
        lane.forget_queue()
        self._recall(lane)

    def drop_lane(self, lane: Lane) -> None:
        """Forget a lane that is closed and has no call up."""
        assert not lane.is_open, f"{lane!r} is still open"
        assert not lane.limit.in_use, f"{lane!r} is still in use"
        del self.lanes[lane.batch_id]
        group = self._groups[lane.shared]
        group.lanes -= 1
        if not group.lanes:
            del self._groups[lane.shared]

    def configure_lane(self, lane: Lane, settings: BatchSettings, now: float) -> None:
        """Let a lane go on by other settings; raised limits are used at once."""
        lane.configure(settings, now=now)
        self._enqueue(lane)
        if lane.launchable:
            self._arm_launch(lane, now)

    def clock_stepped(self) -> None:
        """The wall clock was set: when calls fall due is to be read again."""
        for lane in self.lanes.values():
            lane.forget_queue()
            self._enqueue(lane)

    def stop(self) -> None:
        """Prepare and launch nothing any more; what is prepared will be withdrawn."""
        self._stopped = True
        for lane in self.lanes.values():
            self._recall(lane)

    # What has happened

    def prepared(self, dial: Dial, now: float) -> None:
        """The intent of a dial is durable."""
        dial.take(DialStep.INTEND)
        lane = dial.lane
        lane.launchable.append(dial)
        if not self._may_leave(lane, now):
            self._recall(lane)
        elif len(lane.launchable) == 1:
            self._arm_launch(lane, now)

    def unprepared(self, dial: Dial, now: float) -> None:
        """The intent of a dial could not be made durable: the call waits in its place."""
        dial.take(DialStep.REFUSE)
        self._withdraw(dial)
        self._wait_again(dial, dial.call, now)

    def place(self, dial: Dial, now: float) -> bool:
        """Whether a dial of a plan may really leave, at this moment, which its pace counts.

        False where that was called off since the plan; the dial is to be withdrawn, and its
        slots are free.
        """
        assert dial.launched_at is not None
        if not self._may_leave(dial.lane, now):
            dial.take(DialStep.RECALL)
            self._release(dial, now)
            return False
        dial.take(DialStep.PLACE)
        for limit in dial.lane.path:
            limit.launched(planned=dial.launched_at, now=now)
        return True

    def adopt(self, dial: Dial, now: float) -> None:
        """Account for a call of an earlier process that may still be up."""
        dial.launched_at = now
        dial.lane.dials[dial.call.position] = dial
        for limit in dial.lane.path:
            limit.adopt()

    def take_back(self, dial: Dial) -> None:
        """Account for an intent of an earlier process that never left: it holds no slot."""
        dial.lane.dials[dial.call.position] = dial

    def hold_pace(self, now: float) -> None:
        """An earlier process may have dialed until a moment ago, at full pace.

        For these lanes, or for others that have ended since: server and carriers wait too.
        """
        limits = {self.server, *[gate.limit for gate in self.carriers.values()]}
        for limit in limits.union(*[lane.path for lane in self.lanes.values()]):
            limit.pacer.hold(now)

    def line_free(self, dial: Dial, now: float) -> None:
        """A call that was placed is over; its slots are free."""
        dial.take(DialStep.FREE)
        self._release(dial, now)

    def _release(self, dial: Dial, now: float) -> None:
        assert dial.launched_at is not None
        lane = dial.lane
        for limit in lane.path:
            limit.release()
        gate = lane.carrier
        if not gate.breaker.closed:
            gate.breaker.abandoned(now, dialed_at=dial.launched_at)
            self._reconsider(gate, now)
        self._enqueue(lane)

    def put_back(self, dial: Dial, call: QueuedCall, now: float) -> None:
        """The call of a dial waits again, as ``call``: the store shows it so, durably."""
        dial.take(DialStep.SETTLE)
        self._wait_again(dial, call, now)

    def _wait_again(self, dial: Dial, call: QueuedCall, now: float) -> None:
        lane = dial.lane
        del lane.dials[call.position]
        if lane.is_open:
            lane.put_back(call, now=now)
            self._enqueue(lane)

    def settled(self, dial: Dial) -> None:
        """The call of a dial is final, durably."""
        dial.take(DialStep.SETTLE)
        del dial.lane.dials[dial.call.position]

    def refilled(
        self,
        lane: Lane,
        *,
        ready: Sequence[QueuedCall],
        waiting: Sequence[QueuedCall],
        ready_complete: bool,
        waiting_complete: bool,
    ) -> None:
        """What the store answered to a refill; ignored by a lane that was closed meanwhile."""
        lane.is_refilling = False
        if lane.is_open:
            lane.refill(
                ready,
                waiting,
                ready_complete=ready_complete,
                waiting_complete=waiting_complete,
            )
            self._enqueue(lane)

    def carrier_took(self, dial: Dial, now: float) -> bool:
        """The carrier took a dial: it told of its progress. True if others may go since."""
        gate = dial.lane.carrier
        gate.took((dial.lane.batch_id, dial.call.position))
        if gate.breaker.closed:
            return False
        gate.breaker.taken(now, dialed_at=dial.launched_at)
        self._reconsider(gate, now)
        return gate.breaker.closed

    def carrier_up(self, dial: Dial, now: float) -> None:
        """A dial ended in a result of any kind."""
        gate = dial.lane.carrier
        gate.took((dial.lane.batch_id, dial.call.position))
        if not gate.breaker.untroubled:
            gate.breaker.success(now, dialed_at=dial.launched_at)
            self._reconsider(gate, now)

    def carrier_broken(self, dial: Dial, now: float) -> bool:
        """The carrier can't say what became of a dial; True if that shuts its gate."""
        gate = dial.lane.carrier
        has_opened = gate.breaker.fault(now, dialed_at=dial.launched_at)
        self._reconsider(gate, now)
        return has_opened

    def carrier_down(self, dial: Dial, now: float) -> bool:
        """The carrier couldn't be reached; True if that shuts its gate.

        Dials that are prepared for it will be withdrawn.
        """
        gate = dial.lane.carrier
        has_opened = gate.breaker.failure(now, dialed_at=dial.launched_at)
        self._reconsider(gate, now)
        return has_opened

    def carrier_throttled(self, dial: Dial, now: float, *, retry_after_s: float) -> int:
        """The carrier had no room, and gets no dial for ``retry_after_s``.

        Returns how often in a row it had none for this call, from 1.
        """
        gate, call = dial.lane.carrier, (dial.lane.batch_id, dial.call.position)
        refusals = gate.throttled(now, call, retry_after_s=retry_after_s)
        gate.breaker.taken(now, dialed_at=dial.launched_at)
        self._reconsider(gate, now)
        return refusals

    # The decision

    def plan(self, now: float) -> Plan:
        """Decide what to do at ``now``."""
        plan = Plan(withdraw=self._recalled)
        self._recalled = []
        self._wake_lanes(now)
        self._launch(now, plan)
        self._prepare(now, plan)
        if self._timers:
            plan.wake_at = min(plan.wake_at, self._timers[0][0])
        return plan

    def _wake_lanes(self, now: float) -> None:
        while self._timers and self._timers[0][0] <= now:
            at, _, lane = heapq.heappop(self._timers)
            if at == lane.timer_at:
                lane.timer_at = math.inf
                self._enqueue(lane)

    def _launch(self, now: float, plan: Plan) -> None:
        while self._launchable and self._launchable[0][0] <= now and len(plan.launch) < PLAN_SIZE:
            server_at = self.server.launch_at(now)
            if server_at > now:
                plan.wake_at = server_at
                return
            at, _, lane = heapq.heappop(self._launchable)
            if at != lane.launch_at:
                continue
            lane.launch_at = math.inf
            at = self._launch_ready(lane, now, plan)
            if lane.launchable:
                self._arm_launch(lane, at)
        if self._launchable:
            plan.wake_at = self._launchable[0][0]

    def _launch_ready(self, lane: Lane, now: float, plan: Plan) -> float:
        """Launch what a lane may; return when to look at it again."""
        gate = lane.carrier
        while lane.launchable:
            if len(plan.launch) >= PLAN_SIZE:
                return now
            at = gate.launch_at(now)
            for limit in lane.path:
                if limit.pacer.rate:
                    at = max(at, limit.launch_at(now))
            if at > now:
                return at
            dial = lane.launchable.popleft()
            dial.take(DialStep.LAUNCH)
            dial.launched_at = now
            gate.launch(now)
            for limit in lane.path:
                limit.launch(now)
            plan.launch.append(dial)
            self._enqueue(lane)
        return math.inf

    def _may_leave(self, lane: Lane, now: float) -> bool:
        """Whether what is prepared may still be dialed."""
        return lane.is_open and not self._stopped and not lane.carrier.shut_at(now)

    def _recall(self, lane: Lane) -> None:
        """Take back what is prepared but not launched; the next plan says so."""
        while lane.launchable:
            dial = lane.launchable.popleft()
            dial.take(DialStep.RECALL)
            self._withdraw(dial)
            self._recalled.append(dial)

    def _withdraw(self, dial: Dial) -> None:
        for limit in dial.lane.path:
            limit.withdraw()
        self._enqueue(dial.lane)

    def _prepare(self, now: float, plan: Plan) -> None:
        while not self._stopped and (group := self._next_group(now, plan)) is not None:
            if len(plan.prepare) >= PLAN_SIZE:
                plan.wake_at = now
                return
            at = self.server.prepare_at(now)
            if at > now:
                plan.wake_at = min(plan.wake_at, at)
                return
            lane = heapq.heappop(group.heap)[2]
            lane.is_queued = False
            self._prepare_next(lane, now, plan)

    def _next_group(self, now: float, plan: Plan) -> _Group | None:
        """The group of the lane whose turn it is, of those whose carrier, and tenant, have room."""
        best: tuple[float, int, _Group] | None = None
        for group in self._groups.values():
            if not group.heap:
                continue
            at = group.prepare_at(now)
            if at > now:
                plan.wake_at = min(plan.wake_at, at)
                continue
            group.catch_up(self._turn)
            first = (group.heap[0][0] + group.shift, group.heap[0][1], group)
            best = min(best or first, first)  # tickets differ, so groups aren't compared
        return best[2] if best else None

    def _prepare_next(self, lane: Lane, now: float, plan: Plan) -> None:
        if not lane.is_open:
            return
        lane.promote(now)
        if lane.wants_refill:
            lane.begin_refill()
            plan.refill.append(lane)
        if lane.ready.peek() is None:
            self._arm(lane, lane.next_due_s)
            return
        at = lane.limit.prepare_at(now)
        if at > now:
            self._arm(lane, at)
            return
        for limit in lane.path:
            limit.prepare()
        plan.prepare.append(lane.take())
        self._turn = lane.turn + self._groups[lane.shared].shift
        lane.turn += 1.0 / lane.weight
        self._enqueue(lane)

    def _arm(self, lane: Lane, at: float) -> None:
        """Look at the lane again at ``at``; an earlier alarm stands."""
        if at < lane.timer_at:
            lane.timer_at = at
            self._push(self._timers, at, lane)
            if len(self._timers) > 2 * len(self.lanes) + _SPARE_TIMERS:
                self._forget_superseded_timers()

    def _forget_superseded_timers(self) -> None:
        self._timers = []
        for lane in self.lanes.values():
            if lane.timer_at < math.inf:
                self._push(self._timers, lane.timer_at, lane)

    def _arm_launch(self, lane: Lane, at: float) -> None:
        """Launch the lane's prepared dials at ``at``; an entry of another time is stale."""
        lane.launch_at = at
        if at < math.inf:
            self._push(self._launchable, at, lane)

    def _enqueue(self, lane: Lane) -> None:
        if lane.is_open and not lane.is_queued:
            lane.is_queued = True
            group = self._groups[lane.shared]
            group.catch_up(self._turn)
            lane.turn = max(lane.turn, self._turn - group.shift)
            self._push(group.heap, lane.turn, lane)

    def _reconsider(self, gate: CarrierGate, now: float) -> None:
        for lane in self.lanes.values():
            if lane.carrier is not gate or not lane.launchable:
                continue
            if gate.shut_at(now):
                self._recall(lane)
            else:
                self._arm_launch(lane, now)

    def _push(self, heap: list[tuple[float, int, Lane]], at: float, lane: Lane) -> None:
        heapq.heappush(heap, (at, next(self._ticket), lane))
